"""Which flags with two dashes each command knows; any other is refused, as it may be a slip in one that matters."""

from collections.abc import Mapping

EVERYWHERE = frozenset(
    {
        *("stack", "component", "query", "components", "tags", "labels", "dry-run", "skip-init", "upload-status"),
        *("append-user-agent", "init-pass-vars", "skip-hooks", "process-templates", "process-functions", "skip"),
        *(
            "use-mocks",
            "identity",
            "repo-path",
            "ref",
            "sha",
            "base",
            "ssh-key",
            "ssh-key-password",
            "clone-target-ref",
        ),
        *("include-dependents", "include-dependencies", "base-path", "config", "config-path", "profile", "chdir"),
        *("logs-file", "logs-level", "pager", "redirect-stderr", "mask", "interactive", "no-color", "force-color"),
        *("force-tty", "heatmap", "settings-list-merge-strategy", "help"),
    }
)
_BACKEND = frozenset({"auto-generate-backend-file", "init-run-reconfigure"})
_HOW_SEVERAL_RUN = frozenset({"failure-mode", "log-order", "max-concurrency"})
_SEVERAL = _HOW_SEVERAL_RUN | {"all", "affected"}
_PLANNED = frozenset({"from-plan", "planfile", "ci"})
_TEMPLATED = frozenset({"file-template", "format", "stacks"})
OWN: Mapping[tuple[str, ...], frozenset[str]] = {
    ("plan",): _BACKEND | _SEVERAL | {"ci", "execution-summary-file", "hide", "skip-planfile"},
    ("apply",): _BACKEND | _SEVERAL | _PLANNED,
    ("deploy",): _BACKEND | _SEVERAL | _PLANNED | {"deploy-run-init", "verify-plan"},
    ("destroy",): _BACKEND | _SEVERAL,
    ("init",): _BACKEND | _SEVERAL,
    ("test",): _BACKEND | {"ci"},
    ("output",): frozenset({"format", "output-file", "uppercase", "flatten"}),
    ("clean",): frozenset({"cache", "everything", "force", "skip-lock-file"}),
    ("shell",): frozenset({"with-secrets"}),
    **{(name,): frozenset() for name in ("validate", "refresh", "show", "import", "taint", "untaint", "console")},
    **{(name,): frozenset() for name in ("fmt", "get", "graph", "force-unlock", "modules", "login")},
    ("generate", "varfile"): frozenset({"file", "with-secrets"}),
    ("generate", "backend"): frozenset(),
    ("generate", "varfiles"): _TEMPLATED,
    ("generate", "backends"): _TEMPLATED,
    ("generate", "files"): frozenset({"all", "clean", "stacks"}),
    ("generate", "planfile"): frozenset({"file", "format"}),
}

# Flags whose variable is read elsewhere, or that only a command line can mean.
_NOT_FROM_ENVIRONMENT = frozenset(
    {
        *(
            "component",
            "base",
            "help",
            "chdir",
            "base-path",
            "config",
            "config-path",
            "profile",
            "logs-file",
            "logs-level",
        ),
        *("pager", "redirect-stderr", "mask", "interactive", "no-color", "force-color", "force-tty", "heatmap", "ci"),
        *("upload-status", "settings-list-merge-strategy", "identity", "append-user-agent", "file", "format"),
        *(
            "skip-planfile",
            "output-file",
            "file-template",
            "force",
            "everything",
            "skip-lock-file",
            "clean",
            "cache",
            "with-secrets",
        ),
    }
)


# Flags whose variable names the command as well: ATMOS_TERRAFORM_PLAN_MAX_CONCURRENCY.
_BY_COMMAND = _HOW_SEVERAL_RUN | {"execution-summary-file"}


def from_environment(command: tuple[str, ...]) -> dict[str, str]:
    """Flag -> variable, for the flags of a command that the environment may set as well."""
    names = sorted((EVERYWHERE | OWN.get(command, frozenset())) - _NOT_FROM_ENVIRONMENT)
    prefix = f"ATMOS_TERRAFORM_{command[0].upper()}_"
    return {name: (prefix if name in _BY_COMMAND else "ATMOS_") + name.replace("-", "_").upper() for name in names}


def is_unknown(command: tuple[str, ...], name: str) -> bool:
    """Whether a command refuses a flag. `state`, `workspace` and `providers` pass on to Terraform what they do not know."""
    return command in OWN and name not in EVERYWHERE | OWN[command]
