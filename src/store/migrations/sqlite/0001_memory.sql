-- Instants are whole microseconds since 1970-01-01T00:00:00Z. Ids and versions are 32 hex digits. Texts named in
-- comments as JSON hold JSON. Words in CHECKs are those of the code, the JSON and the pages.
--
-- Seals and past attempts have no foreign keys: they are written by verbs that have just read their deliveries.

CREATE TABLE playbooks (
    -- Every playbook that was ever in force, with all of its files.
    version TEXT    NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL, -- when it was last put in force
    "by"    TEXT    NOT NULL, -- by whom it was last put in force
    files   TEXT    NOT NULL  -- JSON: path to text
) STRICT;

CREATE TABLE playbook_in_force (
    -- One row: the playbook under which turns may be committed.
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version TEXT    NOT NULL REFERENCES playbooks (version)
) STRICT;

CREATE TABLE playbook_log (
    -- Who put which playbook in force, and when; rows are only added.
    seq     INTEGER NOT NULL PRIMARY KEY,
    version TEXT    NOT NULL REFERENCES playbooks (version),
    at      INTEGER NOT NULL,
    "by"    TEXT    NOT NULL
) STRICT;

CREATE TABLE rule_versions (
    -- Every rule as it ever was, with the parameters and tables that it read.
    seq     INTEGER NOT NULL PRIMARY KEY,
    rule    TEXT    NOT NULL,
    version TEXT    NOT NULL,
    at      INTEGER NOT NULL, -- when it was first in force
    "by"    TEXT    NOT NULL,
    text    TEXT    NOT NULL,
    tables  TEXT    NOT NULL, -- JSON: path to text
    UNIQUE (rule, version)
) STRICT;

CREATE TABLE sources (
    -- How each source is doing.
    source     TEXT    NOT NULL PRIMARY KEY,
    good_at    INTEGER, -- when its last good poll began
    good_rows  INTEGER CHECK (good_rows >= 0),
    cursor_at  INTEGER, -- the newest instant that its cursor's field has shown
    polled_at  INTEGER,
    took_ms    INTEGER NOT NULL CHECK (took_ms >= 0),
    "rows"     INTEGER NOT NULL CHECK ("rows" >= 0),
    rejected   INTEGER NOT NULL CHECK (rejected >= 0),
    changed    INTEGER NOT NULL CHECK (changed >= 0),
    missing    INTEGER NOT NULL CHECK (missing >= 0),
    trouble    TEXT, -- why the last poll was not believed
    doubted_at INTEGER -- when the first poll began that has not been believed since the last good one
) STRICT;

CREATE TABLE schedules (
    -- When each schedule last fired.
    schedule TEXT    NOT NULL PRIMARY KEY,
    fired_at INTEGER NOT NULL
) STRICT;

CREATE TABLE items (
    -- What is remembered about each item: its newest snapshot, what the rules said, what is watched.
    source        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    digest        TEXT    NOT NULL, -- of the snapshot
    judged_under  TEXT    NOT NULL, -- the playbook
    version       INTEGER NOT NULL CHECK (version > 0), -- counts the commits
    first_seen_at INTEGER NOT NULL,
    seen_at       INTEGER NOT NULL, -- when this snapshot was first seen
    noticed_at    INTEGER,          -- the newest of its transitions
    next_look_at  INTEGER,
    missing_polls INTEGER NOT NULL CHECK (missing_polls >= 0),
    left_at       INTEGER, -- when it left its source
    title         TEXT    NOT NULL,
    unit          TEXT,
    item          TEXT    NOT NULL, -- JSON: the snapshot
    rulings       TEXT    NOT NULL, -- JSON: windows and findings, by rule
    watches       TEXT    NOT NULL, -- JSON: what is remembered about windows and findings
    PRIMARY KEY (source, id)
) STRICT;

CREATE INDEX items_due ON items (next_look_at, source, id) WHERE next_look_at IS NOT NULL;
CREATE INDEX items_by_playbook ON items (judged_under);
-- What a poll compares with, without the snapshots between.
CREATE INDEX items_compared ON items (source, id, digest, missing_polls);

CREATE TABLE snapshots (
    -- Every snapshot of an item that differed from the one before.
    seq     INTEGER NOT NULL PRIMARY KEY,
    source  TEXT    NOT NULL,
    item    TEXT    NOT NULL,
    seen_at INTEGER NOT NULL,
    digest  TEXT    NOT NULL,
    content TEXT    NOT NULL, -- JSON
    FOREIGN KEY (source, item) REFERENCES items (source, id)
) STRICT;

CREATE INDEX snapshots_of_item ON snapshots (source, item);

CREATE TABLE cards (
    -- Every card that was ever raised, as it stands; without a level it is closed.
    card    TEXT    NOT NULL PRIMARY KEY,
    source  TEXT    NOT NULL,
    item    TEXT    NOT NULL,
    rule    TEXT    NOT NULL,
    name    TEXT    NOT NULL, -- the window or finding
    level   TEXT    CHECK (level IN ('yellow', 'red')),
    at      INTEGER,          -- the instant of the level
    episode INTEGER NOT NULL CHECK (episode > 0),
    number  INTEGER NOT NULL CHECK (number > 0), -- of the newest transition
    CHECK ((level IS NULL) = (at IS NULL)),
    FOREIGN KEY (source, item) REFERENCES items (source, id)
) STRICT;

-- 'red' sorts before 'yellow'.
CREATE INDEX cards_open ON cards (level, at) WHERE level IS NOT NULL;

CREATE TABLE transitions (
    -- Every change of a card, and every stop of a clock; rows are only added.
    seq              INTEGER NOT NULL PRIMARY KEY,
    card             TEXT    NOT NULL,
    number           INTEGER NOT NULL CHECK (number > 0),
    source           TEXT    NOT NULL,
    item             TEXT    NOT NULL,
    rule             TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    episode          INTEGER NOT NULL CHECK (episode >= 0),
    change           TEXT    NOT NULL CHECK (change IN
                     ('raise', 'lower', 'clear', 'revoke', 'withdraw', 'left_source', 'stop', 'resume')),
    from_level       TEXT    CHECK (from_level IN ('yellow', 'red')),
    to_level         TEXT    CHECK (to_level IN ('yellow', 'red')),
    at               INTEGER NOT NULL, -- when it happened
    noticed_at       INTEGER NOT NULL,
    reason           TEXT    NOT NULL, -- JSON
    verdict          TEXT    CHECK (verdict IN ('on_time', 'overdue', 'open')),
    rule_version     TEXT    NOT NULL,
    calendar_version TEXT    NOT NULL,
    ladder           TEXT,
    unit             TEXT, -- whose the item was then
    -- A card is named by its item, so this says the same as (card, number), and finds an item's.
    UNIQUE (source, item, card, number),
    FOREIGN KEY (source, item) REFERENCES items (source, id)
) STRICT;

-- Which cards of a unit turned red since when.
CREATE INDEX transitions_red ON transitions (unit, at) WHERE change = 'raise' AND to_level = 'red';

CREATE TABLE deliveries (
    -- One message to one address.
    id         TEXT    NOT NULL PRIMARY KEY,
    contact    TEXT    NOT NULL,
    channel    TEXT    NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN
               ('scheduled', 'available', 'sending', 'sent', 'retryable', 'unknown', 'discarded', 'cancelled')),
    not_before INTEGER NOT NULL,
    waits_for  TEXT    CHECK (waits_for IN ('quiet_hours', 'list', 'group', 'rate')),
    opened_at  INTEGER NOT NULL,
    tries      INTEGER NOT NULL CHECK (tries >= 0), -- claims since it was opened, or since a person retried it
    rehearsal  INTEGER NOT NULL CHECK (rehearsal IN (0, 1)),
    fence      INTEGER NOT NULL CHECK (fence >= 0), -- grows with each claim
    claimed_at INTEGER,                                -- when its newest try began, unless that is among the past ones
    lease_until INTEGER,
    holder     TEXT,                                -- who holds the lease: empty, or one of several installations
    sealed_at  INTEGER,
    settled_at INTEGER,
    reason     TEXT,                                -- of the last try
    remote_id  TEXT,
    receipt    INTEGER CHECK (receipt IN (0, 1)), -- whether it reached the receiver, as the peer said later
    receipt_at INTEGER,
    reported   INTEGER NOT NULL DEFAULT 0 CHECK (reported IN (0, 1)), -- whether a turn told that it ended badly
    -- When it can be claimed: at its instant, or when a lease runs out.
    claim_at   INTEGER GENERATED ALWAYS AS (CASE
                   WHEN state IN ('scheduled', 'available', 'retryable') THEN not_before
                   WHEN state = 'sending' THEN lease_until
               END) STORED,
    -- When it ended badly, until a turn has told so.
    unreported_at INTEGER GENERATED ALWAYS AS (CASE
                   WHEN state IN ('unknown', 'discarded') AND NOT reported THEN settled_at
               END) STORED,
    CHECK ((state = 'sending') = (lease_until IS NOT NULL)),
    CHECK (state <> 'sending' OR claimed_at IS NOT NULL),
    CHECK (state IN ('sending', 'sent', 'unknown', 'discarded') OR claimed_at IS NULL),
    CHECK ((state = 'sending') = (holder IS NOT NULL)),
    CHECK ((state IN ('sent', 'unknown', 'discarded', 'cancelled')) = (settled_at IS NOT NULL)),
    CHECK (state <> 'cancelled' OR sealed_at IS NULL),
    CHECK ((receipt IS NULL) = (receipt_at IS NULL))
) STRICT;

CREATE INDEX deliveries_claimable ON deliveries (claim_at, channel) WHERE claim_at IS NOT NULL;
CREATE INDEX deliveries_claimable_of ON deliveries (contact, claim_at) WHERE claim_at IS NOT NULL;
CREATE INDEX deliveries_settled ON deliveries (state, opened_at) WHERE settled_at IS NOT NULL;
CREATE INDEX deliveries_by_contact ON deliveries (contact, opened_at);
CREATE INDEX deliveries_by_time ON deliveries (opened_at);
CREATE INDEX deliveries_unreported ON deliveries (unreported_at, id) WHERE unreported_at IS NOT NULL;
CREATE INDEX deliveries_without_receipt ON deliveries (channel, settled_at, id)
    WHERE state = 'sent' AND remote_id IS NOT NULL AND receipt IS NULL;
CREATE INDEX deliveries_by_remote_id ON deliveries (channel, remote_id) WHERE remote_id IS NOT NULL;

CREATE TABLE seals (
    -- What a delivery says in all its tries; written once, and apart, since it is long and its delivery changes often.
    delivery TEXT NOT NULL PRIMARY KEY,
    content  TEXT NOT NULL -- JSON: facts, medium, language, thread
) STRICT;

CREATE TABLE notices (
    -- One thing to be said to one contact by one channel. A key is said once, ever.
    seq        INTEGER NOT NULL PRIMARY KEY,
    "key"      TEXT    NOT NULL UNIQUE,
    kind       TEXT    NOT NULL CHECK (kind IN
               ('raise', 'lower', 'reminder', 'clear', 'revoke', 'handover', 'count', 'order', 'digest', 'system')),
    card       TEXT,
    source     TEXT,
    item       TEXT,
    episode    INTEGER NOT NULL CHECK (episode >= 0),
    number     INTEGER NOT NULL CHECK (number >= 0),
    level      TEXT    CHECK (level IN ('yellow', 'red')),
    step       INTEGER NOT NULL CHECK (step >= 0),
    ordinal    INTEGER NOT NULL CHECK (ordinal >= 0),
    contact    TEXT    NOT NULL,
    channel    TEXT    NOT NULL,
    planned_at INTEGER NOT NULL,
    rehearsal  INTEGER NOT NULL CHECK (rehearsal IN (0, 1)),
    state      TEXT    NOT NULL CHECK (state IN ('held', 'planned', 'dropped', 'sent', 'unknown', 'discarded')),
    hold       TEXT,             -- JSON: why it is held or dropped
    delivery   TEXT    REFERENCES deliveries (id),
    change     TEXT,             -- JSON: the change of a card that it tells
    body       TEXT,             -- JSON: what a notice without a card says
    because    TEXT    NOT NULL, -- JSON: as what, or in whose place, the contact is told
    settled_at INTEGER,          -- when its delivery ended
    CHECK ((source IS NULL) = (item IS NULL)),
    CHECK ((state IN ('held', 'dropped')) = (hold IS NOT NULL)),
    CHECK (state IN ('held', 'dropped') OR delivery IS NOT NULL)
) STRICT;

CREATE INDEX notices_about_item ON notices (source, item) WHERE card IS NOT NULL;
CREATE INDEX notices_of_order ON notices (source, item) WHERE kind = 'order';
CREATE INDEX notices_of_delivery ON notices (delivery) WHERE delivery IS NOT NULL;
CREATE INDEX notices_held ON notices (hold, planned_at) WHERE state = 'held';

CREATE TABLE past_attempts (
    -- Each try to send a delivery that another followed, or may follow. Most deliveries need one, which is in their row.
    delivery   TEXT    NOT NULL,
    fence      INTEGER NOT NULL, -- of the claim
    number     INTEGER NOT NULL, -- the how-manieth try, from 1
    claimed_at INTEGER NOT NULL,
    settled_at INTEGER NOT NULL,
    outcome    TEXT    NOT NULL CHECK (outcome IN ('sent', 'retryable', 'unknown', 'discarded', -- settled
                                                   'cancelled', 'postponed',                    -- ended by sealing
                                                   'given_back', 'lease_lost')),
    reason     TEXT,
    remote_id  TEXT,
    PRIMARY KEY (delivery, fence)
) STRICT, WITHOUT ROWID;

-- Every try to send a delivery: the proof that it was claimed, and what came of it.
CREATE VIEW attempts AS
    SELECT delivery, fence, number, claimed_at, settled_at, outcome, reason, remote_id FROM past_attempts
    UNION ALL
    SELECT id, fence, tries, claimed_at, settled_at, CASE WHEN settled_at IS NOT NULL THEN state END,
           CASE WHEN settled_at IS NOT NULL THEN reason END, CASE WHEN settled_at IS NOT NULL THEN remote_id END
    FROM deliveries WHERE claimed_at IS NOT NULL;

CREATE TABLE remarks (
    -- Facts that named persons added to items, with their basis. Rows are added, decided and revoked, never changed.
    remark          TEXT NOT NULL PRIMARY KEY,
    source          TEXT NOT NULL,
    item            TEXT NOT NULL,
    at              INTEGER NOT NULL,
    "by"            TEXT NOT NULL,
    basis           TEXT NOT NULL,
    document        TEXT, -- the number of the document
    approver        TEXT,
    statement       TEXT NOT NULL, -- JSON
    waits           TEXT CHECK (waits IN ('appeal', 'approval')), -- what it waits for before it counts
    granted         INTEGER CHECK (granted IN (0, 1)), -- what was decided
    decided_at      INTEGER,
    decided_by      TEXT,
    decided_because TEXT,
    revoked_at      INTEGER,
    revoked_by      TEXT,
    revoked_because TEXT,
    CHECK (waits IS NOT NULL OR granted IS NULL),
    CHECK ((granted IS NULL) = (decided_at IS NULL)),
    CHECK ((granted IS NULL) = (decided_by IS NULL)),
    CHECK ((granted IS NULL) = (decided_because IS NULL)),
    CHECK (decided_by <> "by"),
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL)),
    CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
) STRICT;
CREATE INDEX remarks_of_item ON remarks (source, item);
CREATE INDEX remarks_by_time ON remarks (at, remark);

CREATE TABLE orders (
    -- Every order, as it stands; the item that stands for it, of source 'orders', is its guard.
    id          TEXT    NOT NULL PRIMARY KEY,
    card        TEXT    NOT NULL,
    episode     INTEGER NOT NULL CHECK (episode > 0),
    source      TEXT    NOT NULL, -- the card's item
    item        TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('proposed', 'classified', 'dispatched', 'signed', 'fed_back',
                'returned', 'declined', 'verified', 'closed', 'withdrawn')),
    year        INTEGER, -- its number, from its dispatch on
    ordinal     INTEGER CHECK (ordinal > 0),
    unit        TEXT,    -- of the lead party
    proposed_at INTEGER NOT NULL,
    ended_at    INTEGER,
    content     TEXT    NOT NULL, -- JSON: all of it, with its history
    UNIQUE (card, episode),
    UNIQUE (year, ordinal),
    CHECK ((year IS NULL) = (ordinal IS NULL)),
    CHECK ((state IN ('closed', 'withdrawn')) = (ended_at IS NOT NULL)),
    FOREIGN KEY (source, item) REFERENCES items (source, id)
) STRICT;

CREATE INDEX orders_of_item ON orders (source, item);
CREATE INDEX orders_by_time ON orders (proposed_at, id);
CREATE INDEX orders_open ON orders (proposed_at, id) WHERE ended_at IS NULL;

CREATE TABLE acknowledgements (
    -- Named persons who took a card at a level; rows are only added.
    seq     INTEGER NOT NULL PRIMARY KEY,
    card    TEXT    NOT NULL,
    episode INTEGER NOT NULL CHECK (episode >= 0),
    level   TEXT    NOT NULL CHECK (level IN ('yellow', 'red')),
    step    INTEGER NOT NULL CHECK (step >= 0),
    contact TEXT    NOT NULL, -- who took it
    "by"    TEXT    NOT NULL, -- who wrote it down
    via     TEXT    NOT NULL CHECK (via IN ('link', 'board', 'phone', 'sms')),
    at      INTEGER NOT NULL,
    UNIQUE (card, episode, level, step, contact)
) STRICT;

CREATE TABLE silences (
    -- Who wanted quiet about what, until when and why.
    id         TEXT    NOT NULL PRIMARY KEY,
    matcher    TEXT    NOT NULL, -- JSON: which cards
    starts_at  INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL,
    "by"       TEXT    NOT NULL,
    comment    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    ended_by   TEXT,             -- who ended it early
    lifted_at  INTEGER          -- when what it held was planned again
) STRICT;

CREATE INDEX silences_by_time ON silences (created_at, id);
CREATE INDEX silences_to_lift ON silences (created_at, id) WHERE lifted_at IS NULL;

CREATE TABLE bad_addresses (
    -- Addresses that a peer refused for good, the newest of each contact and channel.
    contact TEXT    NOT NULL,
    channel TEXT    NOT NULL,
    address TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    reason  TEXT    NOT NULL,
    PRIMARY KEY (contact, channel)
) STRICT;

CREATE TABLE sends (
    -- Sends that count against the limits of their channel, for as long as they do.
    seq     INTEGER NOT NULL PRIMARY KEY,
    channel TEXT    NOT NULL,
    contact TEXT    NOT NULL,
    at      INTEGER NOT NULL
) STRICT;

CREATE INDEX sends_of_channel ON sends (channel, at);
CREATE INDEX sends_of_contact ON sends (channel, contact, at);

CREATE TABLE audit (
    -- Who did what, when and why; rows are only added. Each hash is of the one before and of its row.
    seq     INTEGER NOT NULL PRIMARY KEY CHECK (seq > 0), -- without gaps
    at      INTEGER NOT NULL,
    "by"    TEXT    NOT NULL,
    what    TEXT    NOT NULL, -- a noun and a verb, such as remark.add
    subject TEXT    NOT NULL,
    why     TEXT    NOT NULL,
    detail  TEXT    NOT NULL, -- JSON
    hash    TEXT    NOT NULL  -- 64 hex digits
) STRICT;

CREATE TABLE audit_head (
    -- One row: the last of audit. Who adds to that holds this until the end of the transaction.
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash TEXT    NOT NULL
) STRICT;

CREATE TRIGGER audit_is_not_updated BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is only added to'); END;

CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit trail is only added to'); END;

-- REPLACE deletes without a word.
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq)
    BEGIN SELECT RAISE(ABORT, 'the audit trail is only added to'); END;

CREATE TRIGGER audit_head_is_not_deleted BEFORE DELETE ON audit_head
    BEGIN SELECT RAISE(ABORT, 'the audit trail is only added to'); END;

CREATE TRIGGER audit_head_goes_on BEFORE UPDATE ON audit_head WHEN NEW.seq < OLD.seq
    BEGIN SELECT RAISE(ABORT, 'the audit trail is only added to'); END;
