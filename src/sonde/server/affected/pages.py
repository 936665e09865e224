"""What the pages show of uploads."""

from sonde.server.affected import store
from sonde.server.affected.model import Upload
from sonde.server.kernel.db import Tx
from sonde.server.workspaces import store as workspaces

SHOWN = 20


def waiting(tx: Tx) -> list[tuple[Upload, str]]:
    """Uploads that no event has named yet, newest first, with the name of their repository."""
    names = {repository.id: repository.full_name for repository in workspaces.all_repositories(tx)}
    return [(upload, names[upload.repository_id]) for upload in store.newest_waiting(tx, SHOWN)]
