"""Where in which file something is written."""

from typing import TYPE_CHECKING

from sonde.stacks import goyaml

if TYPE_CHECKING:
    from sonde.stacks.engine import Engine

Position = tuple[int, int]


class Places:
    """Lines and columns in the manifests of one tree; each file is composed once, and only when it is asked for."""

    def __init__(self, engine: "Engine") -> None:
        self.engine = engine
        self._loaded: dict[str, goyaml.Loaded | None] = {}

    def key(self, path: str, keys: tuple[str, ...]) -> Position | None:
        """Where a key stands in a file; None where it does not, or where the file is YAML only once it is rendered."""
        loaded = self._load(path)
        return loaded.key_position(keys) if loaded else None

    def written(self, path: str, keys: tuple[str, ...]) -> str:
        """`file:line:column` of a key in a top-level manifest or in what it imports; empty when it is nowhere."""
        by_name = self.engine.importer.paths()
        for file in (path, *(by_name[name] for name in sorted(self.engine.merged(path).imports) if name in by_name)):
            loaded = self._load(file)
            position = loaded.position(keys) if loaded else None
            if position:
                return f"{self.engine.importer.relative(file)}:{position[0]}:{position[1]}"
        return ""

    def _load(self, path: str) -> goyaml.Loaded | None:
        if path not in self._loaded:
            try:
                self._loaded[path] = goyaml.load(self.engine.manifests.text(path), name=path)
            except goyaml.YamlError:
                self._loaded[path] = None
        return self._loaded[path]
