//! duban (督办): a daemon that watches the deadlines of other systems.
pub mod core;

pub mod time;

pub mod schedule;

pub mod secret;

pub mod rules;

pub mod tell;

pub mod source;

pub mod store;

pub mod wire;

pub mod calendars;

pub mod config;

pub mod playbook;

pub mod pipeline;

pub mod trial;

pub mod courier;

pub mod daemon;

pub mod web;

pub mod cli;
