//! ODS: the cells of one sheet as they come. The file repeats what repeats, so that nothing of it is ever laid out as a
//! whole.

use std::borrow::Cow;
use std::io::BufRead;

use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::grid::{Grid, Rows};
use super::header::{MOST_COLUMNS, Merge};
use super::package::{broken, damaged, open};
use super::values::Value;
use super::{SheetChoice, Trouble, Wanted};
use crate::source::table::LONGEST_CELL;

/// The most rows of a sheet.
const MOST_ROWS: u32 = 1_048_576;

/// A document that is read from its beginning to its end.
struct Document<B> {
    xml: Reader<B>,
    buffer: Vec<u8>,
    sheets: Vec<(String, bool)>,
    hidden_styles: Vec<String>,
}

/// Where in a sheet the reading stands.
struct Place {
    row: u32,
    column: u32,
}

/// Reads a document that passed its survey.
pub(super) fn read(bytes: &[u8], wanted: &Wanted<'_>) -> Result<Rows, Trouble> {
    let mut archive = open(bytes)?;
    if let Ok(manifest) = archive.by_name("META-INF/manifest.xml")
        && std::io::read_to_string(manifest).is_ok_and(|text| text.contains("encryption-data"))
    {
        return Err(Trouble::encrypted());
    }
    let content = archive.by_name("content.xml").map_err(|error| broken(&error))?;
    let mut xml = Reader::from_reader(std::io::BufReader::new(content));
    xml.config_mut().expand_empty_elements = true;
    let mut document = Document { xml, buffer: Vec::new(), sheets: Vec::new(), hidden_styles: Vec::new() };
    document.find(wanted)
}

impl<B: BufRead> Document<B> {
    fn next(&mut self) -> Result<Event<'_>, Trouble> {
        self.buffer.clear();
        match self.xml.read_event_into(&mut self.buffer) {
            Ok(Event::Eof) => Err(damaged("it ends too early")),
            Ok(event) => Ok(event),
            Err(error) => Err(damaged(&error.to_string())),
        }
    }

    /// Goes on to the sheet that is wanted, and reads it.
    fn find(&mut self, wanted: &Wanted<'_>) -> Result<Rows, Trouble> {
        let mut style = String::new();
        loop {
            match self.next()? {
                Event::Start(element) => match element.name().as_ref() {
                    "style:style" => style = attribute(&element, "style:name")?.unwrap_or_default(),
                    "style:table-properties" if attribute(&element, "table:display")?.as_deref() == Some("false") => {
                        self.hidden_styles.push(style.clone());
                    }
                    "table:table" => {
                        let name = attribute(&element, "table:name")?.unwrap_or_default();
                        let style = attribute(&element, "table:style-name")?.unwrap_or_default();
                        let visible = !self.hidden_styles.contains(&style);
                        self.sheets.push((name.clone(), visible));
                        if self.is_wanted(wanted.sheet) {
                            let mut grid = wanted.grid(&name);
                            self.rows(&mut grid)?;
                            return grid.finish();
                        }
                        self.skip("table:table")?;
                    }
                    _ => {}
                },
                Event::End(element) if element.name().as_ref() == "office:spreadsheet" => {
                    return Err(wanted.sheet.choose(&self.sheets).err().unwrap_or_else(|| damaged("a sheet is lost")));
                }
                _ => {}
            }
        }
    }

    /// Whether the sheet that was found last is the one.
    fn is_wanted(&self, sheet: &SheetChoice) -> bool {
        let (Some((_, before)), Ok(chosen)) = (self.sheets.split_last(), sheet.choose(&self.sheets)) else {
            return false;
        };
        before.iter().all(|(name, _)| *name != chosen)
    }

    /// Leaves the element that was entered last.
    fn skip(&mut self, name: &str) -> Result<(), Trouble> {
        let mut depth = 1;
        while depth > 0 {
            match self.next()? {
                Event::Start(element) if element.name().as_ref() == name => depth += 1,
                Event::End(element) if element.name().as_ref() == name => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    fn rows(&mut self, grid: &mut Grid<'_>) -> Result<(), Trouble> {
        let mut place = Place { row: 0, column: 0 };
        let mut cells: Vec<(u32, Value<'static>)> = Vec::new();
        let mut repeated = 1;
        loop {
            let event = self.next()?.into_owned();
            match event {
                Event::Start(element) => match element.name().as_ref() {
                    "table:table-row" => {
                        repeated = count(&element, "table:number-rows-repeated")?;
                        place.column = 0;
                        cells.clear();
                    }
                    name @ ("table:table-cell" | "table:covered-table-cell") => {
                        let name = name.to_owned();
                        self.cell(&element, &name, &mut place, &mut cells, grid)?;
                    }
                    // Drawings, notes, and tables inside of cells.
                    name @ ("table:shapes" | "table:table" | "table:named-expressions" | "office:forms") => {
                        let name = name.to_owned();
                        self.skip(&name)?;
                    }
                    _ => {}
                },
                Event::End(element) => match element.name().as_ref() {
                    "table:table-row" => {
                        add(grid, place.row, repeated, &cells)?;
                        place.row = place.row.saturating_add(repeated);
                    }
                    "table:table" => return Ok(()),
                    _ => {}
                },
                _ => {}
            }
        }
    }

    fn cell(
        &mut self,
        element: &BytesStart<'_>,
        name: &str,
        place: &mut Place,
        cells: &mut Vec<(u32, Value<'static>)>,
        grid: &mut Grid<'_>,
    ) -> Result<(), Trouble> {
        let repeated = count(element, "table:number-columns-repeated")?;
        let rows = count(element, "table:number-rows-spanned")?;
        let columns = count(element, "table:number-columns-spanned")?;
        let text = self.text(name)?;
        let first = place.column;
        place.column = first.saturating_add(repeated);
        if name == "table:covered-table-cell" {
            return Ok(());
        }
        if rows > 1 || columns > 1 {
            let last = (place.row.saturating_add(rows - 1), first.saturating_add(columns - 1));
            grid.merge(Merge { rows: (place.row, last.0), columns: (first, last.1) });
        }
        let value = value(element, text)?;
        if value != Value::Empty {
            cells.extend((first..place.column.min(MOST_COLUMNS)).map(|column| (column, value.clone())));
        }
        Ok(())
    }

    /// The text of a cell: its paragraphs, without notes.
    fn text(&mut self, cell: &str) -> Result<String, Trouble> {
        let mut text = String::new();
        let (mut paragraphs, mut inside) = (0, 0);
        loop {
            let event = self.next()?.into_owned();
            match event {
                Event::Start(element) => match element.name().as_ref() {
                    "text:p" => {
                        if paragraphs > 0 {
                            text.push('\n');
                        }
                        paragraphs += 1;
                        inside += 1;
                    }
                    // A text that is too long spoils its row, but it need not be there in full for that.
                    "text:s" => {
                        let spaces = (count(&element, "text:c")? as usize).min(LONGEST_CELL + 1);
                        text.extend(std::iter::repeat_n(' ', spaces));
                    }
                    "text:tab" => text.push('\t'),
                    "text:line-break" => text.push('\n'),
                    name @ ("office:annotation" | "table:table" | "draw:frame" | "text:ruby-text") => {
                        let name = name.to_owned();
                        self.skip(&name)?;
                    }
                    _ => {}
                },
                Event::End(element) => match element.name().as_ref() {
                    "text:p" => inside -= 1,
                    name if name == cell => return Ok(text),
                    _ => {}
                },
                Event::Text(part) if inside > 0 => text.push_str(&part.xml_content(XmlVersion::Implicit1_0)),
                Event::CData(part) if inside > 0 => text.push_str(&part.xml_content(XmlVersion::Implicit1_0)),
                Event::GeneralRef(entity) if inside > 0 => {
                    let known = resolve_xml_entity(&entity);
                    let character = entity.resolve_char_ref().map_err(|error| damaged(&error.to_string()))?;
                    match (known, character) {
                        (Some(known), _) => text.push_str(known),
                        (None, Some(character)) => text.push(character),
                        (None, None) => return Err(damaged("an entity of its own")),
                    }
                }
                _ => {}
            }
            if text.len() > 16 * LONGEST_CELL {
                return Err(Trouble::TooLarge(format!("expected at most {LONGEST_CELL} bytes in a cell")));
            }
        }
    }
}

/// Gives a row as often as it stands there.
fn add(grid: &mut Grid<'_>, row: u32, repeated: u32, cells: &[(u32, Value<'static>)]) -> Result<(), Trouble> {
    if cells.iter().all(|(_, value)| value.is_blank()) {
        return Ok(());
    }
    for row in row..row.saturating_add(repeated) {
        if row >= MOST_ROWS {
            return Err(Trouble::TooLarge(format!("expected at most {MOST_ROWS} rows")));
        }
        grid.row(row, &mut cells.to_vec())?;
    }
    Ok(())
}

/// What a cell holds; `text` is what people see there.
fn value(element: &BytesStart<'_>, text: String) -> Result<Value<'static>, Trouble> {
    if attribute(element, "calcext:value-type")?.as_deref() == Some("error") {
        return Ok(Value::Error(text));
    }
    let value = |name| attribute(element, name);
    let kind = value("office:value-type")?;
    Ok(match kind.as_deref() {
        Some("float" | "percentage" | "currency") => {
            let number = value("office:value")?.unwrap_or_default();
            number.trim().parse().map_or_else(|_| Value::Error(format!("{number:?}")), Value::number)
        }
        Some("date") => own(Value::iso_moment(&value("office:date-value")?.unwrap_or_default())),
        Some("time") => own(Value::iso_span(&value("office:time-value")?.unwrap_or_default())),
        Some("boolean") => Value::truth(value("office:boolean-value")?.as_deref() == Some("true")),
        Some("string") => match value("office:string-value")? {
            // LibreOffice keeps what a formula gave in the text when it is an error.
            Some(said) if !said.is_empty() => Value::text(said),
            _ => Value::text(text),
        },
        _ if text.is_empty() => Value::Empty,
        _ => Value::text(text),
    })
}

fn own(value: Value<'_>) -> Value<'static> {
    value.owned()
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, Trouble> {
    let found = element.try_get_attribute(name).map_err(|error| damaged(&error.to_string()))?;
    let text = found.map(|attribute| attribute.normalized_value(XmlVersion::Implicit1_0).map(Cow::into_owned));
    text.transpose().map_err(|error| damaged(&error.to_string()))
}

/// How often something stands there: once if nothing is said.
fn count(element: &BytesStart<'_>, name: &str) -> Result<u32, Trouble> {
    let text = attribute(element, name)?;
    Ok(text.map_or(1, |text| text.trim().parse().unwrap_or(u32::MAX)).max(1))
}
