"""The component stage of templates: settings, functions and environment (stacks.md §5.1, §5.2)."""

import random
from collections import ChainMap
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonde.gotemplate import functions as libraries
from sonde.stacks import atmos_functions, templates, versions
from sonde.stacks.cache import watching
from sonde.stacks.errors import StacksError
from sonde.stacks.merge import Section
from sonde.stacks.project import Project

if TYPE_CHECKING:
    from sonde.stacks.engine import Engine
    from sonde.stacks.functions import Host


def template_host(host: "Host", env: Mapping[str, str]) -> libraries.Host:
    """The world as templates of a checked-out repository see it."""
    return libraries.Host(
        env=env, now=lambda: watching.unrepeatable("the clock", host.now), random=_Chance(), base=Path(host.cwd)
    )


class _Chance(random.SystemRandom):
    """Every method draws from these two."""

    def random(self) -> float:
        return watching.unrepeatable("chance", super().random())

    def getrandbits(self, k: int, /) -> int:
        return watching.unrepeatable("chance", super().getrandbits(k))


class Environment:
    """Renders components of one project."""

    def __init__(self, project: Project, engine: "Engine") -> None:
        self.project = project
        self.engine = engine
        self.sections: Section = {}  # of the component that is being rendered
        self.delimiters = _delimiters(project.templates.get("delimiters"))
        self.evaluations = int(project.templates.get("evaluations") or 1)
        self._overlay: MutableMapping[str, str] = {}
        host = template_host(engine.host, ChainMap(self._overlay, engine.host.env))  # type: ignore[arg-type]  # only the overlay is written to
        self.library = templates.Library(self._functions(host))

    def _functions(self, host: libraries.Host) -> Mapping[str, Any]:
        """gomplate, sprig over it, each as far as atmos.yaml switches it on, and `atmos`."""
        found: Mapping[str, Any] = {}
        gomplate, sprig = (_enabled(self.project.templates, name) for name in ("gomplate", "sprig"))
        if gomplate and sprig:
            found = libraries.all(host)
        elif gomplate or sprig:
            found = libraries.gomplate(host) if gomplate else libraries.sprig(host)
        return self.with_atmos(found)

    def with_atmos(self, table: Mapping[str, Any]) -> Mapping[str, Any]:
        """The functions with those of Atmos laid over them."""
        own = {"atmos": atmos_functions.namespace(self), **atmos_functions.PLAIN}
        return ChainMap(own, table)  # type: ignore[arg-type]

    def render(self, sections: Section, *, name: str, track: str) -> Section:
        """The sections with their templates rendered; the same sections where templating is switched off."""
        if not self.project.templates_enabled:
            return sections
        info = sections.get("component_info")
        body = {key: value for key, value in sections.items() if key != "component_info"}
        data = sections if "version" in sections else sections | {"version": versions.locked(self.engine, track)}
        with self._environment(sections):
            done = self._render(body, data, name)
        if not isinstance(done, dict):
            raise StacksError(f"{name}: the rendered component is not a map")
        if done is body:
            return sections
        return done | {"component_info": info} if info is not None else done

    def render_text(self, text: str, sections: Section, *, name: str) -> Any:
        """One string as the component stage renders it, with the quotes it would have there."""
        with self._environment(sections):
            return self._render({"value": text}, sections, name)["value"]

    def _render(self, value: Section, sections: Section, name: str) -> Any:
        rendering = templates.Rendering(self.library, name, evaluations=self.evaluations, delimiters=self.delimiters)
        try:
            return templates.render_value(value, sections, rendering)
        except templates.TemplateError as error:
            raise StacksError(str(error)) from error

    @contextmanager
    def _environment(self, sections: Section) -> Iterator[None]:
        """Environment variables from `templates.settings.env` of atmos.yaml and of the component's settings."""
        before, around = dict(self._overlay), self.sections
        self.sections = sections
        self._overlay.update(_texts(self.project.templates.get("env")))
        self._overlay.update(_texts(_settings_env(sections)))
        try:
            yield
        finally:
            self.sections = around
            self._overlay.clear()
            self._overlay.update(before)


def _enabled(settings: Mapping[str, Any], name: str) -> bool:
    section = settings.get(name)
    return isinstance(section, Mapping) and bool(section.get("enabled"))


def _settings_env(sections: Section) -> Any:
    value: Any = sections.get("settings")
    for key in ("templates", "settings", "env"):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _texts(section: Any) -> dict[str, str]:
    return (
        {key: value for key, value in section.items() if isinstance(value, str)} if isinstance(section, Mapping) else {}
    )


def _delimiters(configured: Any) -> tuple[str, str]:
    if not configured:
        return templates.DELIMITERS
    if len(configured) != 2 or not all(configured):
        raise StacksError(
            f"invalid 'templates.settings.delimiters' config in 'atmos.yaml': {configured}\n"
            "'delimiters' must be an array with two string items: left and right delimiter\n"
            "the left and right delimiters must not be an empty string"
        )
    return (str(configured[0]), str(configured[1]))
