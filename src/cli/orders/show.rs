//! `duban orders show`: an order's parties, clocks, life, and who was told.

use std::io::Write;

use serde_json::json;

use super::Desk;
use crate::cli::exit::{Exit, Failure};
use crate::cli::table::{Format, align, write_json};
use crate::cli::words::{explain, orders as words};
use crate::core::Instant;
use crate::core::line::plain;
use crate::core::notice::Notice;
use crate::core::order::{Order, Party};
use crate::core::reading::{State, read};
use crate::store::ItemRecord;
use crate::tell::time_words;
use crate::tell::words::order::kind_label;
use crate::tell::words::{level_label, state_label};

impl Desk<'_> {
    pub(super) async fn show(&self, order: &Order, format: Format, out: &mut dyn Write) -> Result<Exit, Failure> {
        let notices = self.store.notices_of_order(&order.key()).await.map_err(|e| self.failed(&e))?;
        if format == Format::Json {
            let told: Vec<_> = notices.iter().map(|notice| self.told_json(notice)).collect();
            write_json(&json!({ "order": order, "item": order.key().to_string(), "notices": told }), out)?;
            return Ok(Exit::Fine);
        }
        let record = self.store.load(&[order.key()]).await.map_err(|e| self.failed(&e))?.pop();
        self.head(order, out)?;
        section(words::clocks(self.caller.language), self.clocks(record.as_ref()), out)?;
        section(words::life(self.caller.language), self.life(order), out)?;
        let told = notices.iter().map(|notice| self.told(order, notice)).collect();
        section(words::told(self.caller.language), told, out)?;
        Ok(Exit::Fine)
    }

    fn told_json(&self, notice: &Notice) -> serde_json::Value {
        json!({
            "deed": notice.number,
            "contact": notice.contact,
            "channel": notice.channel,
            "state": notice.state.word(),
            "hold": notice.hold,
            "planned_at": Format::Json.instant(notice.planned_at, self.zone()),
            "settled_at": notice.settled_at.map(|at| Format::Json.instant(at, self.zone())),
            "delivery": notice.delivery,
            "because": notice.because,
        })
    }

    fn head(&self, order: &Order, out: &mut dyn Write) -> Result<(), Failure> {
        let (language, ground) = (self.caller.language, &order.ground);
        writeln!(out, "{}  {}  {}", plain(&order.name()), words::state(language, order.state), plain(&ground.title))?;
        let level = level_label(ground.level, language);
        let card = format!("{} {}/{} ({level})", ground.item, ground.rule, ground.name);
        let party = |party: &Party| self.party_line(party);
        let mut rows: Vec<(&str, String)> = vec![(language.pick("编号", "id"), order.id.to_string())];
        rows.push((language.pick("红黄牌", "card"), card));
        if let Some(classification) = order.classification {
            let cause = order.cause.as_ref().map(|cause| format!("  {cause}")).unwrap_or_default();
            rows.push((
                language.pick("归类", "classified"),
                format!("{}{cause}", words::classification(language, classification)),
            ));
        }
        rows.extend(order.lead.iter().map(|lead| (language.pick("主办", "lead"), party(lead))));
        rows.extend(order.assisting.iter().map(|helper| (language.pick("协办", "assisting"), party(helper))));
        if let Some(linkage) = &order.linkage {
            rows.push((language.pick("联动", "linkage"), words::linkage(language, linkage)));
        }
        rows.extend(order.result.iter().map(|result| (language.pick("结果", "result"), result.clone())));
        let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![format!("  {name}"), value]).collect();
        Ok(out.write_all(align(&rows).as_bytes())?)
    }

    fn party_line(&self, party: &Party) -> String {
        let language = self.caller.language;
        let contact = party.contact.as_ref().map(|id| format!("  {}", self.name_of(id))).unwrap_or_default();
        let signed = party.signed_at.map(|at| format!("  {} {}", language.pick("签收", "signed"), self.at(at)));
        let fed_back = party.fed_back_at.map(|at| format!("  {} {}", language.pick("反馈", "fed back"), self.at(at)));
        let kind = kind_label(party.kind, language);
        format!("{} ({kind}){contact}{}{}", party.unit, signed.unwrap_or_default(), fed_back.unwrap_or_default())
    }

    fn name_of(&self, contact: &str) -> String {
        self.playbook.office.directory.get(contact).map_or_else(|| contact.to_owned(), |known| known.name.clone())
    }

    fn at(&self, at: Instant) -> String {
        time_words::instant(at, self.zone())
    }

    fn clocks(&self, record: Option<&ItemRecord>) -> Vec<Vec<String>> {
        let (clockwork, language) = (&self.playbook.clockwork, self.caller.language);
        let rulings = record.map_or(&[][..], |record| &record.rulings);
        let windows = rulings.iter().flat_map(|ruling| ruling.windows.iter().map(move |window| (ruling, window)));
        let row = |(ruling, window): (&crate::core::window::Ruling, &crate::core::window::Window)| {
            let calendar = clockwork.calendars.get(window.calendar.as_deref())?;
            let reading = read(window, calendar, &clockwork.yellow, self.caller.now()).ok()?;
            if reading.state == State::NotStarted {
                return None;
            }
            let label = self.playbook.rule_words(&ruling.rule, &window.name).label;
            let due = reading.due_at.map(|at| time_words::due(at, calendar.zone(), language)).unwrap_or_default();
            let level = reading.level.map_or("", |level| level_label(level, language));
            let label = label.unwrap_or_else(|| window.name.to_string());
            Some(vec![
                label,
                window.limit.to_string(),
                due,
                state_label(reading.state, language).to_owned(),
                level.to_owned(),
            ])
        };
        windows.filter_map(row).collect()
    }

    fn life(&self, order: &Order) -> Vec<Vec<String>> {
        let language = self.caller.language;
        let proposed =
            vec![self.at(order.proposed_at), words::proposed(language).to_owned(), "duban".to_owned(), String::new()];
        let deeds = order.history.iter().map(|done| {
            let behalf = done.on_behalf_of.as_ref();
            let behalf = behalf.map(|id| format!(" ({} {})", language.pick("代", "for"), self.name_of(id)));
            vec![
                self.at(done.at),
                words::deed(language, &done.deed),
                format!("{}{}", done.by, behalf.unwrap_or_default()),
                done.deed.text().to_owned(),
            ]
        });
        std::iter::once(proposed).chain(deeds).collect()
    }

    fn told(&self, order: &Order, notice: &Notice) -> Vec<String> {
        let language = self.caller.language;
        let deed = order.history.get(notice.number as usize).map(|done| words::deed(language, &done.deed));
        let at = notice.settled_at.unwrap_or(notice.planned_at);
        vec![
            self.at(at),
            deed.unwrap_or_default(),
            self.name_of(&notice.contact),
            notice.channel.to_string(),
            explain::notice_state(notice.state, language).to_owned(),
            notice.hold.as_ref().map(|hold| explain::hold(hold, language)).unwrap_or_default(),
        ]
    }
}

/// A heading and rows, if there are any.
fn section(title: &str, rows: Vec<Vec<String>>, out: &mut dyn Write) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|mut row| {
            row[0] = format!("  {}", row[0]);
            row
        })
        .collect();
    Ok(out.write_all(align(&rows).as_bytes())?)
}
