"""sprig: dates. "Local" is the zone of the host (gotime.local_zone)."""

import re
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions import duration, gotime
from sonde.gotemplate.functions.duration import Duration
from sonde.gotemplate.functions.gotime import Time
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.functions.timeformat import parse_time, zero
from sonde.gotemplate.values import GoFunc, Int64, wrap64

_ROUNDS = (("y", 8760), ("mo", 720), ("d", 24), ("h", 1))


def _now(host: Host) -> Time:
    return gotime.of(host.clock()).within(gotime.local_zone(host))


def _moment(host: Host, value: Any) -> Time:
    """A time, or seconds since the epoch; anything else is now."""
    if isinstance(value, Time):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Time(int(value), 0, UTC)
    return _now(host)


def _in_zone(host: Host, layout: str, value: Any, name: str) -> str:
    zone = gotime.local_zone(host) if name == "Local" else gotime.load_zone(name) or UTC
    return _moment(host, value).within(zone).format(layout)


def _modify(text: str, moment: Time) -> Time:
    try:
        return moment.shifted(duration.parse(text))
    except FunctionError:
        return moment


def _ago(host: Host, value: Any) -> str:
    since = _now(host).total() - _moment(host, value).total()
    return Duration(duration.rounded(gotime.saturated(since), 10**9)).gostring()


def _seconds(value: Any) -> str:
    number = 0
    if (isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+", value)) or isinstance(value, Int64):
        number = int(value)
    return Duration(wrap64(number * 10**9)).gostring()


def _rounded(host: Host, value: Any) -> str:
    """The largest unit only: 2h10m is 2h."""
    nanos = 0
    if isinstance(value, str):
        try:
            nanos = int(duration.parse(value))
        except FunctionError:
            nanos = 0
    elif isinstance(value, Int64):
        nanos = int(value)
    elif isinstance(value, Time):
        nanos = _now(host).total() - value.total()
    size, hour = abs(nanos), 3600 * 10**9
    units = [*((mark, count * hour) for mark, count in _ROUNDS), ("m", 60 * 10**9), ("s", 10**9)]
    return next((f"{size // unit}{mark}" for mark, unit in units if size > unit), "0s")


def _to_date(host: Host, layout: str, text: str) -> Time:
    try:
        return parse_time(layout, text, gotime.local_zone(host))
    except FunctionError:
        return zero()


def table(host: Host) -> Mapping[str, GoFunc]:
    """The functions of this library by name."""
    in_zone = GoFunc(lambda layout, value, zone: _in_zone(host, layout, value, zone), "string", "any", "string")
    modify = GoFunc(_modify, "string", "time.Time")
    must_modify = GoFunc(lambda text, moment: moment.shifted(duration.parse(text)), "string", "time.Time")
    return {
        "now": GoFunc(lambda: _now(host)),
        "ago": GoFunc(lambda value: _ago(host, value), "any"),
        "date": GoFunc(lambda layout, value: _in_zone(host, layout, value, "Local"), "string", "any"),
        "date_in_zone": in_zone,
        "dateInZone": in_zone,
        "date_modify": modify,
        "dateModify": modify,
        "must_date_modify": must_modify,
        "mustDateModify": must_modify,
        "duration": GoFunc(_seconds, "any"),
        "durationRound": GoFunc(lambda value: _rounded(host, value), "any"),
        "htmlDate": GoFunc(lambda value: _in_zone(host, "2006-01-02", value, "Local"), "any"),
        "htmlDateInZone": GoFunc(lambda value, zone: _in_zone(host, "2006-01-02", value, zone), "any", "string"),
        "toDate": GoFunc(lambda layout, text: _to_date(host, layout, text), "string", "string"),
        "mustToDate": GoFunc(
            lambda layout, text: parse_time(layout, text, gotime.local_zone(host)), "string", "string"
        ),
        "unixEpoch": GoFunc(lambda moment: str(moment.seconds), "time.Time"),
    }
