//! How fast the stores are: a turn's rows beside the same rows inserted bare, couriers, and the timer over a million items.
//!
//! `cargo bench --bench store [-- ITEMS|couriers]`; the number of items is 1,000,000 unless given; `couriers` leaves out
//! everything but these, on an empty SQLite file. PostgreSQL is a server of the bench's own, if it is installed. Bare rows are the yardstick of the machine; figures are medians of several rounds.
#![allow(clippy::disallowed_methods, clippy::cast_precision_loss)] // A benchmark reads the clock and prints figures.

mod bare;
mod courier;
mod place;
mod plain;
mod sample;
mod timer;
mod turns;

#[path = "../../tests/support"]
#[allow(dead_code)] // A part of it is used here.
mod support {
    pub mod authority;
    pub mod postgres;
    pub mod script;
}

use std::path::Path;
use std::time::Instant as Clock;

use duban::store::sqlite::SqliteStore;
use place::{FILE, Place};

#[tokio::main]
async fn main() {
    let items = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    if std::env::args().any(|arg| arg == "couriers") {
        return courier::measure_single(&place::sqlite(folder.path()).await).await;
    }
    measure(place::sqlite(folder.path()).await, items).await;
    open_again(&folder.path().join(FILE)).await;
    let Some(server) = place::server() else {
        println!("\nPostgreSQL is not installed; tests/run installs it");
        return;
    };
    let databases = [server.new_database(), server.new_database(), server.new_database()];
    measure(place::postgres(&databases, folder.path()).await, items).await;
}

async fn measure(place: Place, items: usize) {
    println!("\n{}", place.name);
    turns::measure(&place).await;
    courier::measure(&place).await;
    timer::measure(&place, items).await;
    place.store.close().await;
}

async fn open_again(path: &Path) {
    let bytes = std::fs::metadata(path).expect("the file").len();
    let began = Clock::now();
    SqliteStore::open(path).await.expect("a store");
    println!("{:<34}{:>10.2} s of {} MB", "open with quick_check", began.elapsed().as_secs_f64(), bytes >> 20);
}
