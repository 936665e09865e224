"""`sonde pro config`: where the control plane is and as whom we would speak, and which file or variable says so."""

import json
from collections.abc import Mapping
from typing import Any

import click

from sonde.cli import options, process, project, redact
from sonde.stacks.config import ProSettings, Value
from sonde.wire import exchange

# What is shown, in this order: by its key below `settings.pro`, or what it would be there.
SHOWN: Mapping[str, str] = {
    "base_url": "base_url",
    "endpoint": "endpoint",
    "workspace_id": "workspace_id",
    "token": "token",
    "github_oidc.request_url": "oidc_request_url",
    "github_oidc.request_token": "oidc_request_token",
    "github_oidc.audience": "oidc_audience",
    "max_payload_bytes": "max_payload",
    "atmos_pro_run_id": "run_id",
    "github_run_id": "github_run_id",
    "head_ref": "head_ref",
    "git_sts.git_config_mode": "git_config_mode",
    "git_sts.revoke_on_exit": "revoke_on_exit",
    "github_token": "github_token",
}
SECRET = frozenset({"token", "github_oidc.request_token", "github_token"})
READ = frozenset(  # of the variables that begin so; any other is a mistake
    f"ATMOS_PRO_{name}"
    for name in ("BASE_URL", "ENDPOINT", "WORKSPACE_ID", "TOKEN", "RUN_ID", "OIDC_AUDIENCE", "GITHUB_TOKEN")
)


@click.command(
    name="config",
    help="Show the settings for the control plane and where each comes from. Secrets are masked.",
    epilog=options.examples(
        "sonde pro config",
        "ATMOS_PRO_BASE_URL=https://sonde.example.com sonde pro config --format json",
        codes="0 shown; 1 a wrong atmos.yaml.",
    ),
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="table or json.")
@options.global_flags
@click.pass_context
def config(ctx: click.Context, form: str) -> None:
    world = process.current()
    pro = project.load(world, options.flags_of(ctx)).config.pro
    found = [_row(name, getattr(pro, field)) for name, field in SHOWN.items()]
    for name in sorted(name for name in world.env if name.startswith("ATMOS_PRO_") and name not in READ):
        world.stderr.write(f"⚠ {name} is set, but nothing reads it; those that are read: {', '.join(sorted(READ))}.\n")
    if form == "json":
        world.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    rows = [("setting", "value", "from"), *((row["setting"], row["value"], row["from"]) for row in found)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for name, value, origin in rows:
        world.stdout.write(f"{name.ljust(widths[0])}  {value.ljust(widths[1])}  {origin}".rstrip() + "\n")
    world.stdout.write(f"\n{sign_in(pro)}\n")


def _row(name: str, value: Value) -> dict[str, Any]:
    if name == "github_oidc.audience" and value.is_default:
        value = Value(exchange.AUDIENCE, value.origin)
    unset = not value.text
    return {
        "setting": name,
        "value": "(not set)" if unset else masked(value.text) if name in SECRET else redact.address(value.text),
        "from": "" if unset else value.origin,
    }


def masked(secret: str) -> str:
    """Enough of a secret to tell it from another, and no more."""
    return f"{secret[:2]}…{secret[-2:]} ({len(secret)} characters)" if len(secret) > 12 else "(set)"


def sign_in(pro: ProSettings) -> str:
    """How the next call would sign in, in one sentence."""
    if pro.token.text:
        if pro.base_url.is_default:
            return "No call is made: a static token needs an explicit base_url (ATMOS_PRO_BASE_URL)."
        return f"Calls go to {redact.address(pro.url)} with the static token."
    if not (pro.oidc_request_url.text and pro.oidc_request_token.text):
        return "Calls cannot sign in: there is neither a token nor GitHub's OIDC (`permissions: id-token: write`)."
    if not pro.workspace_id.text:
        return "Calls cannot sign in: GitHub's OIDC is there, but no workspace_id (ATMOS_PRO_WORKSPACE_ID)."
    return f"Calls go to {redact.address(pro.url)} and sign in by GitHub's OIDC for workspace {pro.workspace_id.text}."
