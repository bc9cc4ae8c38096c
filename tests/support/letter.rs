//! A mail as its reader sees it: headers unfolded and decoded (RFC 2047), parts decoded (RFC 2045).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A mail or a part of one.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Names as written and decoded values, in their order.
    pub headers: Vec<(String, String)>,
    /// The decoded body; empty where there are parts.
    pub body: String,
    pub parts: Vec<Letter>,
}

impl Letter {
    pub fn parse(bytes: &[u8]) -> Self {
        Self::of(&String::from_utf8(bytes.to_vec()).expect("mails are ASCII here").replace("\r\n", "\n"))
    }

    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
        let headers = unfolded.lines().map(|line| line.split_once(':').expect("a header"));
        let headers: Vec<_> = headers.map(|(name, value)| (name.to_owned(), words(value.trim()))).collect();
        let mut letter = Self { headers, body: String::new(), parts: Vec::new() };
        match letter.get("Content-Type").and_then(|kind| kind.split_once("boundary=\"")) {
            Some((_, rest)) => {
                let mark = format!("--{}", rest.split('"').next().unwrap_or_default());
                let parts = body.split(&mark).skip(1).take_while(|part| !part.starts_with("--"));
                letter.parts = parts.map(|part| Self::of(part.trim_start_matches('\n'))).collect();
            }
            None => letter.body = decoded(letter.get("Content-Transfer-Encoding").unwrap_or("7bit"), body),
        }
        letter
    }

    /// The only header of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values =
            self.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
        let value = values.next();
        assert!(values.next().is_none(), "two headers {name}");
        value
    }

    /// The names of all headers.
    pub fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }
}

fn decoded(encoding: &str, body: &str) -> String {
    let bytes = match encoding {
        "base64" => STANDARD.decode(body.split_whitespace().collect::<String>()).expect("base64"),
        "quoted-printable" => quoted(&body.replace("=\n", "")),
        _ => body.as_bytes().to_vec(),
    };
    String::from_utf8(bytes).expect("UTF-8").replace("\r\n", "\n")
}

fn quoted(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'=' => {
                let digits = [rest.next().expect("digit"), rest.next().expect("digit")];
                u8::from_str_radix(std::str::from_utf8(&digits).expect("digits"), 16).expect("hex")
            }
            byte => byte,
        });
    }
    bytes
}

/// Replaces `=?utf-8?b?…?=`; blanks between two such words do not count.
fn words(value: &str) -> String {
    let joined = value.replace("?= =?", "?==?");
    let mut text = String::new();
    let mut rest = joined.as_str();
    while let Some((before, word)) = rest.split_once("=?utf-8?b?") {
        let (encoded, after) = word.split_once("?=").expect("an encoded word ends");
        text += before;
        text += std::str::from_utf8(&STANDARD.decode(encoded).expect("base64")).expect("UTF-8");
        rest = after;
    }
    text + rest
}
