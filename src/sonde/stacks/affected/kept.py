"""What manifests came to, kept between runs, so that a change of one line costs what it touches.

Every run reads and merges all manifests; what takes the time is to work out their components. A top-level manifest whose
files (its own and all that it imports) are the ones of an earlier run has the components of that run, as long as nothing
but these files, the configuration and our own code goes into them. So only plain manifests are kept: those whose
templates name fields, and nothing else. Of an instance just what decides is kept; what is shown is worked out again.
"""

import posixpath
import re
import sys
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import sonde
from sonde.stacks import templates, versions
from sonde.stacks.cache import entries, facts, watching
from sonde.stacks.config import Config
from sonde.stacks.engine import Engine, Instance, Options

Row = tuple[str, str, str]  # stack, type, component
_FUNCTION = re.compile(r"!(?!append\b)[\w{<!]")
_FIELD = re.compile(r"-?\s*\.[\w.]+\s*-?")
_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_SECTIONS = ("component", "metadata", "dependencies", "depends_on", "atmos_stack")
_PARTS = ("namespace", "tenant", "environment", "stage")


class Slim(Instance):
    """An instance with no more of its sections than decide whether it is affected, and what depends on it."""


class Kept:
    """The manifests of one engine, as far as an earlier run knew them. What this run finds out is noted and saved."""

    def __init__(self, engine: Engine, options: Options, place: str, name: str) -> None:
        self.engine = engine
        self.options = options
        self._place = place
        self._name = name
        with watching.known_program():
            record = entries.load(place, name) or {}
        fits = all(facts.stat_of(path)[:3] == stat for path, stat in record.get("code", {}).items())
        self._old: Mapping[str, Any] = record.get("manifests", {}) if fits else {}
        self._new: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, bytes | None] = {}
        self._digests: dict[str, bytes | None] = {}
        self._full: dict[str, dict[tuple[str, str], Instance]] = {}
        self._paths: dict[str, str] = {}  # name of a top-level manifest -> its path
        self._by_name: dict[str, str | None] = {}  # the same of any manifest, as imports are named
        self._indexed = 0  # how many of the manifests read are in it

    # ------------------------------------------------------------------ what is known

    def rows(self, path: str) -> Iterable[Row] | None:
        """The instances that validation found in a manifest, in its order; None where that is not known."""
        known = self._known(path)
        return known["rows"] if known else None

    def instances(self, path: str) -> tuple[Instance, ...] | None:
        """The instances of a manifest but the abstract ones, slim; None where that is not known."""
        known = self._known(path)
        if known is None:
            return None
        file = known["file"]
        self._paths[file] = path
        return tuple(Slim(stack, kind, name, file, sections) for stack, kind, name, sections in known["instances"])

    def full(self, instance: Instance) -> Instance:
        """The instance with all its sections."""
        if not isinstance(instance, Slim):
            return instance
        return self._worked_out(self._paths[instance.file])[(instance.kind, instance.name)]

    def worked_out(self, path: str) -> tuple[Instance, ...]:
        """The instances of a manifest with all their sections, abstract ones too."""
        return tuple(self._worked_out(path).values())

    def _worked_out(self, path: str) -> dict[tuple[str, str], Instance]:
        known = self._full.get(path)
        if known is None:
            found = self.engine.instances_of(path, self.options)
            known = self._full[path] = {(each.kind, each.name): each for each in found}
        return known

    def _known(self, path: str) -> Mapping[str, Any] | None:
        known = self._old.get(path)
        if known is None or known["key"] != self._key(path):
            return None
        there = all(self.engine.folder_exists(kind, folder) for kind, folder in known["folders"])
        return known if there else None

    # ------------------------------------------------------------------ what is new

    def note_rows(self, path: str, rows: list[Row]) -> None:
        """Remember what validation found. Call it when the manifest's components are worked out for the first time."""
        self._new.setdefault(path, {})["rows"] = rows
        self._new[path]["folders"] = sorted(self.engine.folders)

    def note_instances(self, path: str, found: tuple[Instance, ...]) -> None:
        """Remember the instances of a manifest."""
        if path in self._new:
            self._new[path]["instances"] = [_slim(each) for each in found if not _is_abstract(each)]
            self._new[path]["file"] = found[0].file if found else ""

    def save(self) -> None:
        """Keep all that is known of this tree's manifests, if there is anything new."""
        found = {path: known for path in self.engine.files if (known := self._known(path))}
        fresh = False
        for path, known in self._new.items():
            key = self._key(path)
            if key is not None and "instances" in known:
                found[path] = known | {"key": key}
                fresh = True
        if fresh:
            with watching.known_program():
                code = {path: facts.stat_of(path)[:3] for path in watching.own_code()}
                entries.save(self._place, {"call": self._name, "code": code, "manifests": found})

    def _key(self, path: str) -> bytes | None:
        """A digest of the files that a manifest is made of; None where more than files go into it."""
        if path not in self._keys:
            imports = self.engine.merged(path).imports
            self._index()
            files = [path, *(self._by_name.get(name) for name in imports)]
            digests = [self._digest(each) if each else None for each in files]
            plain = [each for each in digests if each is not None]
            whole = b"".join([*plain, repr([path, *imports]).encode("utf-8", "surrogateescape")])
            self._keys[path] = _digest(whole) if len(plain) == len(files) else None
        return self._keys[path]

    def _index(self) -> None:
        """Name the files that were read lately. A name that could be more than one file stands for none."""
        new = self.engine.manifests.read[self._indexed :]
        self._indexed += len(new)
        for path in new:
            name = posixpath.splitext(self.engine.importer.relative(path))[0]
            self._by_name[name] = path if name not in self._by_name else None

    def _digest(self, path: str) -> bytes | None:
        """Of one file; None where it is not plain."""
        if path not in self._digests:
            text = self.engine.manifests.text(path)
            self._digests[path] = _digest(text.encode("utf-8", "surrogateescape")) if is_plain(text) else None
        return self._digests[path]


def open_kept(config: Config, engine: Engine, options: Options, env: Mapping[str, str]) -> Kept | None:
    """What is kept for this configuration and these options; None where nothing is, or may be."""
    place = entries.folder(env)
    project = engine.project
    around = (project.env, project.name_template, project.auth, project.templates, project.atlantis_templates)
    odd = engine.env.evaluations > 1 or engine.env.delimiters != templates.DELIMITERS
    if place is None or odd or not is_plain(repr(around)):
        return None
    lock = posixpath.join(project.base_path, versions.LOCK_FILE)
    locked = engine.tree.read_bytes(lock) if engine.tree.exists(lock) else b""
    world = (sonde.__version__, sys.version, str(config.cwd), str(config.base_path), project.stacks_path, options)
    shape = (config.included_paths, config.excluded_paths, sorted(config.raw.items(), key=lambda item: item[0]))
    return Kept(engine, options, place, repr(("manifests", world, _digest(repr((shape, locked)).encode()))))


def is_plain(text: str) -> bool:
    """Whether nothing in a text is worked out but fields: no function of YAML or of a template."""
    if _FUNCTION.search(text):
        return False
    if "{{" not in text:
        return True
    found = _TEMPLATE.findall(text)
    return len(found) == text.count("{{") and all(_FIELD.fullmatch(each) for each in found)


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=20).digest()


def _is_abstract(instance: Instance) -> bool:
    metadata = instance.sections.get("metadata")
    return isinstance(metadata, dict) and metadata.get("type") == "abstract"


def _slim(instance: Instance) -> tuple[str, str, str, dict[str, Any]]:
    sections = instance.sections
    kept = {name: sections[name] for name in _SECTIONS if name in sections}
    variables, settings = sections.get("vars"), sections.get("settings")
    if isinstance(variables, dict):
        kept["vars"] = {name: variables[name] for name in _PARTS if name in variables}
    if isinstance(settings, dict):
        kept["settings"] = {name: settings[name] for name in ("depends_on",) if name in settings}
    return instance.stack, instance.kind, instance.name, kept
