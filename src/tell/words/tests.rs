//! Golden files for the words that people read, and properties for what must hold whatever an item says.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::facts::{CardFacts, ClockFacts, Facts, InsteadOf, Member, Rest, Taken, Taking, Told};
use super::page::Page;
use super::sample::{bare, delivery, every_kind, member, notice, red, yellow};
use super::{Language, Rendered, SHORT_MESSAGE, TemplateError, Templates};
use crate::core::Instant;
use crate::core::acknowledgement::Via;
use crate::core::card::Change;
use crate::core::contact::Medium;
use crate::core::ladder::{Label, Threshold};
use crate::core::notice::{Gap, NoticeKind};
use crate::core::reason::Reason;
use crate::core::window::Level;

const LANGUAGES: [Language; 2] = [Language::Chinese, Language::English];
const MEDIA: [Medium; 3] = [Medium::Mail, Medium::Sms, Medium::Im];

static BUILT_IN: LazyLock<Templates> =
    LazyLock::new(|| Templates::new(std::iter::empty()).unwrap_or_else(|error| panic!("{error}")));

fn replaced(name: &str, text: &str) -> Result<Templates, TemplateError> {
    Templates::new(std::iter::once((name.to_owned(), text.to_owned())))
}

#[test]
fn the_built_in_templates_pass_the_check_of_those_that_replace_them() {
    let texts = super::templates::BUILT_IN.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(Templates::new(texts).err(), None);
}

fn instant(text: &str) -> Instant {
    text.parse().expect("instant")
}

fn render(facts: &Facts, language: Language, medium: Medium) -> Rendered {
    let (rendered, error) = BUILT_IN.render(facts, language, medium);
    assert_eq!(error, None);
    rendered
}

/// The messages whose every character is fixed.
fn cases() -> Vec<(&'static str, Facts)> {
    let one = |kind, card| delivery(vec![member(kind, card)]);
    let number = |number: usize, card: CardFacts| CardFacts { code: format!("P{number:04}"), ..card };
    let done_at = instant("2026-03-17T02:05:00Z");
    let mut finished = CardFacts { change: Change::Clear, reason: Reason::Finished { done_at }, at: done_at, ..red() };
    let clock = finished.clock.as_mut().expect("a clock");
    (clock.stopped_at, clock.remaining) = (Some(done_at), None);
    let due_at = instant("2026-03-20T16:00:00Z");
    let corrected = Reason::Corrected { due_at: Some(due_at) };
    let mut wrong = CardFacts { change: Change::Revoke, reason: corrected, at: done_at, ..red() };
    let clock = wrong.clock.as_mut().expect("a clock");
    (clock.due_at, clock.remaining, clock.sum) = (Some(due_at), Some(350), Vec::new());
    let (yellow_at, next_year) = (instant("2026-12-31T01:00:00Z"), instant("2027-01-04T16:00:00Z"));
    let unsettled = ClockFacts {
        from: Some(instant("2026-12-21T02:00:00Z")),
        due_at: Some(next_year),
        provisional: true,
        remaining: Some(300),
        pauses: Vec::new(),
        extensions: Vec::new(),
        sum: Vec::new(),
        ..yellow().clock.expect("a clock")
    };
    let provisional = CardFacts {
        reason: Reason::SoonDue { yellow_at, due_at: next_year },
        at: yellow_at,
        clock: Some(unsettled),
        told: Vec::new(),
        data_as_of: Some(yellow_at),
        ..yellow()
    };
    let hostile = CardFacts {
        title: format!(
            "许可\r\nBcc: all@office.example\n\n\u{202e}<script>alert(1)</script>\"'&{{{{ to }}}}\0{}",
            "长".repeat(10_000)
        ),
        unit: Some("<b>局</b>\u{2028}签收：https://evil.example".into()),
        sign_url: Some("javascript:alert(1)".into()),
        ..red()
    };
    let instead = |why, whom: &str, card| {
        let mut facts = one(NoticeKind::Raise, card);
        facts.members[0].instead_of = Some(InsteadOf { whom: whom.into(), why });
        facts
    };
    let taken = |kind, card, taking| {
        let mut facts = one(kind, card);
        facts.members[0].taking = taking;
        facts
    };
    let label = |zh: &str, en: &str| Some(Label { zh: zh.into(), en: en.into() });
    let list =
        Taking { label: label("列入通报名单", "entered in the list for public notice"), ..Taking::default() };
    let talk = label("列入约谈名单", "for the leader's talk list");
    let counted = |number| Taking { label: talk.clone(), count: Some(number), gone: false };
    let signed = vec![Taken {
        name: "李四".into(),
        by: Some("值班".into()),
        via: Via::Phone,
        level: Level::Red,
        at: instant("2026-03-17T02:00:00Z"),
        rests_until: Some(instant("2026-03-18T16:00:00Z")),
    }];
    let four = [(1, red()), (2, red()), (3, yellow()), (4, yellow())].map(|(at, card)| number(at, card));
    let mixed: Vec<_> = four.into_iter().chain([bare()]).map(|card| member(NoticeKind::Raise, card)).collect();
    let many = (0..10_000).map(|at| {
        let card = if at < 2_500 { red() } else { yellow() };
        let unit = Some(format!("示范区第{}局", at % 25 + 1));
        member(NoticeKind::Digest, CardFacts { unit, ..number(at, card) })
    });
    vec![
        ("one-red", one(NoticeKind::Raise, red())),
        ("one-red-without-links", Facts { base_url: None, ..one(NoticeKind::Raise, red()) }),
        ("one-yellow", one(NoticeKind::Raise, yellow())),
        ("mixed-five", delivery(mixed)),
        ("clear", one(NoticeKind::Clear, finished)),
        ("recall", one(NoticeKind::Revoke, wrong)),
        ("reminder", one(NoticeKind::Reminder, red())),
        ("finding", one(NoticeKind::Raise, bare())),
        ("for-a-colleague", instead(Gap::Absent, "李四", yellow())),
        ("climbed", instead(Gap::Unreachable, "unit_contact", CardFacts { step: 1, ..red() })),
        ("notice-list", taken(NoticeKind::Raise, CardFacts { step: 3, taken: signed, ..red() }, list)),
        ("handover", one(NoticeKind::Handover, red())),
        ("handed-on", taken(NoticeKind::Handover, red(), Taking { gone: true, ..Taking::default() })),
        ("count-of-a-card", taken(NoticeKind::Count, yellow(), counted(Threshold::Streak(2)))),
        ("count-of-a-unit", taken(NoticeKind::Count, red(), counted(Threshold::Reds(3)))),
        ("fallback", instead(Gap::Fallback, "sms", red())),
        ("digest-of-lines", delivery(vec![notice(NoticeKind::Digest, 10_000)])),
        ("digest-of-cards", delivery(many.collect())),
        ("system", delivery(vec![notice(NoticeKind::System, 2)])),
        ("rehearsal", Facts { rehearsal_for: Some("王五".into()), ..one(NoticeKind::Raise, red()) }),
        ("provisional", Facts { sealed_at: yellow_at, ..one(NoticeKind::Raise, provisional) }),
        ("hostile", one(NoticeKind::Raise, hostile)),
    ]
}

/// Compares with a golden file. Where it differs, what was made is written beside it as `NAME.new`.
fn compare(name: &str, made: &str, different: &mut Vec<PathBuf>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if fs::read_to_string(&path).is_ok_and(|golden| golden == made) {
        return;
    }
    let beside = PathBuf::from(format!("{}.new", path.display()));
    fs::create_dir_all(beside.parent().expect("a folder")).expect("a folder for golden files");
    fs::write(&beside, made).expect("the new text beside the golden file");
    different.push(beside);
}

#[test]
fn messages_read_as_the_golden_files_say() {
    let mut different = Vec::new();
    let (mut short, mut robot) = (String::new(), String::new());
    for language in LANGUAGES {
        for (name, facts) in cases() {
            let mail = render(&facts, language, Medium::Mail);
            let folder = format!("mail/{}", language.tag());
            let text = format!("{}\n\n{}", mail.subject, mail.text);
            compare(&format!("{folder}/{name}.txt"), &text, &mut different);
            compare(&format!("{folder}/{name}.html"), &mail.html.expect("a mail has HTML"), &mut different);
            let said = render(&facts, language, Medium::Sms).text;
            writeln!(short, "{} {name}: {said}", language.tag()).expect("a String takes all");
            let said = render(&facts, language, Medium::Im).text;
            write!(robot, "--- {} {name}\n{said}", language.tag()).expect("a String takes all");
        }
    }
    compare("sms.txt", &short, &mut different);
    compare("im.txt", &robot, &mut different);
    assert!(different.is_empty(), "not as before; if it is better, put these in the places of the old: {different:#?}");
}

#[test]
fn a_broken_template_is_refused_with_its_place() {
    for (name, text, says) in [
        ("zh-CN/mail.txt", "一\n{{ sentence", "zh-CN/mail.txt:2: syntax error"),
        ("en/mail.html", "<p>\n\n{{ mebers }}", "en/mail.html:3: undefined value"),
        ("en/sms.txt", "{{ title|safe }}", "en/sms.txt:1: unknown filter"),
        ("en/im.txt", "{% for a in range(9999) %}{% for b in range(9999) %}.{% endfor %}{% endfor %}", "en/im.txt:1"),
        ("en/im.txt", "{% for a in range(9999) %}{{ 'x' * 9999 }}{% endfor %}", "en/im.txt"),
        ("en/mail.subject", "{% if single %}{{ code }}{% endif %}", "en/mail.subject: expected a text, got nothing"),
        ("zh-CN/mial.txt", "", "zh-CN/mial.txt: no such template; there are zh-CN/mail.subject"),
        ("en/mail.txt", "{% include '/etc/passwd' %}", "en/mail.txt:1: template not found"),
    ] {
        let error = replaced(name, text).expect_err(text).to_string();
        assert!(error.starts_with(says), "{name} {text:?}: {error}");
    }
}

#[test]
fn what_lies_beside_the_folders_is_no_template() {
    assert!(replaced("README.md", "{{ no template").is_ok());
}

#[test]
fn an_office_may_say_it_in_its_own_words() {
    let templates = replaced("zh-CN/sms.txt", "{{ signature }}您有{{ total }}件待办").expect("a template");
    let (rendered, error) =
        templates.render(&delivery(vec![member(NoticeKind::Raise, red())]), LANGUAGES[0], Medium::Sms);
    assert_eq!((rendered.text.as_str(), error), ("【督办】您有1件待办", None));
}

#[test]
fn a_short_message_forges_no_signature_however_deep_its_template_looks() {
    let text = "{{ signature }}{% for one in members %}{{ one.title }}{% for name, value in (one.facts.card or {})|items \
                if name == 'title' %}{{ value }}{% endfor %}{% endfor %}";
    let card = CardFacts { title: "【假】".into(), ..red() };
    let facts = delivery(vec![member(NoticeKind::Raise, card)]);
    let (rendered, error) =
        replaced("zh-CN/sms.txt", text).expect("a template").render(&facts, Language::Chinese, Medium::Sms);
    assert_eq!((rendered.text.as_str(), error), ("【督办】[假][假]", None));
}

#[test]
fn when_a_template_fails_the_bare_facts_go_out_and_operators_hear_why() {
    // No sample has a card of this kind with this unit.
    let trap = "{% if unit == '陷阱局' %}{{ nothing.at.all }}{% else %}x{% endif %}";
    let facts = delivery(vec![member(NoticeKind::Raise, CardFacts { unit: Some("陷阱局".into()), ..red() })]);
    for (name, medium) in
        [("zh-CN/mail.html", Medium::Mail), ("zh-CN/sms.txt", Medium::Sms), ("zh-CN/im.txt", Medium::Im)]
    {
        let (rendered, error) = replaced(name, trap).expect("a template").render(&facts, Language::Chinese, medium);
        let error = error.expect("an error").to_string();
        assert!(error.starts_with(&format!("{name}:1: undefined value")), "{error}");
        assert!(rendered.text.contains("P0136") && rendered.text.contains("红牌"), "{}", rendered.text);
        assert_eq!(rendered.html, None);
        if medium == Medium::Mail {
            for fact in ["card.clock.limit: 10wd", "card.unit: 陷阱局", "card.clock.due_at: 2026-03-16T16:00:00Z"] {
                assert!(rendered.text.contains(fact), "{fact}: {}", rendered.text);
            }
        }
    }
}

#[test]
fn a_short_message_loses_the_title_first_then_the_unit_and_never_code_colour_or_time() {
    let with = |title: &str, unit: &str| {
        let card = CardFacts { title: title.into(), unit: Some(unit.into()), ..red() };
        render(&delivery(vec![member(NoticeKind::Raise, card)]), Language::Chinese, Medium::Sms).text
    };
    let essential =
        |said: &str| ["红牌", "P0136", "已超1个工作日", "3月16日24时"].iter().all(|part| said.contains(part));
    let (long_title, long_unit) = ("标".repeat(60), "局".repeat(60));
    let all = with("施工许可", "示范区住建局");
    assert!(all.contains("施工许可") && all.contains("示范区住建局") && essential(&all), "{all}");
    let cut = with(&long_title, "示范区住建局");
    assert!(cut.contains("标…") && cut.contains("示范区住建局") && essential(&cut), "{cut}");
    let bare = with(&long_title, &long_unit);
    assert!(!bare.contains('标') && bare.contains("局…") && essential(&bare), "{bare}");
}

/// What stands between `<` and `>`.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default())
}

fn is_harmless(tag: &str) -> bool {
    let tag = tag.to_lowercase();
    let harmful = ["script", "svg", "img", "link", "iframe", " src=", " on", "javascript:", "url("];
    !harmful.iter().any(|part| tag.contains(part))
}

/// Every tag that is opened is closed, in order.
fn is_balanced(html: &str) -> bool {
    let void = ["!DOCTYPE", "meta", "br"];
    let mut open = Vec::new();
    for tag in html.split('<').skip(1) {
        let Some((inside, text)) = tag.split_once('>') else { return false };
        let name = inside.trim_start_matches('/').split_whitespace().next().unwrap_or_default();
        if text.contains('>') || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'!') {
            return false;
        }
        if inside.starts_with('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !void.contains(&name) {
            open.push(name);
        }
    }
    open.is_empty()
}

fn assert_well_behaved(facts: &Facts, language: Language) {
    for medium in MEDIA {
        let (rendered, error) = BUILT_IN.render(facts, language, medium);
        assert_eq!(error, None);
        assert!(!rendered.subject.chars().any(char::is_control), "{:?}", rendered.subject);
        let hides = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!rendered.text.chars().any(hides), "{:?}", rendered.text);
        match medium {
            Medium::Sms => {
                assert!(rendered.text.encode_utf16().count() <= SHORT_MESSAGE, "{:?}", rendered.text);
                assert!(!rendered.text.contains('\n'));
            }
            Medium::Im => assert!(rendered.text.len() <= 2_000),
            Medium::Mail => {
                let html = rendered.html.expect("a mail has HTML");
                assert!(is_balanced(&html) && tags(&html).all(is_harmless), "{html}");
            }
        }
    }
}

#[test]
fn every_sample_is_well_behaved() {
    for facts in every_kind() {
        for language in LANGUAGES {
            assert_well_behaved(&facts, language);
        }
    }
}

#[test]
fn a_full_list_of_the_longest_texts_still_fits_its_template() {
    let longest = "<😀>".repeat(3_000);
    let card = CardFacts {
        code: longest.clone(),
        title: longest.clone(),
        unit: Some(longest.clone()),
        handler: Some(longest.clone()),
        reason: Reason::Found { text: longest.into() },
        sign_url: Some(format!("https://board.example/{}", "&".repeat(450))),
        ..red()
    };
    let facts = delivery(vec![member(NoticeKind::Raise, card); super::page::LONGEST_LIST]);
    assert_well_behaved(&facts, Language::Chinese);
}

#[test]
fn a_forged_line_stays_inside_the_line_that_holds_it() {
    let card = CardFacts { title: "a\nBcc: b\r\n\r\n签收：c".into(), ..red() };
    let mail = render(&delivery(vec![member(NoticeKind::Raise, card)]), Language::Chinese, Medium::Mail);
    assert!(!mail.text.lines().any(|line| line.starts_with("Bcc") || line.starts_with("签收：c")), "{}", mail.text);
}

#[test]
fn a_short_message_about_many_keeps_the_counts_and_the_worst_code() {
    let code = "SQ-2026-0316-000136";
    let worst = CardFacts { code: code.into(), ..red() };
    let kinds = [NoticeKind::Raise, NoticeKind::Clear, NoticeKind::Revoke];
    let others = kinds.into_iter().flat_map(|kind| vec![member(kind, yellow()); 120]);
    let members = std::iter::once(member(NoticeKind::Raise, worst)).chain(others).chain([notice(NoticeKind::Order, 1)]);
    let facts = delivery(members.collect());
    for (language, counts) in [
        (Language::Chinese, "红牌1 黄牌120 撤牌120 销牌120 督办单1，"),
        (Language::English, "1 red, 120 yellow, 120 recalled…;"),
    ] {
        let said = render(&facts, language, Medium::Sms).text;
        assert!(said.contains(counts) && said.contains(code), "{said}");
    }
}

#[test]
fn a_list_that_is_told_in_part_counts_all_of_it() {
    let unit = |at: usize| Some(format!("示范区第{}局", at % 25 + 1));
    let card = |at: usize| CardFacts { unit: unit(at), ..if at < 100 { red() } else { yellow() } };
    let whole = delivery((0..1_000).map(|at| member(NoticeKind::Raise, card(at))).collect());
    let mut part = Facts { members: whole.members[..200].to_vec(), ..whole.clone() };
    let rest = |at: usize| Rest { unit: unit(at), kind: NoticeKind::Raise, level: Some(Level::Yellow), count: 32 };
    part.rest = (0..25).map(rest).collect();
    for (language, medium) in LANGUAGES.into_iter().flat_map(|l| MEDIA.map(|m| (l, m))) {
        assert_eq!(render(&part, language, medium), render(&whole, language, medium));
    }
}

#[test]
fn the_shipped_description_names_everything_that_a_template_sees() {
    let readme = include_str!("../../../config/templates/README.md");
    let facts = delivery(vec![member(NoticeKind::Raise, red())]);
    let page = serde_json::to_value(Page::new(&facts, Language::Chinese)).expect("JSON");
    let many = delivery(vec![member(NoticeKind::Raise, red()); 101]);
    let counts = serde_json::to_value(Page::new(&many, Language::Chinese)).expect("JSON");
    for part in ["", "/colours", "/members/0", "/members/0/rows/0"] {
        let names = page.pointer(part).and_then(|value| value.as_object()).expect(part).keys();
        names.for_each(|name| assert!(readme.contains(&format!("`{name}`")), "{part}/{name}"));
    }
    let names = counts.pointer("/units/0").and_then(|value| value.as_object()).expect("a unit").keys();
    names.for_each(|name| assert!(readme.contains(&format!("`{name}`")), "units/{name}"));
}

/// Text as a hostile source may write it.
fn foreign() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z0-9]{0,12}",
        Just("<script>alert(1)</script>".to_owned()),
        Just("\"><img src=x onerror=y>\r\nBcc: z".to_owned()),
        Just("\u{202e}{{ 7 * 7 }}{% raw %}\u{0}\u{1b}]0;\u{7}".to_owned()),
        Just("😀".repeat(500)),
    ]
}

fn instants() -> impl Strategy<Value = Instant> {
    prop_oneof![any::<i64>(), 0..4_000_000_000_i64].prop_map(|seconds| {
        let limit = chrono::DateTime::<chrono::Utc>::MAX_UTC.timestamp();
        Instant::from_timestamp(seconds % limit, 0).unwrap_or_default()
    })
}

fn reasons() -> impl Strategy<Value = Reason> {
    prop_oneof![
        instants().prop_map(|due_at| Reason::Due { due_at }),
        foreign().prop_map(|text| Reason::Found { text: text.into() }),
        instants().prop_map(|since| Reason::StartMissing { since }),
        Just(Reason::LeftSource),
        Just(Reason::Recovered),
    ]
}

fn cards() -> impl Strategy<Value = CardFacts> {
    let texts = proptest::collection::vec(foreign(), 10);
    let numbers = (any::<i64>(), any::<bool>(), proptest::option::of(instants()), instants());
    (texts, numbers, reasons(), any::<bool>()).prop_map(|(texts, (left, flag, due_at, at), reason, has_clock)| {
        let mut card = if flag { red() } else { yellow() };
        let text = |index: usize| texts[index].clone();
        (card.code, card.title, card.rule, card.window) = (text(0), text(1), text(2), text(3));
        (card.unit, card.handler, card.phone) = (Some(text(4)), Some(text(5)), flag.then(|| text(6)));
        (card.basis, card.sign_url, card.reason, card.at) = (Some(text(7)), flag.then(|| text(8)), reason, at);
        card.told = vec![Told { name: text(9), channel: text(8), at }];
        if let Some(clock) = &mut card.clock {
            (clock.remaining, clock.due_at, clock.provisional) = (Some(left), due_at, flag);
            clock.sum = texts.clone();
            clock.limit = if flag { text(0) } else { "90wm".into() };
            clock.pauses[0].kind = Some(text(1).into());
        }
        card.clock = card.clock.filter(|_| has_clock);
        card
    })
}

fn members() -> impl Strategy<Value = Member> {
    let kinds = prop_oneof![
        Just(NoticeKind::Raise),
        Just(NoticeKind::Lower),
        Just(NoticeKind::Reminder),
        Just(NoticeKind::Clear),
        Just(NoticeKind::Revoke),
        Just(NoticeKind::Handover),
        Just(NoticeKind::Count),
        Just(NoticeKind::Order),
        Just(NoticeKind::Digest),
        Just(NoticeKind::System),
    ];
    (kinds, cards(), any::<bool>(), foreign()).prop_map(|(kind, card, is_card, text)| {
        if is_card {
            return member(kind, card);
        }
        let mut made = notice(kind, 1);
        let body = made.body.as_mut().expect("a notice has a body");
        (body.title, body.lines) = (text.clone(), vec![text]);
        made
    })
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let texts = proptest::collection::vec(foreign(), 6);
    let many = proptest::collection::vec(members(), 0..6);
    (many, texts, any::<bool>(), instants()).prop_map(|(members, texts, flag, sealed_at)| {
        let text = |index: usize| texts[index].clone();
        let mut facts = delivery(members);
        (facts.to.name, facts.sealed_at) = (text(0), sealed_at);
        (facts.rehearsal_for, facts.base_url) = (flag.then(|| text(1)), flag.then(|| text(2)));
        (facts.signature, facts.answer) = (Some(text(3)), Some(text(4)));
        facts.zone = if flag { text(5) } else { "America/Sao_Paulo".into() };
        facts
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_an_item_says_the_message_keeps_its_form(facts in any_facts(), chinese in any::<bool>()) {
        assert_well_behaved(&facts, LANGUAGES[usize::from(!chinese)]);
    }
}

#[test]
fn a_level_never_depends_on_colour_alone() {
    for level in [Level::Yellow, Level::Red] {
        let card = CardFacts { level, ..red() };
        let html = render(&delivery(vec![member(NoticeKind::Raise, card)]), Language::Chinese, Medium::Mail).html;
        assert!(html.expect("HTML").contains(super::level_label(level, Language::Chinese)));
    }
}
