"""time.Time: an instant in nanoseconds with a zone, Go's layouts, and the methods that templates use."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import ClassVar, Final

from sonde.gotemplate.errors import FunctionError
from sonde.gotemplate.functions.duration import Duration, rounded, truncated
from sonde.gotemplate.functions.host import Host
from sonde.gotemplate.values import INT_MAX, INT_MIN, GoFunc, Int64

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = 10**9
# seconds between Go's zero time (year 1) and the epoch
ZERO: Final = -62135596800
FOUR_CENTURIES: Final = 146097 * 86400
MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
DAYS: Final = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]


class Month(int):
    gotype: ClassVar[str] = "time.Month"
    kind: ClassVar[str] = "int"

    def gostring(self) -> str:
        return MONTHS[self - 1] if 1 <= self <= 12 else f"%!Month({int(self)})"


class Weekday(int):
    gotype: ClassVar[str] = "time.Weekday"
    kind: ClassVar[str] = "int"

    def gostring(self) -> str:
        return DAYS[self]


Month.gomethods = {"String": GoFunc(Month.gostring)}  # type: ignore[attr-defined]
Weekday.gomethods = {"String": GoFunc(Weekday.gostring)}  # type: ignore[attr-defined]


class Time:
    """An instant; `seconds` and `nanos` since the epoch, shown in `zone`."""

    __slots__ = ("nanos", "seconds", "zone")
    gotype: ClassVar[str] = "time.Time"
    kind: ClassVar[str] = "struct"
    gomethods: ClassVar[Mapping[str, GoFunc]]

    def __init__(self, seconds: int, nanos: int, zone: tzinfo) -> None:
        self.seconds = seconds + nanos // _SECOND
        self.nanos = nanos % _SECOND
        self.zone = zone

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Time) and self.total() == other.total() and self.zone == other.zone

    def __hash__(self) -> int:
        return hash(self.total())

    def total(self) -> int:
        return self.seconds * _SECOND + self.nanos

    def year(self) -> int:
        return self.civil().year - (400 if self.seconds < ZERO else 0)

    def civil(self) -> datetime:
        """Date and clock in the zone; FunctionError outside of the years 0 to 9999. Year 0 looks like year 400."""
        seconds = self.seconds + (FOUR_CENTURIES if self.seconds < ZERO else 0)
        try:
            return (_EPOCH + timedelta(seconds=seconds)).astimezone(self.zone)
        except OverflowError:
            raise FunctionError("time: year outside of range [1,9999]") from None

    def offset(self) -> int:
        """Seconds east of UTC."""
        shift = self.civil().utcoffset()
        return int(shift.total_seconds()) if shift else 0

    def zone_name(self) -> str:
        """The zone's abbreviation; empty for a bare offset."""
        if isinstance(self.zone, timezone) and self.zone is not UTC:
            name = self.zone.tzname(None)
            return "" if name.startswith("UTC") else name
        return self.civil().tzname() or ""

    def within(self, zone: tzinfo) -> "Time":
        return Time(self.seconds, self.nanos, zone)

    def shifted(self, nanos: int) -> "Time":
        return Time(self.seconds, self.nanos + nanos, self.zone)

    def add_date(self, years: int, months: int, days: int) -> "Time":
        now = self.civil()
        month = now.month - 1 + months
        year = now.year + years + month // 12
        try:
            first = datetime(year, month % 12 + 1, 1, now.hour, now.minute, now.second, tzinfo=self.zone)
            moved = first + timedelta(days=now.day - 1 + days)
        except (OverflowError, ValueError):
            raise FunctionError("time: year outside of range [1,9999]") from None
        return Time(int((moved - _EPOCH).total_seconds()), self.nanos, self.zone)

    def rounded_to(self, unit: int, *, up: bool) -> "Time":
        since = (self.seconds - ZERO) * _SECOND + self.nanos
        moved = rounded(since, unit) if up else truncated(since, unit)
        return Time(ZERO, moved, self.zone)

    def format(self, layout: str) -> str:
        from sonde.gotemplate.functions.timeformat import format_time

        return format_time(self, layout)

    def gostring(self) -> str:
        return self.format("2006-01-02 15:04:05.999999999 -0700 MST")

    def gojson(self) -> str:
        return self.format("2006-01-02T15:04:05.999999999Z07:00")


def of(moment: datetime) -> Time:
    """A Time from an aware datetime."""
    since = moment - _EPOCH
    zone = moment.tzinfo or UTC
    return Time(since.days * 86400 + since.seconds, since.microseconds * 1000, zone)


def saturated(nanos: int) -> Duration:
    return Duration(max(INT_MIN, min(INT_MAX, nanos)))


def local_zone(host: Host) -> tzinfo:
    """Go's time.Local: the zone that TZ names, else the zone of the host's clock, else UTC."""
    name = (host.env or {}).get("TZ", "")
    if name:
        return load_zone(name.removeprefix(":")) or UTC
    zone = host.now().tzinfo if host.now else None
    return zone or UTC


def load_zone(name: str) -> tzinfo | None:
    """time.LoadLocation without Local; None if there is no such zone."""
    if name in ("", "UTC"):
        return UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


_TIME, _DURATION = "time.Time", "time.Duration"
Time.gomethods = {
    "Format": GoFunc(Time.format, "string"),
    "String": GoFunc(Time.gostring),
    "Unix": GoFunc(lambda t: Int64(t.seconds)),
    "UnixNano": GoFunc(lambda t: Int64(t.total())),
    "UnixMilli": GoFunc(lambda t: Int64(t.total() // 10**6)),
    "UnixMicro": GoFunc(lambda t: Int64(t.total() // 1000)),
    "Year": GoFunc(Time.year),
    "Month": GoFunc(lambda t: Month(t.civil().month)),
    "Day": GoFunc(lambda t: t.civil().day),
    "Hour": GoFunc(lambda t: t.civil().hour),
    "Minute": GoFunc(lambda t: t.civil().minute),
    "Second": GoFunc(lambda t: t.civil().second),
    "Nanosecond": GoFunc(lambda t: t.nanos),
    "Weekday": GoFunc(lambda t: Weekday(t.civil().isoweekday() % 7)),
    "YearDay": GoFunc(lambda t: t.civil().timetuple().tm_yday),
    "UTC": GoFunc(lambda t: t.within(UTC)),
    "Add": GoFunc(Time.shifted, _DURATION),
    "AddDate": GoFunc(Time.add_date, "int", "int", "int"),
    "Sub": GoFunc(lambda t, other: saturated(t.total() - other.total()), _TIME),
    "Before": GoFunc(lambda t, other: t.total() < other.total(), _TIME),
    "After": GoFunc(lambda t, other: t.total() > other.total(), _TIME),
    "Equal": GoFunc(lambda t, other: t.total() == other.total(), _TIME),
    "Compare": GoFunc(lambda t, other: (t.total() > other.total()) - (t.total() < other.total()), _TIME),
    "IsZero": GoFunc(lambda t: t.seconds == ZERO and t.nanos == 0),
    "Round": GoFunc(lambda t, unit: t.rounded_to(unit, up=True), _DURATION),
    "Truncate": GoFunc(lambda t, unit: t.rounded_to(unit, up=False), _DURATION),
}
