//! Once a working day, at its opening, operators get one list of whom messages do not reach: refused addresses, roles that
//! nobody holds, people who are away while nobody reads for them. Nothing to list is no message.
//!
//! **Invariant:** one list a day at most, whatever restarts in between; none on the day on which an installation begins,
//! since `duban check` has said it all.

use chrono::TimeDelta;

use crate::core::Instant;
use crate::core::notice::{Body, NoticeKind};
use crate::pipeline::Pipeline;
use crate::playbook::Playbook;
use crate::store::{Result, Store};
use crate::tell::people::muster::{unread, vacant};

/// When the list was made last, told or not.
const MADE: &str = "people:listed";

/// How long after one look the next follows, within a day.
const LOOK_AGAIN: TimeDelta = TimeDelta::hours(1);

/// The most lines of each kind.
const LINES: usize = 30;

/// Tells operators, if it is time to; the answer is when to ask again.
pub async fn run_once(store: &dyn Store, pipeline: &Pipeline, playbook: &Playbook, now: Instant) -> Result<Instant> {
    let calendar = playbook.calendar();
    if !calendar.is_open(now.timestamp()) {
        let opening = calendar.opening(now.timestamp()).ok().and_then(|at| Instant::from_timestamp(at, 0));
        return Ok(opening.filter(|at| *at > now).unwrap_or(now + LOOK_AGAIN));
    }
    let today = playbook.office.today(now);
    let last = store.last_fired(MADE).await?;
    if last.is_some_and(|last| today <= playbook.office.today(last)) {
        return Ok(now + LOOK_AGAIN);
    }
    if last.is_some() {
        let lines = lines(store, playbook, now).await?;
        if !lines.is_empty() {
            let title = playbook.language.pick("消息到不了这些人", "Messages do not reach these people");
            let body = Body { title: title.to_owned(), lines };
            pipeline.tell_operators(playbook, NoticeKind::Digest, &format!("people:{today}"), body, now).await?;
        }
    }
    store.fired(MADE, now).await?;
    Ok(now + LOOK_AGAIN)
}

async fn lines(store: &dyn Store, playbook: &Playbook, now: Instant) -> Result<Vec<String>> {
    let (office, language) = (&playbook.office, playbook.language);
    let today = office.today(now);
    let mut lines = Vec::new();
    let mut add = |what: &str, all: Vec<String>| {
        let more = all.len().saturating_sub(LINES);
        lines.extend(all.into_iter().take(LINES).map(|line| format!("{what}{line}")));
        lines.extend((more > 0).then(|| format!("{what}… +{more}")));
    };
    let bad = store.bad_addresses().await?;
    let refused = bad.iter().filter(|bad| {
        let terms = office.channels.get(&bad.channel);
        let address = terms.and_then(|terms| office.directory.get(&bad.contact)?.address(terms.medium));
        // What an address of before was refused says nothing about the one of today.
        address == Some(bad.address.as_str())
    });
    let refused = refused.map(|bad| format!("{} {} {} ({})", bad.contact, bad.channel, bad.address, bad.reason));
    add(language.pick("地址被拒收：", "refused address: "), refused.collect());
    let roles = vacant(office, &|ladder| playbook.climbs(ladder), today);
    add(language.pick("无人担任：", "nobody holds: "), roles.into_iter().map(str::to_owned).collect());
    let away = unread(&office.directory, today);
    let away = away.into_iter().map(|contact| format!("{} {} {}", contact.id, contact.name, contact.unit));
    add(
        language.pick("不在且无人代理：", "away without a deputy: "),
        away.map(|line| line.trim_end().to_owned()).collect(),
    );
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::daemon::wiring::Site;
    use crate::store::DeliveryFilter;
    use crate::store::memory::MemoryStore;

    const CONFIG: &str = "[rules]\nenabled = []\n[notify]\nmode = \"live\"\n[channels.mail.folder]\npath = \"mail\"\n";
    const LADDERS: &str = "[handlers]\n[[handlers.steps]]\nroles = [\"handler\", \"leader\"]\nred = [\"mail\"]\n\
        [operators]\n[[operators.steps]]\nroles = [\"operator\"]\nred = [\"mail\"]\n";

    fn at(text: &str) -> Instant {
        format!("2026-03-{}:00+08:00", text.replace(' ', "T")).parse().expect("an instant")
    }

    /// What operators were told up to now, by lists of people with these lines.
    async fn lists(store: &Arc<MemoryStore>, contacts: &str, absences: &str, now: &str) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let contacts =
            format!("id,name,roles,email\nop,值班,operator,op@example.com\nz1,甲一,,z1@example.com\n{contacts}");
        let absences = format!("contact,from,until\n{absences}");
        for (name, text) in [
            ("duban.toml", CONFIG),
            ("ladders.toml", LADDERS),
            ("contacts.csv", &contacts),
            ("absences.csv", &absences),
        ] {
            std::fs::write(folder.path().join(name), text).expect(name);
        }
        let site = Site::read(&folder.path().join("duban.toml")).expect("a site");
        let playbook = site.playbook_alone().expect("a playbook");
        let pipeline = Pipeline::new(store.clone());
        run_once(&**store, &pipeline, &playbook, at(now)).await.expect("it runs");
        let all = DeliveryFilter { limit: 100, ..DeliveryFilter::default() };
        let mut bodies = Vec::new();
        for delivery in store.deliveries(&all).await.expect("deliveries") {
            let said = store.delivery(&delivery.id.to_string()).await.expect("a delivery");
            let said = said.iter().flat_map(|(_, notices)| notices);
            bodies.extend(said.filter_map(|notice| Some(notice.body.as_ref()?.lines.join("|"))));
        }
        bodies.sort();
        bodies
    }

    #[tokio::test]
    async fn operators_get_one_list_a_day_at_the_opening_if_there_is_something_to_list() {
        let store = Arc::new(MemoryStore::new());
        let (nobody, away) = ("", "z1,2026-03-03,2026-03-04\n");
        assert_eq!(lists(&store, nobody, away, "02 10:00").await, Vec::<String>::new(), "not on the first day");
        assert_eq!(lists(&store, nobody, away, "03 08:59").await, Vec::<String>::new(), "not before the opening");
        let first = "无人担任：leader|不在且无人代理：z1 甲一";
        assert_eq!(lists(&store, nobody, away, "03 09:00").await, [first]);
        assert_eq!(lists(&store, nobody, "", "03 15:00").await, [first], "once");
        let leader = "l1,乙一,leader,l1@example.com\n";
        assert_eq!(lists(&store, leader, "", "04 09:00").await, [first], "nothing is no message");
        assert_eq!(lists(&store, nobody, "", "05 09:30").await, ["无人担任：leader", first]);
    }
}
