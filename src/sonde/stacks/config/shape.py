"""What atmos.yaml decodes into, as one table: field, type, and whether an empty value is printed (stacks.md §1).

A type is `s` string, `b` boolean, `i` integer, `f` number, `d` duration, `any`, `[s]` list of strings, `{s}` map of strings,
`{any}` free map; a dict is a struct, `[struct]` a list of structs and `{struct}` a map of structs. With `?` an empty value is
left out. In a struct `*` lets keys pass that the table does not name: sections of the tool that Sonde carries and never
reads. Everywhere else unknown keys are dropped. `printed:written` names a field that is printed otherwise than written.
"""

from typing import Any

from sonde.stacks.config.shape_commands import COMMAND

Shape = dict[str, Any]

OPEN: Shape = {"*": "any"}
SWITCHED: Shape = {"enabled": "b!", "*": "any"}
LISTING: Shape = {"columns": "any", "format": "s"}

PLAIN_COMPONENTS: Shape = {"auto_generate_files": "b", "base_path": "s", "command": "s", "*": "any"}

COMPONENTS: Shape = {
    "terraform": {
        "append_user_agent": "s",
        "apply_auto_approve": "b",
        "auto_generate_backend_file": "b",
        "auto_generate_files": "b",
        "auto_provision_workdir_for_outputs": "b",
        "base_path": "s",
        "cache": ("?", {"enabled": "b!", "backend": OPEN, "*": "any"}),
        "ci": OPEN,
        "command": "s",
        "deploy_run_init": "b",
        "init": {"pass_vars": "b"},
        "init_run_reconfigure": "b",
        "lint": OPEN,
        "plan": {"skip_planfile": "b"},
        "planfiles": {"default": "s", "*": "any"},
        "platforms": "[s]?",
        "plugin_cache": "b",
        "plugin_cache_dir": "s?",
        "shell": {"prompt": "s"},
        "workspace": {"prefix_separator": "s?"},
        "workspaces_enabled": "b!",
    },
    "helmfile": {
        "auto_generate_files": "b",
        "base_path": "s",
        "cluster_name": "s",
        "cluster_name_pattern": "s",
        "cluster_name_template": "s",
        "command": "s",
        "helm_aws_profile_pattern": "s",
        "kubeconfig_path": "s",
        "use_eks": "b",
    },
    "packer": PLAIN_COMPONENTS,
    "ansible": PLAIN_COMPONENTS,
    "helm": {"auto_generate_files": "b", "base_path": "s", "*": "any"},
    "kubernetes": {"auto_generate_files": "b", "base_path": "s", "provider": "s", "*": "any"},
    "list": LISTING,
    "Plugins": "{any}",
}

TOKENS: Shape = {
    f"{name}:{written}": "s"
    for name, written in (
        ("AtmosBitbucketToken", "atmos_bitbucket_token"),
        ("AtmosGithubToken", "atmos_github_token"),
        ("AtmosGitlabToken", "atmos_gitlab_token"),
        ("AtmosProGithubToken", "atmos_pro_github_token"),
        ("BitbucketToken", "bitbucket_token"),
        ("BitbucketUsername", "bitbucket_username"),
        ("GithubToken", "github_token"),
        ("GithubUsername", "github_username"),
        ("GitlabToken", "gitlab_token"),
    )
}

MARKDOWN_ELEMENTS = [
    "block_quote",
    "code",
    "code_block",
    "definition_description",
    "definition_list",
    "definition_term",
    "document",
    "emph",
    "enumeration",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "heading",
    "hr",
    "html_block",
    "html_span",
    "item",
    "link",
    "link_text",
    "list",
    "list_item",
    "paragraph",
    "strong",
    "table",
    "text",
]

SETTINGS: Shape = {
    **TOKENS,
    "InjectBitbucketToken:inject_bitbucket_token": "b",
    "InjectGithubToken:inject_github_token": "b",
    "InjectGitlabToken:inject_gitlab_token": "b",
    "docs": {"max_width": "i", "pagination": "b"},
    "experimental": "s",
    "list_merge_strategy": "s",
    "markdown": dict.fromkeys(MARKDOWN_ELEMENTS, OPEN),
    "pro": {
        "base_url": "s",
        "endpoint": "s",
        "token": "s?",
        "workspace_id": "s?",
        "max_payload_bytes": "i?",
        "git_sts": OPEN,
        "github_oidc": {"request_url": "s?", "request_token": "s?"},
        "github_run_id": "s?",
        "atmos_pro_run_id": "s?",
    },
    "provision": {"workdir": OPEN, "*": "any"},
    "telemetry": {"enabled": "b?", "endpoint": "s", "logging": "b", "token": "s"},
    "terminal": {
        "alerts": "b?",
        "color": "b",
        "force_color": "b?",
        "force_tty": "b?",
        "help": {"filter": "b"},
        "mask": {"enabled": "b", "*": "any"},
        "max_width": "i",
        "no_color": "b",
        "pager": "s",
        "speed": "f?",
        "syntax_highlighting": {
            "enabled": "b",
            "formatter": "s",
            "lexer": "s",
            "line_numbers": "b",
            "theme": "s",
            "wrap": "b",
        },
        "tab_width": "i?",
        "theme": "s?",
        "title": "b?",
        "unicode": "b",
    },
    "yaml": {"key_delimiter": "s"},
}

TEMPLATES: Shape = {
    "settings": {
        "enabled": "b",
        "ignore_missing_template_values": "b?",
        "delimiters": "[s]?",
        "env": "{s}?",
        "evaluations": "i?",
        "gomplate": {"enabled": "b", "timeout": "i", "datasources": "any"},
        "sprig": {"enabled": "b"},
    }
}

DEPENDENCY: Shape = {"update": OPEN, "*": "any"}

VERSIONS: Shape = {
    "check": {"enabled": "b?", "frequency": "s?", "timeout": "i?", "*": "any"},
    "constraint": {"require": "s?", "enforcement": "s?", "message": "s?"},
    "defaults": {"update": OPEN, "*": "any"},
    "dependencies": ("{}?", DEPENDENCY),
    "files": "any?",
    "groups": "{any}?",
    "providers": "{any}?",
    "track": "s?",
    "tracks": ("{}?", {"defaults": {"update": OPEN, "*": "any"}, "dependencies": ("{}?", DEPENDENCY), "*": "any"}),
    "use": "s?",
}

AI_PROVIDER: Shape = {
    "model": "s?",
    "api_key": "s?",
    "max_tokens": "i?",
    "base_url": "s?",
    "binary": "s?",
    "cache": {},  # printed empty whatever it says
    "max_turns": "i?",
    "max_budget_usd": "f?",
    "allowed_tools": "[s]?",
}

AUTH_PROVIDER: Shape = {
    "kind": "s?",
    "auto_provision_identities": "b!",
    "console": ("?", {"session_duration": "s?"}),
    "default": "b?",
    "download_browser_driver": "b?",
    "driver": "s?",
    "password": "s?",
    "provider_type": "s?",
    "region": "s?",
    "session": ("?", {"duration": "s?"}),
    "source": "s?",
    "spec": "{any}?",
    "start_url": "s?",
    "tags": "[s]?",
    "url": "s?",
    "username": "s?",
}

AUTH_IDENTITY: Shape = {
    "kind": "s?",
    "alias": "s?",
    "credentials": "{any}?",
    "default": "b?",
    "emulator": "s?",
    "env": "any?",
    "principal": "{any}?",
    "provider": "s?",
    "required": "b?",
    "session": ("?", {"duration": "s?"}),
    "source": "s?",
    "spec": "{any}?",
    "tags": "[s]?",
    "via": ("?", {"provider": "s?", "identity": "s?"}),
}

ATLANTIS_PROJECT: Shape = {
    "name": "s",
    "workspace": "s",
    "workflow": "s?",
    "dir": "s",
    "terraform_version": "s?",
    "delete_source_branch_on_merge": "b?",
    "autoplan": {"enabled": "b", "when_modified": "[s]"},
    "apply_requirements": "[s]?",
}

ATLANTIS_REPOSITORY: Shape = {
    "version": "i",
    **dict.fromkeys(("automerge", "parallel_plan", "parallel_apply"), "b"),
    "delete_source_branch_on_merge": "b?",
    "allowed_regexp_prefixes": "[s]",
}

STORE: Shape = {"type": "s?", "kind": "s?", "identity": "s?", "secret": "b?", "options": "{any}?"}

GIT_REPOSITORY: Shape = {
    "uri": "s",
    **dict.fromkeys(("branch", "provider", "remote", "workdir"), "s?"),
    "auth": {"identity": "s?"},
    "clone": {"depth": "i?", "filter": "s?", "single_branch": "b?", "submodules": "b?"},
    "commit": {"author": {"email": "s?", "name": "s?"}, "signing": "s?"},
    "init": {"from": "s?", "keep_history": "b?"},
    "push": {"retries": "i?"},
}

ROOT: Shape = {
    "ai": {
        "context": OPEN,
        "instructions": OPEN,
        "sessions": {"auto_compact": OPEN, "*": "any"},
        "tools": OPEN,
        "web_search": OPEN,
        "providers": ("{}?", AI_PROVIDER),
        "*": "any",
    },
    "aliases": "{s}?",
    "auth": {
        "identities": ("{}", AUTH_IDENTITY),
        "keyring": OPEN,
        "logs": {"file": "s", "level": "s"},
        "providers": ("{}", AUTH_PROVIDER),
        "realm": "s",
        "*": "any",
    },
    "aws": {"security": {"sources": OPEN, "tag_mapping": OPEN, "*": "any"}},
    "base_path": "s",
    "cast": {"recording": {"height": "i", "width": "i", "*": "any"}},
    "ci": {
        "annotations": SWITCHED,
        "cache": SWITCHED,
        "checks": {
            "enabled": "b!",
            "statuses": dict.fromkeys(("component", "add", "change", "destroy"), "b!"),
            "*": "any",
        },
        "comments": SWITCHED,
        "groups": OPEN,
        "output": SWITCHED,
        "results": SWITCHED,
        "summary": SWITCHED,
        "templates": OPEN,
        "*": "any",
    },
    "commands": ("[]?", COMMAND),
    "components": COMPONENTS,
    "compositions": "{any}?",
    "container": {"runtime": {"auto_start": "b", "*": "any"}, "*": "any"},
    "default": "b",
    "describe": {
        "affected": OPEN,
        "component": {"filter": "s"},
        "error_mode": "s",
        "provenance": "b",
        "settings": OPEN,
    },
    "devcontainer": "{any}?",
    "diagnostics": {"enabled": "b", "file": "s", "include_output": "b"},
    "docs": {
        "generate": {"readme": {"output": "s", "terraform": OPEN, "*": "any"}},
        "max_width": "i",
        "pagination": "b",
    },
    "env": "{s}?",
    "errors": {"format": OPEN, "sentry": {"dsn": "s", "enabled": "b", "*": "any"}},
    "git": {"hooks": ("{}?", {"command": "s"}), "list": OPEN, "repositories": ("{}?", GIT_REPOSITORY)},
    "import": "[s]",
    "imports": OPEN,
    "integrations": {
        "atlantis": {
            "path": "s?",
            "config_templates": ("{}?", ATLANTIS_REPOSITORY),
            "project_templates": ("{}?", ATLANTIS_PROJECT),
            "workflow_templates": "{any}?",
        },
        "github": "{any}?",
        "pro": "{any}?",
    },
    "list": {"components": LISTING, "error_mode": "s", "instances": LISTING, "stacks": LISTING},
    "logs": {"file": "s", "level": "s"},
    "lsp": OPEN,
    "mcp": {"enabled": "b!", "routing": SWITCHED, "*": "any"},
    "metadata": {**dict.fromkeys(("name", "description", "version"), "s?"), "tags": "[s]?", "deprecated": "b?"},
    "profiler": {"enabled": "b", "file": "s", "host": "s", "port": "i", "profile_type": "s"},
    "profiles": OPEN,
    "schemas": "{any}?",
    "secrets": OPEN,
    "settings": SETTINGS,
    "stacks": {
        "base_path": "s",
        "excluded_paths": "[s]",
        "included_paths": "[s]",
        "inherit": {"metadata": "b", "source": "b!"},
        "list": LISTING,
        "name_pattern": "s",
        "name_template": "s",
    },
    "stores": ("{}?", STORE),
    "templates": TEMPLATES,
    "toolchain": {
        "file_path": "s",
        "install_path": "s",
        "tools_dir": "s",
        "use_lock_file": "b",
        "use_tool_versions": "b",
        "versions_file": "s",
        "*": "any",
    },
    "validate": {"editorconfig": OPEN},
    "vendor": {
        "base_path": "s",
        "ci": {"pull_request": OPEN, "summary": SWITCHED, "*": "any"},
        "list": LISTING,
        "lock": OPEN,
        "update": {"batching": OPEN, "execution": OPEN, "*": "any"},
    },
    "version": VERSIONS,
    "workflows": {"base_path": "s", "list": LISTING},
}
