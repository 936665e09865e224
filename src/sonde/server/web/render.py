"""Templates: a whole page, or only its changing part for the browser that polls."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sonde.server.web.filters import FILTERS
from sonde.server.web.model import View

LIVE = "live"  # the block of a template that changes while one looks at it


@dataclass(frozen=True)
class Fragment:
    """The live part of a page; `digest` tells the browser's copy from a newer one."""

    html: str
    digest: str


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("sonde.server.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment


class Renderer:
    """The templates of `web/templates`, autoescaped. `frame` is what every template may name."""

    def __init__(self, frame: Mapping[str, Any]) -> None:
        self._frame = frame

    def page(self, view: View, here: str) -> str:
        """The whole page; `here` is the path and query that its live part polls."""
        template = _templates().get_template(view.template)
        live = self.fragment(view, here).html if LIVE in template.blocks else ""
        return template.render({**self._frame, **view.data, "layout": "base.html", "live_part": Markup(live)})  # noqa: S704 - our own

    def fragment(self, view: View, here: str) -> Fragment:
        """Only the live part, in the element that polls for its successor."""
        inner = _templates().get_template(view.template).render({**self._frame, **view.data, "layout": "inner.html"})
        digest = hashlib.sha256(inner.encode()).hexdigest()[:16]
        frame = _templates().get_template("live.html")
        return Fragment(frame.render(inner=Markup(inner), digest=digest, here=here), digest)  # noqa: S704 - our own
