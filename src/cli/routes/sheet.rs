//! The answers of `duban routes test`, as lines for people and as rows for programs.

use std::io::{self, Write};

use chrono_tz::Tz;
use serde_json::{Value, json};

use super::Answer;
use crate::cli::explain::plain;
use crate::cli::table::{Format, Table};
use crate::cli::words::routes as words;
use crate::core::Instant;
use crate::core::item::Item;
use crate::core::ladder::Threshold;
use crate::core::notice::Because;
use crate::tell::language::Language;
use crate::tell::plan::Office;
use crate::tell::plan::preview::{StepPreview, Told, Untold, WhyNot};
use crate::tell::time_words;
use crate::tell::words::level_label;

const COLUMNS: [&str; 18] = [
    "rule",
    "window",
    "level",
    "raised_at",
    "routes",
    "ladder",
    "rehearsal",
    "step",
    "contact",
    "channel",
    "address",
    "told",
    "at",
    "waits_for",
    "role",
    "route",
    "instead_of",
    "reason",
];

/// What is answered about one item.
pub struct Sheet<'a> {
    pub item: &'a Item,
    pub office: &'a Office,
    pub zone: Tz,
    pub answers: &'a [Answer],
}

impl Sheet<'_> {
    /// Lines for people.
    pub fn tell(&self, language: Language, out: &mut dyn Write) -> io::Result<()> {
        let mut line = |indent: usize, text: &str| writeln!(out, "{:indent$}{}", "", plain(text));
        line(0, &format!("{}  {}", self.item.key, self.item.title()))?;
        for Answer { rule, window, level, raised_at, preview } in self.answers {
            let raised = words::raised(language, &time_words::instant(*raised_at, self.zone));
            line(0, "")?;
            line(0, &format!("{rule}/{window}  {}  {raised}", level_label(*level, language)))?;
            let routes: Vec<String> = preview.routes.iter().map(ToString::to_string).collect();
            line(2, &words::routes(language, &routes))?;
            line(2, &words::ladder(language, &preview.ladder, preview.ack_grace))?;
            if preview.rehearsal {
                line(2, words::rehearsal(language))?;
            }
            for step in &preview.steps {
                self.step(step, language, &mut line)?;
            }
            for count in &preview.counts {
                let label = count.label.as_ref().map(|label| format!("  {}", words::called(label, language)));
                let head = words::count(language, count.number, count.level);
                line(2, &format!("{head}{}", label.unwrap_or_default()))?;
                self.people(&count.told, &count.untold, language, &mut line)?;
            }
        }
        Ok(())
    }

    fn step(
        &self,
        step: &StepPreview,
        language: Language,
        line: &mut dyn FnMut(usize, &str) -> io::Result<()>,
    ) -> io::Result<()> {
        let instant = |at| time_words::instant(at, self.zone);
        let label = step.label.as_ref().map(|label| format!("  {}", words::called(label, language)));
        line(2, &format!("{}{}", words::step(language, step.step, &instant(step.at)), label.unwrap_or_default()))?;
        if let Some(silence) = step.silence {
            line(4, &words::silenced(language, &silence.to_string()[..12]))?;
        }
        self.people(&step.told, &step.untold, language, line)?;
        if let Some((reminders, first)) = &step.reminders {
            line(4, &words::reminders(language, reminders, first.map(instant).as_deref()))?;
        }
        Ok(())
    }

    fn people(
        &self,
        told: &[Told],
        untold: &[Untold],
        language: Language,
        line: &mut dyn FnMut(usize, &str) -> io::Result<()>,
    ) -> io::Result<()> {
        let instant = |at| time_words::instant(at, self.zone);
        if told.is_empty() {
            line(4, words::nobody(language))?;
        }
        for told in told {
            let Told { contact, channel, at, wait, because } = told;
            let address = self.address(contact, channel);
            let wait = wait.map(|wait| words::waits(wait, language)).unwrap_or_default();
            let because = words::because(because, language);
            let name = self.name(contact);
            line(4, &format!("+ {contact} {name}  {channel} {address}  {}{wait}  {because}", instant(*at)))?;
        }
        for Untold { contact, channel, because, why } in untold {
            let channel = channel.as_deref().map(|channel| format!("  {channel}")).unwrap_or_default();
            let (because, why) = (words::because(because, language), words::why_not(why, language));
            let name = self.name(contact);
            line(4, &format!("- {}{channel}  {why}  {because}", format!("{contact} {name}").trim_end()))?;
        }
        Ok(())
    }

    fn name(&self, contact: &str) -> &str {
        self.office.directory.get(contact).map_or("", |contact| &contact.name)
    }

    fn address(&self, contact: &str, channel: &str) -> &str {
        let terms = self.office.channels.get(channel);
        let contact = self.office.directory.get(contact);
        terms.zip(contact).and_then(|(terms, contact)| contact.address(terms.medium)).unwrap_or_default()
    }

    /// A row for each message that would leave, and for each that would not.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&COLUMNS);
        for answer in self.answers {
            for step in &answer.preview.steps {
                self.rows(answer, &json!(step.step + 1), (&step.told, &step.untold), &mut table);
            }
            for count in &answer.preview.counts {
                let step = match count.number {
                    Threshold::Streak(number) => format!("streak {number}"),
                    Threshold::Reds(number) => format!("reds {number}"),
                };
                self.rows(answer, &json!(step), (&count.told, &count.untold), &mut table);
            }
        }
        table
    }

    fn rows(&self, answer: &Answer, step: &Value, (told, untold): (&[Told], &[Untold]), table: &mut Table) {
        for told in told {
            let reason = json!(told.because.why);
            let row = self.row(answer, step, &told.contact, Some(&told.channel), &told.because);
            table.add(row.told(self, told, reason));
        }
        for untold in untold {
            let row = self.row(answer, step, &untold.contact, untold.channel.as_deref(), &untold.because);
            table.add(row.untold(&untold.why));
        }
    }

    fn row(&self, answer: &Answer, step: &Value, contact: &str, channel: Option<&str>, because: &Because) -> Row {
        let routes: Vec<&str> = answer.preview.routes.iter().map(|route| &**route).collect();
        let head = vec![
            json!(answer.rule),
            json!(answer.window),
            json!(answer.level),
            self.stamp(answer.raised_at),
            json!(routes.join(" ")),
            json!(answer.preview.ladder),
            json!(answer.preview.rehearsal),
            step.clone(),
            json!(contact),
            json!(channel),
        ];
        Row { head, because: [json!(because.role), json!(because.route), json!(because.instead_of)] }
    }

    fn stamp(&self, at: Instant) -> Value {
        Format::Json.instant(at, self.zone)
    }
}

/// The beginning of a row, and as what somebody is told.
struct Row {
    head: Vec<Value>,
    because: [Value; 3],
}

impl Row {
    fn told(self, sheet: &Sheet<'_>, told: &Told, reason: Value) -> Vec<Value> {
        let wait = told.wait.map(crate::core::notice::Wait::word);
        let address = sheet.address(&told.contact, &told.channel);
        self.ended([json!(address), json!(true), sheet.stamp(told.at), json!(wait)], reason)
    }

    fn untold(self, why: &WhyNot) -> Vec<Value> {
        let reason = match why {
            WhyNot::Held(hold) => json!(hold)["hold"].clone(),
            WhyNot::Nobody(_) => json!("nobody"),
            WhyNot::Elsewhere => json!("elsewhere"),
            WhyNot::OffDuty => json!("off_duty"),
        };
        self.ended([Value::Null, json!(false), Value::Null, Value::Null], reason)
    }

    fn ended(self, middle: [Value; 4], reason: Value) -> Vec<Value> {
        self.head.into_iter().chain(middle).chain(self.because).chain([reason]).collect()
    }
}
