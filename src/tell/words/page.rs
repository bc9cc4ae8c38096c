//! **Page**: everything that a template may say about one delivery, in words.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Value;
use serde::{Serialize, Serializer};

use super::super::facts::Facts;
use super::entry::{self, Colours, Entry};
use super::line::Line;
use super::voice::Voice;
use super::{Language, sentence};
use crate::core::notice::NoticeKind;
use crate::core::window::Level;

/// Members up to this number are listed; of more, only the counts of each unit are said.
pub const LONGEST_LIST: usize = 100;
const LONGEST_UNITS: usize = 20;
const LONGEST_NAME: usize = 20;
const LONGEST_SIGNATURE: usize = 12;

/// A delivery in words. Templates see these names.
#[derive(Debug, Clone, Serialize)]
pub struct Page {
    /// `zh-CN` or `en`.
    pub language: &'static str,
    /// The receiver's name.
    pub to: Line,
    /// While rehearsing: what stands before everything, naming whom it would have reached.
    pub rehearsal: Line,
    /// What short messages begin with.
    pub signature: Line,
    /// Whether there is one member only.
    pub single: bool,
    /// How many members there are.
    pub total: usize,
    /// The mark of the subject: `红牌`, `红牌2 黄牌3`.
    pub tag: Line,
    /// The worst member's colours.
    pub colours: Colours,
    /// The worst member's code.
    pub code: Line,
    /// The worst member's title.
    pub title: Line,
    /// The worst member's unit.
    pub unit: Line,
    /// Where the worst member stands.
    pub state: Line,
    /// When the worst member is due.
    pub due: Line,
    /// One sentence that says it all.
    pub sentence: Line,
    /// The members, as far as they are listed.
    #[serde(serialize_with = "values")]
    pub members: Vec<Arc<Entry>>,
    /// Where too many to be listed: what each unit has.
    pub units: Vec<UnitCount>,
    /// What the lists leave out, in words.
    pub more: Option<Line>,
    /// How to sign; none where nothing asks for it.
    pub answer: Option<Line>,
    /// How fresh the data are.
    pub as_of: Option<Line>,
    #[serde(skip)]
    voice: Voice,
}

/// How many members a unit has.
#[derive(Debug, Clone, Serialize)]
pub struct UnitCount {
    /// The unit.
    pub unit: Line,
    /// Its counts in words.
    pub counts: Line,
}

impl Page {
    /// The facts in words.
    pub fn new(facts: &Facts, language: Language) -> Self {
        let voice = voice(facts, language);
        let total = facts.members.len() + facts.rest.iter().map(|rest| rest.count).sum::<usize>();
        let worst = facts.members.iter().position(|member| member.card.is_some()).unwrap_or_default();
        let listed = if total <= LONGEST_LIST { &facts.members[..] } else { &[] };
        let entry = |member| Arc::new(Entry::new(member, facts, voice));
        let members: Vec<Arc<Entry>> = listed.iter().map(entry).collect();
        let worst = members.get(worst).cloned().or_else(|| facts.members.get(worst).map(entry));
        let (units, units_left) = if listed.is_empty() { units(facts, voice) } else { (Vec::new(), 0) };
        let of_worst = |part: fn(&Entry) -> Line| worst.as_deref().map(part).unwrap_or_default();
        let single = total == 1;
        Self {
            voice,
            language: language.tag(),
            to: Line::cut(&facts.to.name, LONGEST_NAME),
            rehearsal: rehearsal(facts, voice),
            signature: Line::cut(facts.signature.as_deref().unwrap_or_default(), LONGEST_SIGNATURE),
            single,
            total,
            tag: if single { of_worst(Entry::label) } else { tag(facts, voice).into() },
            colours: worst.as_ref().map_or(Colours::of(NoticeKind::System, None), |worst| worst.colours()),
            code: of_worst(Entry::code),
            title: of_worst(Entry::title),
            unit: of_worst(Entry::unit),
            state: of_worst(Entry::state),
            due: of_worst(Entry::due),
            sentence: match worst.as_deref() {
                Some(worst) if single => worst.sentence(),
                worst => summary(facts, worst, voice).into(),
            },
            members,
            units,
            more: entry::more(units_left, voice),
            answer: answer(facts, voice),
            as_of: as_of(facts, voice),
        }
    }

    /// The page with its first members and their first lines only; `None` if it has no more.
    pub fn shortened(&self, most: usize) -> Option<Self> {
        let left = self.members.len().saturating_sub(most);
        let members: Vec<_> = self.members.iter().take(most).map(|member| member.shortened(most)).collect();
        if left == 0 && members.iter().all(Option::is_none) {
            return None;
        }
        let members = members.into_iter().zip(&self.members);
        let members = members.map(|(short, whole)| short.map_or_else(|| whole.clone(), Arc::new)).collect();
        let more = entry::more(left, self.voice).or_else(|| self.more.clone());
        Some(Self { members, more, ..self.clone() })
    }
}

/// Members as templates see them.
fn values<S: Serializer>(members: &[Arc<Entry>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(members.iter().map(|member| Value::from_dyn_object(member.clone())))
}

/// The voice in which facts are told.
fn voice(facts: &Facts, language: Language) -> Voice {
    let zone: chrono_tz::Tz = facts.zone.parse().unwrap_or(chrono_tz::UTC);
    let year = chrono::Datelike::year(&facts.sealed_at);
    let near = (2..9998).contains(&year);
    let year = if near { chrono::Datelike::year(&facts.sealed_at.with_timezone(&zone)) } else { year };
    Voice { language, zone, year: Some(year) }
}

fn rehearsal(facts: &Facts, voice: Voice) -> Line {
    let Some(name) = &facts.rehearsal_for else { return Line::default() };
    let name = Line::cut(name, LONGEST_NAME);
    match voice.language {
        Language::Chinese => format!("【试运行，原应发：{name}】").into(),
        Language::English => format!("[Rehearsal, for: {name}]").into(),
    }
}

/// What a member counts as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Red,
    Yellow,
    Recalled,
    Cleared,
    Order,
    Notice,
}

impl Sort {
    const ALL: [Self; 6] = [Self::Red, Self::Yellow, Self::Recalled, Self::Cleared, Self::Order, Self::Notice];

    fn of(kind: NoticeKind, level: Option<Level>) -> Self {
        match (kind, level) {
            (NoticeKind::Revoke, _) => Self::Recalled,
            (NoticeKind::Clear, _) => Self::Cleared,
            (NoticeKind::Order, _) => Self::Order,
            (_, Some(Level::Red)) => Self::Red,
            (_, Some(Level::Yellow)) => Self::Yellow,
            (_, None) => Self::Notice,
        }
    }

    fn counted(self, number: usize, voice: Voice) -> String {
        let (chinese, english) = match self {
            Self::Red => ("红牌", "red"),
            Self::Yellow => ("黄牌", "yellow"),
            Self::Recalled => ("撤牌", "recalled"),
            Self::Cleared => ("销牌", "cleared"),
            Self::Order => ("督办单", if number == 1 { "order" } else { "orders" }),
            Self::Notice => ("通知", if number == 1 { "notice" } else { "notices" }),
        };
        match voice.language {
            Language::Chinese => format!("{chinese}{number}"),
            Language::English => format!("{number} {english}"),
        }
    }
}

/// So many of a sort in a unit.
struct Count<'a> {
    unit: &'a str,
    sort: Sort,
    number: usize,
}

/// All that facts say, counted: what is told one by one, and the rest.
fn counts(facts: &Facts) -> impl Iterator<Item = Count<'_>> {
    let told = facts.members.iter().map(|member| {
        let card = member.card.as_ref();
        let unit = card.and_then(|card| card.unit.as_deref()).unwrap_or_default();
        Count { unit, sort: Sort::of(member.kind, card.map(|card| card.level)), number: 1 }
    });
    let rest = facts.rest.iter().map(|rest| {
        let unit = rest.unit.as_deref().unwrap_or_default();
        Count { unit, sort: Sort::of(rest.kind, rest.level), number: rest.count }
    });
    told.chain(rest)
}

/// `红牌2 黄牌3`, `汇总 红牌2`
fn tag(facts: &Facts, voice: Voice) -> String {
    let counts = tally(counts(facts), voice);
    if facts.members.is_empty() {
        return voice.say("通知", "Notice").to_owned();
    }
    let is_digest = facts.members.iter().all(|member| member.kind == NoticeKind::Digest);
    if is_digest { format!("{} {counts}", voice.say("汇总", "Digest:")) } else { counts }
}

fn tally<'a>(counts: impl IntoIterator<Item = Count<'a>>, voice: Voice) -> String {
    let mut of_sort = BTreeMap::new();
    for count in counts {
        *of_sort.entry(count.sort).or_insert(0_usize) += count.number;
    }
    let counted = Sort::ALL.iter().filter_map(|sort| Some(sort.counted(*of_sort.get(sort)?, voice)));
    counted.collect::<Vec<_>>().join(voice.say(" ", ", "))
}

fn summary(facts: &Facts, worst: Option<&Entry>, voice: Voice) -> String {
    let total: usize = counts(facts).map(|count| count.number).sum();
    let counts = tally(counts(facts), voice);
    let head = match voice.language {
        Language::Chinese => format!("共{total}件：{}。", counts.replace(' ', "、")),
        Language::English => format!("{total} in all: {counts}."),
    };
    let Some(worst) = worst.filter(|worst| !worst.code().is_empty()) else { return head };
    match voice.language {
        Language::Chinese => format!("{head}最急的是{}，{}。", called(worst, "（", "）"), worst.state()),
        Language::English => format!("{head} Most urgent: {}, {}.", called(worst, " (", ")"), worst.state()),
    }
}

fn called(entry: &Entry, open: &str, close: &str) -> String {
    let (code, title) = (entry.code(), entry.title());
    if title.is_empty() { code.to_string() } else { format!("{code}{open}{title}{close}") }
}

/// What each unit has, the one with most red cards first, and how many members the cut list leaves out.
fn units(facts: &Facts, voice: Voice) -> (Vec<UnitCount>, usize) {
    let mut of_unit: BTreeMap<&str, Vec<Count<'_>>> = BTreeMap::new();
    for count in counts(facts) {
        of_unit.entry(count.unit).or_default().push(count);
    }
    let sum = |counts: &[Count<'_>], wanted: Option<Sort>| -> usize {
        counts.iter().filter(|count| wanted.is_none_or(|sort| sort == count.sort)).map(|count| count.number).sum()
    };
    let mut sorted: Vec<_> = of_unit.into_iter().collect();
    sorted.sort_by_key(|(_, counts)| std::cmp::Reverse((sum(counts, Some(Sort::Red)), sum(counts, None))));
    let left = sorted.iter().skip(LONGEST_UNITS).map(|(_, counts)| sum(counts, None)).sum();
    let named =
        |unit: &str| if unit.is_empty() { voice.say("未写明单位", "no unit").into() } else { Line::from(unit) };
    let shown = sorted.into_iter().take(LONGEST_UNITS);
    let counts = shown.map(|(unit, of)| UnitCount { unit: named(unit), counts: tally(of, voice).into() });
    (counts.collect(), left)
}

fn answer(facts: &Facts, voice: Voice) -> Option<Line> {
    if !facts.members.iter().any(sentence::asks_for_signature) {
        return None;
    }
    let has_link = facts.base_url.is_some() || facts.members.iter().flat_map(|m| &m.card).any(|c| c.sign_url.is_some());
    let said = match (&facts.answer, has_link) {
        (Some(own), false) => own,
        (_, true) => voice.say(
            "打开办件链接，核对后点“签收”。签收只表示已知悉并着手办理，不停表。",
            "Open the card's link, check it and press “Sign”. Signing says that you know and act; it stops no clock.",
        ),
        (None, false) => voice.say(
            "请告知督办工作人员，报编号即可，由其代为登记签收。签收只表示已知悉并着手办理，不停表。",
            "Tell the supervision office the code, and they will sign on your behalf. Signing says that you know and act; \
             it stops no clock.",
        ),
    };
    Some(said.into())
}

fn as_of(facts: &Facts, voice: Voice) -> Option<Line> {
    let at = facts.members.iter().filter_map(|member| member.card.as_ref()?.data_as_of).min()?;
    let said = match voice.language {
        Language::Chinese => format!("数据截至{}。", voice.instant(at)),
        Language::English => format!("Data as of {}.", voice.instant(at)),
    };
    Some(said.into())
}
