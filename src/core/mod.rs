//! Values and decisions: everything that duban thinks, and nothing that it does.
//!
//! A decision takes values, `now` among them, and returns a value **and a reason**. The reason travels to the log,
//! the message, `explain` and the tests.
//!
//! **Invariant:** nothing in here reads a clock, a file, a socket, the environment or a random number; nothing is
//! async; nothing knows SQL or Rhai. The architecture test holds this.

pub mod value;

pub mod item;

pub mod remark;

pub mod calendar;

pub mod limit;

pub mod course;

pub mod elapsed;

pub mod reading;

pub mod sum;

pub mod window;

pub mod reason;

pub mod card;

pub mod observe;

pub mod own;

pub mod phone;

pub mod contact;

pub mod count;

pub mod ladder;

pub mod matcher;

pub mod route;

pub mod silence;

pub mod acknowledgement;

pub mod audit;

pub mod notice;

pub mod order;

pub mod database;
pub mod delivery;

pub mod outage;

pub mod rate;

pub mod clock_doubt;

pub mod digest;

pub mod instant;

pub mod json;

pub mod line;

/// A point on the time line, UTC. Fields and columns that hold one end in `_at`.
pub type Instant = chrono::DateTime<chrono::Utc>;
