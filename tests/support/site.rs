//! A site: a temporary folder with all that a daemon reads, and what it leaves there.
//!
//! Its office works around the clock, so that no test depends on the hour at which it runs. Its only source is
//! `tickets.csv`, polled every second. As shipped it is in rehearsal, and its memory a file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use chrono_tz::Asia::Shanghai;
use duban::core::Instant;
use tempfile::TempDir;

use super::exim::{Exim, PASSWORD, USER};
use super::letter::Letter;
use super::memory::Memory;
use super::postgres::{Database, Postgres};

/// A ticket of an enterprise under the rule 2110.
#[derive(Debug, Clone)]
pub struct Ticket {
    id: String,
    title: String,
    owner: String,
    dispatched_at: Instant,
    on_site_at: Option<Instant>,
}

impl Ticket {
    /// One whose two hours to be on site are over at `due_at`; all its other windows are far from due.
    pub fn due_at(id: &str, due_at: Instant) -> Self {
        let dispatched_at = due_at - TimeDelta::hours(2);
        Self {
            id: id.to_owned(),
            title: "厂区门口道路破损".to_owned(),
            owner: "h1".to_owned(),
            dispatched_at,
            on_site_at: None,
        }
    }

    /// The same with another title.
    pub fn titled(self, title: &str) -> Self {
        Self { title: title.to_owned(), ..self }
    }

    /// The same with another handler.
    pub fn handled_by(self, owner: &str) -> Self {
        Self { owner: owner.to_owned(), ..self }
    }

    /// The same, with somebody on site.
    pub fn on_site(&self, at: Instant) -> Self {
        Self { on_site_at: Some(at), ..self.clone() }
    }

    fn row(&self) -> String {
        let clock = |at: Instant| at.with_timezone(&Shanghai).format("%Y-%m-%d %H:%M:%S").to_string();
        let received = clock(self.dispatched_at - TimeDelta::minutes(5));
        let on_site = self.on_site_at.map(clock).unwrap_or_default();
        let dispatched = clock(self.dispatched_at);
        format!(
            "{},{},投诉,企业,示范区住建局,{},{received},{dispatched},{on_site},,,\n",
            self.id, self.title, self.owner
        )
    }
}

const HEADER: &str = "编号,诉求,类型,主体,承办单位,承办人,受理时间,派单时间,到场时间,反馈企业,反馈平台,办结时间\n";

const CALENDAR: &str = r#"
name = "always"
timezone = "Asia/Shanghai"
weekdays = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
covered_from = "2020-01-01"
covered_through = "2190-12-31"
[[hours]]
spans = ["00:00-24:00"]
"#;

const SOURCE: &str = r#"
[source.tickets]
every = "1s"
blind_after = "0s"
kind = "ticket"
id = "编号"
timezone = "Asia/Shanghai"
[source.tickets.csv]
path = "tickets.csv"
[source.tickets.fields]
title = "诉求"
type = "类型"
subject = { column = "主体", values = { "企业" = "enterprise" } }
unit = "承办单位"
owner = "承办人"
received_at = "受理时间"
dispatched_at = "派单时间"
on_site_at = "到场时间"
feedback_subject_at = "反馈企业"
feedback_platform_at = "反馈平台"
solved_at = "办结时间"
"#;

/// The folder and the memory; both go with this value.
pub struct Site {
    folder: TempDir,
    memory: Memory,
    /// The table that says where the memory is.
    store: String,
    _database: Option<Database<'static>>,
}

impl Site {
    /// A site whose rule is the shipped 2110, with the handlers `h1` and `h2`, a contact of the unit and an operator.
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("site-").expect("folder");
        let memory = Memory::File(folder.path().join("duban.db"));
        Self { folder, memory, store: String::new(), _database: None }.furnished()
    }

    /// The same with its memory in a database of its own on PostgreSQL.
    pub fn on_postgres() -> Self {
        let database = Postgres::shared().new_database();
        let url = database.url();
        Self { _database: Some(database), ..Self::on_database(&url, &url) }
    }

    /// The same with its memory in a database that the daemon reaches by one URL in the clear, and the test by another.
    pub fn on_database(url: &str, beside: &str) -> Self {
        Self::storing(&format!("[store.postgres]\nurl = \"{url}\"\ntls = \"off\"\n"), beside)
    }

    /// The same with a table that says so.
    pub fn storing(table: &str, beside: &str) -> Self {
        let folder = TempDir::with_prefix("site-").expect("folder");
        let memory = Memory::Database(beside.to_owned());
        Self { folder, memory, store: table.to_owned(), _database: None }.furnished()
    }

    fn furnished(self) -> Self {
        let site = self;
        site.put("always.toml", CALENDAR);
        site.put("rules/2110.rhai", include_str!("../../rules/2110.rhai"));
        site.put("rules/params.toml", include_str!("../../rules/params.toml"));
        site.contacts(["h1", "h2"].map(str::to_owned));
        site.tickets(&[]);
        site.configure("");
        site
    }

    /// Writes `duban.toml` with these tables. If none is a channel, mails go into the folder `mail`.
    pub fn configure(&self, tables: &str) {
        self.configure_rule("2110", tables);
    }

    /// The same with another rule.
    pub fn configure_rule(&self, rule: &str, tables: &str) {
        self.configure_office("always.toml", &[rule], tables);
    }

    /// The same with other rules, and with a calendar that the site does not have by itself.
    pub fn configure_office(&self, calendar: &str, rules: &[&str], tables: &str) {
        let head = format!("calendar = {calendar:?}\nlanguage = \"en\"\n[rules]\nenabled = {rules:?}\n");
        let mail = if tables.contains("[channels.") { "" } else { "[channels.mail.folder]\npath = \"mail\"\n" };
        self.put("duban.toml", &format!("{head}{tables}\n{mail}{SOURCE}{}", self.store));
    }

    /// Writes `contacts.csv`: handlers, one contact of the unit, one operator.
    pub fn contacts(&self, handlers: impl IntoIterator<Item = String>) {
        let rows = handlers.into_iter().map(|id| format!("{id},承办人{id},示范区住建局,,{id}@city.test\n"));
        let rows: String = rows.collect();
        let others = "u1,联络员,示范区住建局,unit_contact,u1@city.test\nops,值班员,,operator,ops@city.test\n";
        self.put("contacts.csv", &format!("id,name,unit,roles,email\n{rows}{others}"));
    }

    /// Puts the source's table in place, in one step.
    pub fn tickets(&self, tickets: &[Ticket]) {
        let rows: String = tickets.iter().map(Ticket::row).collect();
        self.put("tickets.csv", &format!("{HEADER}{rows}"));
    }

    /// Writes a file, in one step.
    pub fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
        let fresh = path.with_extension("new");
        fs::write(&fresh, text).expect(name);
        fs::rename(fresh, path).expect(name);
    }

    /// Writes a file that only its owner reads.
    pub fn secret(&self, name: &str, text: &str) {
        self.put(name, text);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).expect("mode");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The table of a mail channel to a server that demands STARTTLS and a login, and has its own authority.
    pub fn mail_by(&self, exim: &Exim) -> String {
        self.secret("password", PASSWORD);
        let (port, ca) = (exim.starttls, exim.ca_file());
        format!(
            "[channels.mail]\npassword = {{ file = \"password\" }}\n[channels.mail.smtp]\nhost = \"127.0.0.1\"\n\
             port = {port}\nuser = \"{USER}\"\nfrom = \"督办 <duban@city.test>\"\nca_file = \"{}\"\n\
             system_roots = false\nserver_name = \"mail.test\"\n",
            ca.display()
        )
    }

    /// The mails that lie in a folder of the site, in the order of their names.
    pub fn mails(&self, folder: &str) -> Vec<Letter> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "eml"));
        paths.sort();
        paths.iter().map(|path| Letter::parse(&fs::read(path).expect("mail"))).collect()
    }
}

/// The table of a mail channel to a server that wants neither TLS nor a login.
pub fn plain_mail_to(port: u16) -> String {
    format!(
        "[channels.mail.smtp]\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\n\
         from = \"督办 <duban@city.test>\"\n"
    )
}

/// The table of a second channel for red cards: a system that takes requests and knows a repeat by its key, or does not.
pub fn webhook_to(port: u16, knows_repeats: bool) -> String {
    format!(
        "[channels.sms.webhook]\nurl = \"http://127.0.0.1:{port}/\"\nmedium = \"mail\"\n\
         idempotent = {knows_repeats}\nallow_networks = [\"127.0.0.0/8\"]\n"
    )
}

/// The table that lets each message go by itself.
pub const UNPACED: &str = "[notify]\npace = \"\"\n";

/// The table that lets messages out, each by itself.
pub const LIVE: &str = "[notify]\nmode = \"live\"\npace = \"\"\n";
