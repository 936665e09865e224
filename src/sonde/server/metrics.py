"""What `/metrics` tells a Prometheus: what waits, and who fails to show who he is. In the text format 0.0.4."""

from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

from sonde.server.github import store as effects
from sonde.server.github.model import EffectState
from sonde.server.kernel.db import Database
from sonde.server.kernel.strangers import Buckets
from sonde.server.webhooks import store as deliveries

OPEN = (EffectState.PLANNED, EffectState.SENDING, EffectState.LOST)
Sample = tuple[str, float]  # a name with its labels, and its value


def of_rows(db: Database) -> list[Sample]:
    """What the database says; only that it does not answer, where it does not."""
    try:
        with db.read() as tx:
            (waiting, oldest), unsent = deliveries.backlog(tx), effects.unsent(tx)
    except (SQLAlchemyError, OSError):
        return [("sonde_database_up", 0)]
    return [
        ("sonde_database_up", 1),
        ("sonde_deliveries_waiting", waiting),
        ("sonde_deliveries_oldest_seconds", oldest / 1000),
        *((f'sonde_effects{{state="{state}"}}', unsent.get(state, 0)) for state in OPEN),
    ]


HELP = {
    "sonde_database_up": ("gauge", "Whether the database answers."),
    "sonde_deliveries_waiting": ("gauge", "Webhooks that were taken and not processed yet."),
    "sonde_deliveries_oldest_seconds": ("gauge", "How long the oldest of them waits."),
    "sonde_effects": ("gauge", "What GitHub is still to be told, by state."),
    "sonde_auth_failures_total": ("counter", "Requests that did not show who sent them."),
    "sonde_auth_refusals_total": ("counter", "Those that were more than their address may fail."),
    "sonde_auth_failing_addresses": ("gauge", "Addresses that failed of late."),
}


def text(db: Database, failures: Buckets) -> str:
    """Every number, each name with its type and what it means."""
    samples: list[Sample] = [
        *of_rows(db),
        ("sonde_auth_failures_total", failures.failures),
        ("sonde_auth_refusals_total", failures.refusals),
        ("sonde_auth_failing_addresses", len(failures)),
    ]
    return "".join(f"{line}\n" for line in _lines(samples))


def _lines(samples: list[Sample]) -> Iterator[str]:
    told = ""
    for sample, value in samples:
        name = sample.partition("{")[0]
        if name != told:
            kind, about = HELP[name]
            yield f"# HELP {name} {about}"
            yield f"# TYPE {name} {kind}"
            told = name
        yield f"{sample} {value:g}" if isinstance(value, float) else f"{sample} {value}"
