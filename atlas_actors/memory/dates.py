"""Finds the days that a question names, absolute ones and those that count from now."""

import datetime
import re
from typing import Final

import attrs

DAY_MS: Final = 86_400_000
_DAYS_MAX: Final = 8

_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH: Final = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_YEAR: Final = r"(?P<year>(?:19|20)\d\d)\b"
_DAY: Final = r"\b(?P<day>[0-3]?\d)(?:st|nd|rd|th)?"
_I: Final = re.IGNORECASE

_ISO: Final = re.compile(rf"\b{_YEAR}-(?P<month>[01]?\d)(?:-(?P<day>[0-3]?\d))?\b")
_DAY_MONTH: Final = re.compile(rf"{_DAY}(?: of)? {_MONTH},?(?: {_YEAR})?", _I)
_MONTH_DAY: Final = re.compile(rf"\b{_MONTH} {_DAY}(?!\d)(?:,? {_YEAR})?", _I)
_MONTH_YEAR: Final = re.compile(rf"\b{_MONTH},?(?: of)? {_YEAR}", _I)
# "may" and "march" are words too, so that a month alone needs a preposition.
_MONTH_ALONE: Final = re.compile(
    rf"\b(?:in|of|during|since|until|by|early|late|mid|last|this|end of|from|around)[ -]{_MONTH}",
    _I,
)
_YEAR_ALONE: Final = re.compile(
    rf"\b(?:in|of|during|since|by|early|late|mid|around)[ -]{_YEAR}", _I
)
_AGO: Final = re.compile(
    r"\b(?P<n>\d{1,3}|a|an|one|two|three|few) (?P<unit>day|week|month|year)s? ago\b", _I
)
_UNITS: Final = "|".join(("week", "month", "year", "weekend", *_WEEKDAYS))
_LAST: Final = re.compile(rf"\b(?P<which>last|this|past) (?P<unit>{_UNITS})\b", _I)
_NEAR: Final = re.compile(r"\b(?P<which>today|yesterday|this morning|last night|tonight)\b", _I)
_UNIT_DAYS: Final = {"day": 1, "week": 7, "month": 30, "year": 365}
_SPELT: Final = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "few": 3}


@attrs.frozen(kw_only=True)
class Days:
    """Spans [from, to) in ms UTC, and months (1 to 12) or (month, day) of a year not named."""

    spans: tuple[tuple[int, int], ...] = ()
    months: tuple[int, ...] = ()
    days: tuple[tuple[int, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.spans or self.months or self.days)

    def distance(self, at_ms: int) -> float:
        """Days from the nearest: 0 within it, negative before it, at most ±365."""
        best = 365.0
        for start, end in self.spans:
            far = (at_ms - start) / DAY_MS if at_ms < start else max(0.0, (at_ms - end) / DAY_MS)
            best = far if abs(far) < abs(best) else best
        if self.months or self.days:
            best = min(best, self._in_any_year(at_ms), key=abs)
        return max(-365.0, best)

    def _in_any_year(self, at_ms: int) -> float:
        try:
            at = datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC)
        except (OverflowError, ValueError, OSError):
            return 365.0
        far = [0.0 if at.month == month else 365.0 for month in self.months]
        for month, day in self.days:
            here = _date(at.year, month, day)
            if here is not None:
                days = at.toordinal() - here.toordinal()
                far.append(float((days + 182) % 365 - 182))
        return min(far, key=abs, default=365.0)


def days_in(text: str, now_ms: int) -> Days:
    """The days that a text names; relative ones count from `now_ms`."""
    spans: list[tuple[int, int]] = []
    months: list[int] = []
    days: list[tuple[int, int]] = []
    rest = text
    for pattern in (_ISO, _DAY_MONTH, _MONTH_DAY, _MONTH_YEAR, _MONTH_ALONE, _YEAR_ALONE):
        for match in pattern.finditer(rest):
            _absolute(match.groupdict(), spans, months, days)
        rest = pattern.sub(" ", rest)
    spans += _relative(rest, now_ms)
    return Days(
        spans=tuple(spans[:_DAYS_MAX]),
        months=tuple(months[:_DAYS_MAX]),
        days=tuple(days[:_DAYS_MAX]),
    )


def _absolute(
    found: dict[str, str | None],
    spans: list[tuple[int, int]],
    months: list[int],
    days: list[tuple[int, int]],
) -> None:
    year, day = (int(found.get(name) or 0) for name in ("year", "day"))
    month = _month(found.get("month") or "0")
    if not year:
        if month and day and _date(2024, month, day):
            days.append((month, day))
        elif month:
            months.append(month)
        return
    start = _date(year, month or 1, day or 1)
    if start is None:
        return
    if day:
        end = start + datetime.timedelta(days=1)
    elif month:
        end = (start + datetime.timedelta(days=32)).replace(day=1)
    else:
        end = start.replace(year=year + 1)
    spans.append((_ms(start), _ms(end)))


def _relative(text: str, now_ms: int) -> list[tuple[int, int]]:
    """Spans that count from now."""
    today = now_ms - now_ms % DAY_MS
    spans = []
    for match in _NEAR.finditer(text):
        back = 1 if match["which"].lower() in ("yesterday", "last night") else 0
        spans.append((today - back * DAY_MS, today - (back - 1) * DAY_MS))
    for match in _AGO.finditer(text):
        word, length = match["n"].lower(), _UNIT_DAYS[match["unit"].lower()]
        back = (_SPELT[word] if word in _SPELT else int(word)) * length
        slack = length // 2
        spans.append((today - (back + slack) * DAY_MS, today - (back - slack - 1) * DAY_MS))
    weekday = (today // DAY_MS + 3) % 7  # 1970 began on a Thursday
    for match in _LAST.finditer(text):
        unit, last = match["unit"].lower(), match["which"].lower() != "this"
        if unit in _WEEKDAYS:
            back = (weekday - _WEEKDAYS.index(unit) - 1) % 7 + 1
            spans.append((today - back * DAY_MS, today - (back - 1) * DAY_MS))
        elif unit == "weekend":
            back = weekday + 2
            spans.append((today - back * DAY_MS, today - (back - 2) * DAY_MS))
        else:
            long = _UNIT_DAYS[unit] * DAY_MS
            spans.append((today - (2 if last else 1) * long, today + (0 if last else DAY_MS)))
    return spans


def _month(text: str) -> int:
    return int(text) if text.isdigit() else 1 + _MONTHS.index(text.lower()[:3])


def _date(year: int, month: int, day: int) -> datetime.date | None:
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


def _ms(day: datetime.date) -> int:
    return (day - datetime.date(1970, 1, 1)).days * DAY_MS
