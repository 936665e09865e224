"""Values that hold before any file: always (`BASE`), and when no atmos.yaml is found at all (`WITHOUT_FILE`); stacks.md §1."""

from typing import Any

VERSION = "1.227.0"  # the version of the original whose answers we give

BASE: dict[str, Any] = {
    "cast": {"recording": {"height": 36, "width": 120}},
    "components": {
        "terraform": {
            "append_user_agent": f"Atmos/{VERSION} (Cloud Posse; +https://atmos.tools)",
            "auto_provision_workdir_for_outputs": True,
            "plugin_cache": True,
        }
    },
    "container": {"runtime": {"auto_start": True}},
    "describe": {"component": {"filter": "schema"}, "error_mode": "warn", "provenance": True},
    "docs": {"generate": {"readme": {"output": "./README.md"}}},
    "list": {"error_mode": "warn"},
    "logs": {"file": "/dev/stderr", "level": "Warning"},
    "settings": {
        "experimental": "warn",
        "inject_bitbucket_token": True,
        "inject_github_token": True,
        "inject_gitlab_token": True,
        "pro": {"base_url": "https://atmos-pro.com", "endpoint": "api/v1"},
        "telemetry": {
            "enabled": True,
            "endpoint": "https://us.i.posthog.com",
            "token": "phc_7s7MrHWxPR2if1DHHDrKBRgx7SvlaoSM59fIiQueexS",
        },
        "terminal": {"color": True, "help": {"filter": True}},
    },
    "stacks": {"inherit": {"metadata": True}},
}

WITHOUT_FILE: dict[str, Any] = {
    "base_path": ".",
    "components": {
        "helmfile": {"base_path": "components/helmfile"},
        "kubernetes": {"base_path": "components/kubernetes", "provider": "kubectl"},
        "packer": {"base_path": "components/packer", "command": "packer"},
        "terraform": {
            "auto_generate_backend_file": True,
            "auto_provision_workdir_for_outputs": False,
            "base_path": "components/terraform",
            "deploy_run_init": True,
            "init_run_reconfigure": True,
            "workspace": {"prefix_separator": "-"},
        },
    },
    "default": True,
    "docs": {
        "generate": {
            "readme": {
                "base-dir": ".",
                "input": ["./README.yaml"],
                "template": "https://raw.githubusercontent.com/cloudposse/.github/"
                "5a599e3b929f871f333cb9681a721d26b237d8de/README.md.gotmpl",
                "terraform": {
                    "format": "markdown",
                    "indent_level": 2,
                    "show_inputs": True,
                    "show_outputs": True,
                    "sort_by": "name",
                    "source": "src/",
                },
            }
        }
    },
    "schemas": {"jsonschema": {"base_path": "stacks/schemas/jsonschema"}, "opa": {"base_path": "stacks/schemas/opa"}},
    "settings": {
        "experimental": "",
        "list_merge_strategy": "replace",
        "terminal": {
            "color": False,
            "help": {"filter": False},
            "syntax_highlighting": {"enabled": True, "formatter": "terminal", "line_numbers": True, "theme": "dracula"},
            "unicode": True,
        },
    },
    "stacks": {
        "base_path": "stacks",
        "excluded_paths": ["**/_defaults.yaml"],
        "included_paths": ["orgs/**/*"],
        "name_pattern": "{tenant}-{environment}-{stage}",
    },
    "templates": {"settings": {"enabled": True, "gomplate": {"enabled": True}, "sprig": {"enabled": True}}},
    "version": {"check": {"frequency": "daily", "timeout": 1000}},
    "workflows": {"base_path": "stacks/workflows"},
}
