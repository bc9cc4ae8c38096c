//! How the lists of people are read as offices really save them, and what is doubtful about them.
//!
//! ```text
//! sheet    rows under columns that may have Chinese names, from CSV with any separator
//! cell     what spreadsheets do to numbers, dates and lists, undone
//! fault    what does not read: file and line, column, what was expected, what was got
//! doubt    what can be doubtful about a list that reads, in words
//! muster   what reads and is doubtful: one number for two persons, a role with nobody, deputies in a circle …
//! written  contacts and absences as CSV that a spreadsheet opens, saves and gives back unharmed
//! ```
//!
//! **Invariant:** what a spreadsheet did is undone only where nothing was lost; the rest is a fault, never a guess.

pub mod cell;

pub mod fault;

pub mod doubt;

pub mod muster;

pub mod sheet;

pub mod written;
