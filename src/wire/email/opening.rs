//! From a configuration to a session: TCP, TLS or STARTTLS, EHLO, AUTH.
//!
//! **Invariant:** before TLS is up nothing is said but EHLO and STARTTLS, and nothing that the server said then is
//! believed afterwards; replies are read byte by byte there, so no plain text can wait in a buffer for TLS to begin.

use std::sync::Arc;

use lettre::transport::smtp::authentication::{Credentials, Mechanism as SmtpMechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::session::{Session, Stage, Try};
use super::stream::{Pipe, Stream};
use super::verdict::Failure;
use super::{Mechanism, Security, SmtpConfig};
use crate::wire::ChannelError;
use crate::wire::redaction::Redaction;
use crate::wire::trust::{Trust, handshake_reason};

const LONGEST_REPLY: usize = 8 * 1024;

/// The server, and what is needed to be let in.
pub(super) struct Server {
    host: String,
    port: u16,
    security: Security,
    hello: ClientId,
    tls: TlsConnector,
    certified: ServerName<'static>,
    login: Option<Login>,
    pub(super) redaction: Redaction,
}

struct Login {
    user: String,
    password: SecretString,
    mechanism: Option<Mechanism>,
}

impl Server {
    pub(super) fn new(config: &SmtpConfig, password: Option<SecretString>, domain: &str) -> Result<Self, ChannelError> {
        let trust =
            Trust { ca_file: config.ca_file.clone(), system_roots: config.system_roots, pin: config.pin.clone() };
        let name = config.server_name.as_ref().unwrap_or(&config.host);
        let certified = ServerName::try_from(name.clone())
            .map_err(|_| ChannelError::new("server_name", "a host name or an IP address", format!("{name:?}")))?;
        let login = login(config, password)?;
        let redaction = login.as_ref().map_or_else(Redaction::default, |login| {
            Redaction::of([&login.password]).and_login(&login.user, &login.password)
        });
        Ok(Self {
            host: config.host.clone(),
            port: config.port.unwrap_or(config.security.port()),
            security: config.security,
            hello: hello(config.hello.as_deref().unwrap_or(domain))?,
            tls: TlsConnector::from(Arc::new(trust.client_config()?)),
            certified,
            login,
            redaction,
        })
    }

    /// `host:port`.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A session that is ready for its first mail.
    pub(super) async fn open(&self, attempt: &mut Try) -> Result<Session, Failure> {
        let (pipe, greeting) = self.pipe(attempt).await?;
        attempt.stage = Stage::Hello;
        let (stream, ended) = Stream::new(pipe, greeting);
        attempt.note(&format!("> EHLO {}", self.hello));
        let mut connection = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &self.hello)
            .await
            .map_err(|error| Failure::of(Stage::Hello, &error, attempt))?;
        attempt.note(&format!("< 250 {}", connection.server_info()));
        if let Some(login) = &self.login {
            login.perform(&mut connection, attempt).await?;
        }
        Ok(Session::new(connection, ended))
    }

    /// The protected pipe, and the server's greeting.
    async fn pipe(&self, attempt: &mut Try) -> Result<(Pipe, String), Failure> {
        attempt.stage = Stage::Connect;
        attempt.note(&format!("* connecting to {}", self.name()));
        let tcp = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| Failure::broken(Stage::Connect, error))?;
        // A mail ends in a short write; without this it would wait for the acknowledgement of the one before.
        tcp.set_nodelay(true).map_err(|error| Failure::broken(Stage::Connect, error))?;
        match self.security {
            Security::None => with_greeting(Pipe::Plain(tcp), attempt).await,
            Security::Tls => with_greeting(self.handshake(tcp, attempt).await?, attempt).await,
            Security::Starttls => self.starttls(tcp, attempt).await,
        }
    }

    async fn starttls(&self, mut tcp: TcpStream, attempt: &mut Try) -> Result<(Pipe, String), Failure> {
        let greeting = reply(&mut tcp, Stage::Greeting, attempt).await?;
        let offers = ask(&mut tcp, &format!("EHLO {}", self.hello), Stage::Hello, attempt).await?;
        let offered =
            offers.lines().any(|line| line.get(4..).is_some_and(|word| word.eq_ignore_ascii_case("STARTTLS")));
        if !offered {
            return Err(Failure::broken(
                Stage::Tls,
                "the server does not offer STARTTLS; mail is not sent in the clear unless security = \"none\" says so",
            ));
        }
        ask(&mut tcp, "STARTTLS", Stage::Tls, attempt).await?;
        Ok((self.handshake(tcp, attempt).await?, greeting))
    }

    async fn handshake(&self, tcp: TcpStream, attempt: &mut Try) -> Result<Pipe, Failure> {
        attempt.stage = Stage::Tls;
        let tls = self
            .tls
            .connect(self.certified.clone(), tcp)
            .await
            .map_err(|error| Failure::broken(Stage::Tls, handshake_reason(&error)))?;
        let version = tls.get_ref().1.protocol_version();
        attempt.note(&format!("* {}", version.and_then(|version| version.as_str()).unwrap_or("TLS")));
        Ok(Pipe::Tls(Box::new(tls)))
    }
}

impl Security {
    const fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

impl Login {
    async fn perform(&self, connection: &mut AsyncSmtpConnection, attempt: &mut Try) -> Result<(), Failure> {
        attempt.stage = Stage::Auth;
        let offers = |mechanism| connection.server_info().supports_auth_mechanism(mechanism);
        let (plain, login) = (offers(SmtpMechanism::Plain), offers(SmtpMechanism::Login));
        let mechanism = match self.mechanism {
            Some(Mechanism::Plain) | None if plain => SmtpMechanism::Plain,
            Some(Mechanism::Login) | None if login => SmtpMechanism::Login,
            wanted => return Err(Failure::broken(Stage::Auth, not_offered(wanted, plain, login))),
        };
        attempt.note(&format!("> AUTH {mechanism} ***"));
        let credentials = Credentials::new(self.user.clone(), self.password.expose_secret().to_owned());
        let answer = connection.auth(&[mechanism], &credentials).await;
        let answer = answer.map_err(|error| Failure::of(Stage::Auth, &error, attempt))?;
        attempt.note(&format!("< {} {}", answer.code(), answer.first_line().unwrap_or_default()));
        Ok(())
    }
}

fn not_offered(wanted: Option<Mechanism>, plain: bool, login: bool) -> String {
    let offered = match (plain, login) {
        (true, _) => "PLAIN only",
        (false, true) => "LOGIN only",
        (false, false) => "no way to log in that is known here",
    };
    let wanted = match wanted {
        Some(Mechanism::Plain) => "AUTH PLAIN",
        Some(Mechanism::Login) => "AUTH LOGIN",
        None => "AUTH PLAIN or LOGIN",
    };
    format!("expected {wanted}, the server offers {offered}")
}

fn login(config: &SmtpConfig, password: Option<SecretString>) -> Result<Option<Login>, ChannelError> {
    let (user, password) = match (config.user.clone(), password) {
        (None, None) => return Ok(None),
        (Some(user), Some(password)) => (user, password),
        (Some(_), None) => return Err(ChannelError::new("password", "a password for the user", "none")),
        (None, Some(_)) => return Err(ChannelError::new("user", "a user for the password", "none")),
    };
    if config.security == Security::None && !config.allow_plaintext_auth {
        let expected = "security = \"starttls\" or \"tls\" where a password is sent (or allow_plaintext_auth = true)";
        return Err(ChannelError::new("security", expected, "\"none\""));
    }
    Ok(Some(Login { user, password, mechanism: config.auth }))
}

fn hello(name: &str) -> Result<ClientId, ChannelError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-[]:".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        return Err(ChannelError::new("hello", "a host name", format!("{name:?}")));
    }
    Ok(ClientId::Domain(name.to_owned()))
}

async fn with_greeting(mut pipe: Pipe, attempt: &mut Try) -> Result<(Pipe, String), Failure> {
    let greeting = reply(&mut pipe, Stage::Greeting, attempt).await?;
    Ok((pipe, greeting))
}

async fn ask(tcp: &mut TcpStream, line: &str, stage: Stage, attempt: &mut Try) -> Result<String, Failure> {
    attempt.stage = stage;
    attempt.note(&format!("> {line}"));
    tcp.write_all(format!("{line}\r\n").as_bytes()).await.map_err(|error| Failure::broken(stage, error))?;
    reply(tcp, stage, attempt).await
}

/// Reads one reply, all its lines, and not a byte more.
async fn reply(
    pipe: &mut (impl tokio::io::AsyncRead + Unpin),
    stage: Stage,
    attempt: &mut Try,
) -> Result<String, Failure> {
    attempt.stage = stage;
    let mut bytes = Vec::with_capacity(100);
    loop {
        let start = bytes.len();
        while bytes.last() != Some(&b'\n') || bytes.len() == start {
            if bytes.len() == LONGEST_REPLY {
                return Err(Failure::broken(stage, "the server's answer is longer than 8 KiB"));
            }
            bytes.push(pipe.read_u8().await.map_err(|error| Failure::broken(stage, error))?);
        }
        let line = String::from_utf8_lossy(&bytes[start..]).into_owned();
        attempt.note(&format!("< {}", line.trim_end()));
        if line.as_bytes().get(3) != Some(&b'-') {
            let whole = String::from_utf8_lossy(&bytes).into_owned();
            return if line.starts_with('2') { Ok(whole) } else { Err(Failure::refused(stage, line.trim_end())) };
        }
    }
}
