"""Whether a part fits its batch. Pure and total; each refusal has a reason."""

from sonde.server.chunks.model import MAX_ID, MAX_PARTS, Batch, Conflict, Part, Repeat, Taken


def malformed(batch_id: str | None, index: int | None, total: int | None) -> str | None:
    """Why these three cannot name a part of a batch, as a sentence; None where they can."""
    if not batch_id or index is None or total is None:
        return "A part of a batch names batch_id, batch_index and batch_total, all three."
    if len(batch_id) > MAX_ID:
        return f"batch_id is longer than {MAX_ID} characters."
    if not 1 <= total <= MAX_PARTS:
        return f"batch_total is {total}; it must be between 1 and {MAX_PARTS}. Raise settings.pro.max_payload_bytes."
    if not 0 <= index < total:
        return f"batch_index is {index}; with batch_total {total} it must be between 0 and {total - 1}."
    return None


def fits(part: Part, batch: Batch) -> Taken | Repeat | Conflict:
    """What to do with a part, given what came of its batch before (reliability.md F24).

    The same bytes at the same index are a client's retry. Anything that differs is no part of this upload: the upload must
    be made again, which gives it another batch_id.
    """
    name, again = f"batch {part.batch_id}", "Upload again: a new upload has a batch_id of its own."
    if part.author != batch.author:
        return Conflict(f"{name} belongs to another run. {again}")
    if part.total != batch.total:
        return Conflict(f"{name} began with batch_total {batch.total}, and this part says {part.total}. {again}")
    if part.facts != batch.facts:
        return Conflict(f"{name} began as {batch.facts}, and this part is of {part.facts}. {again}")
    before = batch.digests.get(part.index)
    if before is None:
        return Taken(batch.total - len(batch.digests) - 1)
    if before == part.digest:
        return Repeat(batch.result)
    return Conflict(f"part {part.index} of {name} came before with other bytes. {again}")
