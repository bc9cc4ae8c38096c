//! Secrets taken out of what is shown to people: a peer may repeat in its answer what it was given.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// The secrets of one channel.
#[derive(Default)]
pub struct Redaction(Vec<SecretString>);

impl Redaction {
    /// Keeps these secrets, and what they look like in base64 and percent-encoded, out of texts.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let forms = secrets.into_iter().map(ExposeSecret::expose_secret).filter(|s| !s.is_empty()).flat_map(|secret| {
            let in_query = super::line::percent_encoded(secret);
            let in_json = serde_json::Value::from(secret).to_string();
            [secret.to_owned(), STANDARD.encode(secret), in_query, in_json.trim_matches('"').to_owned()]
        });
        Self(forms.map(SecretString::from).collect())
    }

    /// Also the answer of AUTH PLAIN, which holds the password in the middle of a base64 text.
    #[must_use]
    pub fn and_login(mut self, user: &str, password: &SecretString) -> Self {
        let plain = format!("\0{user}\0{}", password.expose_secret());
        self.0.push(STANDARD.encode(plain).into());
        self
    }

    /// `text` with `***` for each secret.
    pub fn apply(&self, text: &str) -> String {
        let hide = |text: String, secret: &SecretString| text.replace(secret.expose_secret(), "***");
        self.0.iter().fold(text.to_owned(), hide)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_in_every_form_that_it_travels_in() {
        let password = SecretString::from("p@ss 密");
        let redaction = Redaction::of([&password]).and_login("duban", &password);
        for form in ["p@ss 密", "p%40ss%20%E5%AF%86", "cEBzcyDlr4Y=", "AGR1YmFuAHBAc3Mg5a+G"] {
            assert_eq!(redaction.apply(&format!("got {form} from you")), "got *** from you", "{form}");
        }
    }

    #[test]
    fn an_empty_secret_hides_nothing() {
        assert_eq!(Redaction::of([&SecretString::from("")]).apply("text"), "text");
    }
}
