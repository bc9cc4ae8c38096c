//! From transitions to sealed messages: whom to tell, when, and in which words.
//!
//! **Invariant:** pure and synchronous. What is told is decided from values; what is said is made from sealed facts, so
//! that every try of a delivery says the same.

pub mod directory;

pub mod absences;

pub mod people;

pub mod plan;

pub mod seal;

pub mod compose;

pub mod facts;

pub mod link;

pub mod language;

pub mod time_words;

pub mod sum;

pub mod words;
