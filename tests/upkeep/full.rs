//! A store with something in every table, also what an engine could stumble over.

use std::path::Path;

use duban::core::audit::Act;
use duban::core::json::Json;
use duban::store::sqlite::SqliteStore;
use duban::store::{Store as _, Turn};

use super::support::postgres::block_on;
use super::{create, sql};

/// Texts that are stored as they are: quotes, backslashes, escapes of JSON, NUL as an escape, characters beyond the basic
/// plane, those that only GB18030 has beside Unicode, right-to-left marks, control characters, and nothing.
const TEXTS: [&str; 9] = [
    "厂区门口道路破损",
    "a'b\"c\\d`$1 ?1 %s {x}",
    r#"{"title":"before\u0000after","n":[1,null,"\ud83d\ude00"]}"#,
    "😀👨‍👩‍👧‍👦𠮷",
    "㐂䶮龥\u{9fff}\u{e7c7}",
    "\u{202e}abc\u{200f}",
    "\u{1}\u{7f}\t\r\n\u{85}\u{2028}",
    "",
    "NULL",
];

/// Instants from the first to the last that the calendar of the code has, and those of 64 bits.
const INSTANTS: [i64; 7] =
    [0, -1, 1_772_416_800_000_001, -8_334_601_228_800_000_000, 8_210_266_876_799_999_999, i64::MIN, i64::MAX];

/// Creates a store with so many items and something in every table.
pub fn fill(path: &Path, items: u32) {
    create(path);
    let texts: Vec<String> = TEXTS.iter().enumerate().map(|(n, text)| format!("({n}, '{}')", quoted(text))).collect();
    let instants: Vec<String> = INSTANTS.iter().enumerate().map(|(n, at)| format!("({n}, {at})")).collect();
    let head = format!(
        "CREATE TEMP TABLE texts AS SELECT column1 AS n, column2 AS t FROM (VALUES {});
         CREATE TEMP TABLE instants AS SELECT column1 AS n, column2 AS at FROM (VALUES {});
         CREATE TEMP TABLE numbers AS WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < {items})
         SELECT i, (SELECT t FROM texts WHERE n = i % {}) AS t, (SELECT at FROM instants WHERE n = i % {}) AS at FROM c;",
        texts.join(", "),
        instants.join(", "),
        TEXTS.len(),
        INSTANTS.len(),
    );
    sql(path, &format!("{head} BEGIN; {ROWS} COMMIT;"));
    enter_acts(path);
}

/// An act for each text, as the store itself enters them.
fn enter_acts(path: &Path) {
    let at = "2026-03-02T02:00:00.123456Z".parse().expect("an instant");
    let act = |text: &&str| Act {
        at,
        by: (*text).into(),
        what: "remark.add".into(),
        subject: (*text).into(),
        why: (*text).into(),
        detail: Json::of(text),
    };
    let turn = Turn { acts: TEXTS.iter().map(act).collect(), ..Turn::default() };
    block_on(async {
        let store = SqliteStore::visit(path).await.expect("a store");
        store.commit(&turn).await.expect("entered");
        store.close().await;
    });
}

fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

const ROWS: &str = "
INSERT INTO playbooks SELECT 'v' || i, at, t, '{}' FROM numbers WHERE i <= 20;
INSERT INTO playbook_in_force VALUES (1, 'v7');
INSERT INTO playbook_log SELECT i * 10, 'v' || i, at, t FROM numbers WHERE i <= 20;
INSERT INTO rule_versions SELECT i, 'rule' || i, 'v', at, 'start', t, t FROM numbers WHERE i <= 20;
INSERT INTO sources SELECT 'source' || i, at, nullif(i, 3), nullif(at, 0), NULL, i, i, i, i, i, t, at FROM numbers WHERE i <= 20;
INSERT INTO schedules SELECT 'schedule' || i, at FROM numbers WHERE i <= 20;
INSERT INTO items SELECT 's', 'i' || i || t, 'd', 'v', i, at, at, nullif(at, 0), nullif(at, -1), 0, nullif(at, 1), t,
    nullif(t, ''), t,
    '[]', '[]' FROM numbers;
INSERT INTO snapshots SELECT i * 3, 's', 'i' || i || t, at, 'd', t FROM numbers;
INSERT INTO cards SELECT 'c' || i, 's', 'i' || i || t, 'r', t, nullif('red', iif(i % 3, '', 'red')),
    iif(i % 3, at, NULL), 1, 1 FROM numbers;
INSERT INTO transitions SELECT i, 'c' || i, 1, 's', 'i' || i || t, 'r', t, 0, 'raise', NULL, 'red', at, at, t, NULL, 'v',
    'v', nullif(t, ''), nullif(t, '') FROM numbers;
INSERT INTO deliveries (id, contact, channel, state, not_before, waits_for, opened_at, tries, rehearsal, fence,
    claimed_at, lease_until, holder, sealed_at, settled_at, reason, remote_id, receipt, receipt_at, reported)
SELECT 'd' || i, t, 'mail', CASE i % 4 WHEN 0 THEN 'scheduled' WHEN 1 THEN 'sending' WHEN 2 THEN 'sent' ELSE 'discarded' END,
    at, iif(i % 8 = 0, 'quiet_hours', NULL), at, i % 5, i % 2, i, iif(i % 4, at, NULL), iif(i % 4 = 1, at, NULL),
    iif(i % 4 = 1, '', NULL), iif(i % 4, at, NULL), iif(i % 4 > 1, at, NULL), t, t,
    iif(i % 4 > 1, i % 3 = 0, NULL), iif(i % 4 > 1, at, NULL), i % 8 = 3 FROM numbers;
INSERT INTO notices (seq, \"key\", kind, card, source, item, episode, number, level, step, ordinal, contact, channel,
    planned_at, rehearsal, state, hold, delivery, change, body, because,
    settled_at)
SELECT i * 2, 'k' || i, 'raise', nullif('c' || i, 'c7'), NULL, NULL, 1, 1, 'red', 0, 0, t, 'mail', at, i % 2,
    iif(i % 2, 'held', 'sent'), iif(i % 2, t, NULL), 'd' || i, t, NULL, t, nullif(at, 0) FROM numbers;
INSERT INTO past_attempts SELECT 'd' || i, i, 1, at, at, 'sent', t, NULL FROM numbers;
INSERT INTO seals SELECT 'd' || i, t FROM numbers;
INSERT INTO orders (id, card, episode, source, item, state, year, ordinal, unit, proposed_at, ended_at, content)
SELECT 'o' || i, 'c' || i, 1, 's', 'i' || i || t, iif(i % 2, 'signed', 'closed'), iif(i % 2, 2026, NULL), iif(i % 2, i, NULL),
    nullif(t, ''), at, iif(i % 2, NULL, at), t FROM numbers WHERE i > 0;
INSERT INTO remarks (remark, source, item, at, \"by\", basis, statement, waits, granted, decided_at, decided_by,
    decided_because)
SELECT 'm' || i, 's', t, at, t, t, t, 'appeal', iif(i % 2, i % 3 = 0, NULL), iif(i % 2, at, NULL),
    iif(i % 2, 'x' || t, NULL), iif(i % 2, t, NULL) FROM numbers WHERE i <= 20;
INSERT INTO acknowledgements SELECT i, 'c' || i, 1, 'red', 0, t, t, 'board', at FROM numbers WHERE i <= 20;
INSERT INTO silences SELECT 's' || i, t, at, at, t, t, at, nullif(t, ''), nullif(at, 0) FROM numbers WHERE i <= 20;
INSERT INTO bad_addresses SELECT 'c' || i, t, t, at, t FROM numbers WHERE i <= 20;
INSERT INTO sends SELECT i * 5, 'sms', t, at FROM numbers;
";
