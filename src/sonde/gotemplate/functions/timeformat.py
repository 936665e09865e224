"""Go's reference-time layouts: writing a time by one, and reading one (time/format.go)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions.duration import quote
from sonde.gotemplate.functions.gotime import DAYS, FOUR_CENTURIES, MONTHS, ZERO, Time

_CHUNK: Final = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|002|01|02|03|04|05|06|__2|_2006|_2|15|PM|pm"
    r"|-07:00:00|-070000|-07:00|-0700|-07|Z07:00:00|Z070000|Z07:00|Z0700|Z07|[.,]0+(?![0-9])|[.,]9+(?![0-9])|1|2|3|4|5",
)


def _zone(found: Time, chunk: str) -> str:
    seconds = found.offset()
    if chunk[0] == "Z" and seconds == 0:
        return "Z"
    sign = "-" if seconds < 0 else "+"
    minutes, second = divmod(abs(seconds), 60)
    hour, minute = divmod(minutes, 60)
    body = chunk[1:]
    colon = ":" if ":" in body else ""
    text = f"{sign}{hour:02d}"
    if len(body) > 2:
        text += f"{colon}{minute:02d}"
    return text + (f"{colon}{second:02d}" if len(body) > 5 or body == "070000" else "")


def _abbreviation(found: Time) -> str:
    name = found.zone_name()
    if name and name[0] not in "+-":
        return name
    seconds = found.offset()
    hours, minutes = divmod(abs(seconds) // 60, 60)
    sign = "-" if seconds < 0 else "+"
    return f"{sign}{hours:02d}" + (f"{minutes:02d}" if minutes else "")


def _fraction(found: Time, chunk: str) -> str:
    digits = f"{found.nanos:09d}"[: len(chunk) - 1].ljust(len(chunk) - 1, "0")
    if chunk[1] == "9":
        digits = digits.rstrip("0")
        return chunk[0] + digits if digits else ""
    return chunk[0] + digits


_WRITE: Final[dict[str, Callable[[datetime], str]]] = {
    "January": lambda t: MONTHS[t.month - 1],
    "Jan": lambda t: MONTHS[t.month - 1][:3],
    "1": lambda t: str(t.month),
    "01": lambda t: f"{t.month:02d}",
    "Monday": lambda t: DAYS[t.isoweekday() % 7],
    "Mon": lambda t: DAYS[t.isoweekday() % 7][:3],
    "2": lambda t: str(t.day),
    "_2": lambda t: f"{t.day:2d}",
    "02": lambda t: f"{t.day:02d}",
    "__2": lambda t: f"{t.timetuple().tm_yday:3d}",
    "002": lambda t: f"{t.timetuple().tm_yday:03d}",
    "15": lambda t: f"{t.hour:02d}",
    "3": lambda t: str(t.hour % 12 or 12),
    "03": lambda t: f"{t.hour % 12 or 12:02d}",
    "4": lambda t: str(t.minute),
    "04": lambda t: f"{t.minute:02d}",
    "5": lambda t: str(t.second),
    "05": lambda t: f"{t.second:02d}",
    "PM": lambda t: "PM" if t.hour >= 12 else "AM",
    "pm": lambda t: "pm" if t.hour >= 12 else "am",
}


_YEARS: Final[dict[str, Callable[[int], str]]] = {
    "2006": lambda year: f"{year:04d}",
    "_2006": lambda year: f"_{year:04d}",
    "06": lambda year: f"{year % 100:02d}",
}


def format_time(found: Time, layout: str) -> str:
    """Time.Format."""
    civil = found.civil()

    def write(chunk: re.Match[str]) -> str:
        text = chunk[0]
        if text in _YEARS:
            return _YEARS[text](found.year())
        if text in _WRITE:
            return _WRITE[text](civil)
        if text == "MST":
            return _abbreviation(found)
        return _fraction(found, text) if text[0] in ".," else _zone(found, text)

    return _CHUNK.sub(write, layout)


_READ: Final[dict[str, tuple[str, str]]] = {
    "January": ("month_name", "|".join(MONTHS)),
    "Jan": ("month_name", "|".join(name[:3] for name in MONTHS)),
    "1": ("month", "[0-9]{1,2}"),
    "01": ("month", "[0-9]{2}"),
    "Monday": ("", "|".join(DAYS)),
    "Mon": ("", "|".join(name[:3] for name in DAYS)),
    "2": ("day", "[0-9]{1,2}"),
    "_2": ("day", " ?[0-9]{1,2}"),
    "02": ("day", "[0-9]{2}"),
    "__2": ("year_day", " {0,2}[0-9]{1,3}"),
    "002": ("year_day", "[0-9]{3}"),
    "15": ("hour", "[0-9]{1,2}"),
    "3": ("hour", "[0-9]{1,2}"),
    "03": ("hour", "[0-9]{2}"),
    "4": ("minute", "[0-9]{1,2}"),
    "04": ("minute", "[0-9]{2}"),
    "5": ("second", "[0-9]{1,2}"),
    "05": ("second", "[0-9]{2}"),
    "2006": ("year", "[0-9]{4}"),
    "_2006": ("year", "[0-9]{4}"),
    "06": ("short_year", "[0-9]{2}"),
    "PM": ("half", "AM|PM"),
    "pm": ("half", "am|pm"),
    "MST": ("zone_name", "UTC|[A-Z]{3,5}|[+-][0-9]{2}"),
}
_RANGES: Final = {"month": (1, 12), "hour": (0, 23), "minute": (0, 59), "second": (0, 59)}


def parse_time(layout: str, text: str, zone: tzinfo) -> Time:
    """time.ParseInLocation; FunctionError with Go's text. A zone in the text wins over `zone`."""
    fields: dict[str, Any] = {}
    rest, at = text, 0
    for chunk in _CHUNK.finditer(layout):
        rest = _skip(layout[at : chunk.start()], rest, layout, text)
        rest = _take(chunk[0], rest, fields, layout, text)
        at = chunk.end()
    rest = _skip(layout[at:], rest, layout, text)
    if rest:
        raise _failure(layout, text, ": extra text: " + quote(rest))
    return _assemble(fields, zone, text)


def _failure(layout: str, text: str, message: str) -> FunctionError:
    return FunctionError(
        f"parsing time {quote(text)}{message}" if message else f"parsing time {quote(text)} as {quote(layout)}"
    )


def _cannot(layout: str, text: str, rest: str, chunk: str) -> FunctionError:
    return FunctionError(f"parsing time {quote(text)} as {quote(layout)}: cannot parse {quote(rest)} as {quote(chunk)}")


def _skip(literal: str, rest: str, layout: str, text: str) -> str:
    """Literal text; a space in the layout matches any number of spaces."""
    wanted = literal
    while wanted:
        if wanted[0] == " ":
            if rest and rest[0] != " ":
                raise _cannot(layout, text, rest, literal)
            wanted, rest = wanted.lstrip(" "), rest.lstrip(" ")
            continue
        if not rest or rest[0] != wanted[0]:
            raise _cannot(layout, text, rest, literal)
        wanted, rest = wanted[1:], rest[1:]
    return rest


def _take(chunk: str, rest: str, fields: dict[str, Any], layout: str, text: str) -> str:
    if chunk[0] in ".,":
        return _take_fraction(chunk, rest, fields, layout, text)
    if chunk not in _READ:
        return _take_offset(chunk, rest, fields, layout, text)
    name, pattern = _READ[chunk]
    found = re.compile(pattern, re.IGNORECASE if chunk in ("January", "Jan", "Monday", "Mon") else 0).match(rest)
    if not found:
        raise _cannot(layout, text, rest, chunk)
    if name:
        _keep(name, found[0], fields, text)
    rest = rest[found.end() :]
    if (
        chunk in ("5", "05")
        and (fraction := re.match(r"[.,]([0-9]+)", rest))
        and ".0" not in layout
        and ".9" not in layout
    ):
        fields["nanos"] = int(fraction[1][:9].ljust(9, "0"))
        rest = rest[fraction.end() :]
    return rest


def _keep(name: str, found: str, fields: dict[str, Any], text: str) -> None:
    if name == "month_name":
        fields["month"] = next(
            number for number, known in enumerate(MONTHS, 1) if known[:3].lower() == found[:3].lower()
        )
    elif name in ("half", "zone_name"):
        fields[name] = found
    elif name == "short_year":
        year = int(found)
        fields["year"] = year + (1900 if year >= 69 else 2000)
    else:
        number = int(found)
        low, high = _RANGES.get(name, (0, 9999))
        if not low <= number <= high:
            raise FunctionError(f"parsing time {quote(text)}: {name} out of range")
        fields[name] = number


def _take_fraction(chunk: str, rest: str, fields: dict[str, Any], layout: str, text: str) -> str:
    pattern = r"[.,]([0-9]+)" if chunk[1] == "9" else rf"[.,]([0-9]{{{len(chunk) - 1}}})(?![0-9])"
    found = re.match(pattern, rest)
    if not found:
        if chunk[1] == "9":
            return rest
        raise _cannot(layout, text, rest, chunk)
    fields["nanos"] = int(found[1][:9].ljust(9, "0"))
    return rest[found.end() :]


def _take_offset(chunk: str, rest: str, fields: dict[str, Any], layout: str, text: str) -> str:
    if chunk[0] == "Z" and rest.startswith("Z"):
        fields["offset"] = 0
        return rest[1:]
    colon = ":" if ":" in chunk else ""
    count = len(chunk[1:].replace(":", "")) // 2
    found = re.match(r"([+-])([0-9]{2})" + "".join(rf"{colon}([0-9]{{2}})" for _ in range(count - 1)), rest)
    if not found:
        raise _cannot(layout, text, rest, chunk)
    parts = [int(part) for part in found.groups()[1:]]
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    fields["offset"] = -seconds if found[1] == "-" else seconds
    return rest[found.end() :]


def _assemble(fields: dict[str, Any], zone: tzinfo, text: str) -> Time:
    hour = fields.get("hour", 0)
    if "half" in fields:
        hour = hour % 12 + 12 * (fields["half"].upper() == "PM")
    chosen = _chosen_zone(fields, zone)
    try:
        moment = datetime(
            fields.get("year", 0) or 400,
            fields.get("month", 1),
            fields.get("day", 1),
            hour,
            fields.get("minute", 0),
            fields.get("second", 0),
            tzinfo=chosen,
        )
        moment += timedelta(days=fields.get("year_day", 1) - 1)
    except (ValueError, OverflowError):
        raise FunctionError(f"parsing time {quote(text)}: day out of range") from None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    shift = 0 if fields.get("year", 0) else FOUR_CENTURIES
    return Time(since.days * 86400 + since.seconds - shift, fields.get("nanos", 0), chosen)


def _chosen_zone(fields: dict[str, Any], zone: tzinfo) -> tzinfo:
    if "offset" in fields:
        return UTC if fields["offset"] == 0 else timezone(timedelta(seconds=fields["offset"]))
    name = fields.get("zone_name")
    if name is None:
        return zone
    return UTC if name == "UTC" else timezone(timedelta(0), name)


def zero() -> Time:
    """Go's zero time.Time."""
    return Time(ZERO, 0, UTC)
