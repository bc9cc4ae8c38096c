//! How duban says who it is. A token of OAuth 2 is kept until shortly before it expires, or until the server no longer
//! knows it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::blank::{Blanks, origin};
use super::client::Wire;
use super::config::{LoginConfig, Oauth2Config};
use crate::source::PollError;

/// A token that is that close to its end is not used any more.
const MARGIN: Duration = Duration::from_secs(30);

/// A login, of which at most one token is kept.
pub(super) struct Login {
    config: LoginConfig,
    token: Mutex<Option<Token>>,
}

struct Token {
    text: SecretString,
    /// In the clock's monotonic time.
    until: Option<Duration>,
}

impl Login {
    /// A login, whose templates are added to the source's.
    pub fn new(config: &LoginConfig, blanks: &mut Blanks) -> Result<Self, String> {
        for (place, text) in templates(config) {
            blanks.add(&place, text, &[]).map_err(|e| format!("{place}: {e}"))?;
        }
        if let LoginConfig::Header { name, .. } = config {
            HeaderName::try_from(name.as_str())
                .map_err(|_| format!("login.header.name: expected a header, got {name:?}"))?;
        }
        if let LoginConfig::Oauth2(oauth2) = config {
            origin(&oauth2.token_url).map_err(|e| format!("login.oauth2.token_url: {e}"))?;
        }
        Ok(Self { config: config.clone(), token: Mutex::default() })
    }

    /// Whether a login that was refused may be good when it is made anew.
    pub const fn can_renew(&self) -> bool {
        matches!(self.config, LoginConfig::Oauth2(_))
    }

    /// Forgets the token.
    pub async fn forget(&self) {
        *self.token.lock().await = None;
    }

    /// The header that says who we are.
    pub async fn header(
        &self,
        wire: &Wire,
        blanks: &Blanks,
        deadline: Duration,
    ) -> Result<(HeaderName, HeaderValue), PollError> {
        let wrong = |problem: String| PollError::Login { place: "login".to_owned(), problem };
        let text = |place: &str| blanks.text(place, &[]).map_err(wrong);
        let (name, value) = match &self.config {
            LoginConfig::Bearer(_) => (AUTHORIZATION, format!("Bearer {}", text("login.bearer")?)),
            LoginConfig::Basic { .. } => {
                (AUTHORIZATION, basic(&text("login.basic.user")?, &text("login.basic.password")?))
            }
            LoginConfig::Header { name, .. } => {
                let name = HeaderName::try_from(name.as_str()).map_err(|e| wrong(e.to_string()))?;
                (name, text("login.header.value")?)
            }
            LoginConfig::Oauth2(oauth2) => {
                (AUTHORIZATION, format!("Bearer {}", self.token(oauth2, wire, blanks, deadline).await?))
            }
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| wrong("a header cannot hold the login".to_owned()))?;
        value.set_sensitive(true);
        Ok((name, value))
    }

    /// The token of now, which is asked for if there is none. Several requests at once wait for one.
    async fn token(
        &self,
        oauth2: &Oauth2Config,
        wire: &Wire,
        blanks: &Blanks,
        deadline: Duration,
    ) -> Result<String, PollError> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| token.until.is_none_or(|until| wire.monotonic() < until)) {
            return Ok(token.text.expose_secret().to_owned());
        }
        let token = ask(oauth2, wire, blanks, deadline).await?;
        let text = token.text.expose_secret().to_owned();
        *kept = Some(token);
        Ok(text)
    }
}

/// Asks for a token (RFC 6749, 4.4.2).
async fn ask(oauth2: &Oauth2Config, wire: &Wire, blanks: &Blanks, deadline: Duration) -> Result<Token, PollError> {
    let place = oauth2.token_url.as_str();
    let wrong = |problem: String| PollError::Login { place: place.to_owned(), problem };
    let text = |place: &str| blanks.text(place, &[]).map_err(wrong);
    let (id, secret) = (text("login.oauth2.client_id")?, text("login.oauth2.client_secret")?);
    let mut url = Url::parse(place).map_err(|e| wrong(e.to_string()))?;
    let mut form = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
    form.extend(oauth2.scope.iter().map(|scope| ("scope".to_owned(), scope.clone())));
    for name in oauth2.fields.keys() {
        form.push((name.clone(), text(&format!("login.oauth2.fields.{name}"))?));
    }
    if oauth2.in_body {
        form.extend([("client_id".to_owned(), id.clone()), ("client_secret".to_owned(), secret.clone())]);
    }
    let body = encoded(&form);
    url.set_fragment(None);
    let mut request =
        wire.request(Method::POST, url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
    if !oauth2.in_body {
        request = request.header(AUTHORIZATION, basic(&encoded_word(&id), &encoded_word(&secret)));
    }
    let request = request.build().map_err(|e| wrong(e.without_url().to_string()))?;
    let answer = wire.ask(&request, place, deadline).await.map_err(|fault| match fault.into_error(place) {
        // RFC 6749, 5.2: a wrong client is 400 or 401.
        PollError::Refused { place, problem } => PollError::Login { place, problem },
        other => other,
    })?;
    let json = answer.json(place)?;
    let token = json.plain().get("access_token").and_then(serde_json::Value::as_str).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| wrong("expected access_token in the answer".to_owned()))?;
    let lives = json.plain().get("expires_in").and_then(|value| match value {
        serde_json::Value::String(text) => text.trim().parse().ok(),
        value => value.as_u64(),
    });
    let lives = lives.map(|seconds: u64| Duration::from_secs(seconds.min(30 * 86_400)));
    let until = lives.map(|lives| wire.monotonic() + lives.saturating_sub(MARGIN.min(lives / 10)));
    Ok(Token { text: token.to_owned().into(), until })
}

fn templates(config: &LoginConfig) -> Vec<(String, &str)> {
    match config {
        LoginConfig::Bearer(token) => vec![("login.bearer".into(), token)],
        LoginConfig::Basic { user, password } => {
            vec![("login.basic.user".into(), user), ("login.basic.password".into(), password)]
        }
        LoginConfig::Header { value, .. } => vec![("login.header.value".into(), value)],
        LoginConfig::Oauth2(oauth2) => {
            let own = [("client_id", &oauth2.client_id), ("client_secret", &oauth2.client_secret)];
            let own = own.into_iter().map(|(key, text)| (format!("login.oauth2.{key}"), text.as_str()));
            let fields =
                oauth2.fields.iter().map(|(name, text)| (format!("login.oauth2.fields.{name}"), text.as_str()));
            own.chain(fields).collect()
        }
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// `application/x-www-form-urlencoded`
fn encoded(form: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        form.iter().map(|(name, value)| format!("{}={}", encoded_word(name), encoded_word(value))).collect();
    pairs.join("&")
}

fn encoded_word(text: &str) -> String {
    super::blank::percent_encoded(text)
}
