//! The mechanisms of the offices, row by row, and what serves each: `rules/mechanisms.csv` and the table in
//! `rules/README.md`.
//!
//! **Invariant:** which rules serve a row stands in the rules (`SERVES`), never in the list; the list says what else does.

use std::fmt::Write;

use serde::Deserialize;

use super::rulebook::RuleInfo;
use super::version::Meta;

/// One row: what a founding text asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mechanism {
    /// The row's id, which rules name in `SERVES`.
    pub id: String,
    /// The text that it stands in, with its article or heading.
    pub text: String,
    /// What it asks for, in Chinese.
    pub gist_zh: String,
    /// What it asks for, in English.
    pub gist_en: String,
    /// What serves it besides rules, as [`Self::others`] reads it.
    otherwise: String,
}

/// What serves a row besides rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Other<'a> {
    /// `ladder`, `command`, `report`, `source`, `calendar`, `constant` or `file`.
    pub kind: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Whether it is announced and not there yet.
    pub is_coming: bool,
}

/// Reads the list.
pub fn read(text: &str) -> Result<Vec<Mechanism>, csv::Error> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().collect()
}

impl Mechanism {
    /// What serves the row besides rules: `ladder three-level; report month (coming)`.
    pub fn others(&self) -> impl Iterator<Item = Other<'_>> {
        self.otherwise.split(';').map(str::trim).filter(|part| !part.is_empty()).map(|part| {
            let (part, is_coming) = part.strip_suffix("(coming)").map_or((part, false), |part| (part.trim(), true));
            let (kind, name) = part.split_once(' ').unwrap_or((part, ""));
            Other { kind, name: name.trim(), is_coming }
        })
    }

    /// The rules that say that they serve it.
    pub fn rules<'a>(&'a self, rules: &'a [RuleInfo]) -> impl Iterator<Item = &'a RuleInfo> {
        rules.iter().filter(|rule| rule.meta.serves.iter().any(|id| **id == *self.id))
    }
}

/// The table as Markdown, in both languages.
pub fn markdown(mechanisms: &[Mechanism], rules: &[RuleInfo]) -> String {
    let mut text = include_str!("mechanisms.md").to_owned();
    for row in mechanisms {
        let rules = row.rules(rules).map(|rule| of_rule(&rule.name, &rule.meta));
        let served: Vec<String> = rules.chain(row.others().map(of_other)).collect();
        let gist = format!("{}<br>{}", cell(&row.gist_zh), cell(&row.gist_en));
        let _ = writeln!(text, "| {} | {} | {gist} | {} |", row.id, cell(&row.text), served.join("<br>"));
    }
    text
}

/// A rule with its windows and findings, which are all that have labels.
fn of_rule(name: &str, meta: &Meta) -> String {
    let labels: Vec<String> = meta.labels.iter().map(|(name, label)| format!("`{name}` {}", cell(label))).collect();
    let title = meta.title.as_deref().unwrap_or_default();
    let text = format!("[`{name}`]({name}.rhai) {} ({})", cell(title), labels.join(", "));
    text.replace(" ()", "")
}

fn of_other(other: Other<'_>) -> String {
    let kind = match other.kind {
        "ladder" => "阶梯 ladder",
        "command" => "命令 command",
        "report" => "报表 report",
        "source" => "数据源 source",
        "calendar" => "日历 calendar",
        "constant" => "规则常量 constant of rules",
        "file" => "文件 file",
        other => other,
    };
    let name = if other.kind == "command" { format!("duban {}", other.name) } else { other.name.to_owned() };
    let coming = if other.is_coming { "（待提供 coming）" } else { "" };
    format!("{kind} `{name}`{coming}")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(otherwise: &str) -> Mechanism {
        let line = format!("id,text,gist_zh,gist_en,otherwise\n001-05,第5条,督办,a|b,{otherwise}\n");
        read(&line).expect("a list").remove(0)
    }

    #[test]
    fn what_serves_a_row_besides_rules_is_read_part_by_part() {
        let row = row("ladder three-level; report month (coming); ");
        let other = |kind, name, is_coming| Other { kind, name, is_coming };
        let expected = [other("ladder", "three-level", false), other("report", "month", true)];
        assert_eq!(row.others().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_row_of_the_table_names_all_that_serves_it() {
        let text = markdown(&[row("command orders; report month (coming)")], &[]);
        let line = text.lines().last().expect("a row");
        let expected =
            "| 001-05 | 第5条 | 督办<br>a\\|b | 命令 command `duban orders`<br>报表 report `month`（待提供 coming） |";
        assert_eq!(line, expected);
    }
}
