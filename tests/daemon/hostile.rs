//! Sixty hostile titles, names and units through every channel, page, log and list: nothing but text arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::response::Response;
use duban::core::Instant;
use duban::core::line::one_line;
use duban::time::TestClock;
use regex::Regex;
use serde_json::Value;

use crate::machine;
use crate::support::command::duban;
use crate::support::daemon::{Daemon, ask};
use crate::support::gateway::{Asked, Gateway};
use crate::support::hostile::{fits_a_cell, hostile};
use crate::support::letter::Letter;
use crate::support::patience::{ahead, free_port, holds_within, now};
use crate::support::sink::Sink;
use crate::support::site::Site;
use crate::support::vendor::cloud::{Aliyun, Tencent};
use crate::support::vendor::messenger::Robot;
use crate::support::vendor::{Desk, Vendor};

const KEY: &str = "key-of-the-vendors";
const TAME: &str = "厂区门口道路破损";
const CHANNELS: [&str; 13] =
    ["mail", "box", "json", "form", "xml", "gb", "sms", "echo", "ali", "ten", "ding", "wecom", "feishu"];

/// One ticket: its id, its title and unit, and its handler's name.
struct Case {
    name: &'static str,
    id: String,
    title: String,
    handler: String,
}

/// The tame one, and one for each text. What no cell can hold, a name still can.
fn cases() -> Vec<Case> {
    let texts = hostile();
    assert_eq!(texts.len(), 60);
    let all = [("tame", TAME.to_owned())].into_iter().chain(texts).enumerate();
    all.map(|(number, (name, text))| Case {
        name,
        id: format!("H{number:02}"),
        title: if fits_a_cell(&text) { text.clone() } else { TAME.to_owned() },
        // Nobody is without a name: that the file of contacts does not take.
        handler: if one_line(&text, 9).is_empty() { "承办人".to_owned() } else { text },
    })
    .collect()
}

/// A vendor for whom time flies: sixty messages are sent within seconds.
struct Patient<D> {
    desk: D,
    calls: i64,
}

impl<D: Desk> Desk for Patient<D> {
    fn answer(&mut self, asked: &Asked, now: Instant) -> (u16, Value) {
        self.calls += 1;
        self.desk.answer(asked, now + chrono::TimeDelta::seconds(4 * self.calls))
    }

    fn taken(&self) -> Vec<(String, String)> {
        self.desk.taken()
    }
}

/// Those who get the messages.
struct Peers {
    mail: Sink,
    web: Gateway,
    echo: Gateway,
    ali: Vendor<Aliyun>,
    ten: Vendor<Tencent>,
    ding: Vendor<Patient<Robot>>,
    wecom: Vendor<Patient<Robot>>,
    feishu: Vendor<Patient<Robot>>,
}

impl Peers {
    async fn start() -> Self {
        let clock = Arc::new(TestClock::at(now()));
        let patient = |desk| Patient { desk, calls: 0 };
        // A gateway that refuses, and quotes in its answer what it was sent.
        let refuse = || Response::builder().status(422).body(QUOTE.clone().into()).expect("an answer");
        Self {
            mail: Sink::start(Duration::ZERO),
            web: Gateway::start(Response::default).await,
            echo: Gateway::start(refuse).await,
            ali: Vendor::start(Aliyun::new("LTAI5t", KEY), clock.clone()).await,
            ten: Vendor::start(Tencent::new("AKIDz8", KEY), clock.clone()).await,
            ding: Vendor::start(patient(Robot::of_dingtalk("token", Some(KEY), None)), clock.clone()).await,
            wecom: Vendor::start(patient(Robot::of_wecom("token")), clock.clone()).await,
            feishu: Vendor::start(patient(Robot::of_feishu("token", Some(KEY), None)), clock).await,
        }
    }

    fn configuration(&self, web: u16) -> String {
        let limits = "limits = { all = [\"1000/1s\"], each = [] }";
        let webhook = |name: &str, gateway: &Gateway, more: &str| {
            let port = gateway.port;
            format!(
                "[channels.{name}.webhook]\nurl = \"http://127.0.0.1:{port}/{name}\"\nmedium = \"sms\"\n\
                 allow_networks = [\"127.0.0.1\"]\n{more}\n"
            )
        };
        let robot = |name: &str, kind: &str, sign: &str, endpoint: &str| {
            let secrets = format!("secrets = {{ token = {{ file = \"token\" }}{sign} }}");
            format!("[channels.{name}]\n{limits}\n{secrets}\n[channels.{name}.{kind}]\n{endpoint}\n")
        };
        let sign = ", sign = { file = \"key\" }";
        [
            format!("[notify]\nmode = \"live\"\npace = \"\"\nbase_url = \"http://127.0.0.1:{web}/\"\n"),
            format!("[web]\nlisten = \"127.0.0.1:{web}\"\n"),
            crate::support::site::plain_mail_to(self.mail.port),
            "[channels.box.folder]\npath = \"box\"\nmedium = \"im\"\n".to_owned(),
            webhook("json", &self.web, "headers = { X-Title = \"{{ subject }}\", X-Name = \"{{ to_name }}\" }"),
            webhook("form", &self.web, FORM),
            webhook("xml", &self.web, XML),
            webhook("gb", &self.web, &format!("charset = \"gb18030\"\n{FORM}")),
            webhook("sms", &self.web, "method = \"GET\"\nquery = { to = \"{{ to_address }}\", text = \"{{ text }}\" }"),
            webhook("echo", &self.echo, "body = \"text\"\ntemplate = \"{{ text }}\""),
            format!("[channels.ali]\n{limits}\nsecrets = {{ access_key_secret = {{ file = \"key\" }} }}\n{ALI}"),
            self.ali.endpoint(),
            format!("[channels.ten]\n{limits}\nsecrets = {{ secret_key = {{ file = \"key\" }} }}\n{TEN}"),
            self.ten.endpoint(),
            robot("ding", "dingtalk", sign, &self.ding.endpoint()),
            robot("wecom", "wecom", "", &self.wecom.endpoint()),
            robot("feishu", "feishu", sign, &self.feishu.endpoint()),
        ]
        .concat()
    }

    fn asked(&self, path: &str) -> Vec<Asked> {
        self.web.asked().into_iter().filter(|asked| asked.uri.path() == path).collect()
    }

    fn counts(&self, site: &Site) -> [usize; 13] {
        let web = |path| self.asked(path).len();
        let mails = self.mail.taken().iter().filter(|mail| mail.to.starts_with('h')).count();
        let files = std::fs::read_dir(site.path("box")).map_or(0, Iterator::count);
        let robots = [&self.ding, &self.wecom, &self.feishu].map(|robot| robot.taken().len());
        let clouds = [self.ali.taken().len(), self.ten.taken().len()];
        let echo = self.echo.asked().len();
        let [ding, wecom, feishu] = robots;
        let [json, form, xml, gb, sms] = ["/json", "/form", "/xml", "/gb", "/sms"].map(web);
        [mails, files, json, form, xml, gb, sms, echo, clouds[0], clouds[1], ding, wecom, feishu]
    }
}

/// The headers of a request, those that its configuration wants among them.
const HEADERS: [&str; 9] = [
    "accept",
    "accept-encoding",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "user-agent",
    "x-name",
    "x-title",
];
const FORM: &str = "body = \"form\"\nform = { to = \"{{ to_address }}\", name = \"{{ to_name }}\", \
    text = \"{{ text }}\", raw = \"{{ facts.members[0].card.title }}\" }";
const XML: &str = "body = \"xml\"\ntemplate = '<?xml version=\"1.0\"?><sms to=\"{{ to_address }}\" \
    name=\"{{ to_name }}\"><text>{{ text }}</text><raw>{{ facts.members[0].card.title }}</raw></sms>'";
const ALI: &str = "[channels.ali.aliyun]\naccess_key_id = \"LTAI5t\"\nsign = \"示范区督查室\"\ntemplate = \"SMS_1\"\n\
    text = '${title}${state}，请登录督办平台办理。'\n\
    params = { title = '{{ facts.members[0].card.title }}', state = '{{ to_name }}' }\n";
const TEN: &str = "[channels.ten.tencent]\nsecret_id = \"AKIDz8\"\napp_id = \"1400006666\"\nsign = \"示范区督查室\"\n\
    template = \"1001\"\ntext = '{1}{2}，请登录督办平台办理。'\n\
    params = ['{{ facts.members[0].card.title }}', '{{ to_name }}']\n";

/// What the refusing gateway says: all that is short, in one answer.
static QUOTE: LazyLock<String> = LazyLock::new(|| {
    let bad = ["CRLF and a header", "ANSI", "a line of the log", "overrides", "NUL", "DEL and C1", "separators"];
    hostile().into_iter().filter(|(name, _)| bad.contains(name)).map(|(_, text)| text).collect()
});

fn table<'a>(rows: impl IntoIterator<Item = Vec<&'a str>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.into_iter().for_each(|row| writer.write_record(row).expect("a row"));
    String::from_utf8(writer.into_inner().expect("a table")).expect("UTF-8")
}

fn furnish(site: &Site, cases: &[Case]) {
    site.secret("key", KEY);
    site.secret("token", "token");
    let channels = format!("{CHANNELS:?}");
    let steps = |name: &str, role: &str, red: &str| {
        format!("[{name}]\n[[{name}.steps]]\nroles = [\"{role}\"]\nyellow = []\nred = {red}\n")
    };
    let ladders = [
        steps("handlers", "handler", &channels),
        steps("three-level", "handler", &channels),
        steps("command-centre", "handler", "[\"mail\"]"),
        steps("operators", "operator", "[\"mail\"]"),
    ];
    site.put("ladders.toml", &ladders.concat());
    let phones: Vec<String> = (0..cases.len()).map(|number| format!("139000000{number:02}")).collect();
    let addresses: Vec<[String; 2]> = cases.iter().map(|case| [case.id.to_lowercase(), mail_of(case)]).collect();
    let people = cases
        .iter()
        .zip(&phones)
        .zip(&addresses)
        .map(|((case, phone), [id, mail])| vec![id.as_str(), &case.handler, &case.title, "", phone, mail, "group"]);
    let head = vec!["id", "name", "unit", "roles", "mobile", "email", "im"];
    let operator = vec!["ops", "值班员", "", "operator", "", "ops@city.test", ""];
    site.put("contacts.csv", &table([head, operator].into_iter().chain(people)));
}

fn mail_of(case: &Case) -> String {
    format!("{}@city.test", case.id.to_lowercase())
}

/// When the tame ticket is dispatched: the same in every table, so that it does not change.
static FAR: LazyLock<Instant> = LazyLock::new(|| ahead(90_000));

/// Puts the tickets in place: overdue on the spot.
fn tickets(site: &Site, prefix: &str, cases: &[Case], raw: &[(&'static str, String)]) {
    let clock = |at: Instant| at.with_timezone(&chrono_tz::Asia::Shanghai).format("%Y-%m-%d %H:%M:%S").to_string();
    let row = |id: &str, title: &str, owner: &str, dispatched_at: Instant| {
        let received = clock(dispatched_at - chrono::TimeDelta::minutes(5));
        [id, title, "建议", "企业", title, owner, &received, &clock(dispatched_at), "", "", "", ""].map(str::to_owned)
    };
    let open = now() - chrono::TimeDelta::hours(2);
    let head = "编号,诉求,类型,主体,承办单位,承办人,受理时间,派单时间,到场时间,反馈企业,反馈平台,办结时间";
    let mut rows = vec![head.split(',').map(str::to_owned).collect::<Vec<_>>()];
    rows.push(row("T0", TAME, "h00", *FAR).into());
    let id = |case: &Case| case.id.replace('H', prefix);
    rows.extend(cases.iter().map(|case| row(&id(case), &case.title, &case.id.to_lowercase(), open).into()));
    rows.extend(raw.iter().enumerate().map(|(n, (_, text))| row(&format!("R{n}"), text, "h00", open).into()));
    site.put("tickets.csv", &table(rows.iter().map(|row| row.iter().map(String::as_str).collect())));
}

/// What no text for people may hold, but for the line ends of one that has several lines.
fn is_plain(text: &str) -> bool {
    text.split('\n').all(|line| duban::core::line::plain(line) == line)
}

/// The elements of a page with their attributes, read without mercy: what is not just so is no page of ours.
fn elements(page: &str) -> BTreeSet<String> {
    static TAG: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"^<(!(?i:doctype) html|/[a-z0-9]+|[a-z0-9]+(?: [a-z-]+(?:="[^"<>]*")?)*)>"#).expect("expression")
    });
    // Our own links, the nonce of a form and the colour of a card differ from page to page.
    static OURS: LazyLock<Regex> = LazyLock::new(|| {
        let link = r#"href="(?:cards/|http://127\.0\.0\.1:)[^":]*""#;
        Regex::new(&format!(r#"{link}|value="[^"]*"|class="card ?(?:red|yellow|closed)?""#)).expect("expression")
    });
    let page = page.split_once("</style>").map_or(page, |(_, rest)| rest);
    let mut found = BTreeSet::new();
    for piece in page.split_inclusive('>') {
        let Some(at) = piece.find('<') else { continue };
        let tag = TAG.find(&piece[at..]).unwrap_or_else(|| panic!("{piece:?}"));
        assert_eq!(tag.len(), piece.len() - at, "{piece:?}");
        found.insert(OURS.replace_all(&tag.as_str().replace("&#x2f;", "/"), "ours").into_owned());
    }
    found
}

/// A text as it must stand in a message: its beginning, for what comes after may be cut.
fn beginning(text: &str) -> String {
    one_line(text, 12).trim_end_matches('…').trim_end().to_owned()
}

#[test]
fn sixty_hostile_texts_go_through_every_channel_and_stay_texts() {
    let _alone = machine();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let peers = runtime.block_on(Peers::start());
    let (site, cases, web) = (Site::new(), cases(), free_port());
    furnish(&site, &cases);
    site.configure(&peers.configuration(web));
    tickets(&site, "H", &[], &[]);
    let daemon = Daemon::polled(&site);
    let raw: Vec<_> = hostile().into_iter().filter(|(_, text)| !fits_a_cell(text)).collect();
    tickets(&site, "H", &cases, &raw);
    let arrived = || peers.counts(&site).iter().all(|count| *count >= cases.len());
    assert!(holds_within(60, arrived), "{CHANNELS:?} {:?}\n{:.3000}", peers.counts(&site), daemon.log());
    daemon.polls_again(1);
    assert_eq!(peers.counts(&site), [cases.len(); 13], "{CHANNELS:?}");

    let links = in_mails(&peers, &cases);
    in_files(&site);
    in_requests(&peers, &cases);
    in_short_messages(&peers);
    in_groups(&peers, &cases);
    on_pages(web, &cases, &links);
    on_terminals(&site, &cases, raw.len());

    assert_eq!(daemon.stop(), 0);
    in_the_log(&site, &cases, raw.len());
    in_a_log_of_objects(&site, &cases);
}

/// Each mail has the headers of a tame one and one receiver, its HTML the elements of ours. Their links.
fn in_mails(peers: &Peers, cases: &[Case]) -> Vec<String> {
    let mut links = Vec::new();
    let mails = peers.mail.taken();
    let letter = |case: &Case| {
        let own: Vec<_> = mails.iter().filter(|mail| mail.to == mail_of(case)).collect();
        assert_eq!(own.len(), 1, "{}", case.name);
        let text = String::from_utf8(own[0].bytes.clone()).expect("ASCII");
        assert!(text.is_ascii() && !text.replace("\r\n", "").contains(['\r', '\n', '\0']), "{}", case.name);
        assert!(text.split("\r\n").all(|line| line.len() <= 998), "{}", case.name);
        own[0].letter()
    };
    let tame = letter(&cases[0]);
    let link = Regex::new("/sign/[A-Za-z0-9_-]+").expect("expression");
    let html = |letter: &Letter| letter.parts[1].body.clone();
    for case in cases {
        let (letter, name) = (letter(case), case.name);
        assert_eq!(letter.names(), tame.names(), "{name}");
        let kinds = |letter: &Letter| letter.parts.iter().map(Letter::names).map(|n| n.join(" ")).collect::<Vec<_>>();
        assert_eq!((letter.parts.len(), kinds(&letter)), (2, kinds(&tame)), "{name}");
        let to = letter.get("To").expect("To");
        assert!(to.ends_with(&format!("<{}>", mail_of(case))) && is_plain(to), "{name}: {to}");
        let subject = letter.get("Subject").expect("Subject");
        assert!(subject.contains(&beginning(&case.title)) && is_plain(subject), "{name}: {subject:?}");
        assert!(!subject.contains('\n') && subject.chars().count() <= 150, "{name}: {subject:?}");
        let text = &letter.parts[0].body;
        assert!(is_plain(text) && text.contains(&beginning(&case.title)), "{name}: {text}");
        assert!(text.lines().count() < 45, "{name}: {text}");
        assert!(is_plain(&html(&letter)), "{name}");
        let foreign: Vec<_> = elements(&html(&letter)).difference(&elements(&html(&tame))).cloned().collect();
        assert!(foreign.is_empty(), "{name}: {foreign:?}");
        links.push(link.find(text).unwrap_or_else(|| panic!("{name}: no link in {text}")).as_str().to_owned());
    }
    links
}

fn in_files(site: &Site) {
    for entry in std::fs::read_dir(site.path("box")).expect("a folder") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a text");
        let (head, body) = text.split_once("\n\n").expect("head and body");
        let names: Vec<_> = head.lines().map(|line| line.split(':').next().unwrap_or_default()).collect();
        assert_eq!(names, ["To", "Date", "Id"], "{head}");
        assert!(is_plain(head) && is_plain(body) && body.len() <= 2_100, "{text}");
    }
}

/// The requests to a path by their receivers: one to each, with no header of anybody else's.
fn by_phone(peers: &Peers, path: &str, phone: impl Fn(&Asked) -> String) -> BTreeMap<String, Asked> {
    let asked = peers.asked(path);
    for request in &asked {
        let foreign: Vec<_> = request.headers.keys().filter(|name| !HEADERS.contains(&name.as_str())).collect();
        assert!(foreign.is_empty(), "{path}: {foreign:?}");
    }
    asked.into_iter().map(|asked| (phone(&asked), asked)).collect()
}

fn field(fields: &[(String, String)], wanted: &str) -> String {
    fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// Each text stands in its place of a request and nowhere else.
fn in_requests(peers: &Peers, cases: &[Case]) {
    let json = by_phone(peers, "/json", |asked| asked.json()["to_address"].as_str().expect("an address").to_owned());
    let form = by_phone(peers, "/form", |asked| field(&asked.form(), "to"));
    let gb = by_phone(peers, "/gb", |asked| field(&decoded(&asked.body), "to"));
    let query = by_phone(peers, "/sms", |asked| field(&asked.query(), "to"));
    let xml = by_phone(peers, "/xml", |asked| XML_FORM.captures(utf8(&asked.body)).expect("our XML")[1].to_owned());
    for (number, case) in cases.iter().enumerate() {
        let phone = format!("139000000{number:02}");
        in_json(case, &json[&phone]);
        in_fields(case, &form[&phone].form(), &|text| text);
        // The only character that GB18030 lacks.
        in_fields(case, &decoded(&gb[&phone].body), &|text| text.replace('\u{e5e5}', "\u{fffd}"));
        in_xml(case, utf8(&xml[&phone].body));
        let query = query[&phone].query();
        assert_eq!(query.len(), 2, "{}", case.name);
        short(case.name, &field(&query, "text"));
    }
}

fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn name_of(case: &Case) -> String {
    one_line(&case.handler, 78)
}

fn in_json(case: &Case, asked: &Asked) {
    let (name, body) = (case.name, asked.json());
    assert_eq!(body["to_name"], name_of(case), "{name}");
    assert_eq!(body["facts"]["members"][0]["card"]["title"], title_of(case), "{name}");
    for (header, text) in [("x-title", &body["subject"]), ("x-name", &body["to_name"])] {
        let value = utf8(asked.headers[header].as_bytes());
        assert!(*text == value && is_plain(value), "{name}: {value:?}");
    }
    short(name, body["text"].as_str().expect("a text"));
}

fn in_fields(case: &Case, fields: &[(String, String)], held: &dyn Fn(String) -> String) {
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["name", "raw", "text", "to"], "{}", case.name);
    assert_eq!(fields[0].1, held(name_of(case)), "{}", case.name);
    assert_eq!(fields[1].1, held(title_of(case)), "{}", case.name);
    short(case.name, &fields[2].1);
}

static XML_FORM: LazyLock<Regex> = LazyLock::new(|| {
    let text = r#"^<\?xml version="1.0"\?><sms to="([^"<>]*)" name="([^"<>]*)"><text>([^<>]*)</text><raw>([^<>]*)</raw></sms>$"#;
    Regex::new(text).expect("expression")
});

fn in_xml(case: &Case, xml: &str) {
    let parts = XML_FORM.captures(xml).expect("our XML");
    let allowed = |c: &char| *c >= ' ' && !"\u{fffe}\u{ffff}".contains(*c) || "\t\n\r".contains(*c);
    let kept = |text: String| text.chars().filter(allowed).collect::<String>();
    assert_eq!(unescaped(&parts[2]), kept(name_of(case)), "{}", case.name);
    assert_eq!(unescaped(&parts[4]), kept(title_of(case)), "{}", case.name);
    short(case.name, &unescaped(&parts[3]));
}

/// The title without the blanks around it, and where it is nothing but blanks, the code.
fn title_of(case: &Case) -> String {
    let title = case.title.trim();
    if title.is_empty() { case.id.clone() } else { title.to_owned() }
}

/// The fields of a form in GB18030.
fn decoded(body: &[u8]) -> Vec<(String, String)> {
    let bytes = |text: &str| {
        let text = text.replace('+', " ");
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            let (byte, after) = match first {
                b'%' => {
                    let digits = std::str::from_utf8(&after[..2]).expect("digits");
                    (u8::from_str_radix(digits, 16).expect("hex"), &after[2..])
                }
                byte => (*byte, after),
            };
            bytes.push(byte);
            rest = after;
        }
        encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(&bytes).expect("GB18030").into_owned()
    };
    let text = std::str::from_utf8(body).expect("ASCII");
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (bytes(name), bytes(value))).collect()
}

fn unescaped(text: &str) -> String {
    let known = [("&#13;", "\r"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'")];
    let text = known.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}

/// A short message: plain, short, and signed by us alone.
fn short(name: &str, text: &str) {
    assert!(is_plain(text) && !text.contains('\n') && text.encode_utf16().count() <= 70, "{name}: {text:?}");
    assert!(text.starts_with("【督办】") && text.matches(['【', '】']).count() == 2, "{name}: {text:?}");
}

fn in_short_messages(peers: &Peers) {
    for (phone, text) in peers.ali.taken().into_iter().chain(peers.ten.taken()) {
        let value = text.strip_suffix("，请登录督办平台办理。").unwrap_or_else(|| panic!("{phone}: {text}"));
        assert!(value.encode_utf16().count() <= 40 && is_plain(value) && !value.contains('\n'), "{phone}: {value:?}");
        assert!(!value.contains("evil.test") && !value.contains(['【', '】']), "{phone}: {value:?}");
    }
    for asked in peers.echo.asked() {
        short("echo", std::str::from_utf8(&asked.body).expect("UTF-8"));
    }
}

fn in_groups(peers: &Peers, cases: &[Case]) {
    for (robot, longest) in [(&peers.ding, 20_000), (&peers.wecom, 4_096), (&peers.feishu, 20_000)] {
        assert!(robot.asked().iter().all(|asked| asked.body.len() <= longest + 2_000));
        for (named, text) in robot.taken() {
            assert_eq!(named, "", "{text}");
            assert!(is_plain(&text) && !text.contains(['<', '>']) && !text.contains("]("), "{text}");
            assert!(text.lines().count() < 12, "{text}");
        }
        let all: String = robot.taken().into_iter().map(|(_, text)| text + "\n").collect();
        for case in cases.iter().filter(|case| !case.title.contains(['<', '>', '('])) {
            assert!(all.contains(&beginning(&case.title)), "{}", case.name);
        }
        let asks = |asked: Asked| {
            let body = asked.json();
            let everybody = [&body["at"]["isAtAll"], &body["text"]["mentioned_list"], &body["at"]["atUserIds"]];
            everybody.into_iter().any(|field| *field == true || field.as_array().is_some_and(|list| !list.is_empty()))
        };
        assert!(!robot.asked().into_iter().any(asks));
    }
}

fn on_pages(port: u16, cases: &[Case], links: &[String]) {
    let get = |path: &str| {
        let (head, page) = ask(port, "GET", path);
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
        (head, page)
    };
    let (_, json) = get("/api/v1/cards");
    let cards: Vec<Value> = serde_json::from_str(&json).expect("JSON");
    let (_, board) = get("/");
    let ours = elements(&without_templates(include_str!("../../src/web/board.html")));
    let foreign: Vec<_> = elements(&board).difference(&ours).cloned().collect();
    assert!(foreign.is_empty() && is_plain(&board), "{foreign:?}");
    let ours = elements(&without_templates(include_str!("../../src/web/card.html")));
    for (case, link) in cases.iter().zip(links) {
        let card = cards.iter().find(|card| card["item"]["id"] == *case.id && card["level"] == "red");
        let card = card.unwrap_or_else(|| panic!("{}: {json:.1000}", case.name));
        assert_eq!(card["title"], title_of(case), "{}", case.name);
        let id = card["card"].as_str().expect("an id");
        for path in [link.clone(), format!("/cards/{id}")] {
            let (head, page) = get(&path);
            assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
            let foreign: Vec<_> = elements(&page).difference(&ours).cloned().collect();
            assert!(foreign.is_empty() && is_plain(&page), "{}: {foreign:?}", case.name);
        }
    }
}

/// A page's own elements, with nothing where values stand.
fn without_templates(page: &str) -> String {
    let statement = Regex::new(r"\{%.*?%\}|\{\{.*?\}\}").expect("expression");
    statement.replace_all(page, "").into_owned()
}

/// Lists and accounts, in a pipe and on a terminal: nothing steers, and a spreadsheet runs nothing.
fn on_terminals(site: &Site, cases: &[Case], rejected: usize) {
    let config = site.path("duban.toml").display().to_string();
    let run = |arguments: &[&str]| {
        let run = duban(&[&["--config", &config], arguments].concat());
        assert!(run.status == 0 && is_plain(&run.stderr), "{arguments:?}: {:?}", run.stderr);
        assert!(is_plain(&run.stdout), "{arguments:?}: {:?}", run.stdout);
        run
    };
    let failed = run(&["deliveries", "list", "--state", "discarded", "--limit", "100", "--format", "json"]);
    let failed: Vec<Value> = serde_json::from_str(&failed.stdout).expect("JSON");
    assert_eq!(failed.len(), cases.len());
    let table = run(&["deliveries", "list", "--limit", "1000"]).stdout;
    assert!(table.lines().count() > cases.len() * 13, "one line each");
    run(&["deliveries", "show", failed[0]["id"].as_str().expect("an id")]);
    let wanted = ["ANSI"];
    for case in cases.iter().filter(|case| wanted.contains(&case.name)) {
        let item = format!("tickets/{}", case.id);
        run(&["explain", &item]);
        let said: Value = serde_json::from_str(&run(&["explain", &item, "--format", "json"]).stdout).expect("JSON");
        assert!(said.to_string().contains(&serde_json::to_string(&title_of(case)).expect("JSON")), "{said}");
    }
    let evaluated = run(&["evaluate", "--format", "csv"]);
    assert_eq!(evaluated.stderr.lines().count(), rejected, "a line each: {}", evaluated.stderr);
    let rows = evaluated.rows();
    assert!(rows.len() > cases.len(), "{}", rows.len());
    let formula = |cell: &String| cell.starts_with(['=', '@', '+']) || cell.starts_with("-2+");
    assert!(!rows.iter().flat_map(|row| row.values()).any(formula), "{rows:?}");
    // On a terminal, which wants no colours: then none of the escapes is ours.
    for arguments in ["deliveries list --limit 70 --state discarded", "explain tickets/H43"] {
        let line = format!("{} --config {config} {arguments}", env!("CARGO_BIN_EXE_duban"));
        let output = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .env("NO_COLOR", "1")
            .stdin(std::process::Stdio::null())
            .output()
            .expect("script");
        let text = String::from_utf8(output.stdout).expect("UTF-8").replace("\r\n", "\n");
        assert!(output.status.success() && is_plain(&text), "{arguments}: {text:?}");
    }
}

fn in_the_log(site: &Site, cases: &[Case], rejected: usize) {
    let log = std::fs::read_to_string(site.path("daemon.log")).expect("a log");
    let event = Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z +(INFO|WARN|ERROR) duban").expect("expression");
    for line in log.lines() {
        assert!(event.is_match(line) && is_plain(line), "{line:?}");
    }
    assert!(!log.contains("panicked"), "{log}");
    assert_eq!(log.matches("not sent: ").count(), cases.len(), "one line each");
    // The operators hear that a channel fails, what the first poll found, and in one message of all that was refused.
    let sent = log.lines().filter(|line| line.contains("courier::ends: sent id=")).count();
    assert!((cases.len() * 12..cases.len() * 12 + 4).contains(&sent), "{sent}");
    let polled = format!("rows={} changed={}", cases.len() + rejected + 1, cases.len());
    assert!(log.contains(&polled), "{polled}: {log:.2000}");
}

/// The same daemon with a log for machines, while the refusing gateway quotes.
fn in_a_log_of_objects(site: &Site, cases: &[Case]) {
    let ladders = std::fs::read_to_string(site.path("ladders.toml")).expect("ladders");
    site.put("ladders.toml", &ladders.replace(&format!("{CHANNELS:?}"), "[\"echo\"]"));
    std::fs::remove_file(site.path("daemon.log")).expect("removed");
    let shell = ["/bin/sh", "-c", "exec \"$@\" --log-format json", "sh"];
    let daemon = Daemon::start_under(&shell, site, &[]);
    tickets(site, "J", cases, &[]);
    assert!(holds_within(30, || daemon.times("not sent: ") >= cases.len()), "{:.3000}", daemon.log());
    let log = daemon.log();
    assert_eq!(daemon.stop(), 0);
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        assert!(event["timestamp"].is_string() && is_plain(line), "{line:?}");
    }
}
