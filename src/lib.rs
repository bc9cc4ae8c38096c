//! duban (督办): a daemon that watches the deadlines of other systems, raises yellow and red cards, and proves that the
//! right people were told. This page is the map.
//!
//! # The one sentence
//!
//! > **poll → judge → observe → plan → commit ‖ claim → render → send → settle**
//!
//! Left of the bar is a **turn**: a batch of items, one read, pure thinking, one transaction ([`pipeline`]). Right of
//! it is the **courier**: one delivery, one lease, one send, one write ([`courier`]). The bar is the table of
//! deliveries: the only place where the halves meet, and the only thing that a crash leaves behind.
//!
//! | step | what it does | where |
//! |---|---|---|
//! | poll | a source yields items; a bad row is rejected with its reason and never stops the rest | [`source`] |
//! | judge | rules look at an item and answer with windows and findings | [`rules`] |
//! | observe | windows, stored cards and `now` give the next cards, transitions with reasons, the next look | [`core::observe`] |
//! | plan | transitions, ladders and contacts give notices, joined into deliveries | [`tell::plan`] |
//! | commit | all of it in one transaction, guarded by the versions that it was read with | [`store`] |
//! | claim | a due delivery is leased; its members are looked at again and sealed | [`store`], [`tell::seal`] |
//! | render | sealed facts and a template give a message | [`tell::words`] |
//! | send | the wire, with a timeout, holding no transaction | [`wire`] |
//! | settle | sent, again later, unknown or given up; only under a lease that is still ours | [`courier`] |
//!
//! There is one path. A poll, a timer and a reload enter it at the same door, [`pipeline::Pipeline::turn`]. The timer
//! sleeps until the earliest `next_look_at` in the store and enters at *observe* with the windows already stored, so a
//! second in which nothing falls due costs one indexed lookup, however many items there are.
//!
//! # The layers
//!
//! A module knows those below it, never those above. From layer 3 upwards it may know its neighbours too.
//!
//! ```text
//!  5  cli (and main)
//!  4  daemon  web
//!  3  pipeline  courier  answer  trial  playbook  config  calendars
//!  2  source  store  wire
//!  1  rules  tell  schedule  secret  time  reach
//!  0  core
//! ```
//!
//! Each outside crate has its place: `rhai` in [`rules`], `sqlx` in [`store`] and [`source::sqlite`], `lettre` in
//! [`wire::email`], `reqwest` in [`wire`], [`reach`] and
//! [`source::http`], `axum` in [`web`], `clap` in [`cli`]. `tests/architecture.rs` reads the
//! imports and holds all this.
//!
//! # What holds everywhere
//!
//! - `now` is an argument. Only [`time`] reads a clock, only [`cli::environment`] the environment.
//! - A decision returns a value and a reason; the reason goes to the log, the message, `duban explain` and the tests.
//! - A bad row, rule, template or channel spoils its own result and nothing else.
//! - An empty or doubtful poll closes nothing; what is missing is not zero.
//! - Nothing is sent without a recorded claim, and every try of a delivery says the same under the same id.
//! - Everything that can be wrong with a configuration is found before anything that runs is touched.
//! - No secret stands in a configuration, a log, a reason or the store.
//!
//! # The files, in reading order

// What a limit, a window, a card and a delivery are, and how they follow from each other: no IO, no clock.
pub mod core;

// The clock, as a thing that is handed over.
pub mod time;

// When something is done again: an interval or a cron line, right on the days on which clocks change.
pub mod schedule;

// Where a secret is kept.
pub mod secret;

// Which servers a request may go to, and whom it believes there.
pub mod reach;

// What offices write: which clocks run on an item. The sandbox, the words, the versions.
pub mod rules;

// Whom to tell, when, and in which words.
pub mod tell;

// Where items come from, and what their columns mean.
pub mod source;

// What is remembered.
pub mod store;

// The ways out of the house: mail, a folder, an HTTP call.
pub mod wire;

// Where a calendar is found.
pub mod calendars;

// Every key of `duban.toml`.
pub mod config;

// All that a reload replaces, as one value.
pub mod playbook;

// The left half of the sentence.
pub mod pipeline;

// The left half on a virtual time line: rule tests.
pub mod trial;

// The right half of the sentence.
pub mod courier;

// What comes back: signatures, replies, receipts.
pub mod answer;

// The loops, the wiring and the service manager.
pub mod daemon;

// A page of open cards, and health.
pub mod web;

// The command line.
pub mod cli;
