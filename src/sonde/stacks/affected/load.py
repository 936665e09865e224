"""Both sides of the comparison as stacks: HEAD's working tree, and the base."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sonde.stacks.affected.compare import Key, index
from sonde.stacks.affected.kept import Kept, Slim
from sonde.stacks.affected.reuse import Recorder, touched
from sonde.stacks.discovery import NoManifestsError
from sonde.stacks.engine import Engine, Instance, Options, open_engine
from sonde.stacks.errors import StacksError
from sonde.stacks.tree import Tree

_UNRESOLVED = "stack import not found"


@dataclass(frozen=True)
class Side:
    """One side's instances by their top-level manifests. Of equal ones in several manifests the first counts."""

    by_manifest: Mapping[str, tuple[Instance, ...]]
    warnings: tuple[str, ...] = ()  # values that are not there yet

    def index(self, stack: str = "") -> dict[Key, Instance]:
        """Instances by their names; with a stack only its own."""
        return index((each for part in self.by_manifest.values() for each in part), stack)


def head_side(engine: Engine, options: Options, kept: Kept | None = None) -> Side:
    """HEAD's instances, slim ones where they are `kept`. Raises StacksError."""
    found: dict[str, tuple[Instance, ...]] = {}
    for path in engine.files:
        known = kept.instances(path) if kept else None
        if known is None:
            known = tuple(engine.instances_of(path, options))
            if kept:
                kept.note_instances(path, known)
        found[path] = known
    return Side(found, tuple(engine.warnings))


def filled(head: Side, base: Side, kept: Kept) -> tuple[Side, Side]:
    """Both sides with whole instances where they may differ: in manifests that do, and in others of the same stacks."""
    ours, theirs = dict(head.by_manifest), dict(base.by_manifest)
    apart = [path for path in ours.keys() | theirs.keys() if ours.get(path) is not theirs.get(path)]
    stacks = {each.stack for path in apart for side in (ours, theirs) for each in side.get(path, ())}
    for path, instances in head.by_manifest.items():
        if any(type(each) is Slim and each.stack in stacks for each in instances):
            whole = kept.worked_out(path)
            if ours.get(path) is theirs.get(path):
                theirs[path] = whole
            ours[path] = whole
    return Side(ours, head.warnings), Side(theirs, base.warnings)


@dataclass(frozen=True)
class Base:
    """Where the base's files are, and how they differ from HEAD's.

    `differing` are absolute paths of files; None where that is not known, and then everything is worked out.
    """

    tree: Tree
    differing: Collection[str] | None = None


def base_side(config: Any, base: Base, head: Engine, known: Side, options: Options) -> Side:
    """The base's instances, read with HEAD's configuration (stacks.md §10.1).

    A base without manifests, or with imports that lead nowhere, counts as empty: everything is new then. Any other error
    in it is an error of the comparison.
    """
    engine = open_engine(config, base.tree, host=head.host)
    engine.manifests.adopt(head.manifests)
    changed: Collection[str] = head.files
    if base.differing is not None and isinstance(head.tree, Recorder):
        changed = touched(head, head.tree, base.tree, base.differing)
    try:
        return Side(dict(_sides(engine, known, changed, options)), tuple(engine.warnings))
    except NoManifestsError:
        return Side({})
    except StacksError as error:
        if error.message.startswith(_UNRESOLVED):
            return Side({})
        hint = "This is so in the base that the working tree is compared with, not in the working tree itself."
        raise StacksError(error.message, hints=(*error.hints, hint), exit_code=error.exit_code) from error


def _sides(
    engine: Engine, known: Side, changed: Collection[str], options: Options
) -> Iterable[tuple[str, tuple[Instance, ...]]]:
    for path in engine.files:
        if path in known.by_manifest and path not in changed:
            yield path, known.by_manifest[path]
        else:
            yield path, tuple(engine.instances_of(path, options))
