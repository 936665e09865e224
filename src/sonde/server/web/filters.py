"""How values are shown: times, SHAs, words, and links that lead nowhere dangerous."""

import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

_URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
_FLAG = re.compile(r"(?<= )--?[a-z][a-z-]*(?= |$)")
_RUN = re.compile(r"/actions/runs/(\d+)$")
_SPANS = ((60_000, 1_000, "s"), (3_600_000, 60_000, "min"), (172_800_000, 3_600_000, "h"))


def utc(millis: int) -> str:
    """`2026-11-23 13:39:16 UTC`."""
    return f"{datetime.fromtimestamp(millis / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(millis: int) -> str:
    """The same for machines: RFC 3339, whole seconds."""
    return f"{datetime.fromtimestamp(millis / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def relative(millis: int, now: int) -> str:
    """`5 min ago`, `in 2 h`. Coarse on purpose: a page that only ages by a second has not changed."""
    distance = abs(now - millis)
    if distance < 60_000:
        return "just now" if millis <= now else "in under a minute"
    limit, unit, word = next((span for span in _SPANS if distance < span[0]), (0, 86_400_000, "d"))
    del limit
    size = f"{distance // unit} {word}"
    return f"{size} ago" if millis <= now else f"in {size}"


@pass_context
def ago(context: Context, millis: int) -> str:
    """`relative` to the page's own `now`."""
    return relative(millis, context["now"])


def short(sha: str) -> str:
    """The first twelve characters of a SHA."""
    return sha[:12]


def words(value: object) -> str:
    """`in_sync` as people read it."""
    return str(value).replace("_", " ")


def safe_url(url: str) -> str:
    """The URL if it is http or https, else nothing: no `javascript:` from a webhook becomes a link (T14)."""
    parts = urlsplit(url) if url.isprintable() else None
    return url if parts and parts.scheme in ("http", "https") and parts.netloc else ""


def linked(text: str) -> Markup:
    """Text, escaped, in which http and https addresses are links."""
    done: list[Markup] = []
    end = 0
    for found in _URL.finditer(text):
        done.append(_whole_flags(text[end : found.start()]))
        url = found.group()
        run = _RUN.search(url)  # "run 777" reads better than the whole address of the run
        shown = run.group(1) if run else url
        done.append(Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(url, shown))
        end = found.end()
    done.append(_whole_flags(text[end:]))
    return Markup("").join(done)


def _whole_flags(text: str) -> Markup:
    """Text, escaped, in which no line ends between the dashes of a command's flag and its name."""
    return Markup(_FLAG.sub(r'<span class="flag">\g<0></span>', str(escape(text))))  # noqa: S704 - escaped before


def coded(text: str) -> Markup:
    """Text of our own with what stands between backticks as code."""
    parts = [
        Markup("<code>{}</code>").format(part) if odd % 2 else escape(part) for odd, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)


FILTERS = {
    "coded": coded,
    "utc": utc,
    "iso": iso,
    "ago": ago,
    "short": short,
    "words": words,
    "safe_url": safe_url,
    "linked": linked,
}
