"""gomplate: the namespace `time`."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any, Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.fmt import sprintf
from sonde.gotemplate.functions import duration, gotime
from sonde.gotemplate.functions.casts import bounded_int, conv_int, conv_string
from sonde.gotemplate.functions.duration import Duration
from sonde.gotemplate.functions.gotime import Time
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.functions.timeformat import parse_time
from sonde.gotemplate.strconv import quote
from sonde.gotemplate.values import GoFunc, Namespace, wrap64

LAYOUTS: Final = {
    "ANSIC": "Mon Jan _2 15:04:05 2006",
    "UnixDate": "Mon Jan _2 15:04:05 MST 2006",
    "RubyDate": "Mon Jan 02 15:04:05 -0700 2006",
    "RFC822": "02 Jan 06 15:04 MST",
    "RFC822Z": "02 Jan 06 15:04 -0700",
    "RFC850": "Monday, 02-Jan-06 15:04:05 MST",
    "RFC1123": "Mon, 02 Jan 2006 15:04:05 MST",
    "RFC1123Z": "Mon, 02 Jan 2006 15:04:05 -0700",
    "RFC3339": "2006-01-02T15:04:05Z07:00",
    "RFC3339Nano": "2006-01-02T15:04:05.999999999Z07:00",
    "Kitchen": "3:04PM",
    "Stamp": "Jan _2 15:04:05",
    "StampMilli": "Jan _2 15:04:05.000",
    "StampMicro": "Jan _2 15:04:05.000000",
    "StampNano": "Jan _2 15:04:05.000000000",
}
_UNITS: Final = {
    "Nanosecond": "ns",
    "Microsecond": "us",
    "Millisecond": "ms",
    "Second": "s",
    "Minute": "m",
    "Hour": "h",
}


def _now(host: Host) -> Time:
    return gotime.of(host.clock()).within(gotime.local_zone(host))


def _unix(host: Host, value: Any) -> Time:
    """Seconds since the epoch; a string may have a fraction."""
    if isinstance(value, float):
        raise FunctionError(sprintf("can not parse floating point number (%f) - use a string instead", value))
    seconds, nanos = _parts(value) if isinstance(value, str) else (int(value), 0) if type(value) is int else (0, 0)
    return Time(seconds, nanos, gotime.local_zone(host))


def _parts(text: str) -> tuple[int, int]:
    parts = text.split(".")
    if len(parts) > 2:
        raise FunctionError(f"can not parse '{text}' as a number - too many decimal points")
    whole = bounded_int(parts[0])
    if whole is None:
        raise FunctionError(f"strconv.ParseInt: parsing {quote(parts[0])}: invalid syntax")
    if len(parts) == 1:
        return whole, 0
    digits = parts[1].ljust(9, "0")[:9].lstrip("0") or "0"
    if not digits.isdecimal():
        raise FunctionError(f"strconv.ParseInt: parsing {quote(digits)}: invalid syntax")
    return whole, int(digits)


def _location(host: Host, name: str) -> tzinfo:
    if name == "Local":
        return gotime.local_zone(host)
    zone = gotime.load_zone(name)
    if zone is None:
        raise FunctionError(f"unknown time zone {name}")
    return zone


def _duration(unit: str) -> GoFunc:
    return GoFunc(lambda value: Duration(wrap64(conv_int(value) * duration.UNITS[unit])), "any")


def table(host: Host) -> Mapping[str, Any]:
    """The functions of this library by name."""
    members = {name: GoFunc(lambda layout=layout: layout) for name, layout in LAYOUTS.items()}
    members |= {name: _duration(unit) for name, unit in _UNITS.items()}
    members |= {
        "ZoneName": GoFunc(lambda: _now(host).zone_name()),
        "ZoneOffset": GoFunc(lambda: _now(host).offset()),
        "Now": GoFunc(lambda: _now(host)),
        "Unix": GoFunc(lambda value: _unix(host, value), "any"),
        "ParseDuration": GoFunc(lambda value: duration.parse(conv_string(value)), "any"),
        "Parse": GoFunc(lambda layout, value: parse_time(layout, conv_string(value), UTC), "string", "any"),
        "ParseLocal": GoFunc(
            lambda layout, value: parse_time(layout, conv_string(value), gotime.local_zone(host)), "string", "any"
        ),
        "ParseInLocation": GoFunc(
            lambda layout, name, value: parse_time(layout, conv_string(value), _location(host, name)),
            "string",
            "string",
            "any",
        ),
        "Since": GoFunc(lambda moment: gotime.saturated(_now(host).total() - moment.total()), "time.Time"),
        "Until": GoFunc(lambda moment: gotime.saturated(moment.total() - _now(host).total()), "time.Time"),
    }
    return {"time": Namespace("time", members)}
