//! The shapes of rows, and how they travel: thousands of them are one JSON text for SQLite, an array for each row, and one
//! array for each column for PostgreSQL.

mod audit;
mod deliveries;
mod items;
mod notices;
mod orders;
mod persons;
mod playbooks;
mod remarks;

pub use audit::{AuditRow, HeadRow, seq_column};
pub use deliveries::{
    AddresseeRow, AttemptRow, BadAddressRow, ClaimableRow, DeliveryRow, DroppedRow, GivenBackRow, LeaseRow, MessageRow,
    OpenDeliveryRow, OpeningRow, PastAttemptRow, ReceiptRow, SealRow, SendRow, SendsRow, SettleRow, StandingRow,
    UnsaidRow,
};
pub use items::{
    CardRow, ItemRow, KeyRow, LoadedRow, OpenCardRow, SnapshotRow, StoredRow, TouchRow, TransitionRow, UnitRow,
};
pub use notices::{AgainRow, NoticeRow};
pub use orders::{OrderContentRow, OrderNumberRow, OrderRow};
pub use persons::{AcknowledgementRow, SilenceRow};
pub use playbooks::{PlaybookRow, RuleRow, SourceRow};
pub use remarks::RemarkRow;

use serde::Serialize;
use sqlx::Arguments;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};

/// Whether values could be added to a statement's arguments.
pub type Added = Result<(), sqlx::error::BoxDynError>;

/// What a statement can find: a row of either engine.
pub trait Found: for<'r> sqlx::FromRow<'r, SqliteRow> + for<'r> sqlx::FromRow<'r, PgRow> + Send + Unpin {}

impl<T> Found for T where T: for<'r> sqlx::FromRow<'r, SqliteRow> + for<'r> sqlx::FromRow<'r, PgRow> + Send + Unpin {}

/// What a statement can be given in batches: `r`, with the columns named here. As JSON, a row is an array of them.
pub trait Row: Serialize + Clone + Send + Sync + 'static {
    /// The columns: name, and PostgreSQL's type.
    const COLUMNS: &'static [(&'static str, &'static str)];

    /// About how long it is as text.
    fn bytes(&self) -> usize;

    /// Adds an array for each column, in that order.
    fn add_arrays(rows: &[Self], arguments: &mut PgArguments) -> Added
    where
        Self: Sized;

    /// Adds its values one by one, in that order.
    fn add_values(self, arguments: &mut SqliteArguments) -> Added;
}

/// A value that a column can hold.
pub trait Cell {
    /// PostgreSQL's type.
    const KIND: &'static str;

    /// About how long it is as text.
    fn bytes(&self) -> usize;

    /// Adds a column's values as one array.
    fn add_array<'r>(cells: impl ExactSizeIterator<Item = &'r Self>, arguments: &mut PgArguments) -> Added
    where
        Self: 'r;
}

macro_rules! cell {
    ($type:ty, $kind:literal, $bytes:expr, $borrowed:ty, $borrow:expr) => {
        impl Cell for $type {
            const KIND: &'static str = $kind;

            fn bytes(&self) -> usize {
                $bytes(self)
            }

            fn add_array<'r>(cells: impl ExactSizeIterator<Item = &'r Self>, arguments: &mut PgArguments) -> Added {
                let cells: Vec<$borrowed> = cells.map($borrow).collect();
                arguments.add(cells)
            }
        }
    };
}

cell!(String, "text", String::len, &'r str, String::as_str);
cell!(Option<String>, "text", |text: &Self| text.as_ref().map_or(4, String::len), Option<&'r str>, Option::as_deref);
cell!(i64, "bigint", |_| 16, i64, |number| *number);
cell!(Option<i64>, "bigint", |_| 16, Option<i64>, |number| *number);
cell!(bool, "boolean", |_| 4, bool, |flag| *flag);
cell!(Option<bool>, "boolean", |_| 4, Option<bool>, |flag| *flag);

/// The value of the next column, which a statement has to find in the order of the row: a name would be looked up for each
/// value.
fn cell<'r, R, T>(row: &'r R, place: Option<usize>, name: &str) -> sqlx::Result<T>
where
    R: sqlx::Row,
    usize: sqlx::ColumnIndex<R>,
    T: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    let place = place.unwrap_or_default();
    debug_assert_eq!(row.columns().get(place).map(sqlx::Column::name), Some(name), "column {place} of a row");
    row.try_get(place)
}

/// Declares a row: the columns are explained in the schema.
macro_rules! row {
    ($(#[$attribute:meta])* pub struct $name:ident { $(pub $column:ident: $type:ty,)+ }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub struct $name {
            $(pub $column: $type,)+
        }

        impl<'r, R: sqlx::Row> sqlx::FromRow<'r, R> for $name
        where
            usize: sqlx::ColumnIndex<R>,
            $($type: sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,)+
        {
            fn from_row(row: &'r R) -> sqlx::Result<Self> {
                let mut place = 0..;
                $(let $column = $crate::store::sql::rows::cell(row, place.next(), stringify!($column))?;)+
                Ok(Self { $($column,)+ })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                use serde::ser::SerializeTuple as _;
                let columns = <Self as $crate::store::sql::rows::Row>::COLUMNS;
                let mut tuple = serializer.serialize_tuple(columns.len())?;
                $(tuple.serialize_element(&self.$column)?;)+
                tuple.end()
            }
        }

        impl $crate::store::sql::rows::Row for $name {
            const COLUMNS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($column), <$type as $crate::store::sql::rows::Cell>::KIND)),+];

            fn bytes(&self) -> usize {
                0 $(+ $crate::store::sql::rows::Cell::bytes(&self.$column))+
            }

            fn add_arrays(
                rows: &[Self],
                arguments: &mut sqlx::postgres::PgArguments,
            ) -> $crate::store::sql::rows::Added {
                $($crate::store::sql::rows::Cell::add_array(rows.iter().map(|row| &row.$column), arguments)?;)+
                Ok(())
            }

            fn add_values(self, arguments: &mut sqlx::sqlite::SqliteArguments) -> $crate::store::sql::rows::Added {
                $(sqlx::Arguments::add(arguments, self.$column)?;)+
                Ok(())
            }
        }
    };
}

use row;

row! {
    /// Just an identity or a name.
    pub struct IdRow {
        pub id: String,
    }
}

impl IdRow {
    /// One for each.
    pub fn all<T: ToString>(ids: impl IntoIterator<Item = T>) -> Vec<Self> {
        ids.into_iter().map(|id| Self { id: id.to_string() }).collect()
    }
}
