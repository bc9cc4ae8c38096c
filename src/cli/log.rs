//! Where the log goes: stderr, as text or as a JSON object a line; how much, says `DUBAN_LOG` (default `info`).
//!
//! **Invariant:** an event is one line, whatever a peer or an item is quoted with.

use std::borrow::Cow;
use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::ChronoUtc;

use super::Caller;
use super::run::LogFormat;
use crate::core::line::{escaped, escaped_json};

impl Caller<'_> {
    /// Starts the log.
    pub(super) fn start_log(&self, format: LogFormat, default: &str) {
        let filter = EnvFilter::new(self.environment.get("DUBAN_LOG").unwrap_or(default));
        let time = ChronoUtc::new("%Y-%m-%dT%H:%M:%S%.3fZ".to_owned());
        let colour = self.has_colour && format == LogFormat::Text;
        let writer = move || Lines { format, colour, out: io::stderr() };
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_timer(time);
        // A log that was started before, as in a test, stays.
        let _ = match format {
            LogFormat::Text => log.with_ansi(colour).try_init(),
            LogFormat::Json => log.json().try_init(),
        };
    }
}

/// Writes each event, which comes in one piece, as one line.
struct Lines<W> {
    format: LogFormat,
    /// Whether the log's own colours are in it; those of others were escaped when the event was formatted.
    colour: bool,
    out: W,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.trim_end_matches('\n');
        let line = match self.format {
            LogFormat::Json => escaped_json(text).replace('\n', "\\n").into(),
            LogFormat::Text if self.colour => {
                text.split('\u{1b}').map(escaped).collect::<Vec<_>>().join("\u{1b}").into()
            }
            LogFormat::Text => escaped(text),
        };
        let line: Cow<'_, str> = line;
        self.out.write_all(format!("{line}\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: LogFormat, colour: bool, event: &str) -> String {
        let mut out = Vec::new();
        Lines { format, colour, out: &mut out }.write_all(event.as_bytes()).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn an_event_is_one_line() {
        let event = "WARN not sent: a\r\nINFO sent\u{202e}\u{9b}31m\u{2028}b\n";
        let line = "WARN not sent: a\\r\\nINFO sent\\u{202e}\\u{9b}31m\\u{2028}b\n";
        assert_eq!(written(LogFormat::Text, false, event), line);
        assert_eq!(written(LogFormat::Text, true, &format!("\u{1b}[33m{event}")), format!("\u{1b}[33m{line}"));
        assert_eq!(written(LogFormat::Json, false, "{\"a\":\"\u{7f}\u{202e}\"}\n"), "{\"a\":\"\\u007f\\u202e\"}\n");
    }
}
