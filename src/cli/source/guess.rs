//! `duban source guess`: the draft of a mapping, of a file or of what a configured source has.
//!
//! A file is read as a source would read it. Of a configured source the way to it is taken, and its own query or, with
//! `--table`, all columns of a table; its `id` and its fields may still be anything.

use std::fs::File;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::draft::{Draft, quoted};
use super::{Guess, seen_from};
use crate::cli::exit::{Exit, Failure};
use crate::cli::run::runtime;
use crate::cli::site::wrong;
use crate::cli::words::{self as all_words, source as words};
use crate::cli::{Caller, say};
use crate::config::{Config, SourceConfig};
use crate::daemon::wiring::Site;
use crate::source::Fetched;
use crate::source::guess::file::{Form, HEAD, form};
use crate::source::guess::{SAMPLE, guess, known_headers, looking, with_known_headers};

/// Runs the command.
pub fn run(arguments: &Guess, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let site = Site::read(&caller.config_path());
    let path = Path::new(&arguments.what);
    let (site, place) = if path.is_file() {
        let site = site.unwrap_or_else(|_| nowhere());
        let place = of_file(arguments, path, &site, caller)?;
        (site, place)
    } else {
        let site = site.map_err(|problems| match path.components().count() {
            1 if path.extension().is_none() => wrong(&problems),
            _ => Failure::usage(all_words::unreadable(caller.language, path, &std::io::ErrorKind::NotFound.into())),
        })?;
        let place = of_source(arguments, &site, caller)?;
        (site, place)
    };
    let fetched = look(&site, &place, caller)?;
    let guess = guess(&fetched);
    if guess.id.is_empty() {
        return Err(Failure::no(words::no_columns(caller.language, &arguments.what)));
    }
    let columns: Vec<&str> = fetched.columns().iter().map(|name| &**name).collect();
    let shown = place.shown(&columns);
    let draft =
        Draft { guess: &guess, name: &place.name, zone: &place.zone, timing: &place.timing, language: caller.language };
    out.write_all(draft.text(&arguments.what, place.key, &shown).as_bytes())?;
    out.flush()?;
    say(&words::guessed(caller.language, draft.doubts(), &place.name));
    Ok(Exit::Fine)
}

/// Where the rows are, and what stands in the configuration of it.
struct Place {
    name: String,
    /// `csv`, `sheet`, `sqlite`, `postgres`, `mysql`, `http`.
    key: &'static str,
    /// What is read now.
    read: Table,
    /// What the draft says.
    shown: Table,
    /// The query of a table, up to its columns.
    table: Option<Quoting>,
    zone: String,
    /// `every = "5m"`, `cron = …`.
    timing: String,
}

/// A table, with the marks around names.
struct Quoting {
    table: String,
    mark: char,
}

impl Quoting {
    fn quote(&self, name: &str) -> String {
        let mark = self.mark;
        format!("{mark}{}{mark}", name.replace(mark, &format!("{mark}{mark}")))
    }

    fn query(&self, columns: &str) -> String {
        let parts: Vec<String> = self.table.split('.').map(|part| self.quote(part)).collect();
        format!("SELECT {columns} FROM {}", parts.join("."))
    }
}

impl Place {
    fn shown(&self, columns: &[&str]) -> Table {
        let mut shown = self.shown.clone();
        if let Some(table) = &self.table {
            let columns: Vec<String> = columns.iter().map(|name| table.quote(name)).collect();
            shown.insert("query".into(), Value::String(table.query(&columns.join(", "))));
        }
        shown
    }
}

/// Where paths begin without a configuration.
fn nowhere() -> Site {
    Site { path: "duban.toml".into(), base: PathBuf::from("."), config: Config::default() }
}

fn table_of<const N: usize>(pairs: [(&str, Value); N]) -> Table {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn text(path: &Path) -> Value {
    Value::String(path.display().to_string())
}

fn of_file(arguments: &Guess, path: &Path, site: &Site, caller: &Caller<'_>) -> Result<Place, Failure> {
    let unreadable = |e| Failure::usage(all_words::unreadable(caller.language, path, &e));
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head)).map_err(unreadable)?;
    let whole = path.canonicalize().map_err(unreadable)?;
    let mut read = table_of([("path", text(&whole))]);
    let mut shown = table_of([("path", text(&seen_from(site, path)))]);
    let mut table = None;
    let key = match form(&head) {
        Form::Csv { is_gb18030, delimiter } => {
            let mut both = Table::new();
            if is_gb18030 {
                both.insert("encoding".into(), "gb18030".into());
            }
            if delimiter != ',' {
                both.insert("delimiter".into(), delimiter.to_string().into());
            }
            read.extend(both.clone());
            shown.extend(both);
            "csv"
        }
        Form::Sheet => {
            let mut both = Table::new();
            if let Some(sheet) = &arguments.sheet {
                let sheet = sheet.parse::<i64>().map_or_else(|_| Value::from(sheet.as_str()), Value::from);
                both.insert("sheet".into(), sheet);
            }
            if let Some(row) = arguments.header_row {
                both.insert("header_row".into(), Value::from(i64::from(row.get())));
            }
            read.extend(both.clone());
            read.extend(table_of([("settle", "0s".into()), ("while_open", true.into())]));
            shown.extend(both);
            "sheet"
        }
        Form::Sqlite => {
            let wanted = arguments.table.clone();
            let wanted = wanted.ok_or_else(|| Failure::usage(words::which_table(caller.language, &arguments.what)))?;
            let quoting = Quoting { table: wanted, mark: '"' };
            read.insert("query".into(), format!("{} LIMIT {SAMPLE}", quoting.query("*")).into());
            table = Some(quoting);
            "sqlite"
        }
    };
    if arguments.table.is_some() && key != "sqlite" {
        return Err(Failure::usage(words::no_table(caller.language, key)));
    }
    let name = arguments.name.clone().unwrap_or_else(|| name_of(path));
    Ok(Place { name, key, read, shown, table, zone: zone_of(site), timing: every("5m") })
}

fn of_source(arguments: &Guess, site: &Site, caller: &Caller<'_>) -> Result<Place, Failure> {
    let config = site.config.source.get(&arguments.what);
    let known = || site.config.source.keys().cloned().collect::<Vec<_>>();
    let config = config.ok_or_else(|| Failure::usage(words::neither(caller.language, &arguments.what, &known())))?;
    let (key, _) = super::place::of(&arguments.what, config);
    if key == "push" {
        return Err(Failure::usage(words::calls(caller.language, &arguments.what)));
    }
    let unreadable = |e| Failure::configuration(all_words::unreadable(caller.language, &site.path, &e));
    let file: Table = std::fs::read_to_string(&site.path).map_err(unreadable)?.parse().unwrap_or_default();
    let way = file.get("source").and_then(|all| all.get(&arguments.what)?.get(key)?.as_table()).cloned();
    let shown = way.unwrap_or_default();
    let mut read = shown.clone();
    if key == "http" {
        // What a list has is seen without what is asked for each row.
        read.remove("detail");
        read.insert("optional".into(), Value::Array(vec!["id".into()]));
    }
    let mark = if key == "mysql" { '`' } else { '"' };
    let table = arguments.table.clone().map(|table| Quoting { table, mark });
    if let Some(table) = &table {
        if !["sqlite", "postgres", "mysql"].contains(&key) {
            return Err(Failure::usage(words::no_table(caller.language, key)));
        }
        read.insert("query".into(), format!("{} LIMIT {SAMPLE}", table.query("*")).into());
    }
    let timing = match (&config.every, &config.cron) {
        (_, Some(line)) => format!("cron = {}", quoted(line)),
        (every, None) => self::every(every.as_deref().unwrap_or("5m")),
    };
    let zone = config.mapping.timezone.clone().unwrap_or_else(|| zone_of(site));
    let name = arguments.name.clone().unwrap_or_else(|| arguments.what.clone());
    Ok(Place { name, key, read, shown, table, zone, timing })
}

fn every(span: &str) -> String {
    format!("every = {}", quoted(span))
}

fn zone_of(site: &Site) -> String {
    site.playbook_alone().map_or("Asia/Shanghai".to_owned(), |playbook| playbook.calendar().zone().name().to_owned())
}

/// What a source may be called after its file.
fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if name.is_empty() { "ledger".to_owned() } else { name }
}

/// Reads what is there. The header of a spreadsheet is found by what is known first, and then by what it has of that.
fn look(site: &Site, place: &Place, caller: &Caller<'_>) -> Result<Fetched, Failure> {
    let is_sheet = place.key == "sheet";
    let hints = if is_sheet { known_headers().map(str::to_owned).collect() } else { Vec::new() };
    let fetched = read(site, place, hints, caller)?;
    let known = with_known_headers(&fetched);
    if is_sheet && !known.is_empty() { read(site, place, known, caller) } else { Ok(fetched) }
}

fn read(site: &Site, place: &Place, hints: Vec<String>, caller: &Caller<'_>) -> Result<Fetched, Failure> {
    let mut config = table_of([("id", "id".into()), ("kind", "x".into()), ("every", "5m".into())]);
    config.insert(place.key.into(), Value::Table(place.read.clone()));
    let config: SourceConfig = config.try_into().map_err(|e: toml::de::Error| Failure::usage(e.message()))?;
    let mapping = looking(&place.name, &place.zone, hints);
    let lookup = caller.lookup();
    let source = site.look_into(&place.name, &config, mapping, &lookup).map_err(|problems| wrong(&problems))?;
    let fetched = runtime()?.block_on(source.fetch(None));
    fetched.map_err(|error| Failure::no(error.to_string()))
}
