//! A CSV file answered line by line: the input columns, then the answers, `error` the last of them.
//!
//! **Invariant:** one line is held at a time; a bad line gets its `error` and the others their answers; what is passed
//! through is passed through byte for byte, whatever its encoding.

use std::fs::File;
use std::io::{BufReader, Read, Write, stdin};

use csv::ByteRecord;

use super::Caller;
use super::exit::{Exit, Failure};
use super::words;

/// A table of questions.
pub struct Batch {
    /// The columns that a line must have, in the order in which the answer takes them.
    pub required: [&'static str; 2],
    /// A column that may be missing altogether, which counts as empty; the answer takes it last.
    pub optional: &'static str,
    /// The columns of an answer, without `error`.
    pub answers: &'static [&'static str],
}

impl Batch {
    /// Answers every line of a file, or of stdin for `-`.
    pub fn run(
        &self,
        file: &str,
        caller: &Caller<'_>,
        out: &mut dyn Write,
        answer: impl FnMut([&str; 3]) -> Result<Vec<String>, String>,
    ) -> Result<Exit, Failure> {
        let wrong = if file == "-" {
            self.stream(stdin().lock(), caller, out, answer)?
        } else {
            let input = File::open(file)
                .map_err(|error| Failure::usage(words::unreadable(caller.language, file.as_ref(), &error)))?;
            self.stream(input, caller, out, answer)?
        };
        if wrong > 0 {
            return Err(Failure::no(words::lines_with_errors(caller.language, wrong)));
        }
        Ok(Exit::Fine)
    }

    /// Answers every line; how many have an error.
    fn stream(
        &self,
        input: impl Read,
        caller: &Caller<'_>,
        out: &mut dyn Write,
        mut answer: impl FnMut([&str; 3]) -> Result<Vec<String>, String>,
    ) -> Result<u64, Failure> {
        let input = BufReader::with_capacity(1 << 16, input);
        let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(input);
        let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(out);
        let broken = |error: &csv::Error| Failure::no(words::broken_input(caller.language, &error.to_string()));
        let mut line = ByteRecord::new();
        reader.read_byte_record(&mut line).map_err(|error| broken(&error))?;
        let width = line.len();
        let columns = self.columns(&line).map_err(|name| Failure::no(words::missing_column(caller.language, name)))?;
        write(&mut writer, &line, width, self.answers.iter().copied().chain(["error"]))?;
        let mut wrong = 0;
        while reader.read_byte_record(&mut line).map_err(|error| broken(&error))? {
            match fields(&line, width, columns).and_then(&mut answer) {
                Ok(answers) => write(&mut writer, &line, width, answers.iter().map(String::as_str).chain([""]))?,
                Err(error) => {
                    wrong += 1;
                    write(&mut writer, &line, width, self.answers.iter().map(|_| "").chain([error.as_str()]))?;
                }
            }
        }
        writer.flush()?;
        Ok(wrong)
    }

    /// Where the columns stand; else the name of one that is missing.
    fn columns(&self, header: &ByteRecord) -> Result<[Option<usize>; 3], &'static str> {
        let find = |name: &str| header.iter().position(|field| bare(field) == name.as_bytes());
        let [first, second] = self.required.map(|name| find(name).ok_or(name));
        Ok([Some(first?), Some(second?), find(self.optional)])
    }
}

/// A column's name without the mark that spreadsheets put before the first one.
fn bare(field: &[u8]) -> &[u8] {
    field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(field).trim_ascii()
}

fn fields(line: &ByteRecord, width: usize, columns: [Option<usize>; 3]) -> Result<[&str; 3], String> {
    if line.len() != width {
        return Err(format!("expected {width} fields, got {}", line.len()));
    }
    let mut fields = [""; 3];
    for (field, column) in fields.iter_mut().zip(columns) {
        let bytes = column.and_then(|column| line.get(column)).unwrap_or_default();
        *field = std::str::from_utf8(bytes).map_err(|_| "expected UTF-8 text".to_owned())?;
    }
    Ok(fields)
}

/// Writes a line at the width of the header, so that the answers stand in their columns.
fn write<'a>(
    writer: &mut csv::Writer<&mut dyn Write>,
    line: &'a ByteRecord,
    width: usize,
    answers: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    let given = line.iter().chain(std::iter::repeat(&b""[..])).take(width);
    writer.write_record(given.chain(answers.map(str::as_bytes))).map_err(|error| match error.into_kind() {
        csv::ErrorKind::Io(error) => Failure::from(error),
        other => Failure::internal(format!("{other:?}")),
    })
}
