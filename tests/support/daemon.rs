//! The program, running on a site: its signals, its end, and what it says.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::patience::holds_within;
use super::site::Site;

/// A running daemon; it is killed with this value.
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts one.
    pub fn start(site: &Site) -> Self {
        Self::start_with(site, &[])
    }

    /// Starts one in an environment that says this and no more.
    pub fn start_with(site: &Site, environment: &[(&str, &str)]) -> Self {
        Self::start_under(&[], site, environment)
    }

    /// Starts one by a program that becomes the daemon once it has done its own part, such as `nice`.
    pub fn start_under(program: &[&str], site: &Site, environment: &[(&str, &str)]) -> Self {
        let log = site.path("daemon.log");
        // What earlier ones of the site said stays.
        let file = OpenOptions::new().create(true).append(true).open(&log).expect("log");
        let mut line = program.iter().chain([&env!("CARGO_BIN_EXE_duban")]);
        let child = Command::new(line.next().expect("a program"))
            .args(line)
            .args(["run", "--lang", "en", "--config"])
            .arg(site.path("duban.toml"))
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("started");
        Self { child, log }
    }

    /// Starts one and waits until it has polled its source itself: what earlier ones of the site said does not count.
    pub fn polled(site: &Site) -> Self {
        const POLLED: &str = "polled source=tickets";
        let before = fs::read_to_string(site.path("daemon.log")).unwrap_or_default().matches(POLLED).count();
        let daemon = Self::start(site);
        let has_polled = || daemon.times(POLLED) > before;
        assert!(holds_within(20, has_polled), "it does not poll:\n{}", daemon.log());
        daemon
    }

    /// All that was said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).expect("log")
    }

    /// How often something was said.
    pub fn times(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    #[track_caller]
    pub fn says_within(&self, seconds: u64, text: &str) {
        assert!(holds_within(seconds, || self.log().contains(text)), "it does not say {text:?}:\n{}", self.log());
    }

    /// Waits until the source was polled so many times more: a poll that begins now is over.
    #[track_caller]
    pub fn polls_again(&self, polls: usize) {
        let before = self.times("polled source=tickets") + self.times("a poll is not believed");
        let is_over = || self.times("polled source=tickets") + self.times("a poll is not believed") >= before + polls;
        assert!(holds_within(30, is_over), "it does not poll:\n{}", self.log());
    }

    /// Waits until so many mails lie in a folder of the site.
    #[track_caller]
    pub fn mails_in(&self, site: &Site, folder: &str, count: usize) {
        let is_there = || site.mails(folder).len() >= count;
        assert!(holds_within(30, is_there), "{} mails in {folder}:\n{}", site.mails(folder).len(), self.log());
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("/bin/sh").args(["-c", &line]).status().expect("sh").success(), "{line}");
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, which comes within so many seconds.
    #[track_caller]
    pub fn ends_within(&mut self, seconds: u64) -> i32 {
        holds_within(seconds, || self.ended().is_some());
        let Some(ended) = self.ended() else { panic!("it does not end:\n{}", self.log()) };
        ended.code().unwrap_or_else(|| panic!("it died of a signal:\n{}", self.log()))
    }

    /// The signal of which it dies within so many seconds.
    #[track_caller]
    pub fn dies_within(&mut self, seconds: u64) -> i32 {
        assert!(holds_within(seconds, || self.ended().is_some()), "it does not die:\n{}", self.log());
        let ended = self.ended().expect("it has ended");
        ended.signal().unwrap_or_else(|| panic!("it ended with {ended}:\n{}", self.log()))
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// Asks it to stop; its exit status.
    #[track_caller]
    pub fn stop(mut self) -> i32 {
        self.signal("TERM");
        self.ends_within(30)
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("a child");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a page's server answers to one request: head and body.
pub fn ask(port: u16, method: &str, path: &str) -> (String, String) {
    call(port, method, path, &[], "")
}

/// The same with headers and a body.
pub fn call(port: u16, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = headers.concat();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-length: {length}\r\nconnection: close\r\n\
         {headers}\r\n{body}"
    )
    .expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    (head.to_owned(), body.to_owned())
}
