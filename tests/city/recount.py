"""The cards that the sample city's year must have, counted from its files alone.

    python3 tests/city/recount.py ROOT [--each]

prints `rule,name,unit,month,level,count`; with --each, one line a card with its item and its instant. It shares no
code with duban: files are read (`ledgers.py`), working time is counted (`working_time.py`) and rules are written anew,
a rule here being a query over the rows of the whole year and the instants between which something holds. A fact is
known at its own instant. Parameters, tables and calendars are read from the repository, so that a limit stands in one
place.
"""

import csv
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

sys.dont_write_bytecode = True  # nothing is left beside the sources

from ledgers import ALWAYS, City, soonest
from working_time import DAY, END, EPOCH, START, YEAR, Clock, seconds

YELLOW, RED = 1, 2


def month(at):
    return (EPOCH + timedelta(seconds=at)).strftime("%Y-%m")


# --- Cards ---------------------------------------------------------------------------------------------------------


@dataclass
class Window:
    """A response window over the year. `starts` are (known from, the start); the last that is known counts. `done` is
    the instant from which on it is known to be done. It waits for its start within `waits_in`."""

    name: str
    limit: str
    starts: list
    done: int | None
    pauses: list = field(default_factory=list)
    extensions: list = field(default_factory=list)
    yellow: tuple | None = None
    waits: str | None = None
    waits_in: tuple = (START, END)
    # Pauses that are others at other times: by the instant, and when they change.
    pauses_at: object = None
    changes: tuple = ()


@dataclass
class Finding:
    """Something that is so between two instants, from the item's appearance on (None) or for ever (None)."""

    name: str
    level: int
    since: int | None = None
    until: int | None = None


def one(start):
    """The start of a window, a fact."""
    return [] if start is None else [(start, start)]


def prefer(first, second):
    """`first ?? second`, each known at its own instant."""
    if first is None or second is not None and second < first:
        return one(second) + one(first)
    return one(first)


def after(*instants):
    """When all are known; None if one never is."""
    return None if None in instants else max(instants)


def early(*pairs):
    """A done before its start is said from the start on."""
    known = (pair for pair in pairs if None not in pair)
    return [Finding("contradiction", YELLOW, start) for done, start in known if done < start]


def between(name, level, since, until):
    """From a fact until another."""
    return [] if since is None else [Finding(name, level, since, until)]


def pieces_of(said, city, rule, appears_at):
    """The (name, begin, end, level, own instant) of a window or finding."""
    if isinstance(said, Finding):
        since = appears_at if said.since is None else said.since
        yield said.name, since, END if said.until is None else said.until, said.level, None
        return
    over = END if said.done is None else said.done
    starts = [(known, start) for known, start in said.starts if start >= city.effective[rule]]
    if said.waits:
        due = Clock(city.calendar, said.waits, appears_at, [], [], appears_at).due
        until = min([over, said.waits_in[1]] + [known for known, _ in said.starts])
        yield said.name + ".start", max(due, said.waits_in[0]), until, YELLOW, due
    cuts = {known for known, _ in starts} | {start for _, start in starts} | set(said.changes) | {appears_at, over}
    cuts |= {at for pause in said.pauses for at in pause if at is not None}
    cuts |= {at for extension in said.extensions for at in extension[1:] if at is not None}
    cuts = sorted(cut for cut in cuts if appears_at <= cut <= over)
    for begin, end in zip(cuts, cuts[1:]):
        known = [start for since, start in starts if since <= begin]
        if not known:
            continue
        pauses = said.pauses_at(begin) if said.pauses_at else said.pauses
        clock = Clock(city.calendar, said.limit, known[-1], pauses, said.extensions, begin)
        if clock.due is None:
            since = min(b for b, e in pauses if b <= begin and (e is None or e > begin))
            long = Clock(city.calendar, city.pause_limit, since, [], [], begin).due
            if known[-1] <= begin:
                yield said.name + ".pause", max(begin, long), end, YELLOW, long
            continue
        yellow = clock.yellow(said.yellow, city.yellow)
        if yellow is not None:
            yield said.name, max(begin, yellow), min(end, clock.due), YELLOW, yellow
        yield said.name, max(begin, clock.due), end, RED, clock.due


def episodes(pieces, appears_at):
    """Runs of pieces without a gap: (raised at, highest level). What was late when first seen has its own instant."""
    found = []
    last = None
    for begin, end, level, own in sorted(pieces, key=lambda piece: piece[:3]):
        begin, end = max(begin, appears_at), min(end, END)
        if begin >= end:
            continue
        if last is not None and begin <= last:
            found[-1][1] = max(found[-1][1], level)
            last = max(last, end)
            continue
        at = begin if own is None else max(own, begin) if found else own
        found.append([at, level])
        last = end
    return found


def natural_days(begin, end):
    return None if None in (begin, end) else end // DAY - begin // DAY


def pauses(row):
    return [] if row.pause_from is None else [(row.pause_from, row.pause_to)]


def stoppages(city, row):
    """The pauses that stop clocks other than those of approvals."""
    return pauses(row) if row.pause_kind in city.param("stoppages", row) else []


def moved(row):
    """Everything that moves a due instant, of items that have such columns."""
    if "pause_from" not in row:
        return {}
    return {"pauses": pauses(row), "extensions": extensions(row)}


def extensions(row):
    if row.extension_amount is None or soonest(row.extension_asked_at, row.extension_approved_at) is None:
        return []
    return [(row.extension_amount, row.extension_asked_at, row.extension_approved_at)]


# --- The rules: each yields an item and what is said of it ------------------------------------------------------------


def rule_2110(city):
    for t in city.query("""
            SELECT * FROM tickets
            WHERE (subject IS NULL OR subject = 'enterprise') AND (type IS NULL OR type IN ('建议', '投诉'))"""):
        if t.subject is None or t.type is None:
            yield t, [Finding("unknown", YELLOW, None, t.solved_at)]
            continue
        dispatched, both = t.dispatched_at, after(t.feedback_subject_at, t.feedback_platform_at)
        steps = [t.on_site_at, t.feedback_subject_at, t.feedback_platform_at, t.solved_at]
        on_site = city.param("w2110_on_site_service" if city.param("service_hours", t) else "w2110_on_site", t)
        share = ("share", city.param("w2110_on_site_yellow", t))
        yield t, [
            Window("dispatch", city.param("w2110_dispatch", t), one(t.received_at), dispatched, waits="1wd"),
            Window("on_site", on_site, one(dispatched), t.on_site_at, yellow=share),
            Window("feedback", city.param("w2110_feedback", t), one(dispatched), both),
            Window("solved", city.param("w2110_solved", t), one(dispatched), t.solved_at, **moved(t), waits="1wd"),
            *early((dispatched, t.received_at), *((step, dispatched) for step in steps)),
            *between("contradiction", YELLOW, soonest(*steps), dispatched),
        ]


def rule_137(city):
    for t in city.query("SELECT * FROM tasks WHERE level IS NULL OR level = 'superior'"):
        if t.level is None:
            yield t, [Finding("unknown", YELLOW, None, t.progress_at)]
            continue
        steps = [t.arranged_at, t.feedback_at, t.progress_at]
        yield t, [
            Window("arranged", city.param("w137_arranged", t), one(t.received_at), t.arranged_at),
            Window("feedback", city.param("w137_feedback", t), one(t.received_at), t.feedback_at),
            Window("progress", city.param("w137_progress", t), one(t.received_at), t.progress_at, **moved(t),
                   waits="1wd"),
            *early(*((step, t.received_at) for step in steps)),
            *between("contradiction", YELLOW, soonest(*steps), t.received_at),
        ]


def in_time(name, row, limit, start, done):
    """One window with a limit of its own, and what is said where there is none or where it is done without a start."""
    window = Window(name, limit, one(start), done, **moved(row), waits="1wd")
    return [
        window if limit is not None else Finding("unknown", YELLOW, None, done),
        *between("contradiction", YELLOW, done, start),
    ]


def request_reply(city):
    for t in city.limited("tickets", "reply", "type"):
        said = in_time("replied", t, t.amount, t.received_at, t.replied_at)
        yield t, said + early((t.replied_at, t.received_at))


def of_days(days):
    return f"{days}wd" if 0 <= days <= 10000 else None


def task_overdue(city):
    for t in city.limited("tasks", "task", "category"):
        limit = t.amount if t.limit_days is None else of_days(t.limit_days)
        said = in_time("finished", t, limit, t.received_at, t.finished_at)
        yield t, said + early((t.finished_at, t.received_at))


def submission_late(city):
    for s in city.limited("submissions", "submission", "type"):
        yield s, in_time("submitted", s, s.amount, s.period_end_at, s.submitted_at)


def inspection_unfiled(city):
    for i in city.query("SELECT * FROM inspections"):
        if i.type is None:
            yield i, [Finding("unknown", YELLOW, None, i.filed_at)]
        elif i.type not in city.param("inspection_exempt", i):
            yield i, [Finding("unknown", YELLOW, None, soonest(i.inspected_at, i.filed_at)),
                      *between("unfiled", RED, i.inspected_at, i.filed_at)]


def coordination(city):
    for m in city.query("SELECT * FROM meetings"):
        minutes = Window("minutes", city.param("coordination_minutes", m), one(m.held_at), m.minutes_at, waits="1wd")
        yield m, [minutes, *early((m.minutes_at, m.held_at))]
    for i in city.query("""
            SELECT * FROM issues WHERE needs_review IS NOT 0 OR needs_report IS NOT 0 OR reported_at IS NOT NULL"""):
        said = early((i.reviewed_at, i.raised_at), (i.signed_at, i.raised_at))
        if i.needs_review:
            said += early((i.signed_at, i.reviewed_at))
            limit = city.param("coordination_review", i)
            said.append(Window("reviewed", limit, one(i.raised_at), i.reviewed_at, pauses(i), waits="1wd"))
        if i.needs_report:
            starts = one(i.reviewed_at) if i.needs_review else prefer(i.reviewed_at, i.raised_at)
            waits = None if i.needs_review else "1wd"
            said.append(Window("signed", city.param("coordination_sign", i), starts, i.signed_at, waits=waits))
        if i.reported_at is not None and (i.signed_at is None or i.signed_at > i.reported_at):
            said.append(Finding("unsigned", RED, i.reported_at))
        if i.needs_review is None or i.needs_report is None:
            said.append(Finding("unknown", YELLOW, None, i.closed_at))
        if i.needs_review == 0 and i.needs_report == 0:  # nothing is said of it before it is reported
            said = [Finding(f.name, f.level, max(f.since, i.reported_at), f.until) for f in said]
        yield i, said


def linkage(city):
    for i in city.query("SELECT * FROM issues WHERE cross_region IS NOT 0 OR cross_level IS NOT 0"):
        raised, accepted, closed = i.linkage_raised_at, i.linkage_accepted_at, i.linkage_closed_at
        said = early((accepted, raised), (closed, accepted), (i.special_report_at, accepted))
        is_linked = i.cross_region or i.cross_level
        is_directed = i.direction in city.param("linkage_directions", i)
        if is_linked:
            said += [
                Window("accepted", city.param("linkage_accept", i), one(raised), accepted),
                Window("settled", city.param("linkage_settle", i), one(accepted), closed, pauses(i)),
                Finding("missing", YELLOW, None, raised if is_directed else None),
                *between("contradiction", YELLOW, soonest(closed, i.special_report_at), accepted),
            ]
            if i.needs_leader:
                said.append(Window("report", city.param("linkage_report", i), one(accepted), i.special_report_at))
        if not is_linked or i.needs_leader is None:
            said.append(Finding("unknown", YELLOW, None, soonest(closed, i.closed_at)))
        yield i, said


def issue_open(city):
    for i in city.query("SELECT * FROM issues"):
        limit = city.param("issue_limit", i) if i.limit_days is None else of_days(i.limit_days)
        done = None if i.result is None else i.closed_at
        said = [
            Finding("unknown", YELLOW, None, i.closed_at) if limit is None
            else Window("closed", limit, one(i.raised_at), done, **moved(i), waits="1wd"),
            *early((i.closed_at, i.raised_at)),
            *between("contradiction", YELLOW, i.closed_at, i.raised_at),
        ]
        if i.enterprise_id is None and i.project is None:
            said.append(Finding("no_enterprise", YELLOW))
        if i.result is None:
            said += between("without_result", RED, i.closed_at, None)
        yield i, said


def approval_limit(city):
    for m in city.query("SELECT * FROM matters"):
        usual = m.mode in ("single", "whole", "bundle")
        promise = (f"{m.promised_days}wd" if m.promised_days is not None
                   else (city.param(f"approval_promise_{m.mode}", m) or None) if usual else None)
        if m.promised_hours is not None:
            promise = f"{m.promised_hours}wh"
        if m.same_day:
            promise = "0wd"
        law = city.param(f"approval_{m.mode}", m) if usual else None
        if m.statutory_days is not None:
            law = f"{m.statutory_days}wd"
        # It waits once it is known to be received on the day on which it was listed.
        at_once = natural_days(m.listed_at, m.received_at) == 0
        waits = {}
        if at_once:
            waits = {"waits": city.param("approval_waits", m), "waits_in": (after(m.listed_at, m.received_at), END)}
        said = early((m.finished_at, m.accepted_at), (m.accepted_at, m.received_at))
        if promise:
            starts = prefer(m.received_at, m.accepted_at) if m.same_day else one(m.accepted_at)
            granted = [] if promise.endswith("wh") else extensions(m)
            said.append(Window("promised", promise, starts, m.finished_at, pauses(m), granted, **waits))
        if law:
            waits = {} if promise else waits
            said.append(Window("statutory", law, one(m.accepted_at), m.finished_at, **moved(m), **waits))
        else:
            said.append(Finding("unknown", YELLOW))
        if None not in (m.promised_days, m.statutory_days) and m.promised_days > m.statutory_days:
            said.append(Finding("contradiction", YELLOW))
        yield m, said


def hand_over(city):
    for m in city.query("SELECT * FROM matters WHERE channel IS NOT NULL"):
        if m.channel not in city.param("hand_over_channels", m):
            continue
        yield m, [
            Window("received", city.param("hand_over_received", m), one(m.received_at), m.accepted_at),
            Window("reviewed", city.param("hand_over_reviewed", m), one(m.accepted_at), m.reviewed_at, pauses(m)),
            Window("issued", city.param("hand_over_issued", m), one(m.finished_at), m.issued_at),
            *early((m.accepted_at, m.received_at), (m.reviewed_at, m.accepted_at)),
            *early((m.issued_at, m.finished_at)),
            *between("contradiction", YELLOW, soonest(m.reviewed_at, m.finished_at, m.issued_at), m.accepted_at),
            *between("contradiction", YELLOW, m.issued_at, m.finished_at),
        ]


def tolerance(city):
    for m in city.query("""
            SELECT * FROM matters WHERE coalesce(tolerated_at, tolerance_days, supplemented_at) IS NOT NULL"""):
        limit = city.param("tolerance_limit", m) if m.tolerance_days is None else f"{m.tolerance_days}wd"
        # Its days are known with the tolerance itself, so a start is missed only where it is nowhere.
        asks = m.accepted_at is not None and m.tolerated_at is None
        waits = {"waits": "1wd", "waits_in": (m.accepted_at, END)} if asks else {}
        yield m, [Window("supplemented", limit, one(m.tolerated_at), m.supplemented_at, stoppages(city, m), **waits),
                  *early((m.supplemented_at, m.tolerated_at))]


def promise(city):
    for m in city.query("""
            SELECT * FROM matters WHERE coalesce(promised_at, fulfil_days, fulfilled_at, checked_at) IS NOT NULL"""):
        limit = city.param("promise_fulfil", m) if m.fulfil_days is None else f"{m.fulfil_days}wd"
        applies_at = soonest(m.promised_at, m.fulfilled_at, m.checked_at)
        if m.fulfil_days is not None and m.promised_at is None:
            applies_at = START
        waits = {} if m.accepted_at is None else {"waits": "1wd", "waits_in": (max(m.accepted_at, applies_at), END)}
        yield m, [
            Window("fulfilled", limit, one(m.promised_at), m.fulfilled_at, stoppages(city, m), **waits),
            Window("checked", city.param("promise_check", m), one(m.promised_at), m.checked_at),
            *early((m.fulfilled_at, m.promised_at), (m.checked_at, m.promised_at)),
        ]


def green_channel(city):
    for p in city.query("""
            SELECT project.*, green.category AS green, green.promised, green.statutory
            FROM projects project LEFT JOIN of_green green ON green.category = project.category"""):
        matters = city.query("SELECT * FROM matters WHERE project = ?", p.id)
        said = []
        if p.green:
            accepted = [max(m.accepted_at, m.there_at) for m in matters if m.accepted_at is not None]
            first = min((m.accepted_at for m in matters if m.accepted_at is not None), default=None)
            changes = {at for m in matters for at in (m.there_at, m.accepted_at, m.finished_at) if at is not None}
            changes |= {at for pause in pauses(p) for at in pause if at is not None}
            total = {
                "starts": [] if first is None else [(min(accepted), first)],
                "done": p.approved_at,
                "extensions": extensions(p),
                "pauses_at": lambda at, p=p, matters=matters: pauses(p) + idle(matters, at),
                "changes": tuple(changes),
            }
            said += [Window("promised", p.promised, **total), Window("statutory", p.statutory, **total)]
        else:
            said.append(Finding("unknown", YELLOW))
        if p.special or p.urgent:
            limit = city.param("green_response", p)
            said.append(Window("response", limit, one(p.listed_at), p.responded_at, waits="1wd"))
        for m in matters:
            if m.finished_at is not None and (m.accepted_at is None or m.accepted_at > m.finished_at):
                said.append(Finding("contradiction", YELLOW, max(m.finished_at, m.there_at)))
            elif None not in (m.accepted_at, p.approved_at) and m.accepted_at > p.approved_at:
                said.append(Finding("contradiction", YELLOW, max(m.accepted_at, m.there_at)))
        yield p, said


def idle(matters, at):
    """When, as is known at an instant, no approval was running since the first began: while others are to come."""
    runs, to_come = [], False
    for m in matters:
        accepted = m.accepted_at if m.accepted_at is not None and m.accepted_at <= at else None
        finished = m.finished_at if m.finished_at is not None and m.finished_at <= at else None
        if m.there_at > at or finished is not None and (accepted is None or accepted > finished):
            continue
        to_come |= accepted is None
        if accepted is not None:
            runs.append((accepted, END if finished is None else finished))
    found, reached = [], None
    for begin, end in sorted(runs):
        if reached is not None and reached < begin:
            found.append((reached, begin))
        reached = max(end, reached or end)
    return found + ([(reached, None)] if to_come and reached is not None and reached < END else [])


def stages(city):
    for p in city.query("SELECT * FROM projects"):
        rows = city.query("SELECT * FROM stages WHERE project = ?", p.id)
        names = city.param("stage_names", p)
        said = early(*((row.left_at, row.entered_at) for row in rows))
        said += [Finding("unknown", YELLOW, row.there_at) for row in rows if row.stage not in names]
        for number, (name, limit) in enumerate(zip(names, city.param("stage_limits", p)), 1):
            of_stage = [row for row in rows if row.stage == name]
            assert len(of_stage) < 2, "a stage has one row in the city"
            for row in of_stage:
                done, waits = soonest(row.left_at, p.left_pool_at), {"waits": "1wd", "waits_in": (row.there_at, END)}
                said.append(Window(f"stage{number}", limit, one(row.entered_at), done, pauses(p), **waits))
        yield p, said


def planned(name, start, count, day, done, stops, granted, ahead):
    """A planned day is due at its end; one that is not after its start, or has none, on its own day."""
    if count is not None and count > 0:
        return [Window(name, f"{count}d", one(start), done, stops, granted, yellow=("left", ahead))]
    return [] if day is None else [Window(name, "1d@clock", [(ALWAYS, day)], done, stops, granted)]


def schedule(city):
    for n in city.query("SELECT * FROM nodes"):
        whole = natural_days(n.planned_start_at, n.planned_project_finish_at)
        back = None if None in (whole, n.days_before) else whole - n.days_before
        count = natural_days(n.planned_start_at, n.planned_finish_at)
        count = back if count is None else count
        said = planned("node", n.planned_start_at, count, n.planned_finish_at, n.finished_at,
                       pauses(n), extensions(n), city.param("node_ahead", n))
        for window in said:  # plans are always known
            window.starts = [(ALWAYS, start) for _, start in window.starts]
        if n.planned_finish_at is None and (back or 0) <= 0:
            said.append(Finding("unknown", YELLOW, None, n.finished_at))
        if None not in (n.planned_start_at, n.planned_finish_at) and n.planned_finish_at < n.planned_start_at:
            said.append(Finding("contradiction", YELLOW))
        yield n, said
    for p in city.query("SELECT * FROM projects"):
        said = []
        steps = [("start", p.planned_start_at, p.started_at), ("finish", p.planned_finish_at, p.finished_at)]
        for name, day, done in steps:
            said += planned(name, p.listed_at, natural_days(p.listed_at, day), day, soonest(done, p.left_pool_at),
                            stoppages(city, p), [], city.param("schedule_ahead", p))
        over = soonest(p.left_pool_at, p.finished_at)
        if p.planned_finish_at is None:
            said.append(Finding("unknown", YELLOW, None, over))
        elif p.planned_start_at is None:
            said.append(Finding("unknown", YELLOW, None, soonest(over, p.started_at)))
        said += early((p.finished_at, p.started_at))
        if None not in (p.planned_start_at, p.planned_finish_at) and p.planned_finish_at < p.planned_start_at:
            said.append(Finding("contradiction", YELLOW))
        yield p, said


def firsts():
    """00:00 of every first of a month within the time."""
    day = datetime.fromisoformat(YEAR[0])
    while seconds(day) < END:
        yield seconds(day)
        day = datetime(day.year + day.month // 12, day.month % 12 + 1, 1)


def hundredths(value):
    return int(value * 100 + Fraction(1, 2)) if value >= 0 else -int(-value * 100 + Fraction(1, 2))


def progress(city):
    for p in city.query("SELECT * FROM projects"):
        over = soonest(p.finished_at, p.left_pool_at, END)
        reports = city.query("SELECT * FROM progress WHERE project = ?", p.id)
        cuts = sorted({p.appears_at, over, *firsts(), *(row.there_at for row in reports)})
        cuts = [cut for cut in cuts if p.appears_at <= cut <= over]
        yield p, [Finding(name, level, begin, end) for begin, end in zip(cuts, cuts[1:])
                  for name, level in progress_at(city, p, [row for row in reports if row.there_at <= begin], begin)]


def progress_at(city, p, rows, at):
    if p.year is None:
        return [("investment", YELLOW)]
    today = EPOCH + timedelta(seconds=at)
    elapsed = min((today.year - p.year) * 12 + today.month - 1, 12)
    if elapsed <= 0:
        return []
    rows = [row for row in rows if row.reported_at is not None and row.invest_done is not None]
    if p.invest_plan is None or p.invest_plan <= 0 or not rows:
        return [("investment", YELLOW)]
    newest = max(row.reported_at for row in rows)
    report = [row for row in rows if row.reported_at == newest][-1]
    months = elapsed
    if city.param("progress_against", p) == "report" and report.month is not None:
        months = min(report.month, elapsed)
    found = []
    if months > 0:
        done = hundredths(Fraction(report.invest_done) / Fraction(p.invest_plan) * 100)
        due = hundredths(Fraction(months, 12) * 100)
        if city.param("progress_by", p) == "points":
            red = due - done > city.param("progress_red_points", p) * 100
            yellow = due - done >= city.param("progress_yellow_points", p) * 100
        else:
            red = done < city.param("progress_red_ratio", p) * due
            yellow = done < city.param("progress_yellow_ratio", p) * due
        if red or yellow:
            found.append(("progress", RED if red else YELLOW))
    if (report.month is None or elapsed - report.month >= city.param("progress_old", p) or report.invest_done < 0
            or any(row.reported_at < newest and row.invest_done > report.invest_done for row in rows)):
        found.append(("investment", YELLOW))
    return found


def hundred_days(city):
    for p in city.query("SELECT * FROM projects"):
        limit, yellow = city.param("hundred_days", p), ("used", city.param("hundred_days_yellow", p))
        done = soonest(p.started_at, p.left_pool_at)
        yield p, [Window("started", limit, one(p.signed_at), done, stoppages(city, p), yellow=yellow),
                  *early((p.started_at, p.signed_at))]


def three_lines(city):
    for p in city.query("SELECT * FROM projects"):
        rows = city.query("SELECT * FROM lines WHERE project = ?", p.id)
        over = soonest(p.left_pool_at, END)
        changes = (at for row in rows for at in (row.there_at, row.finished_at) if at is not None)
        cuts = sorted({p.appears_at, over, *changes})
        cuts = [cut for cut in cuts if p.appears_at <= cut <= over]
        yield p, [Finding(name, level, begin, end) for begin, end in zip(cuts, cuts[1:])
                  for name, level in lines_at(city, p, [row for row in rows if row.there_at <= begin], begin)]


def lines_at(city, p, rows, at):
    if not rows:
        return []
    reached = {}
    for row in rows:
        if row.finished_at is not None and row.finished_at <= at:
            reached[row.line] = 100
        elif row.progress is not None and 0 <= row.progress <= 100:
            reached[row.line] = max(row.progress, reached.get(row.line, 0))
    known = [reached[line] for line in ("land_conversion", "site_prep", "permits") if line in reached]
    found = []
    if (len(known) < 3 or any(row.line not in ("land_conversion", "site_prep", "permits") for row in rows)
            or any(row.progress is not None and not 0 <= row.progress <= 100 for row in rows)):
        found.append(("unknown", YELLOW))
    if len(known) >= 2:
        behind = max(known) - min(known)
        if behind >= city.param("line_yellow", p):
            found.append(("lag", RED if behind >= city.param("line_red", p) else YELLOW))
    if len(known) == 3 and sorted(known)[0] < 100 <= sorted(known)[1]:
        found.append(("blocks", RED))
    return found


def gift_pack(city):
    for p in city.query("""
            SELECT project.*, pack.codes
            FROM projects project LEFT JOIN of_pack pack ON pack.category = project.category"""):
        if p.codes is None:
            yield p, [Finding("unknown", YELLOW)]
            continue
        codes = p.codes.split(" ")
        # By code: since when there is such a matter, and since when one of them is started.
        rows = {row.code: row for row in city.query("""
            SELECT code, min(there_at) AS there_at, min(max(there_at, soonest(received_at, accepted_at))) AS started_at
            FROM matters WHERE project = ? GROUP BY code""", p.id)}
        started = after(*(rows[code].started_at if code in rows else None for code in codes))
        complete = after(*(rows[code].there_at if code in rows else None for code in codes))
        over, limit = soonest(p.approved_at, p.left_pool_at), city.param("gift_pack", p)
        yield p, [Window("pack", limit, one(p.listed_at), soonest(started, over), stoppages(city, p), waits="1wd"),
                  Finding("missing", YELLOW, None, soonest(complete, over))]


def stale_update(city):
    for p in city.query("SELECT * FROM projects"):
        rows = city.query("SELECT * FROM logs WHERE project = ? ORDER BY logged_at", p.id)
        done = soonest(p.finished_at, p.left_pool_at)
        kinds = {
            "update": [row.logged_at for row in rows if row.type == "更新"],
            "log": [row.logged_at for row in rows if row.type == "日志"],
            "visit": [row.logged_at for row in rows if row.type == "走访"],
            "photos": [row.logged_at for row in rows if row.type == "走访" and (row.photos or 0) > 0],
        }
        said = [Finding("unknown", YELLOW, row.there_at) for row in rows if row.logged_at is None or row.type is None]
        for name, logged in kinds.items():
            logged = [at for at in logged if at is not None]
            before = [start for start in prefer(p.assigned_at, p.listed_at) if not logged or start[0] < logged[0]]
            starts = before + [(at, at) for at in logged]
            limit, waits = city.param(f"stale_{name}", p), "1wd" if name == "update" else None
            said.append(Window(name, limit, starts, done, stoppages(city, p), waits=waits))
        yield p, said


def unassigned(city):
    help_of = [("projects", "agent", "soonest(assigned_at, left_pool_at)"), ("grids", "helper", "assigned_at")]
    for rows, name, done in help_of:
        for item in city.query(f"SELECT *, {done} AS done_at FROM {rows}"):
            if item.owner is not None and item.assigned_at is None:
                yield item, [Finding("unknown", YELLOW)]
                continue
            limit = city.param(f"unassigned_{name}", item)
            said = [Window(name, limit, one(item.listed_at), item.done_at, waits="1wd")]
            if item.owner is None:
                said += between("unknown", YELLOW, item.assigned_at, None)
            yield item, said
    for agent in city.query("SELECT * FROM agents"):
        # A project is an agent's from its assignment on; one without, from the start on.
        spans = city.query("""
            SELECT max(there_at, coalesce(assigned_at, there_at)) AS begins_at,
                   soonest(finished_at, left_pool_at) AS ends_at
            FROM projects WHERE owner = ?""", agent.id)
        cuts = sorted({agent.appears_at, END, *(at for span in spans for at in span.values() if at is not None)})
        said = []
        for begin, end in zip(cuts, cuts[1:]):
            load = sum(s.begins_at <= begin and (s.ends_at is None or s.ends_at > begin) for s in spans)
            if load > city.param("agent_load", agent):
                said.append(Finding("load", RED if load > city.param("agent_overload", agent) else YELLOW, begin, end))
        yield agent, said


def off_platform(city):
    for a in city.query("""
            SELECT annual.*, count(project.id) AS count, project.listed_at AS entered_at, project.there_at AS project_at
            FROM annual LEFT JOIN projects project ON project.annual_id = annual.id GROUP BY annual.id"""):
        if a.count > 1:
            continue  # of two projects under one id none is it: the row is rejected
        is_undated = a.count and a.entered_at is None  # from then on there is no clock
        done = max(a.project_at, START) if is_undated else a.entered_at
        said = [Window("entered", city.param("off_platform", a), one(a.listed_at), done, waits="1wd")]
        yield a, said + ([Finding("unknown", YELLOW, a.project_at)] if is_undated else [])


RULES = {"2110": rule_2110, "137": rule_137}


def cards(city):
    """(rule, name, item, unit, raised at, highest level) of every card."""
    for rule in city.config["rules"]["enabled"]:
        if rule == "order":
            continue  # the city's sources bring no orders
        count = RULES.get(rule) or globals()[rule.replace("-", "_")]
        for item, said in count(city):
            by_name = defaultdict(list)
            for each in said:
                for name, *piece in pieces_of(each, city, rule, item.appears_at):
                    by_name[name].append(piece)
            for name, pieces in by_name.items():
                for at, level in episodes(pieces, item.appears_at):
                    yield rule, name, item.id, item.unit or "", at, "red" if level == RED else "yellow"


def main():
    city = City(Path(sys.argv[1]))
    out = csv.writer(sys.stdout, lineterminator="\n")
    if "--each" in sys.argv:
        out.writerow(["rule", "name", "item", "unit", "raised_at", "level"])
        out.writerows((*card[:4], EPOCH + timedelta(seconds=float(card[4])), card[5]) for card in cards(city))
        return
    counts = Counter((rule, name, unit, month(float(at)), level) for rule, name, _, unit, at, level in cards(city))
    out.writerow(["rule", "name", "unit", "month", "level", "count"])
    out.writerows((*key, count) for key, count in sorted(counts.items()))


if __name__ == "__main__":
    main()
