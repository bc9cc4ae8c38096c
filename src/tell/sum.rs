//! The sum in words: every day on a line of its own, or folded into at most so many lines.
//!
//! Folding keeps what a reader would dispute: holidays, make-up days, pauses and extensions stay longest on lines of
//! their own; plain weekends go into the working days around them first.

use chrono::{Datelike, NaiveDate};

use super::language::Language;
use super::time_words::{self, span};
use crate::core::item::{Amount, Extension, Pause};
use crate::core::reading::Granted;
use crate::core::sum::{DayKind, DayLine, Part, PauseEffect, Sum};

/// The sum with a line for each day.
pub fn lines(sum: &Sum, language: Language) -> Vec<String> {
    let tell = Tell { sum, language };
    tell.join(tell.evidence(), sum.days.iter().map(|day| tell.day(day)).collect())
}

/// The sum in at most so many lines (four at least).
pub fn at_most(most: usize, sum: &Sum, language: Language) -> Vec<String> {
    let tell = Tell { sum, language };
    let room = most.max(4) - 2;
    let evidence = tell.cut(tell.evidence(), room / 2);
    let room = room - evidence.len();
    let days = [Fold::Nothing, Fold::Alike, Fold::Weekends, Fold::Everything]
        .into_iter()
        .map(|fold| runs(&sum.days, fold))
        .find(|runs| runs.len() <= room)
        .unwrap_or_else(|| runs(&sum.days, Fold::Everything));
    tell.join(evidence, days.into_iter().map(|run| tell.run(run)).collect())
}

/// How much may share a line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fold {
    Nothing,
    /// Days that say the same.
    Alike,
    /// Also plain weekends with the working days around them.
    Weekends,
    Everything,
}

/// Cuts the days into runs that share a line.
fn runs(days: &[DayLine], fold: Fold) -> Vec<&[DayLine]> {
    days.chunk_by(|a, b| match fold {
        Fold::Nothing => false,
        Fold::Alike => is_alike(a, b),
        Fold::Weekends => is_alike(a, b) || is_plain(a) && is_plain(b),
        Fold::Everything => true,
    })
    .collect()
}

fn is_alike(a: &DayLine, b: &DayLine) -> bool {
    a.kind == b.kind && a.covered == b.covered && a.part != Part::Start && a.part.word() == b.part.word()
}

/// A working day that counts or a rest day that does not, both by the weekday alone.
fn is_plain(day: &DayLine) -> bool {
    matches!(
        (&day.kind, day.part),
        (DayKind::Working, Part::Counted { .. } | Part::Time { .. })
            | (DayKind::Rest, Part::Skipped | Part::Counted { .. } | Part::Time { .. })
    )
}

struct Tell<'a> {
    sum: &'a Sum,
    language: Language,
}

impl Tell<'_> {
    fn join(&self, evidence: Vec<String>, days: Vec<String>) -> Vec<String> {
        [vec![self.head()], evidence, days, vec![self.end()]].concat()
    }

    fn head(&self) -> String {
        let Sum { limit, calendar, zone, from, .. } = self.sum;
        let from = time_words::instant(*from, *zone);
        let words = time_words::limit(*limit, self.language);
        match self.language {
            Language::Chinese => format!("{from} 起，时限 {limit}（{words}），日历 {calendar}"),
            Language::English => format!("from {from}, limit {limit} ({words}), calendar {calendar}"),
        }
    }

    fn end(&self) -> String {
        let Some(due_at) = self.sum.due_at else {
            return self.pick("停表未结束，暂无到期时间", "the clock stands still: no due instant yet").to_owned();
        };
        let due = time_words::due(due_at, self.sum.zone, self.language);
        let provisional = if self.sum.provisional {
            self.pick("（暂定：日历尚未公布）", " (provisional: the calendar is not known so far)")
        } else {
            ""
        };
        format!("{} {due}{provisional}", self.pick("到期", "due"))
    }

    fn evidence(&self) -> Vec<String> {
        let pauses = self.sum.pauses.iter().map(|(pause, effect)| self.pause(pause, *effect));
        let extensions = self.sum.extensions.iter().map(|(extension, granted)| self.extension(extension, *granted));
        pauses.chain(extensions).collect()
    }

    /// The first lines, and how many there would be more.
    fn cut(&self, mut lines: Vec<String>, most: usize) -> Vec<String> {
        if lines.len() > most {
            let more = lines.len() - (most - 1);
            lines.truncate(most - 1);
            lines.push(match self.language {
                Language::Chinese => format!("另有 {more} 条停表或延期"),
                Language::English => format!("{more} more pauses or extensions"),
            });
        }
        lines
    }

    fn pause(&self, pause: &Pause, effect: PauseEffect) -> String {
        let from = time_words::instant(pause.from, self.sum.zone);
        let to = pause.to.map(|to| time_words::instant(to, self.sum.zone)).unwrap_or_default();
        let effect = match effect {
            PauseEffect::Days { days } => match self.language {
                Language::Chinese => format!("顺延{days}天"),
                Language::English => format!("gives {days} {} back", if days == 1 { "day" } else { "days" }),
            },
            PauseEffect::Time { seconds } => {
                let time = span(seconds, self.language);
                match self.language {
                    Language::Chinese => format!("扣除{time}"),
                    Language::English => format!("takes {time} out"),
                }
            }
            PauseEffect::Open => self.pick("尚未结束", "lasts").to_owned(),
            PauseEffect::Empty => {
                self.pick("不影响：起算前已结束或为空", "no effect: over before the start, or empty").to_owned()
            }
            PauseEffect::TooLate => self.pick("不影响：始于到期之后", "no effect: begun after due").to_owned(),
            PauseEffect::Ahead => self.pick("不影响：尚未开始", "no effect: not begun").to_owned(),
        };
        let grounds = self.grounds([pause.kind.as_deref(), pause.basis.as_deref()]);
        match self.language {
            Language::Chinese => {
                format!("停表 {from} 至 {to}{grounds}，{effect}", to = if to.is_empty() { "今" } else { &to })
            }
            Language::English => {
                let to = if to.is_empty() { "now" } else { &to };
                format!("pause {from} to {to}{grounds}: {effect}")
            }
        }
    }

    fn extension(&self, extension: &Extension, granted: Granted) -> String {
        let zone = self.sum.zone;
        let amount = match extension.amount {
            Amount::Number(number) => time_words::amount(&number.to_string(), self.sum.limit.unit(), self.language),
            Amount::Limit(limit) => time_words::limit(limit, self.language),
        };
        let granted = match granted {
            Granted::Counts => {
                let at = extension.approved_at.map(|at| time_words::instant(at, zone)).unwrap_or_default();
                match self.language {
                    Language::Chinese => format!("{at} 批准"),
                    Language::English => format!("approved {at}"),
                }
            }
            Granted::Pending => self.pick("不影响：尚未批准", "no effect: not approved yet").to_owned(),
            Granted::AskedTooLate { due_at } => {
                let due = time_words::due(due_at, zone, self.language);
                match self.language {
                    Language::Chinese => format!("不影响：申请晚于到期时间 {due}"),
                    Language::English => format!("no effect: asked for after due ({due})"),
                }
            }
            Granted::OtherFamily => {
                self.pick("不影响：单位与时限不同类", "no effect: not of the limit's kind of unit").to_owned()
            }
        };
        let grounds = self.grounds([None, extension.basis.as_deref()]);
        match self.language {
            Language::Chinese => format!("延期 {amount}{grounds}，{granted}"),
            Language::English => format!("extension by {amount}{grounds}: {granted}"),
        }
    }

    fn grounds(&self, grounds: [Option<&str>; 2]) -> String {
        let told: Vec<&str> = grounds.into_iter().flatten().filter(|text| !text.is_empty()).collect();
        match self.language {
            _ if told.is_empty() => String::new(),
            Language::Chinese => format!("（{}）", told.join("，")),
            Language::English => format!(" ({})", told.join(", ")),
        }
    }

    fn day(&self, day: &DayLine) -> String {
        let date = format!("{} {}", self.date(day.date), time_words::weekday(day.date, self.language));
        let provisional = if day.covered { "" } else { self.pick("（暂定）", " (provisional)") };
        format!("{date}  {}{}{provisional}", self.kind(&day.kind), self.part(day))
    }

    /// What the calendar says, where it says more than the weekday.
    fn kind(&self, kind: &DayKind) -> String {
        match (kind, self.language) {
            (DayKind::Working, _) => String::new(),
            (DayKind::Rest, _) => format!("{}{}", self.pick("休息日", "rest day"), self.comma()),
            (DayKind::Holiday(name), _) => format!("{name}{}", self.comma()),
            (DayKind::MakeUp(name), Language::Chinese) => format!("调休上班（{name}），"),
            (DayKind::MakeUp(name), Language::English) => format!("make-up working day ({name}), "),
        }
    }

    fn part(&self, day: &DayLine) -> String {
        match day.part {
            Part::Start => self.pick("起算日，不计", "start, not counted").to_owned(),
            Part::Skipped => self.pick("不计", "not counted").to_owned(),
            Part::Paused => self.pick("停表，不计", "paused, not counted").to_owned(),
            Part::Moved => self.pick("顺延", "moved behind rest days").to_owned(),
            Part::Counted { nth } => match self.language {
                Language::Chinese => format!("第{nth}天"),
                Language::English => format!("day {nth}"),
            },
            Part::Time { seconds, total } => {
                let (seconds, total) = (span(seconds, self.language), span(total, self.language));
                match self.language {
                    Language::Chinese => format!("计{seconds}，累计{total}"),
                    Language::English => format!("{seconds}, {total} in all"),
                }
            }
        }
    }

    /// A line for several days.
    fn run(&self, run: &[DayLine]) -> String {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return String::new() };
        if run.len() == 1 {
            return self.day(first);
        }
        let told = [self.counted(run), self.paused(run), self.skipped(run)].into_iter().flatten();
        let told = told.collect::<Vec<_>>().join(self.comma());
        let provisional =
            if run.iter().all(|day| day.covered) { "" } else { self.pick("（暂定）", " (provisional)") };
        let names = if run.iter().all(|day| day.kind == first.kind) { self.kind(&first.kind) } else { String::new() };
        format!("{}…{}  {names}{told}{provisional}", self.date(first.date), self.date(last.date))
    }

    fn counted(&self, run: &[DayLine]) -> Option<String> {
        let is_working = self.sum.limit.family().is_working();
        let count = run.iter().filter(|day| matches!(day.part, Part::Counted { .. })).count();
        let time: i64 = run.iter().map(|day| if let Part::Time { seconds, .. } = day.part { seconds } else { 0 }).sum();
        match self.language {
            _ if time > 0 => Some(match self.language {
                Language::Chinese => format!("计{}", span(time, self.language)),
                Language::English => format!("{} counted", span(time, self.language)),
            }),
            _ if count == 0 => None,
            Language::Chinese => Some(format!("计{count}个{}", if is_working { "工作日" } else { "自然日" })),
            Language::English => {
                let days = if is_working { "working day" } else { "day" };
                Some(format!("{count} {days}{} counted", if count == 1 { "" } else { "s" }))
            }
        }
    }

    fn paused(&self, run: &[DayLine]) -> Option<String> {
        let count = run.iter().filter(|day| day.part == Part::Paused).count();
        (count > 0).then(|| match self.language {
            Language::Chinese => format!("停表{count}天"),
            Language::English => format!("{count} paused"),
        })
    }

    /// What else is left out; plain weekends go without saying.
    fn skipped(&self, run: &[DayLine]) -> Option<String> {
        let is_said = run.iter().any(|day| day.part != Part::Skipped);
        let counts = |day: &&DayLine| match day.part {
            Part::Skipped => !is_said || day.kind != DayKind::Rest,
            Part::Start | Part::Moved => true,
            _ => false,
        };
        let count = run.iter().filter(counts).count();
        (count > 0).then(|| match self.language {
            Language::Chinese => format!("{count}天不计"),
            Language::English => format!("{count} not counted"),
        })
    }

    /// A date, with its year unless that is the start's.
    fn date(&self, date: NaiveDate) -> String {
        let year = self.sum.from.with_timezone(&self.sum.zone).year();
        if date.year() == year { date.format("%m-%d").to_string() } else { date.to_string() }
    }

    const fn comma(&self) -> &'static str {
        self.pick("，", ", ")
    }

    const fn pick<'t>(&self, chinese: &'t str, english: &'t str) -> &'t str {
        self.language.pick(chinese, english)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Instant;
    use crate::core::calendar::{Calendar, read_calendar};
    use crate::core::window::Window;

    fn calendar() -> Calendar {
        let text = "name = \"t\"\ntimezone = \"Asia/Shanghai\"\ndays = \"d\"\n\
                    [[hours]]\nspans = [\"09:00-12:00\", \"13:30-17:30\"]\n";
        let days = "date,kind,name\n2026-03-10,holiday,植树\n2026-03-14,workday,植树\n";
        read_calendar("t.toml", text, &mut |_| Ok(days.to_owned())).expect("calendar")
    }

    fn at(text: &str) -> Instant {
        format!("2026-03-{text}:00+08:00").parse().expect("instant")
    }

    fn window(limit: &str, pauses: &[(&str, &str)]) -> Window {
        let mut window = Window::new("w", limit.parse().expect("limit"), Some(at("02T10:00")));
        window.pauses = pauses.iter().map(|(a, b)| Pause::new(at(a), (!b.is_empty()).then(|| at(b)))).collect();
        window
    }

    fn sum(window: &Window) -> Sum {
        Sum::of(window, &calendar(), at("31T00:00")).expect("inside").expect("start")
    }

    #[test]
    fn long_runs_fold_and_what_is_disputed_stays() {
        let told = at_most(9, &sum(&window("12wd", &[("05T10:00", "06T10:00")])), Language::Chinese);
        assert_eq!(
            told,
            [
                "2026-03-02 10:00 起，时限 12wd（12个工作日），日历 t",
                "停表 2026-03-05 10:00 至 2026-03-06 10:00，顺延1天",
                "03-02…03-19  计12个工作日，停表1天，2天不计",
                "到期 2026-03-19 24时",
            ]
        );
        let told = at_most(12, &sum(&window("12wd", &[("05T10:00", "06T10:00")])), Language::English);
        assert_eq!(
            told,
            [
                "from 2026-03-02 10:00, limit 12wd (12 working days), calendar t",
                "pause 2026-03-05 10:00 to 2026-03-06 10:00: gives 1 day back",
                "03-02 Mon  start, not counted",
                "03-03…03-04  2 working days counted",
                "03-05 Thu  paused, not counted",
                "03-06…03-09  2 working days counted",
                "03-10 Tue  植树, not counted",
                "03-11…03-13  3 working days counted",
                "03-14 Sat  make-up working day (植树), day 8",
                "03-15…03-19  4 working days counted",
                "due 2026-03-19 24:00",
            ]
        );
    }

    #[test]
    fn a_sum_never_has_more_lines_than_it_may() {
        let pauses: Vec<(String, String)> =
            (3..30).map(|day| (format!("{day:02}T10:00"), format!("{day:02}T11:00"))).collect();
        let pauses: Vec<(&str, &str)> = pauses.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        for limit in ["0wd", "1wd", "20wd", "500wd", "40wh", "2h", "100d", "10d@work"] {
            for pauses in [&pauses[..], &pauses[..1], &[]] {
                let sum = sum(&window(limit, pauses));
                for most in 4..20 {
                    for language in [Language::Chinese, Language::English] {
                        let told = at_most(most, &sum, language);
                        assert!(told.len() <= most, "{limit} {most}: {told:#?}");
                    }
                }
                assert_eq!(lines(&sum, Language::English).len(), 2 + sum.pauses.len() + sum.days.len());
            }
        }
    }

    #[test]
    fn extensions_say_what_became_of_them() {
        let mut window = window("1wd", &[]);
        let extension = |asked: &str, approved: Option<&str>| Extension {
            amount: Amount::Number(2),
            asked_at: Some(at(asked)),
            approved_at: approved.map(at),
            basis: Some("文1号".into()),
        };
        window.extensions = vec![
            extension("02T12:00", Some("02T13:00")),
            extension("02T12:30", None),
            extension("20T12:00", Some("20T13:00")),
        ];
        let told = lines(&sum(&window), Language::Chinese);
        assert_eq!(told[1], "延期 2个工作日（文1号），2026-03-02 13:00 批准");
        assert_eq!(told[2], "延期 2个工作日（文1号），不影响：尚未批准");
        assert_eq!(told[3], "延期 2个工作日（文1号），不影响：申请晚于到期时间 2026-03-05 24时");
        assert_eq!(told.last().map(String::as_str), Some("到期 2026-03-05 24时"));
    }
}
