//! The checksum of a table: for each row the SHA-256 of its values as a JSON array, cut to 128 bits; all of them added
//! up. So the order in which an engine gives its rows does not matter, and each row counts as often as it is there.

use sha2::{Digest as _, Sha256};

use super::Tally;
use super::table::{Cell, Row};

/// A checksum that grows.
#[derive(Debug, Default)]
pub struct Sum {
    rows: u64,
    checksum: u128,
    text: String,
}

impl Sum {
    /// Adds a row; its length in bytes is the answer.
    pub fn add(&mut self, row: &Row) -> usize {
        self.text.clear();
        for cell in row {
            self.text.push(if self.text.is_empty() { '[' } else { ',' });
            match cell {
                Cell::Empty => self.text.push_str("null"),
                Cell::Number(number) => self.text.push_str(&number.to_string()),
                Cell::Text(text) => self.text.push_str(&serde_json::to_string(text).expect("a text has JSON")),
            }
        }
        self.text.push(']');
        let digest = Sha256::digest(&self.text);
        let half = digest.first_chunk().expect("32 bytes are at least 16");
        self.checksum = self.checksum.wrapping_add(u128::from_be_bytes(*half));
        self.rows += 1;
        self.text.len()
    }

    /// How many rows were added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// What they come to.
    pub fn tally(&self) -> Tally {
        Tally { rows: self.rows, checksum: self.checksum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(rows: &[Row]) -> Tally {
        let mut sum = Sum::default();
        for row in rows {
            sum.add(row);
        }
        sum.tally()
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_all_else_does() {
        let (a, b) = (vec![text("督办"), Cell::Number(1)], vec![text("x"), Cell::Empty]);
        assert_eq!(sum(&[a.clone(), b.clone()]), sum(&[b.clone(), a.clone()]));
        assert_ne!(sum(&[a.clone(), a.clone()]), sum(&[b.clone(), b.clone()]));
        let alike = [
            vec![text("1"), text("")],
            vec![Cell::Number(1), text("")],
            vec![text("1"), Cell::Empty],
            vec![text("1\",\"")],
            vec![text("1,")],
            vec![text(""), text("1")],
        ];
        for (n, one) in alike.iter().enumerate() {
            for other in &alike[n + 1..] {
                assert_ne!(sum(std::slice::from_ref(one)), sum(std::slice::from_ref(other)), "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn others_can_compute_it() {
        // printf '["a",1,null]' | sha256sum
        let row = vec![text("a"), Cell::Number(1), Cell::Empty];
        assert_eq!(format!("{:032x}", sum(&[row]).checksum), "0ae764bffd3a17b6454c8d9ebf712311");
    }
}
