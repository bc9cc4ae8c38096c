//! The rows: each a fault, the server that makes it, and a channel that meets it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use chrono::TimeDelta;

use crate::proof::Said as _;
use crate::support::authority::Authority;
use crate::support::exim::{Exim, PASSWORD, USER};
use crate::support::gateway::Gateway;
use crate::support::patience::{free_port, now};
use crate::support::proxy::{Direction, Mode, Proxy};
use crate::support::sink::{Instead, Sink};

use Direction::{Down, Up};

/// What a server read of a message: the delivery's id as it came, and the message.
pub type Heard = (String, String);

/// Asks a server what it read for a mailbox.
type Ears = dyn Fn(&str) -> Vec<Heard>;

/// A fault, and the one contact that is reached by the channel which meets it.
pub struct Row {
    /// The name of the channel, the contact and the ladder.
    pub name: &'static str,
    /// What goes wrong.
    pub fault: &'static str,
    /// Before the @ of the contact's address.
    pub mailbox: &'static str,
    /// Seconds that lie between two tries, at least.
    pub pause: f64,
    terms: String,
    kind: &'static str,
    keys: String,
    heard: Box<Ears>,
}

impl Row {
    fn new(name: &'static str, fault: &'static str, kind: &'static str, keys: String) -> Self {
        let (terms, heard) = (String::new(), Box::new(|_: &str| Vec::new()));
        Self { name, fault, mailbox: name, pause: 24.0, terms, kind, keys, heard }
    }

    /// Over SMTP in the clear.
    fn mail(name: &'static str, fault: &'static str, port: u16, keys: &str) -> Self {
        Self::smtp(name, fault, port, &format!("security = \"none\"\n{keys}"))
    }

    fn smtp(name: &'static str, fault: &'static str, port: u16, keys: &str) -> Self {
        let from = "from = \"督办 <duban@city.test>\"";
        Self::new(name, fault, "smtp", format!("host = \"127.0.0.1\"\nport = {port}\n{from}\n{keys}\n"))
    }

    fn http(name: &'static str, fault: &'static str, port: u16, keys: &str) -> Self {
        let url = format!("url = \"http://127.0.0.1:{port}/\"\nallow_networks = [\"127.0.0.1\"]");
        Self::new(name, fault, "webhook", format!("{url}\nmedium = \"mail\"\n{keys}\n"))
    }

    /// Tries again soon.
    fn again(self) -> Self {
        let terms = self.terms + "retry = { waits = [1] }\n";
        Self { terms, pause: 0.8, ..self }
    }

    /// Tries again soon, and once only.
    fn at_most_twice(self) -> Self {
        let terms = self.terms + "retry = { waits = [1], tries = 2 }\n";
        Self { terms, pause: 0.8, ..self }
    }

    /// Has a channel that takes its place.
    fn or_spare(self) -> Self {
        Self { terms: self.terms + "fallback = \"spare\"\n", ..self }
    }

    fn to(self, mailbox: &'static str) -> Self {
        Self { mailbox, ..self }
    }

    fn heard_by(self, heard: impl Fn(&str) -> Vec<Heard> + 'static) -> Self {
        Self { heard: Box::new(heard), ..self }
    }

    fn at_sink(self, sink: Sink) -> Self {
        self.heard_by(move |mailbox| {
            let taken = sink.taken_by(mailbox).into_iter();
            taken.map(|taken| (taken.id(), format!("{:?}", taken.letter()))).collect()
        })
    }

    fn at_exim(self, exim: &Arc<Exim>) -> Self {
        let exim = exim.clone();
        self.heard_by(move |mailbox| {
            let start = format!("{mailbox}@");
            let is_own = |letter: &crate::support::letter::Letter| {
                letter.get("Envelope-to").is_some_and(|to| to.starts_with(&start))
            };
            let letters = exim.inbox(0).into_iter().filter(is_own);
            letters.map(|l| (l.get("Message-ID").unwrap_or_default().to_owned(), format!("{:?}", l.parts))).collect()
        })
    }

    fn at_gateway(self, gateway: Gateway) -> Self {
        self.heard_by(move |_| {
            let asked = gateway.asked().into_iter();
            let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
            asked.map(|asked| (asked.header("idempotency-key").to_owned(), text(&asked.body))).collect()
        })
    }

    /// Its tables in the configuration.
    pub fn tables(&self) -> String {
        let Self { name, terms, kind, keys, .. } = self;
        format!("[channels.{name}]\n{terms}[channels.{name}.{kind}]\n{keys}")
    }

    /// Its contact's line.
    pub fn contact(&self) -> String {
        let Self { name, mailbox, .. } = self;
        format!("{name},承办人{name},,{mailbox}@city.test,group\n")
    }

    /// The ladder that reaches the contact by the channel alone.
    pub fn ladder(&self) -> String {
        let name = self.name;
        format!("[{name}]\nsteps = [{{ roles = [\"handler\"], red = [\"{name}\"] }}]\n")
    }

    /// The route of the contact's ticket to the ladder.
    pub fn route(&self) -> String {
        let name = self.name;
        format!("[[routes]]\nname = \"{name}\"\nmatch = {{ owner = \"{name}\" }}\nladder = \"{name}\"\n")
    }

    /// What its server read, in its order.
    pub fn heard(&self) -> Vec<Heard> {
        (self.heard)(self.mailbox)
    }

    /// What it read for another receiver.
    pub fn heard_for(&self, mailbox: &str) -> Vec<Heard> {
        (self.heard)(mailbox)
    }
}

/// All rows.
pub fn all() -> Vec<Row> {
    let exim = Arc::new(Exim::start());
    let parts =
        [healthy(&exim), mail_answers(&exim), mail_breaks(), trust(&exim), http_answers(), http_breaks(), nobody()];
    parts.into_iter().flatten().collect()
}

fn healthy(exim: &Arc<Exim>) -> Vec<Row> {
    let gateway = Gateway::apart(Duration::ZERO);
    vec![
        Row::mail("mail", "none, by mail", exim.plain, "").at_exim(exim),
        Row::http("http", "none, by HTTP", gateway.port, "").at_gateway(gateway),
    ]
}

fn mail_answers(exim: &Arc<Exim>) -> Vec<Row> {
    let sink = |at, answer, times| Sink::answering(Instead { at, answer, times });
    let rcpt = sink("RCPT", "450 4.2.0 try again later\r\n", 1);
    let data = sink(".", "451 4.3.0 try again later\r\n", 1);
    let full = sink("RCPT", "552 5.2.2 mailbox full\r\n", 1);
    let spam = sink(".", "554 5.7.1 this is spam\r\n", 9);
    vec![
        Row::mail("greylist", "451 to RCPT", exim.plain, "").to("grey1").at_exim(exim),
        Row::mail("rcpt-450", "450 to RCPT once", rcpt.port, "").again().at_sink(rcpt),
        Row::mail("data-451", "451 to the message once", data.port, "").again().at_sink(data),
        Row::mail("full-552", "552 to RCPT once", full.port, "").again().at_sink(full),
        Row::mail("nobody-550", "550 to RCPT, with a fallback", exim.plain, "").to("nouser1").or_spare().at_exim(exim),
        Row::mail("nobody-550-alone", "550 to RCPT, without one", exim.plain, "").to("nouser2").at_exim(exim),
        Row::mail("one-of-two", "550 to one of two receivers", exim.plain, "").to("nouser3").at_exim(exim),
        Row::mail("data-554", "554 to the message", spam.port, "").or_spare().at_sink(spam),
    ]
}

/// A proxy before a server that does so with the first connections.
fn at_first_by(server: u16, times: usize, mode: Mode) -> u16 {
    let proxy = Proxy::before(server);
    (0..times).for_each(|_| proxy.set_for_next(mode));
    proxy.port
}

/// The same with the very first.
fn once(server: u16, mode: Mode) -> u16 {
    at_first_by(server, 1, mode)
}

fn mail_breaks() -> Vec<Row> {
    let sink = || Sink::start(Duration::ZERO);
    let broken = |name, fault, mode| {
        let sink = sink();
        Row::mail(name, fault, once(sink.port, mode), "timeout = 2").again().at_sink(sink)
    };
    let hangs_up = Sink::answering(Instead { at: ".", answer: "", times: 1 });
    let slow = Sink::start(Duration::from_secs(1));
    let deaf = sink();
    vec![
        Row::mail("no-250", "hangs up once before 250", hangs_up.port, "").again().at_sink(hangs_up),
        Row::mail("slow", "takes a second", slow.port, "").at_sink(slow),
        broken("drip", "a byte in 100 ms, once", Mode::Drip(Down, Duration::from_millis(100))),
        broken("half-open", "half a greeting, once", Mode::Hold(Down, 8)),
        broken("half-a-mail", "half a mail goes through, once", Mode::Hold(Up, 500)),
        broken("mute-250", "mute once before 250", Mode::Hold(Down, 80)),
        broken("reset", "reset once amid the mail", Mode::Reset(Up, 500)),
        broken("close", "closed once amid the mail", Mode::Close(Up, 500)),
        Row::mail("blackhole", "never a word", at_first_by(deaf.port, 2, Mode::Hold(Down, 0)), "timeout = 1")
            .at_most_twice()
            .or_spare()
            .at_sink(deaf),
    ]
}

fn trust(exim: &Arc<Exim>) -> Vec<Row> {
    let login = |row: Row| Row { terms: row.terms + "password = { file = \"password\" }\n", ..row };
    let by = |name, fault, exim: &Arc<Exim>, keys: &str| {
        let user = format!("user = \"{USER}\"\n{keys}");
        login(Row::smtp(name, fault, exim.starttls, &user)).at_exim(exim)
    };
    let known = |exim: &Exim| format!("ca_file = \"{}\"\nsystem_roots = false", exim.ca_file().display());
    let named = |exim: &Exim| format!("{}\nserver_name = \"mail.test\"", known(exim));
    let old = Arc::new(Exim::start_with(Authority::long_ago_for_names(&["mail.test"])));
    let bare = Arc::new(Exim::start_with(Authority::for_subject("mail.test")));
    let pin = format!("pin = \"{}\"", exim.authority.pin());
    let mut wrong = by("password-535", "a wrong password", exim, &named(exim));
    wrong.terms = wrong.terms.replace("\"password\"", "\"wrong-password\"");
    vec![
        by("own-ca", "none: an own authority, a login", exim, &named(exim)),
        by("pinned", "none: a pinned certificate", exim, &pin),
        by("untrusted", "an unknown authority", exim, "server_name = \"mail.test\""),
        by("wrong-name", "a certificate for another name", exim, &known(exim)),
        by("expired", "an expired certificate", &old, &named(&old)),
        by("no-san", "a name in the subject only", &bare, &named(&bare)),
        by(
            "clear-tls",
            "TLS from the first byte where it is not spoken",
            exim,
            &format!("{}\nsecurity = \"tls\"", named(exim)),
        ),
        wrong,
        Row::smtp("no-starttls", "STARTTLS is not offered", exim.plain, "").at_exim(exim),
    ]
}

/// The password's files.
pub const PASSWORDS: [(&str, &str); 2] = [("password", PASSWORD), ("wrong-password", "not-the-right-one")];

fn response(status: u16, headers: &[(&str, String)], body: impl Into<Body>) -> Response {
    let builder = headers.iter().fold(Response::builder().status(status), |b, (name, value)| b.header(*name, value));
    builder.body(body.into()).expect("answer")
}

/// A gateway that answers so the first time, and then says yes.
fn at_first(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Gateway {
    let is_over = Arc::new(AtomicBool::new(false));
    let then = move || if is_over.swap(true, Ordering::SeqCst) { Response::default() } else { answer() };
    Gateway::apart_answering(Duration::ZERO, then)
}

fn every_time(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> Gateway {
    Gateway::apart_answering(Duration::ZERO, answer)
}

fn http_answers() -> Vec<Row> {
    const CODE: &str = "success = { json = \"$.errcode\", equals = 0 }";
    let after = |seconds: u16| move || response(429, &[("retry-after", seconds.to_string())], "slow down");
    let at = |minutes| {
        move || {
            let date = |at: duban::core::Instant| at.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            let now = now();
            let headers = [("date", date(now)), ("retry-after", date(now + TimeDelta::minutes(minutes)))];
            response(429, &headers, "slow down")
        }
    };
    let errcode = |code: i64| move || response(200, &[], format!("{{\"errcode\": {code}, \"errmsg\": \"no\"}}"));
    let endless = || {
        let chunk = || Ok::<_, std::io::Error>(vec![b'x'; 16 * 1024]);
        response(200, &[], Body::from_stream(futures_util::stream::repeat_with(chunk)))
    };
    let row =
        |name, fault, gateway: Gateway, keys: &str| Row::http(name, fault, gateway.port, keys).at_gateway(gateway);
    vec![
        Row { pause: 2.0, ..row("wait-2", "429 once, wait 2 seconds", at_first(after(2)), "").again() },
        row("wait-9000", "429, wait 9,000 seconds", every_time(after(9_000)), ""),
        row("wait-date", "429, wait until a date", every_time(at(5)), ""),
        row("http-503", "503 once", at_first(|| response(503, &[], "maintenance")), "").again(),
        row("http-400", "400", every_time(|| response(400, &[], "what?")), "").or_spare(),
        row("errcode", "200 with errcode 45009", every_time(errcode(45_009)), CODE),
        robot("wecom-fast", "200 with errcode 45009", "wecom", every_time(errcode(45_009))),
        robot("wecom-key", "200 with errcode 93000", "wecom", every_time(errcode(93_000))),
        row("huge", "an endless answer, 200 suffices", every_time(endless), ""),
        row("huge-code", "an endless answer where a code should be", every_time(endless), CODE),
    ]
}

fn robot(name: &'static str, fault: &'static str, kind: &'static str, gateway: Gateway) -> Row {
    let keys = format!("endpoint = \"http://127.0.0.1:{}\"\nallow_networks = [\"127.0.0.1\"]\n", gateway.port);
    let row = Row::new(name, fault, kind, keys).at_gateway(gateway);
    Row { terms: "secrets = { token = { file = \"password\" } }\n".to_owned(), ..row }
}

fn http_breaks() -> Vec<Row> {
    const KNOWS_REPEATS: &str = "timeout = 2\nidempotent = true";
    const CODE: &str = "timeout = 2\nsuccess = { json = \"$.code\", equals = 0 }";
    let broken = |name, fault, mode, keys: &str| {
        let gateway = Gateway::apart(Duration::ZERO);
        Row::http(name, fault, once(gateway.port, mode), keys).again().at_gateway(gateway)
    };
    let slow = Gateway::apart(Duration::from_secs(1));
    let cut = every_time(|| response(200, &[], "{\"code\": 0, \"more\": \"and more\"}"));
    vec![
        Row::http("http-slow", "takes a second", slow.port, "").at_gateway(slow),
        broken("mute-key", "no answer once, repeats are known", Mode::Hold(Down, 0), KNOWS_REPEATS),
        broken("mute", "no answer, repeats are not known", Mode::Hold(Down, 0), "timeout = 1").or_spare(),
        broken(
            "loris-key",
            "a byte in 100 ms, repeats are known",
            Mode::Drip(Down, Duration::from_millis(100)),
            KNOWS_REPEATS,
        ),
        broken(
            "loris",
            "a byte in 100 ms, repeats are not known",
            Mode::Drip(Down, Duration::from_millis(100)),
            "timeout = 1",
        ),
        broken("http-half", "half a request goes through, once", Mode::Hold(Up, 300), KNOWS_REPEATS),
        broken("reset-at-once", "reset at once, repeats are known", Mode::Refuse, KNOWS_REPEATS),
        broken("reset-key", "reset amid the request, repeats are known", Mode::Reset(Up, 300), KNOWS_REPEATS),
        broken("reset-answer", "reset before the answer, repeats are not known", Mode::Reset(Down, 0), "timeout = 2"),
        Row::http("cut-answer", "the answer is cut in its middle", once(cut.port, Mode::Close(Down, 90)), CODE)
            .at_gateway(cut),
    ]
}

fn nobody() -> Vec<Row> {
    let nowhere = |name, fault, kind, keys: &str| Row::new(name, fault, kind, keys.to_owned());
    let from = "from = \"督办 <duban@city.test>\"";
    vec![
        nowhere(
            "no-name",
            "a mail server's name that does not exist",
            "smtp",
            &format!("host = \"nowhere.invalid\"\n{from}\n"),
        ),
        nowhere(
            "no-http-name",
            "a name that does not exist",
            "webhook",
            "url = \"http://nowhere.invalid/\"\nmedium = \"mail\"\n",
        ),
        Row::mail("refused", "nobody listens for mail", free_port(), "").at_most_twice().or_spare(),
        Row::http("http-refused", "nobody listens", free_port(), ""),
    ]
}
