//! Rows as somebody would insert them who has nothing else in mind.
#![allow(non_camel_case_types)] // The type of a column has its name.

use duban::store::sql::rows::{CardRow, ItemRow, NoticeRow, OpeningRow, Row, TransitionRow};
use serde::Serialize;
use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;

/// A row of a table with nothing but a primary key.
pub trait Plain: Row + Sized {
    const TABLE: &'static str;

    /// The columns of the primary key.
    const KEY: &'static str;

    /// Rows as an array of JSON objects.
    fn objects(rows: &[Self]) -> String;

    /// Rows as an array for each column.
    fn arrays(rows: &[Self]) -> PgArguments;

    fn sqlite_table() -> String {
        let columns = joined(Self::COLUMNS, |_, (name, _)| format!("\"{name}\""));
        format!("CREATE TABLE {} ({columns}, PRIMARY KEY ({}))", Self::TABLE, Self::KEY)
    }

    fn postgres_table() -> String {
        let columns = joined(Self::COLUMNS, |_, (name, kind)| match *kind {
            "text" => format!("\"{name}\" text COLLATE \"C\""),
            kind => format!("\"{name}\" {kind}"),
        });
        format!("CREATE TABLE {} ({columns}, PRIMARY KEY ({}))", Self::TABLE, Self::KEY)
    }

    fn sqlite_insert() -> String {
        let values = joined(Self::COLUMNS, |_, (name, _)| format!("v->>'{name}'"));
        let rows = "WITH rows (v) AS MATERIALIZED (SELECT value FROM json_each($1))";
        format!("{rows} INSERT INTO {} SELECT {values} FROM rows", Self::TABLE)
    }

    fn postgres_insert() -> String {
        let arrays = joined(Self::COLUMNS, |number, (_, kind)| format!("${}::{kind}[]", number + 1));
        format!("INSERT INTO {} SELECT * FROM UNNEST({arrays})", Self::TABLE)
    }
}

fn joined(columns: &[(&str, &str)], each: impl Fn(usize, &(&str, &str)) -> String) -> String {
    let all: Vec<String> = columns.iter().enumerate().map(|(number, column)| each(number, column)).collect();
    all.join(", ")
}

/// The columns are named in the order of the row's own.
macro_rules! plain {
    ($row:ident, $table:literal, $key:literal, $($column:ident)+) => {
        impl Plain for $row {
            const TABLE: &'static str = $table;
            const KEY: &'static str = $key;

            fn objects(rows: &[Self]) -> String {
                #[derive(Serialize)]
                struct Object<$($column),+> { $($column: $column),+ }
                let objects = rows.iter().map(|row| Object { $($column: &row.$column),+ });
                serde_json::to_string(&objects.collect::<Vec<_>>()).expect("JSON")
            }

            fn arrays(rows: &[Self]) -> PgArguments {
                let mut arguments = PgArguments::default();
                $(arguments.add(rows.iter().map(|row| &row.$column).collect::<Vec<_>>()).expect("an array");)+
                arguments
            }
        }
    };
}

plain!(ItemRow, "items", "source, id",
    source id digest judged_under version first_seen_at seen_at noticed_at next_look_at missing_polls left_at title unit item
    rulings watches);

plain!(TransitionRow, "transitions", "card, number",
    card number source item rule name episode change from_level to_level at noticed_at reason verdict rule_version
    calendar_version ladder unit);

plain!(CardRow, "cards", "card", card source item rule name level at episode number);

plain!(OpeningRow, "deliveries", "id", id contact channel state not_before waits_for opened_at rehearsal);

plain!(NoticeRow, "notices", "\"key\"",
    key kind card source item episode number level step ordinal contact channel planned_at rehearsal state hold delivery
    change body because settled_at);
