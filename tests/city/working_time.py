"""Working time, written anew from its definition for `recount.py`: calendars, and clocks with pauses and extensions.

Instants are seconds of the office's wall clock; its zone must not change its offset in the time that is looked at.
"""

import csv
import re
import tomllib
from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

DAY = 86400
EPOCH = datetime(1970, 1, 1)
YEAR = ("2025-12-01", "2027-01-01")


def seconds(moment):
    return int((moment - EPOCH).total_seconds())


START, END = (seconds(datetime.fromisoformat(day)) for day in YEAR)


class Calendar:
    """Working days and hours; a day is its number since 1970-01-01."""

    def __init__(self, path):
        said = tomllib.loads(path.read_text("utf-8"))
        self.weekdays = {["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"].index(day) for day in said["weekdays"]}
        files = said["days"] if isinstance(said["days"], list) else [said["days"]]
        self.listed = {}
        for name in files:
            for row in csv.DictReader(open(path.parent / name, encoding="utf-8")):
                self.listed[date.fromisoformat(row["date"]).toordinal() - EPOCH.toordinal()] = row["kind"] == "workday"
        assert len(said["hours"]) == 1, "one timetable for the whole year"
        self.hours = [tuple(map(self.clock, span.split("-"))) for span in said["hours"][0]["spans"]]
        zone = ZoneInfo(said["timezone"])
        offsets = {datetime.fromtimestamp(at, zone).utcoffset() for at in range(START - 400 * DAY, END, DAY)}
        assert len(offsets) == 1, "a zone without summer time"
        self.known = {}

    @staticmethod
    def clock(text):
        hours, minutes = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60

    def works(self, day):
        if day not in self.known:
            self.known[day] = self.listed.get(day, (day + 3) % 7 in self.weekdays)
        return self.known[day]

    def spans(self, begin, end):
        """The working time between two instants."""
        for day in range(begin // DAY, (end - 1) // DAY + 1):
            if self.works(day):
                for opens, closes in self.hours:
                    opens, closes = max(begin, day * DAY + opens), min(end, day * DAY + closes)
                    if opens < closes:
                        yield opens, closes


# family, how much of it is one unit: days, or seconds
UNITS = {"wd": ("wd", 1), "d": ("d", 1), "wh": ("w", 3600), "wm": ("w", 60), "h": ("n", 3600), "m": ("n", 60)}


def amount_of(text):
    """`10wd`, `1d@clock`, `2h` -> how much, of which family, ending how."""
    number, unit, end = re.fullmatch(r"([\d.]+)(wd|wh|wm|d|h|m)(?:@(\w+))?", text).groups()
    family, grain = UNITS[unit]
    much = Fraction(number) * grain
    assert much.denominator == 1 and (end is None or (unit, end) == ("d", "clock")), text
    return int(much), family, end


class Clock:
    """A limit from a start, with pauses and extensions as they are known at some instant."""

    def __init__(self, calendar, limit, start, pauses, extensions, known_at):
        self.calendar, self.start = calendar, start
        self.much, self.family, self.end = amount_of(limit)
        self.unit = UNITS[re.sub(r"[\d.]|@.*", "", limit)][1]
        seen = [(max(begin, start), end if end is not None and end <= known_at else None)
                for begin, end in pauses if begin <= known_at]
        self.all_pauses = sorted(((b, e) for b, e in seen if e is None or e > b), key=lambda p: p[0])
        self.settle()
        for amount, asked, approved in sorted(extensions, key=lambda e: e[1] if e[1] is not None else e[2]):
            asked = approved if asked is None else asked
            if asked > known_at or self.due is not None and asked >= self.due:
                continue
            if approved is not None and approved <= known_at:
                if amount.isdigit():
                    self.much += int(amount) * self.unit
                elif amount_of(amount)[1] == self.family:
                    self.much += amount_of(amount)[0]
                self.settle()

    def settle(self):
        """The due instant: each pause counts if it begins before the due instant reached so far."""
        self.pauses, self.gained = [], set()
        self.due = self.ends()
        for begin, end in self.all_pauses:
            if begin >= self.due:
                break
            if end is None:
                self.due = None
                break
            self.pauses.append((begin, end))
            self.gained.update(day for day in range(begin // DAY + 1, end // DAY + 1) if self.counts(day))
            self.due = self.ends()

    def counts(self, day):
        return self.family == "d" or self.calendar.works(day)

    def day(self, count):
        """The day that is the count-th after the start's."""
        day = self.start // DAY
        while count > 0:
            day += 1
            count -= self.counts(day)
        return day

    def ends(self):
        if self.family in ("wd", "d"):
            day = self.day(self.much + len(self.gained))
            while not self.counts(day):  # the same working day, else the first one after it
                day += 1
            return day * DAY + (self.start % DAY if self.end == "clock" else DAY)
        left, horizon = self.much, self.start + 4 * self.much + 40 * DAY
        for _ in range(9):
            for begin, end in self.spans(self.start, horizon):
                if left <= end - begin:
                    return begin + left
                left -= end - begin
            left, horizon = self.much, horizon + (horizon - self.start) * 3
        raise ValueError("no end in sight")

    def spans(self, begin, end):
        """What counts between two instants: working or natural time less the pauses."""
        whole = self.calendar.spans(begin, end) if self.family in ("wd", "w") else [(begin, end)]
        for opens, closes in whole:
            for stops, goes_on in self.pauses:
                if stops < closes and goes_on > opens:
                    if opens < stops:
                        yield opens, stops
                    opens = max(opens, goes_on)
            if opens < closes:
                yield opens, closes

    def mark(self, count):
        """The instant at which so many days are used."""
        if count == 0:
            return self.start if self.end == "clock" else (self.start // DAY + 1) * DAY
        day = self.start // DAY
        while count > 0:
            day += 1
            count -= self.counts(day) and day not in self.gained
        return day * DAY + (self.start % DAY if self.end == "clock" else DAY)

    def used(self, much):
        """The last instant at which no more than this is used: days, or seconds."""
        if self.family in ("w", "n"):
            return self.last(list(self.spans(self.start, self.due)), much)
        whole = int(much // 1)
        begin, end = (self.start, self.due) if self.much == 0 else (self.mark(whole), self.mark(whole + 1))
        spans = list(self.spans(begin, end))
        length = sum(closes - opens for opens, closes in spans)
        return self.last(spans, (much - whole) * length) if length else end

    @staticmethod
    def last(spans, left):
        for opens, closes in spans:
            if left < closes - opens:
                return opens + left
            left -= closes - opens
        return closes

    def yellow(self, asked, default):
        """When it turns yellow: as asked, else by default; None if that is no earlier than due."""
        much = Fraction(self.much or (self.family == "wd"))
        if asked is None:
            at = self.used(default["used"] * much)
            if self.family == "wd":
                left, _, _ = amount_of(default["left"])
                at = max(min(at, self.used(max(much - left, 0))), self.used(default["not_before"] * much))
        else:
            kind, value = asked
            share = {"share": value * much if kind == "share" else 0,
                     "used": amount_of(value)[0] if kind == "used" else 0,
                     "left": much - amount_of(value)[0] if kind == "left" else 0}[kind]
            at = self.used(Fraction(share)) if 0 <= share < much else None
            if at is None or not self.start < at < self.due:
                at = self.used(much / 2)
        return at if at < self.due else None
