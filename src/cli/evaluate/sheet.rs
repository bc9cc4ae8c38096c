//! The answer as it grows: CSV and JSON line by line, for people the worst lines.

use std::io::Write;

use super::line::{HEADER, Line};
use super::worst::Worst;
use crate::cli::Caller;
use crate::cli::exit::Failure;
use crate::cli::table::Format;
use crate::tell::language::Language;

/// How lines are written.
#[derive(Clone, Copy)]
pub struct Form {
    format: Format,
    language: Language,
}

/// The lines of a chunk.
pub enum Part {
    /// CSV lines.
    Csv(Vec<u8>),
    /// JSON objects, each behind a comma.
    Json(Vec<u8>),
    /// What people are shown.
    Worst(Worst),
}

/// Where the parts go.
pub struct Sheet<'o> {
    form: Form,
    out: &'o mut dyn Write,
    is_empty: bool,
    worst: Worst,
}

impl Form {
    /// A part without lines.
    pub fn part(self) -> Part {
        match self.format {
            Format::Csv => Part::Csv(Vec::new()),
            Format::Json => Part::Json(Vec::new()),
            Format::Table => Part::Worst(Worst::new(self.language)),
        }
    }
}

impl Part {
    /// Adds a line.
    pub fn put(&mut self, line: &Line<'_>) {
        match self {
            Self::Csv(text) => line.csv(text),
            Self::Json(text) => {
                text.extend_from_slice(b",\n  ");
                line.json(text);
            }
            Self::Worst(worst) => worst.put(line),
        }
    }
}

impl<'o> Sheet<'o> {
    /// Writes what comes before the lines.
    pub fn begin(format: Format, caller: &Caller<'_>, out: &'o mut dyn Write) -> Result<Self, Failure> {
        match format {
            Format::Csv => out.write_all(HEADER.as_bytes())?,
            Format::Json => out.write_all(b"[")?,
            Format::Table => {}
        }
        let form = Form { format, language: caller.language };
        Ok(Self { form, out, is_empty: true, worst: Worst::new(caller.language) })
    }

    /// How lines are written.
    pub const fn form(&self) -> Form {
        self.form
    }

    /// Writes a part.
    pub fn take(&mut self, part: Part) -> Result<(), Failure> {
        match part {
            Part::Csv(text) => self.out.write_all(&text)?,
            Part::Json(text) => {
                let text = if self.is_empty { text.get(1..).unwrap_or_default() } else { &text };
                self.is_empty &= text.is_empty();
                self.out.write_all(text)?;
            }
            Part::Worst(worst) => self.worst.merge(worst),
        }
        Ok(())
    }

    /// Writes what comes after the lines.
    pub fn end(self, caller: &Caller<'_>) -> Result<(), Failure> {
        match self.form.format {
            Format::Csv => {}
            Format::Json => self.out.write_all(if self.is_empty { b"]\n" } else { b"\n]\n" })?,
            Format::Table => self.worst.write(caller, self.out)?,
        }
        Ok(())
    }
}
