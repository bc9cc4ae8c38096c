//! The page of a card: the matter, how its clock came about, what changed, and who was told and signed.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use chrono_tz::Tz;
use minijinja::context;
use minijinja::value::Value;

use super::{Board, guarded, shown, unavailable};
use crate::answer::signing::Standing;
use crate::core::Instant;
use crate::core::acknowledgement::{Acknowledgement, Via};
use crate::core::card::{CardId, Transition};
use crate::core::matcher::Suspect;
use crate::core::notice::{Notice, NoticeState};
use crate::core::reading::read;
use crate::core::remark::{Remark, Standing as RemarkStanding, overlay};
use crate::core::sum::Sum;
use crate::core::window::Window;
use crate::playbook::Playbook;
use crate::store::StoreError;
use crate::tell::language::Language;
use crate::tell::words::{
    change_label, level_label, notice_label, reason_words, remark_account, remark_kind, remark_says, remark_standing,
    state_label,
};
use crate::tell::{sum, time_words};

/// Lines of the sum, and of each list on the page: the newest count.
const LINES: usize = 15;
const LISTED: usize = 100;

/// A card with what a page says about it.
pub(super) struct Shown {
    pub standing: Standing,
    transitions: Vec<Transition>,
}

/// What a page adds for one who may sign.
#[derive(Default)]
pub(super) struct Signer {
    /// The contact's name.
    pub name: String,
    /// What the form carries; without it there is no form.
    pub nonce: Option<String>,
    /// What is said above everything.
    pub note: Option<String>,
    /// Whether what is confidential stays out: for a page that a message led to.
    pub discreet: bool,
}

/// `GET /cards/CARD`
pub(super) async fn page(State(board): State<Board>, Path(card): Path<String>) -> Response {
    let in_force = board.in_force.borrow().clone();
    let Some(in_force) = in_force else { return unavailable("starting") };
    let Ok(card) = card.parse::<CardId>() else { return missing() };
    match Shown::of(&board, card).await {
        Err(e) => unavailable(&e.to_string()),
        Ok(None) => missing(),
        Ok(Some(shown)) => shown.response(StatusCode::OK, &in_force.playbook, Signer::default(), board.clock.now()),
    }
}

fn missing() -> Response {
    guarded((StatusCode::NOT_FOUND, "no such card\n").into_response())
}

impl Shown {
    /// A card with its changes, if there ever was one.
    pub async fn of(board: &Board, card: CardId) -> Result<Option<Self>, StoreError> {
        let Some(standing) = Standing::of(&*board.store, card).await? else { return Ok(None) };
        let mut transitions = board.store.transitions(&standing.record.item.key).await?;
        transitions.retain(|transition| transition.card == card);
        Ok(Some(Self { standing, transitions }))
    }

    /// The page.
    pub fn response(&self, status: StatusCode, playbook: &Playbook, signer: Signer, now: Instant) -> Response {
        let mut environment = shown();
        let drawn = environment
            .add_template("card.html", include_str!("card.html"))
            .and_then(|()| environment.get_template("card.html"))
            .and_then(|template| template.render(self.facts(playbook, signer, now)));
        match drawn {
            Ok(html) => guarded((status, Html(html)).into_response()),
            Err(e) => unavailable(&e.to_string()),
        }
    }

    fn facts(&self, playbook: &Playbook, signer: Signer, now: Instant) -> Value {
        let secret = signer.discreet && self.is_secret(playbook);
        let teller = Teller { playbook, language: playbook.language, zone: playbook.calendar().zone(), secret, now };
        let item = &self.standing.record.item;
        let level = self.standing.open_at().map(|open| open.level);
        let title = if secret { teller.say("（保密事项）", "(confidential)") } else { item.title() };
        let newest = |lines: Vec<String>| {
            let skipped = lines.len().saturating_sub(LISTED);
            lines.into_iter().skip(skipped).collect::<Vec<_>>()
        };
        context! {
            chinese => teller.language == Language::Chinese,
            level => level.map_or("closed", |level| level.word()),
            label => level.map_or(teller.say("已销牌", "closed"), |level| level_label(level, teller.language)),
            code => &*item.key.id,
            title,
            note => signer.note,
            nonce => signer.nonce,
            signer => signer.name,
            about => self.about(&teller),
            sum => self.window().map(|window| teller.sum(self, window)).unwrap_or_default(),
            windows => teller.windows(self),
            remarks => newest(teller.remarks(self)),
            changes => newest(self.transitions.iter().map(|transition| teller.change(transition)).collect()),
            told => newest(self.standing.said.iter().map(|notice| teller.told(notice)).collect()),
            taken => newest(self.standing.acknowledgements.iter().map(|taken| teller.taken(taken)).collect()),
        }
    }

    /// Whether its title and persons leave by confidential channels only.
    fn is_secret(&self, playbook: &Playbook) -> bool {
        let (rule, window) = self.subject().unwrap_or_default();
        let level = self.standing.watch.as_ref().and_then(|watch| watch.level);
        playbook.office.confidential.fits(&Suspect { item: &self.standing.record.item, rule, window, level })
    }

    /// The rule and the name of the window or finding.
    fn subject(&self) -> Option<(&str, &str)> {
        let of_watch = self.standing.watch.as_ref().map(|watch| (&*watch.rule, &*watch.name));
        of_watch.or_else(|| self.transitions.last().map(|last| (&*last.rule, &*last.name)))
    }

    /// The window that the card is about; `NAME.start` and `NAME.pause` are about NAME.
    fn window(&self) -> Option<&Window> {
        let (rule, name) = self.subject()?;
        let rulings = self.standing.record.rulings.iter().filter(|ruling| &*ruling.rule == rule);
        let is_it = |window: &&Window| {
            name.strip_prefix(&*window.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        rulings.flat_map(|ruling| &ruling.windows).find(is_it)
    }

    fn about(&self, teller: &Teller<'_>) -> Vec<(&'static str, String)> {
        let item = &self.standing.record.item;
        let (rule, name) = self.subject().unwrap_or_default();
        let words = teller.playbook.rule_words(rule, name);
        let field = |name: &str| item.text(name).unwrap_or_default().to_owned();
        let owner = field("owner");
        let handler = teller.playbook.office.directory.get(&owner).map_or(owner, |contact| contact.name.clone());
        let seen = teller.instant(self.standing.record.seen_at);
        let mut about = vec![
            (teller.say("规则", "rule"), words.title.unwrap_or_else(|| rule.to_owned())),
            (teller.say("环节", "window"), words.label.unwrap_or_else(|| name.to_owned())),
            (teller.say("依据", "basis"), words.basis.unwrap_or_default()),
            (teller.say("单位", "unit"), field("unit")),
            (teller.say("区域", "region"), field("region")),
            (teller.say("承办人", "handler"), handler),
            (teller.say("状态", "status"), field("status")),
            (teller.say("来源", "source"), item.key.source.to_string()),
            (teller.say("数据读取于", "last changed in the source"), seen),
        ];
        if let Some(window) = self.window() {
            about.splice(3..3, teller.clock(self, window));
        }
        let handler = teller.say("承办人", "handler");
        about.retain(|(label, text)| !(text.is_empty() || teller.secret && *label == handler));
        about
    }
}

/// In whose words and on whose clock a page speaks.
struct Teller<'a> {
    playbook: &'a Playbook,
    language: Language,
    zone: Tz,
    /// Whether titles, persons and findings stay out.
    secret: bool,
    now: Instant,
}

impl Teller<'_> {
    fn say(&self, chinese: &'static str, english: &'static str) -> &'static str {
        self.language.pick(chinese, english)
    }

    fn instant(&self, at: Instant) -> String {
        time_words::instant(at, self.zone)
    }

    fn name(&self, contact: &str) -> String {
        self.playbook.office.directory.get(contact).map_or_else(|| contact.to_owned(), |found| found.name.clone())
    }

    /// A window on its calendar.
    fn reading(&self, shown: &Shown, window: &Window) -> Option<(crate::core::reading::Reading, Option<Sum>)> {
        let name = window.calendar.as_deref().or_else(|| shown.standing.record.item.text("calendar"));
        let clockwork = &self.playbook.clockwork;
        let calendar = clockwork.calendars.get(name)?;
        let bare = self.secret.then(|| window.without_grounds());
        let window = bare.as_ref().unwrap_or(window);
        let reading = read(window, calendar, &clockwork.yellow, self.now).ok()?;
        Some((reading, Sum::of(window, calendar, self.now).ok().flatten()))
    }

    fn sum(&self, shown: &Shown, window: &Window) -> Vec<String> {
        let sum = self.reading(shown, window).and_then(|(_, sum)| sum);
        sum.map(|sum| sum::at_most(LINES, &sum, self.language)).unwrap_or_default()
    }

    fn clock(&self, shown: &Shown, window: &Window) -> Vec<(&'static str, String)> {
        let Some((reading, _)) = self.reading(shown, window) else { return Vec::new() };
        let limit = format!("{} ({})", time_words::limit(window.limit, self.language), window.limit);
        let due = reading.due_at.map(|at| time_words::due(at, self.zone, self.language)).unwrap_or_default();
        let provisional = if reading.provisional { self.say("（暂定）", " (provisional)") } else { "" };
        let left = reading.remaining.map(|left| time_words::remaining(left, window.limit.unit(), self.language));
        vec![
            (self.say("时限", "limit"), limit),
            (self.say("起算", "from"), window.from.map(|from| self.instant(from)).unwrap_or_default()),
            (self.say("到期", "due"), format!("{due}{provisional}")),
            (self.say("剩余", "left"), left.unwrap_or_default()),
            (self.say("停表", "stopped"), reading.stopped_at.map(|at| self.instant(at)).unwrap_or_default()),
        ]
    }

    fn windows(&self, shown: &Shown) -> Vec<String> {
        let rulings = &shown.standing.record.rulings;
        let all = rulings.iter().flat_map(|ruling| ruling.windows.iter().map(move |window| (&ruling.rule, window)));
        let line = |(rule, window): (&Arc<str>, &Window)| {
            let label = self.playbook.rule_words(rule, &window.name).label.unwrap_or_else(|| window.name.to_string());
            let Some((reading, _)) = self.reading(shown, window) else { return format!("{label}: {}", window.limit) };
            let due = reading.due_at.map(|at| time_words::due(at, self.zone, self.language)).unwrap_or_default();
            let state = state_label(reading.state, self.language);
            let limit = time_words::limit(window.limit, self.language);
            format!("{label} · {limit} · {state}{}{due}", if due.is_empty() { "" } else { " · " })
        };
        all.take(LISTED).map(line).collect()
    }

    /// What persons added to the item, and how that stands; not who and why where that stays out.
    fn remarks(&self, shown: &Shown) -> Vec<String> {
        let record = &shown.standing.record;
        let standings = overlay(&Arc::new(record.item.clone()), &record.remarks).standings;
        let line = |(remark, standing): (&Remark, RemarkStanding)| {
            let kind = remark_kind(&remark.statement, self.language);
            let standing = remark_standing(standing, remark.waits, self.language);
            if self.secret {
                return format!("{kind} · {standing}");
            }
            let says = remark_says(&remark.statement, self.language, self.zone);
            let account = remark_account(remark, self.language, self.zone).join(" · ");
            format!("{kind} {says} · {standing} · {account}")
        };
        record.remarks.iter().zip(standings).map(line).collect()
    }

    fn change(&self, transition: &Transition) -> String {
        let (at, label) = (self.instant(transition.at), change_label(transition.change, self.language));
        let to = transition.to.map_or("", |level| level_label(level, self.language));
        if self.secret && transition.reason.holds_text() {
            return format!("{at} {label} {to}");
        }
        let reason = reason_words(&transition.reason, self.language, self.zone);
        format!("{at} {label} {to} · {reason}")
    }

    fn told(&self, notice: &Notice) -> String {
        let at = self.instant(notice.settled_at.unwrap_or(notice.planned_at));
        let (name, channel) = (self.name(&notice.contact), &notice.channel);
        let (kind, state) = (notice_label(notice.kind, self.language), self.standing(notice.state));
        let rehearsal = if notice.rehearsal { self.say(" · 试运行", " · rehearsal") } else { "" };
        format!("{at} {name} · {kind} · {channel} · {state}{rehearsal}")
    }

    fn standing(&self, state: NoticeState) -> &'static str {
        match state {
            NoticeState::Held => self.say("暂缓", "held"),
            NoticeState::Planned => self.say("待发", "waits"),
            NoticeState::Dropped => self.say("不再需要", "no longer needed"),
            NoticeState::Sent => self.say("已发", "sent"),
            NoticeState::Unknown => self.say("是否送达不明", "nobody can know"),
            NoticeState::Discarded => self.say("未送达", "not delivered"),
        }
    }

    pub fn taken(&self, taken: &Acknowledgement) -> String {
        let via = match taken.via {
            Via::Link => self.say("链接", "by link"),
            Via::Board => self.say("看板", "on the board"),
            Via::Phone => self.say("电话代签", "by phone"),
            Via::Sms => self.say("短信回复", "by short message"),
        };
        let level = level_label(taken.level, self.language);
        let by = if taken.by == *taken.contact { String::new() } else { format!(" · {}", taken.by) };
        format!("{} {} · {level} · {via}{by}", self.instant(taken.at), self.name(&taken.contact))
    }
}
