//! **Entry**: one member of a message, in words.

use std::sync::{Arc, OnceLock};

use minijinja::value::{Enumerator, Object, Serde, Value};
use serde::Serialize;
use serde_json::Value as Json;

use super::super::facts::{CardFacts, ClockFacts, Facts, InsteadOf, Member, Taken};
use super::super::time_words::amount;
use super::line::{Line, lines_of};
use super::reason::{granted_words, via_label, words};
use super::sentence;
use super::voice::Voice;
use super::{Language, change_label};
use crate::core::Instant;
use crate::core::item::{Amount, Extension, Pause};
use crate::core::limit::{Limit, Unit};
use crate::core::notice::{Gap, NoticeKind};
use crate::core::reading::Granted;
use crate::core::reason::Reason;
use crate::core::window::Level;

/// How many characters of a title are said.
pub const LONGEST_TITLE: usize = 80;
/// How many characters of a code are said.
pub const LONGEST_CODE: usize = 60;
const LONGEST_HANDLER: usize = 60;
const LONGEST_LINK: usize = 500;
const LONGEST_STATE: usize = 60;
const LONGEST_LIST: usize = 15;
const LONGEST_BODY: usize = 30;

/// What templates see of a member.
const NAMES: [&str; 19] = [
    "kind", "level", "label", "colours", "code", "title", "unit", "handler", "state", "due", "sentence", "action",
    "rows", "told", "sum", "link", "lines", "more", "facts",
];

/// One member in words. What nobody asks for is not put into words, since a template says a part of it.
#[derive(Debug, Clone)]
pub struct Entry {
    member: Member,
    voice: Voice,
    link: Option<Line>,
    /// How many lines of its body are said.
    most: usize,
    /// The values of [`NAMES`], as far as a template has asked for them.
    said: [OnceLock<Value>; NAMES.len()],
}

impl Object for Entry {
    fn get_value(self: &Arc<Self>, name: &Value) -> Option<Value> {
        self.get_value_by_str(name.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        let at = NAMES.iter().position(|known| *known == name)?;
        Some(self.said[at].get_or_init(|| self.value(name)).clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&NAMES)
    }
}

/// A line of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What it is.
    pub name: &'static str,
    /// Its value.
    pub value: Line,
}

impl Entry {
    /// A member of these facts in words.
    pub fn new(member: &Member, facts: &Facts, voice: Voice) -> Self {
        let link = member.card.as_ref().and_then(|card| link(card, facts));
        Self { member: member.clone(), voice, link, most: LONGEST_BODY, said: Default::default() }
    }

    fn value(&self, name: &str) -> Value {
        match name {
            "kind" => self.member.kind.word().into(),
            "level" => self.card().map(|card| card.level.word()).into(),
            "label" => self.label().into(),
            "colours" => Value::from(Serde(self.colours())),
            "code" => self.code().into(),
            "title" => self.title().into(),
            "unit" => self.unit().into(),
            "handler" => Line::cut(&self.card().map(handler).unwrap_or_default(), LONGEST_HANDLER).into(),
            "state" => self.state().into(),
            "due" => self.due().into(),
            "sentence" => self.sentence().into(),
            "action" => self.action().into(),
            "rows" => Value::from(Serde(self.card().map(|card| self.rows(card)).unwrap_or_default())),
            "told" => self.card().map(|card| told(card, self.voice)).unwrap_or_default().into_iter().collect(),
            "sum" => sum(self.card()).into_iter().collect(),
            "link" => self.link.clone().into(),
            "lines" => self.body().iter().take(self.most).map(|line| Line::from(&**line)).collect(),
            "more" => more(self.body().len().saturating_sub(self.most), self.voice).into(),
            "facts" => Value::from(Serde(self.facts())),
            _ => Value::UNDEFINED,
        }
    }

    fn card(&self) -> Option<&CardFacts> {
        self.member.card.as_ref()
    }

    fn body(&self) -> &[String] {
        self.member.body.as_ref().map_or(&[], |body| &body.lines)
    }

    /// The mark: `红牌`, `撤牌`.
    pub fn label(&self) -> Line {
        sentence::label(&self.member, self.voice).into()
    }

    /// The mark's colours, for HTML.
    pub fn colours(&self) -> Colours {
        Colours::of(self.member.kind, self.card().map(|card| card.level))
    }

    /// The item's code; empty where there is no card.
    pub fn code(&self) -> Line {
        Line::cut(self.card().map_or("", |card| &card.code), LONGEST_CODE)
    }

    /// The title; empty where it says no more than the code.
    pub fn title(&self) -> Line {
        match self.card() {
            Some(card) if sentence::has_title(card) => Line::cut(&card.title, LONGEST_TITLE),
            Some(_) => Line::default(),
            None => Line::cut(self.member.body.as_ref().map_or("", |body| &body.title), LONGEST_TITLE),
        }
    }

    /// The unit, if known.
    pub fn unit(&self) -> Line {
        Line::cut(self.card().and_then(|card| card.unit.as_deref()).unwrap_or_default(), LONGEST_TITLE)
    }

    /// Where it stands, in a few words.
    pub fn state(&self) -> Line {
        let said = match (self.card(), self.member.taking.count) {
            (Some(_), Some(count)) => sentence::count(count, self.voice),
            (card, _) => card.map(|card| sentence::state(self.member.kind, card, self.voice)).unwrap_or_default(),
        };
        Line::cut(&said, LONGEST_STATE)
    }

    /// When it is or was due, if that is known.
    pub fn due(&self) -> Line {
        let open = self.card().filter(|_| !matches!(self.member.kind, NoticeKind::Clear | NoticeKind::Revoke));
        open.and_then(|card| sentence::due(card, self.voice)).unwrap_or_default().into()
    }

    /// One sentence that says it all.
    pub fn sentence(&self) -> Line {
        sentence::sentence(&self.member, self.voice).into()
    }

    /// What to do by when.
    pub fn action(&self) -> Option<Line> {
        sentence::action(&self.member, self.voice).map(Line::from)
    }

    /// Where the card can be seen and signed for.
    pub const fn link(&self) -> Option<&Line> {
        self.link.as_ref()
    }

    /// The facts themselves, every text made fit for one line.
    pub fn facts(&self) -> Json {
        serde_json::to_value(&self.member).map(lines_of).unwrap_or_default()
    }

    fn rows(&self, card: &CardFacts) -> Vec<Row> {
        rows(card, why_you(&self.member, card, self.voice), self.voice)
    }

    /// The entry with the first lines of its body only; `None` if it has no more.
    pub fn shortened(&self, most: usize) -> Option<Self> {
        (most < self.body().len().min(self.most)).then(|| Self { most, said: Default::default(), ..self.clone() })
    }
}

/// `… 另有 3 条`, where something was left out.
pub fn more(number: usize, voice: Voice) -> Option<Line> {
    let text = match voice.language {
        Language::Chinese => format!("… 另有 {number} 条"),
        Language::English => format!("… {number} more"),
    };
    (number > 0).then(|| text.into())
}

/// The colours of a mark, for HTML.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Colours {
    /// Of text.
    pub text: &'static str,
    /// Of bars and edges.
    pub bar: &'static str,
    /// Of a pale background.
    pub tint: &'static str,
}

impl Colours {
    /// The colours of a notice.
    pub const fn of(kind: NoticeKind, level: Option<Level>) -> Self {
        match (kind, level) {
            (NoticeKind::Clear | NoticeKind::Revoke, _) => Self { text: "#2f6b4f", bar: "#2f6b4f", tint: "#eef6f1" },
            (_, Some(Level::Red)) => Self { text: "#b3261e", bar: "#b3261e", tint: "#fcefee" },
            (_, Some(Level::Yellow)) => Self { text: "#8a6100", bar: "#e0a100", tint: "#fdf6e0" },
            (_, None) => Self { text: "#3c5068", bar: "#3c5068", tint: "#eff3f7" },
        }
    }
}

fn handler(card: &CardFacts) -> String {
    let parts = [&card.handler, &card.phone].into_iter().flatten();
    parts.filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
}

fn link(card: &CardFacts, facts: &Facts) -> Option<Line> {
    let board = || facts.base_url.as_ref().map(|base| format!("{}/cards/{}", base.trim_end_matches('/'), card.card));
    let url = card.sign_url.clone().or_else(board)?;
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_whole = url.len() <= LONGEST_LINK && url.bytes().all(|byte| byte.is_ascii_graphic());
    (is_web && is_whole).then(|| Line::cut(&url, LONGEST_LINK))
}

fn sum(card: Option<&CardFacts>) -> Vec<Line> {
    let lines = card.and_then(|card| card.clock.as_ref()).map_or(&[][..], |clock| &clock.sum);
    lines.iter().take(LONGEST_LIST).map(|line| Line::from(&**line)).collect()
}

fn told(card: &CardFacts, voice: Voice) -> Vec<Line> {
    let said = |name: &str, channel: &str, at: String| match voice.language {
        Language::Chinese => format!("{at} {name}（{channel}）"),
        Language::English => format!("{at} {name} ({channel})"),
    };
    let lines = card.told.iter().take(LONGEST_LIST).map(|told| said(&told.name, &told.channel, voice.instant(told.at)));
    lines.map(Line::from).chain(more(card.told.len().saturating_sub(LONGEST_LIST), voice)).collect()
}

fn rows(card: &CardFacts, why_you: Option<String>, voice: Voice) -> Vec<Row> {
    let title = if sentence::has_title(card) { Some(Line::cut(&card.title, LONGEST_TITLE).to_string()) } else { None };
    let unit = card.unit.as_ref().map(|unit| beside(unit, card.region.as_deref(), voice));
    let step = beside(
        card.rule_title.as_ref().unwrap_or(&card.rule),
        Some(card.window_label.as_ref().unwrap_or(&card.window)),
        voice,
    );
    let mut rows = vec![
        (voice.say("事项", "Matter"), title),
        (voice.say("编号", "Code"), Some(card.code.clone())),
        (voice.say("环节", "Step"), Some(step)),
        (voice.say("单位", "Unit"), unit),
        (voice.say("经办人", "Handler"), Some(handler(card))),
    ];
    if let Some(clock) = &card.clock {
        rows.extend(clock_rows(card, clock, voice));
    } else {
        rows.push((voice.say("依据", "Basis"), card.basis.clone()));
    }
    let says_more = !matches!(card.reason, Reason::Due { .. } | Reason::SoonDue { .. });
    rows.push((voice.say("原因", "Reason"), says_more.then(|| words(&card.reason, voice))));
    let is_due = card.clock.as_ref().is_some_and(|clock| clock.due_at == Some(card.at));
    let at = if is_due { voice.due(card.at) } else { voice.instant(card.at) };
    rows.push((voice.say(change_label(card.change, Language::Chinese), "Happened"), Some(at)));
    let taken = card.taken.iter().take(LONGEST_LIST).map(|taken| taken_words(taken, voice));
    let taken: Vec<String> = taken.collect();
    rows.push((voice.say("签收", "Signed"), Some(taken.join(voice.say("；", "; ")))));
    rows.push((voice.say("为何告知您", "Why you"), why_you));
    let rows = rows.into_iter().filter_map(|(name, value)| Some(Row { name, value: value?.into() }));
    rows.filter(|row| !row.value.is_empty()).collect()
}

/// Why the receiver is told, where that is not plain: in somebody's place, by another channel, because nobody answered.
fn why_you(member: &Member, card: &CardFacts, voice: Voice) -> Option<String> {
    let instead = member.instead_of.as_ref().map(|InsteadOf { whom, why }| match (why, voice.language) {
        (Gap::Absent, Language::Chinese) => format!("{whom}不在岗，由您代收"),
        (Gap::Absent, Language::English) => format!("in place of {whom}, who is away"),
        (Gap::Secretary, Language::Chinese) => format!("由您代{whom}接收"),
        (Gap::Secretary, Language::English) => format!("you read for {whom}"),
        (Gap::Copy, Language::Chinese) => format!("抄送{whom}的秘书"),
        (Gap::Copy, Language::English) => format!("a copy of what {whom} was told"),
        (Gap::Vacant | Gap::Unreachable, Language::Chinese) => format!("{whom}一级无人可告知"),
        (Gap::Vacant | Gap::Unreachable, Language::English) => format!("nobody of {whom} can be reached"),
        (Gap::Fallback, Language::Chinese) => format!("通道{whom}未能送达，改由此通道"),
        (Gap::Fallback, Language::English) => format!("{whom} could not deliver it"),
    });
    let climbed = (card.step > 0 && member.kind == NoticeKind::Raise).then(|| {
        let said = if card.taken.iter().any(|taken| taken.level == card.level) {
            voice.say("签收后仍未办结，逐级上报", "somebody signed for it, and it is still open")
        } else {
            voice.say("已告知的人未签收，逐级上报", "those who were told have not answered")
        };
        said.to_owned()
    });
    let label = member.taking.label.as_ref().map(|label| sentence::called(label, voice).to_owned());
    let parts: Vec<String> = climbed.into_iter().chain(label).chain(instead).collect();
    (!parts.is_empty()).then(|| parts.join(voice.say("；", "; ")))
}

/// `李四 3月16日 10:00（电话，值班代记），催办暂缓至3月17日24时`
fn taken_words(taken: &Taken, voice: Voice) -> String {
    let Taken { name, by, via, at, rests_until, .. } = taken;
    let via = via_label(*via, voice.language);
    let by = by.as_ref().map(|by| match voice.language {
        Language::Chinese => format!("，{by}代记"),
        Language::English => format!(", written down by {by}"),
    });
    let way = format!("{via}{}", by.unwrap_or_default());
    let rests = rests_until.map(|until| match voice.language {
        Language::Chinese => format!("，催办暂缓至{}", voice.due(until)),
        Language::English => format!(", reminders rest until {}", voice.due(until)),
    });
    format!("{}{}", beside(&format!("{name} {}", voice.instant(*at)), Some(&way), voice), rests.unwrap_or_default())
}

fn clock_rows(card: &CardFacts, clock: &ClockFacts, voice: Voice) -> Vec<(&'static str, Option<String>)> {
    let unit = clock.limit.parse::<Limit>().ok().map(Limit::unit);
    let limit = beside(&voice.limit(&clock.limit), card.basis.as_deref(), voice);
    let extensions = clock.extensions.iter().map(|(asked, granted)| extension_words(asked, *granted, unit, voice));
    let stops = clock.pauses.iter().map(|pause| pause_words(pause, voice));
    let stops = stops.chain(extensions);
    let stops: Vec<String> = stops.take(LONGEST_LIST).collect();
    // An instant that a person put on record stands with its ground.
    let with_ground = |at: Instant| {
        let ground = clock.remarked.iter().find(|remarked| remarked.at == at).map(|remarked| &*remarked.evidence);
        beside(&voice.instant(at), ground, voice)
    };
    vec![
        (voice.say("起算", "Start"), clock.from.map(with_ground)),
        (voice.say("时限", "Limit"), Some(limit)),
        (voice.say("到期", "Due"), sentence::due(card, voice)),
        (voice.say("办结", "Done"), clock.stopped_at.map(with_ground)),
        (voice.say("现状", "Now"), sentence::remaining(card, clock, voice)),
        (voice.say("停表与延期", "Pauses, extensions"), Some(stops.join(voice.say("；", "; ")))),
    ]
}

/// `住建局（示范区）`
fn beside(text: &str, aside: Option<&str>, voice: Voice) -> String {
    match (aside.filter(|aside| !aside.is_empty()), voice.language) {
        (None, _) => text.to_owned(),
        (Some(aside), Language::Chinese) => format!("{text}（{aside}）"),
        (Some(aside), Language::English) => format!("{text} ({aside})"),
    }
}

fn pause_words(pause: &Pause, voice: Voice) -> String {
    let end = pause.to.map_or_else(|| voice.say("未结束", "not ended").to_owned(), |to| voice.instant(to));
    let kind = pause.kind.as_deref().unwrap_or(voice.say("停表", "pause"));
    let span = format!("{kind} {}–{end}", voice.instant(pause.from));
    beside(&span, pause.basis.as_deref(), voice)
}

fn extension_words(extension: &Extension, granted: Granted, unit: Option<Unit>, voice: Voice) -> String {
    let size = match extension.amount {
        Amount::Number(number) => {
            let number = number.to_string();
            unit.map_or_else(|| number.clone(), |unit| amount(&number, unit, voice.language))
        }
        Amount::Limit(limit) => voice.limit(&limit.to_string()),
    };
    let text = format!("{}{size}{}", voice.say("延期", "extension of "), voice.say("，", ", "));
    beside(&format!("{text}{}", granted_words(granted, voice)), extension.basis.as_deref(), voice)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{delivery, member, notice, red};
    use super::*;

    #[test]
    fn every_name_has_a_value_and_no_other_has_one() {
        let voice = Voice { language: Language::Chinese, zone: chrono_tz::UTC, year: None };
        for member in [member(NoticeKind::Raise, red()), notice(NoticeKind::System, 2)] {
            let entry = Arc::new(Entry::new(&member, &delivery(Vec::new()), voice));
            for name in NAMES {
                assert!(entry.get_value_by_str(name).is_some_and(|value| !value.is_undefined()), "{name}");
            }
            assert!(entry.get_value_by_str("voice").is_none());
        }
    }
}
