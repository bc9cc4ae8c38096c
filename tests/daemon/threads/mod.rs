//! What users of other tools complained about, in public: each thread is a scenario here, by its name, with what duban
//! promises instead. `docs/complaints.md` is their list.

mod changed;
mod lost;
mod quiet;
mod stale;
mod storms;

/// Somebody is on site within two hours.
pub const VISIT: &str =
    r#"fn windows(item) { [window("on_site", "2h", #{ from: item.dispatched_at, done: item.on_site_at })] }"#;

/// Somebody is on site within three working days.
const ANSWER: &str =
    r#"fn windows(item) { [window("answer", "3wd", #{ from: item.dispatched_at, done: item.on_site_at })] }"#;

/// Who answers for operations, in every ladder file.
const OPERATORS: &str = r#"
[operators]
[[operators.steps]]
roles = ["operator"]
yellow = ["mail"]
red = ["mail"]
"#;

/// The ladder file whose ladder `handlers` reads so.
fn ladder(steps: &str) -> String {
    format!("[handlers]\n{steps}{OPERATORS}")
}
