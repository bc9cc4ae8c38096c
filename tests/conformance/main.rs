//! What every store has to do: the same scenarios for each back end, a file a topic.
//!
//! A scenario is a function of a store. [`for_every_store`] makes a test of it for each back end, so a new back end is one
//! more `mod` in that macro.

#[path = "../support/mod.rs"]
mod support;

mod sample;
mod stores;

mod acknowledgements;
mod addresses;
mod audit;
mod deliveries;
mod edges;
mod guards;
mod items;
mod leases;
mod limits;
mod orders;
mod plans;
mod playbooks;
mod postgres;
mod races;
mod receipts;
mod remarks;
mod reopening;
mod sealing;
mod silences;
mod sqlite;
mod twins;

/// Makes a test for each back end of each scenario named.
macro_rules! for_every_store {
    ($($scenario:ident),+ $(,)?) => {
        crate::for_a_store!(on_sqlite, sqlite, $($scenario),+);
        crate::for_a_store!(on_memory, memory, $($scenario),+);
        crate::for_a_store!(on_postgres, postgres, $($scenario),+);
        crate::for_a_store!(on_postgres_behind_a_pooler, pooled_postgres, $($scenario),+);
    };
}

macro_rules! for_a_store {
    ($name:ident, $store:ident, $($scenario:ident),+) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    let opened = crate::stores::$store().await;
                    super::$scenario(opened.store.clone()).await;
                    opened.store.close().await;
                }
            )+
        }
    };
}

pub(crate) use {for_a_store, for_every_store};
