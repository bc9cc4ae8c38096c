//! Where the log goes: stderr, as text or as a JSON object a line; how much, says `DUBAN_LOG` (default `info`).

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::ChronoUtc;

use super::Caller;
use super::run::LogFormat;

impl Caller<'_> {
    /// Starts the log.
    pub(super) fn start_log(&self, format: LogFormat, default: &str) {
        let filter = EnvFilter::new(self.environment.get("DUBAN_LOG").unwrap_or(default));
        let time = ChronoUtc::new("%Y-%m-%dT%H:%M:%S%.3fZ".to_owned());
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_timer(time);
        // A log that was started before, as in a test, stays.
        let _ = match format {
            LogFormat::Text => log.with_ansi(self.has_colour).try_init(),
            LogFormat::Json => log.json().try_init(),
        };
    }
}
