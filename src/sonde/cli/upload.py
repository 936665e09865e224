"""Uploading the inventory and what a change affects, in one request or several (protocol.md §6).

`list instances --upload` calls `instances`, `describe affected --upload` calls `affected`; both say on stderr what was
sent and raise what `client` raises.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import uuid4

from sonde.cli import client, git, progress, project, transport
from sonde.cli.errors import ApiError, GitError
from sonde.cli.git import Repository
from sonde.cli.log import Log
from sonde.cli.project import Project
from sonde.wire import codec
from sonde.wire.affected import PATH as AFFECTED_PATH
from sonde.wire.affected import AffectedItem, AffectedUpload
from sonde.wire.instances import PATH as INSTANCES_PATH
from sonde.wire.instances import InstanceItem, InstancesUpload
from sonde.wire.limits import DEFAULT_MAX_PAYLOAD

BATCH_FIELDS = 200  # bytes kept free in each chunk for batch_id, batch_index and batch_total
BATCH_MOST = 100  # bytes that these take at most
BY_A_HAIR = 1.01  # of the default limit, which nobody set: there the Go client's cut may miss it, and is kept
EXPRESSION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
FIELD = re.compile(r"(?<![\w)\]\"])\.([A-Za-z_]\w*(?:\.\w+)*)")
RENDERED_BY_SERVER = re.compile(r"(?:atmos_component|atmos_stack|settings\.pro\..+)")


class Uploadable(NamedTuple):
    """An instance as the inventory needs it: its names, and two of its sections."""

    component: str
    stack: str
    component_type: str
    metadata: Mapping[str, Any]
    settings: Mapping[str, Any]

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Uploadable":
        """A row of `list instances` (`sonde.stacks.rows.of_instances`)."""
        return cls(row["component"], row["stack"], row["component_type"], row["metadata"], row["settings"])


# ---------------------------------------------------------------- instances


def instances(home: Project, found: Sequence[Uploadable]) -> None:
    """Upload the whole inventory, sorted by stack and component. Nothing found: nothing is sent, and that is said."""
    if not found:
        home.process.stderr.write("▶ No instances found; nothing to upload.\n")
        return
    repository = _repository_or_empty(home)
    items = [instance_item(each) for each in sorted(found, key=lambda each: (each.stack, each.component))]
    for item in items:
        warn_of_leftovers(home.log, item.component, item.stack, item.settings)
    upload = InstancesUpload(**_repo_fields(repository))
    try:
        _send(home, "UploadInstances", INSTANCES_PATH, upload, "instances", [codec.to_json(item) for item in items])
    except ApiError as error:
        raise error.prefixed("failed to upload instances ") from error
    on, drift = sum(_is_on(item) for item in items), sum(_is_on(item, "drift_detection") for item in items)
    home.process.stderr.write(
        f"Successfully uploaded {len(items)} instances to Atmos Pro API "
        f"({on} enabled, {len(items) - on} disabled, {drift} drift enabled).\n"
    )


def instance_item(found: Uploadable) -> InstanceItem:
    """An instance on the wire: of its settings only `pro`, with what `enabled` comes to (stacks.md §11.2).

    Enabled unless `metadata.enabled` or `pro.enabled` is false itself; drift detection only if it is enabled by itself
    and so is the instance.
    """
    item = InstanceItem(found.component, found.stack, found.component_type)
    if "pro" not in found.settings:
        return item
    pro = found.settings["pro"]
    if isinstance(pro, Mapping):
        enabled = found.metadata.get("enabled") is not False and pro.get("enabled") is not False
        drift = pro.get("drift_detection")
        pro = {**pro, "enabled": enabled}
        if isinstance(drift, Mapping):
            pro["drift_detection"] = {**drift, "enabled": enabled and drift.get("enabled") is True}
    return replace(item, settings={"pro": pro})


def _is_on(item: InstanceItem, below: str = "") -> bool:
    part: Any = (item.settings or {}).get("pro")
    if below:
        part = part.get(below) if isinstance(part, Mapping) else None
    return isinstance(part, Mapping) and part.get("enabled") is True


def _repository_or_empty(home: Project) -> Repository:
    """Uploaded without names where there is no remote: the server tells the repository from the session.

    Raises GitError where there is no checkout, and for a remote that is no URL of a host.
    """
    repository = git.repository(git.find(home.process.cwd))
    if not repository.url:
        home.log.warning("The checkout has no git remote; uploading without the repository's name.")
    return repository


def _repository_with_remote(home: Project) -> Repository:
    """What is affected belongs to a commit of a repository that the server knows."""
    repository = git.repository(git.find(home.process.cwd))
    if not repository.host:
        raise GitError("repository host '' not supported", hints=["Add a remote: git remote add origin …"])
    return repository


# ---------------------------------------------------------------- affected


def affected(home: Project, items: Sequence[Mapping[str, Any]], *, head_sha: str, base_sha: str) -> None:
    """Upload what a change affects, also when that is nothing: the check on the commit waits for the answer.

    `items` are those that `describe affected --include-dependents --include-settings` shows.
    """
    try:
        repository = _repository_with_remote(home)
        upload = AffectedUpload(head_sha=head_sha, base_sha=base_sha, **_repo_fields(repository))
        stacks = [affected_json(item) for item in items]
        for item in stacks:
            warn_of_leftovers(home.log, item["component"], item["stack"], item["settings"])
        _send(home, "UploadAffectedStacks", AFFECTED_PATH, upload, "stacks", stacks)
    except (ApiError, GitError):
        home.process.stderr.write("✗ Failed to upload affected stacks to Atmos Pro\n")
        raise
    home.process.stderr.write(f"✓ Uploaded {len(items)} affected component(s) to Atmos Pro\n")


def affected_json(item: Mapping[str, Any], *, nested: bool = False) -> dict[str, Any]:
    """An affected item on the wire: names, dependents, `settings.pro` and what was deleted, nothing else (protocol.md §6.1)."""
    settings = item.get("settings")
    wire = AffectedItem(
        component=item["component"],
        stack=item["stack"],
        included_in_dependents=bool(item.get("included_in_dependents")),
        settings={"pro": settings["pro"]} if isinstance(settings, Mapping) and "pro" in settings else None,
        deleted=item.get("deleted") or None,
        deletion_type=item.get("deletion_type") or None,
    )
    out: dict[str, Any] = codec.to_json(wire)
    out["dependents"] = [affected_json(dependent, nested=True) for dependent in item.get("dependents") or ()]
    for name in ("affected", "affected_all") if nested else ():
        del out[name]
    return out


def warn_of_leftovers(log: Log, component: str, stack: str, settings: Mapping[str, Any] | None) -> None:
    """A template that the server cannot render will fail the dispatch: say so while there is time (decisions.md, ruling 13)."""
    for where, text in _texts((settings or {}).get("pro"), "settings.pro"):
        fields = [field for part in EXPRESSION.findall(text) for field in FIELD.findall(part)]
        unknown = [f".{field}" for field in fields if not RENDERED_BY_SERVER.fullmatch(field)]
        if unknown:
            log.warning(
                "This template is not rendered, and the control plane cannot do it: its dispatch will fail. "
                "Set `templates.settings.enabled: true` in atmos.yaml.",
                instance=f"{component} in {stack}",
                at=where,
                field=unknown[0],
            )


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{where}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{where}[{index}]")


# ---------------------------------------------------------------- sending


def _send(home: Project, operation: str, path: str, upload: Any, name: str, items: list[Any]) -> None:
    """Send `items` as field `name` of `upload`, chunk by chunk in order; the first that fails ends it."""
    encoded = [len(transport.encode(item)) for item in items]
    wanted = home.pro.max_payload_bytes
    limit, slack = (wanted, 1.0) if wanted > 0 else (DEFAULT_MAX_PAYLOAD, BY_A_HAIR)
    overhead = len(transport.encode(codec.to_json(upload)))
    chunks = cut(encoded, limit=limit, overhead=overhead, slack=slack)
    batched = not fits(encoded, limit=limit, overhead=overhead)  # one item above the limit is part 1 of 1
    _warn_of_giants(home.log, items, encoded, limit - overhead - BATCH_MOST)
    session = project.session(home)
    batch = str(uuid4())
    what = f"failed to upload {name}: "
    items_are, sizes = "components" if name == "stacks" else name, [len(chunk) for chunk in chunks]
    for index, chunk in enumerate(chunks):
        part = replace(upload, batch_id=batch, batch_index=index, batch_total=len(chunks)) if batched else upload
        body = codec.to_json(part) | {name: [items[at] for at in chunk]}
        with progress.part(home.process, index, sizes, items_are):
            try:
                client.upload(session, operation, "POST", path, transport.encode(body))
            except ApiError as error:
                number = f"failed to send chunk {index + 1}/{len(chunks)} (batch_id={batch}): " if batched else ""
                error.hints = (
                    *error.hints,
                    progress.how_to_resume(home.process, error, index, sizes),
                )
                raise error.prefixed(f"{number}{what}") from error


def _warn_of_giants(log: Log, items: Sequence[Mapping[str, Any]], sizes: Sequence[int], room: int) -> None:
    """What is above the limit by itself cannot be cut, and a proxy may refuse it."""
    for item, size in zip(items, sizes, strict=True):
        if size > room:
            where = f"{item['component']} in {item['stack']}"
            log.warning("This component alone is above max_payload_bytes.", instance=where, bytes=size)


def fits(sizes: Sequence[int], *, limit: int, overhead: int) -> bool:
    """Whether all items go in one request that is no part of a batch."""
    return not sizes or overhead + sum(sizes) + _commas(sizes) <= limit


def _commas(sizes: Sequence[int]) -> int:
    return 2 + max(len(sizes) - 1, 0)


def cut(sizes: Sequence[int], *, limit: int, overhead: int, slack: float = 1.0) -> list[list[int]]:
    """Which items go into which chunk, by their places; `sizes`, `limit` and `overhead` are bytes of JSON.

    All in one where they fit. Else runs of equal length by the average size, as the Go client cuts. Where such a run
    would break the limit (one big item among small ones) the same number of chunks is filled evenly instead, or more
    of them if need be; a single item above the limit goes alone (protocol.md §6.4). `slack` is how much of the limit
    such a run may take.
    """
    if fits(sizes, limit=limit, overhead=overhead):
        return [list(range(len(sizes)))]
    average = max((sum(sizes) + _commas(sizes)) // len(sizes), 1)
    room = limit - overhead - BATCH_FIELDS
    length = max((room if room > 0 else limit // 2) // average, 1)
    runs = [list(range(start, min(start + length, len(sizes)))) for start in range(0, len(sizes), length)]

    def weight(chunk: list[int]) -> int:
        return overhead + BATCH_MOST + sum(sizes[at] + 1 for at in chunk)

    if all(weight(run) <= limit * slack or len(run) == 1 for run in runs):
        return runs
    for count in range(len(runs), len(sizes) + 1):
        filled = _even(sizes, count)
        if all(weight(chunk) <= limit or len(chunk) == 1 for chunk in filled):
            return filled
    return [[at] for at in range(len(sizes))]


def _even(sizes: Sequence[int], count: int) -> list[list[int]]:
    """Spread over `count` chunks, the biggest first, each to where there is least; within a chunk in their order."""
    chunks: list[list[int]] = [[] for _ in range(count)]
    weights = [0] * count
    for at in sorted(range(len(sizes)), key=lambda at: (-sizes[at], at)):
        lightest = weights.index(min(weights))
        chunks[lightest].append(at)
        weights[lightest] += sizes[at]
    return [sorted(chunk) for chunk in chunks if chunk]


def _repo_fields(repository: Repository) -> dict[str, Any]:
    return {
        "repo_url": repository.url,
        "repo_name": repository.name,
        "repo_owner": repository.owner,
        "repo_host": repository.host,
    }
