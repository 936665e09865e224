"""Environment variables and flags over the files: one table (stacks.md §1.3). The environment beats files, flags beat both."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

# variable -> path of the value; an empty variable counts as unset; of two for one path the later one wins.
# Tokens of code hosts are left out on purpose: `describe config` would print them.
VARIABLES: Mapping[str, tuple[str, ...]] = {
    "ATMOS_BASE_PATH": ("base_path",),
    "ATMOS_STACKS_BASE_PATH": ("stacks", "base_path"),
    "ATMOS_STACKS_INCLUDED_PATHS": ("stacks", "included_paths"),
    "ATMOS_STACKS_EXCLUDED_PATHS": ("stacks", "excluded_paths"),
    "ATMOS_STACKS_NAME_PATTERN": ("stacks", "name_pattern"),
    "ATMOS_STACKS_NAME_TEMPLATE": ("stacks", "name_template"),
    "ATMOS_COMPONENTS_TERRAFORM_COMMAND": ("components", "terraform", "command"),
    "ATMOS_COMPONENTS_TERRAFORM_BASE_PATH": ("components", "terraform", "base_path"),
    "ATMOS_COMPONENTS_TERRAFORM_APPLY_AUTO_APPROVE": ("components", "terraform", "apply_auto_approve"),
    "ATMOS_COMPONENTS_TERRAFORM_DEPLOY_RUN_INIT": ("components", "terraform", "deploy_run_init"),
    "ATMOS_COMPONENTS_TERRAFORM_INIT_RUN_RECONFIGURE": ("components", "terraform", "init_run_reconfigure"),
    "ATMOS_COMPONENTS_TERRAFORM_INIT_PASS_VARS": ("components", "terraform", "init", "pass_vars"),
    "ATMOS_COMPONENTS_TERRAFORM_PLAN_SKIP_PLANFILE": ("components", "terraform", "plan", "skip_planfile"),
    "ATMOS_COMPONENTS_TERRAFORM_AUTO_GENERATE_BACKEND_FILE": ("components", "terraform", "auto_generate_backend_file"),
    "ATMOS_COMPONENTS_TERRAFORM_APPEND_USER_AGENT": ("components", "terraform", "append_user_agent"),
    "ATMOS_COMPONENTS_TERRAFORM_PLUGIN_CACHE": ("components", "terraform", "plugin_cache"),
    "ATMOS_COMPONENTS_TERRAFORM_PLUGIN_CACHE_DIR": ("components", "terraform", "plugin_cache_dir"),
    "ATMOS_COMPONENTS_TERRAFORM_AUTO_PROVISION_WORKDIR_FOR_OUTPUTS": (
        *("components", "terraform", "auto_provision_workdir_for_outputs"),
    ),
    "ATMOS_COMPONENTS_HELMFILE_USE_EKS": ("components", "helmfile", "use_eks"),
    "ATMOS_COMPONENTS_HELMFILE_KUBECONFIG_PATH": ("components", "helmfile", "kubeconfig_path"),
    "ATMOS_COMPONENTS_HELMFILE_HELM_AWS_PROFILE_PATTERN": ("components", "helmfile", "helm_aws_profile_pattern"),
    "ATMOS_COMPONENTS_HELMFILE_CLUSTER_NAME_PATTERN": ("components", "helmfile", "cluster_name_pattern"),
    "ATMOS_COMPONENTS_HELMFILE_COMMAND": ("components", "helmfile", "command"),
    "ATMOS_COMPONENTS_HELMFILE_BASE_PATH": ("components", "helmfile", "base_path"),
    "ATMOS_COMPONENTS_PACKER_COMMAND": ("components", "packer", "command"),
    "ATMOS_COMPONENTS_PACKER_BASE_PATH": ("components", "packer", "base_path"),
    "ATMOS_WORKFLOWS_BASE_PATH": ("workflows", "base_path"),
    "ATMOS_COMPONENTS_TERRAFORM_CACHE_ENABLED": ("components", "terraform", "cache", "enabled"),
    "ATMOS_COMPONENTS_TERRAFORM_CACHE_LOCATION": ("components", "terraform", "cache", "location"),
    "ATMOS_AUTH_REALM": ("auth", "realm"),
    "ATMOS_VENDOR_BASE_PATH": ("vendor", "base_path"),
    "ATMOS_SETTINGS_LIST_MERGE_STRATEGY": ("settings", "list_merge_strategy"),
    "ATMOS_LOGS_LEVEL": ("logs", "level"),
    "ATMOS_LOGS_FILE": ("logs", "file"),
    "ATMOS_SCHEMAS_ATMOS_MANIFEST": ("schemas", "atmos", "manifest"),
    "ATMOS_DESCRIBE_COMPONENT_FILTER": ("describe", "component", "filter"),
    "ATMOS_DESCRIBE_PROVENANCE": ("describe", "provenance"),
    "ATMOS_LIST_ERROR_MODE": ("list", "error_mode"),
    "PAGER": ("settings", "terminal", "pager"),
    "ATMOS_PAGER": ("settings", "terminal", "pager"),
    "NO_COLOR": ("settings", "terminal", "no_color"),
    "ATMOS_NO_COLOR": ("settings", "terminal", "no_color"),
    "COLOR": ("settings", "terminal", "color"),
    "ATMOS_COLOR": ("settings", "terminal", "color"),
    "THEME": ("settings", "terminal", "theme"),
    "ATMOS_THEME": ("settings", "terminal", "theme"),
    "ATMOS_TERMINAL_SPEED": ("settings", "terminal", "speed"),
    "ATMOS_HELP_FILTER": ("settings", "terminal", "help", "filter"),
    "ATMOS_EXPERIMENTAL": ("settings", "experimental"),
    "ATMOS_INJECT_GITHUB_TOKEN": ("settings", "inject_github_token"),
    "ATMOS_INJECT_BITBUCKET_TOKEN": ("settings", "inject_bitbucket_token"),
    "ATMOS_INJECT_GITLAB_TOKEN": ("settings", "inject_gitlab_token"),
    "GITHUB_USERNAME": ("settings", "github_username"),
    "GITHUB_ACTOR": ("settings", "github_username"),
    "ATMOS_GITHUB_USERNAME": ("settings", "github_username"),
    "BITBUCKET_USERNAME": ("settings", "bitbucket_username"),
    "ATMOS_DIAGNOSTICS_ENABLED": ("diagnostics", "enabled"),
    "ATMOS_DIAGNOSTICS_FILE": ("diagnostics", "file"),
    "ATMOS_DIAGNOSTICS_INCLUDE_OUTPUT": ("diagnostics", "include_output"),
    "ATMOS_CI_CACHE_ENABLED": ("ci", "cache", "enabled"),
    "ATMOS_CI_CACHE_AUTO": ("ci", "cache", "auto"),
    "ATMOS_CI_GROUPS_MODE": ("ci", "groups", "mode"),
    "ATMOS_CI_COMMENTS_ENABLED": ("ci", "comments", "enabled"),
    "ATMOS_CAST_RECORDING_WIDTH": ("cast", "recording", "width"),
    "ATMOS_CAST_RECORDING_HEIGHT": ("cast", "recording", "height"),
    "ATMOS_PROFILER_ENABLED": ("profiler", "enabled"),
    "ATMOS_PROFILER_HOST": ("profiler", "host"),
    "ATMOS_PROFILER_PORT": ("profiler", "port"),
    "ATMOS_PROFILE_FILE": ("profiler", "file"),
    "ATMOS_PROFILE_TYPE": ("profiler", "profile_type"),
    "ATMOS_TELEMETRY_ENABLED": ("settings", "telemetry", "enabled"),
    "ATMOS_TELEMETRY_ENDPOINT": ("settings", "telemetry", "endpoint"),
    "ATMOS_TELEMETRY_LOGGING": ("settings", "telemetry", "logging"),
    "ATMOS_TELEMETRY_TOKEN": ("settings", "telemetry", "token"),
    "ATMOS_VERSION_CHECK_ENABLED": ("version", "check", "enabled"),
    "ATMOS_VERSION_ENFORCEMENT": ("version", "constraint", "enforcement"),
    "ATMOS_PRO_BASE_URL": ("settings", "pro", "base_url"),
    "ATMOS_PRO_ENDPOINT": ("settings", "pro", "endpoint"),
    "ATMOS_PRO_TOKEN": ("settings", "pro", "token"),
    "ATMOS_PRO_WORKSPACE_ID": ("settings", "pro", "workspace_id"),
    "ACTIONS_ID_TOKEN_REQUEST_URL": ("settings", "pro", "github_oidc", "request_url"),
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ("settings", "pro", "github_oidc", "request_token"),
}


class Flags(NamedTuple):
    """The global flags that bear on the configuration; an empty string or list is a flag that was not given."""

    base_path: str = ""
    config: Sequence[str] = ()
    config_path: Sequence[str] = ()
    profiles: Sequence[str] = ()
    logs_level: str = ""
    logs_file: str = ""
    list_merge_strategy: str = ""


def overlay(env: Mapping[str, str], flags: Flags) -> dict[str, Any]:
    """The values that the environment and the flags set, as a tree to merge over the files."""
    tree: dict[str, Any] = {}
    for name, path in VARIABLES.items():
        if value := env.get(name):
            put(tree, path, True if name == "NO_COLOR" else value)
    for path, value in (
        (("base_path",), flags.base_path),
        (("logs", "level"), flags.logs_level),
        (("logs", "file"), flags.logs_file),
        (("settings", "list_merge_strategy"), flags.list_merge_strategy),
    ):
        if value:
            put(tree, path, value)
    return tree


def put(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
    tree[path[-1]] = value
