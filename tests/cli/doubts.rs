//! What `duban check` warns of about people, ladders and routes.

use super::desk::{CONFIG, Desk};

/// Asks in both languages; what is said in one is said in the other.
fn warnings(desk: &Desk) -> Vec<String> {
    let ask = |language| {
        let run = desk.duban(language, &["check", "--format", "csv"]);
        assert_eq!(run.status, 0, "{run:?}");
        let rows = run.rows().into_iter().filter(|row| row["weight"] == "warning");
        rows.map(|row| format!("{}: {}", row["place"], row["text"])).collect::<Vec<_>>()
    };
    let english: Vec<String> = ask("en");
    let places =
        |all: &[String]| all.iter().filter_map(|w| w.split(": ").next().map(str::to_owned)).collect::<Vec<_>>();
    let chinese = ask("zh-CN");
    assert_eq!(places(&english), places(&chinese));
    let is_chinese = |text: &String| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    assert!(chinese.iter().all(is_chinese), "{chinese:?}");
    english
}

#[track_caller]
fn says(warnings: &[String], expected: &[&str]) {
    for expected in expected {
        assert!(warnings.iter().any(|warning| warning == expected), "{expected:?} is not in {warnings:#?}");
    }
}

#[test]
fn a_sound_office_has_the_doubts_that_are_meant() {
    let found = warnings(&Desk::new());
    let meant = [
        "notify.mode: REHEARSAL",
        "contacts.csv: no contact on duty holds the role leader for 水务局",
        "contacts.csv: u1: mobile is empty, so the channel sms",
    ];
    assert!(
        found.len() == meant.len() && found.iter().zip(meant).all(|(found, meant)| found.starts_with(meant)),
        "{found:#?}"
    );
}

#[test]
fn steps_that_no_card_reaches_and_ladders_that_nothing_names_are_told() {
    let desk = Desk::new();
    desk.put(
        "ladders.toml",
        r#"
        [handlers]
        [[handlers.steps]]
        roles = ["unit_contact"]
        red = ["mail"]
        [[handlers.steps]]
        roles = ["leader"]
        yellow = ["mail"]
        red = ["mail"]
        [[handlers.steps]]
        roles = ["leader"]
        reminders = { every = "1wd", most = 3 }
        after = "1wd"
        [forgotten]
        [[forgotten.steps]]
        roles = ["nobody"]
        red = ["mail", "pigeon"]
        [[forgotten.steps]]
        roles = ["leader"]
        after = "1wd"
        [operators]
        [[operators.steps]]
        roles = ["operator"]
        red = ["mail"]
        "#,
    );
    says(
        &warnings(&desk),
        &[
            "ladders.toml: handlers: step 2 has no `after`, so no card ever climbs to it or beyond",
            "ladders.toml: handlers: step 3 has no channel for any level, so its reminders remind nobody",
            "ladders.toml: handlers: step 1 has no channel for yellow, so no yellow card ever climbs beyond it",
            "ladders.toml: forgotten: no window, no route and not notify.ladder names this ladder",
            "ladders.toml: forgotten: step 2 has no channel for any level, so it tells nobody",
            "ladders.toml: forgotten: no contact on duty holds the role nobody",
            "ladders.toml: there is no channel \"pigeon\", so naming it does nothing in forgotten",
        ],
    );
}

#[test]
fn routes_that_do_nothing_and_people_who_are_not_there_are_told() {
    let desk = Desk::new();
    desk.put(
        "duban.toml",
        &CONFIG.replace("[channels.mail.folder]", "[channels.mail]\nfallback = \"sms\"\n[channels.mail.folder]"),
    );
    desk.put(
        "contacts.csv",
        "id,name,unit,level,roles,mobile,email,deputy\n\
         z1,示例张工,住建局,L1,unit_contact,13900000001,z1@city.test,z9\n\
         l1,示例赵局,住建局,L2,leader,,l1@city.test,\n\
         op,示例值班员,,L0,operator,,op@city.test,\n",
    );
    desk.put(
        "routes.toml",
        r#"
        [[routes]]
        name = "district"
        match = { district = "示范区" }
        [[routes.tell]]
        contact = "l1"
        red = ["mail"]
        [[routes]]
        name = "all"
        last = true
        [[routes]]
        name = "never"
        [[preferences]]
        level = "L7"
        least = "red"
        "#,
    );
    says(
        &warnings(&desk),
        &[
            "routes.toml: route \"district\": match: no source maps the field \"district\"",
            "routes.toml: route \"never\": the route \"all\" above fits every card and is the last, so this one is never \
             asked",
            "routes.toml: preference 1: no contact has this role or level",
            "contacts.csv: z1: deputy: expected the id of a contact, got \"z9\"",
            "contacts.csv: l1: mobile is empty, so sms, the fallback of mail, does not reach this contact",
        ],
    );
}
