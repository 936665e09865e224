"""Ask GitHub about runs that have been silent: their webhook may have been lost (reliability.md F14, F18)."""

from sonde.server.dispatches import service, store
from sonde.server.dispatches.model import State
from sonde.server.github.client import GitHub, GitHubError, RejectedError
from sonde.server.kernel.db import Database, Tx
from sonde.server.kernel.log import log
from sonde.server.locks import ending
from sonde.server.workspaces.store import repository as repository_of


def park(tx: Tx, dispatch_id: str, because: str) -> None:
    """Ask no more about a run whose answer cannot be read; its webhooks still count."""
    dispatch = store.get(tx, dispatch_id)
    if dispatch is not None:
        store.set_state(tx, dispatch, dispatch.state, because, look_at=None)
        store.touch(tx, dispatch.trigger_id)


def ask(db: Database, github: GitHub, dispatch_id: str) -> bool:
    """Read one silent run and take the news in. A run that GitHub does not know any more fails the dispatch."""
    with db.read() as tx:
        dispatch = store.get(tx, dispatch_id)
        repository = repository_of(tx, dispatch.repository_id) if dispatch else None
    if dispatch is None or repository is None or dispatch.run_id is None:
        return False
    gone = ""
    run = None
    try:
        run = github.run(repository, dispatch.run_id)
    except RejectedError as error:
        gone = f"GitHub does not know run {dispatch.run_id} any more ({error})"
    except GitHubError as error:
        log.warning("run.silent", dispatch=dispatch_id, because=str(error))
    with db.write("delivery.process") as tx:
        if run is not None:
            service.on_run(tx, repository.id, run)
            if run.status == "completed":
                ending.end_with_run(tx, repository, run.id, run.attempt)
        elif gone:
            store.set_state(tx, dispatch, State.FAILED, gone)
            ending.release_of_dispatch(tx, dispatch.id, "run_ended")
            store.touch(tx, dispatch.trigger_id)
        else:
            store.set_state(tx, dispatch, dispatch.state, dispatch.because, look_at=tx.now + service.SILENCE)
    return True
