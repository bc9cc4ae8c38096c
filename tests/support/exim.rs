//! A real mail server (Debian's `exim4-daemon-light`) on free loopback ports, with one mailbox for everybody.
//!
//! Receivers `grey…` are put off with 451, `nouser…` refused with 550. Two ports demand a login, by STARTTLS and TLS;
//! the third is plain, offers no STARTTLS and takes mail from anybody.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use duban::core::Instant;
use tempfile::TempDir;

use super::authority::Authority;
use super::letter::Letter;

const EXIM: &str = "/usr/sbin/exim4";
/// The user that may send.
pub const USER: &str = "duban";
/// The user's password.
pub const PASSWORD: &str = "correct-horse-battery";

/// The server; it ends with this value.
pub struct Exim {
    folder: TempDir,
    daemon: Child,
    pub authority: Authority,
    pub starttls: u16,
    pub tls: u16,
    pub plain: u16,
}

impl Exim {
    /// Starts one whose certificate is for `mail.test`, and waits until it listens.
    pub fn start() -> Self {
        Self::start_with(Authority::for_names(&["mail.test"]))
    }

    /// The same with another certificate.
    pub fn start_with(authority: Authority) -> Self {
        let folder = TempDir::with_prefix("exim-").expect("folder");
        let [starttls, tls, plain] = free_ports();
        let dir = folder.path().to_str().expect("UTF-8");
        let mut text =
            include_str!("exim.conf").replace("@DIR@", dir).replace("@USER@", USER).replace("@PASSWORD@", PASSWORD);
        for (mark, port) in [("@STARTTLS@", starttls), ("@TLS@", tls), ("@PLAIN@", plain)] {
            text = text.replace(mark, &port.to_string());
        }
        let conf = folder.path().join("exim.conf");
        fs::write(&conf, text).expect("exim.conf");
        fs::write(folder.path().join("certificate.pem"), &authority.certificate_pem).expect("certificate");
        fs::write(folder.path().join("key.pem"), &authority.key_pem).expect("key");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("mode");
        for inner in ["spool", "log", "md"] {
            fs::create_dir(folder.path().join(inner)).expect(inner);
        }
        // The server refuses a configuration that it owns itself, and reads all the rest as its own user.
        let own = ["spool", "log", "md", "key.pem", "certificate.pem"].map(|inner| folder.path().join(inner));
        let chown = Command::new("chown").arg("Debian-exim:Debian-exim").args(own).status().expect("chown");
        assert!(chown.success(), "the mail server needs root and the user Debian-exim: run tests/run as root");
        let daemon = Command::new(EXIM)
            .arg("-C")
            .arg(conf)
            .args(["-bdf", "-q10m"])
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log/stderrlog")).expect("log"))
            .spawn()
            .unwrap_or_else(|error| panic!("{EXIM}: {error}; tests/run installs exim4-daemon-light"));
        let exim = Self { folder, daemon, authority, starttls, tls, plain };
        exim.wait_until_it_listens();
        exim
    }

    fn wait_until_it_listens(&self) {
        for port in [self.starttls, self.tls, self.plain] {
            let up = (0..200).any(|_| {
                TcpStream::connect(("127.0.0.1", port)).is_ok() || {
                    sleep(Duration::from_millis(25));
                    false
                }
            });
            assert!(up, "exim did not come up: {}{}", self.log("stderr"), self.log("main"));
        }
    }

    /// The authority's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.authority.file_in(self.folder.path())
    }

    /// What the server wrote into a log.
    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("log/{name}log"))).unwrap_or_default()
    }

    /// How many mails lie in the mailbox.
    pub fn arrived(&self) -> usize {
        fs::read_dir(self.folder.path().join("md/inbox/new")).map_or(0, Iterator::count)
    }

    /// The mailbox, once it holds `count` mails.
    pub fn inbox(&self, count: usize) -> Vec<Letter> {
        self.arrivals(count).into_iter().map(|(_, letter)| letter).collect()
    }

    /// The mailbox, once it holds `count` mails, each with the instant at which it was written there.
    pub fn arrivals(&self, count: usize) -> Vec<(Instant, Letter)> {
        let full = (0..800).any(|_| {
            self.arrived() >= count || {
                sleep(Duration::from_millis(25));
                false
            }
        });
        assert!(full, "{} of {count} mails arrived; {}", self.arrived(), self.log("main"));
        let new = self.folder.path().join("md/inbox/new");
        let files = fs::read_dir(new).into_iter().flatten().map(|entry| entry.expect("entry").path());
        let written = |path: &PathBuf| fs::metadata(path).and_then(|about| about.modified()).expect("mail").into();
        files.map(|path| (written(&path), Letter::parse(&fs::read(path).expect("mail")))).collect()
    }

    /// The only mail in the mailbox.
    pub fn only_letter(&self) -> Letter {
        let mut inbox = self.inbox(1);
        assert_eq!(inbox.len(), 1);
        inbox.remove(0)
    }
}

impl Drop for Exim {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn free_ports() -> [u16; 3] {
    let held = [(); 3].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("port"));
    held.each_ref().map(|listener| listener.local_addr().expect("address").port())
}
