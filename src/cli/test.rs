//! `duban test`: rule tests.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::Caller;
use super::exit::{Exit, Failure};
use super::files::{files_below, name_below};
use super::table::{Format, Table, write_json};
use super::words::test as words;
use crate::calendars::read_text;
use crate::rules::cases::{Case, CaseFile};
use crate::tell::language::Language;
use crate::trial::{self, Difference, Setting};

/// What `test` is given.
#[derive(Args)]
pub struct Arguments {
    /// Test files or folders; without one, ./rules
    #[arg(value_name = "PATH")]
    pub path: Vec<PathBuf>,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command.
pub fn run(arguments: &Arguments, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let language = caller.language;
    let mut results = Results::default();
    let default = [PathBuf::from("rules")];
    let paths = if arguments.path.is_empty() { &default[..] } else { &arguments.path };
    for path in paths {
        let files = test_files(path);
        if files.is_empty() {
            return Err(Failure::usage(words::nothing(language, &path.display().to_string())));
        }
        for file in files {
            results.run(&file);
        }
    }
    match arguments.format {
        Format::Table => results.tell(language, out)?,
        Format::Json => write_json(&results.json(), out)?,
        Format::Csv => results.table().write(Format::Csv, &[], out)?,
    }
    results.broken.iter().for_each(|problem| super::say(problem));
    let failed = results.cases.iter().filter(|case| !case.differences.is_empty()).count();
    let summary = words::summary(language, results.cases.len() - failed, failed, results.broken.len());
    if failed == 0 && results.broken.is_empty() {
        super::say(&summary);
        return Ok(Exit::Fine);
    }
    Err(Failure::no(summary))
}

/// A file of tests, with the folder of rules that it belongs to and its name below `tests`.
struct TestFile {
    path: PathBuf,
    rules: PathBuf,
    name: String,
}

/// The test files of a path: a file of tests, a folder of tests, or a folder of rules with its `tests`.
fn test_files(path: &Path) -> Vec<TestFile> {
    if path.is_file() {
        let folder = path.parent().unwrap_or(Path::new(""));
        let is_tests = |folder: &&Path| folder.file_name().is_some_and(|name| name == "tests");
        let root = folder.ancestors().find(is_tests).unwrap_or(folder).to_owned();
        return vec![test_file(path.to_owned(), &root)];
    }
    let below = path.join("tests");
    let root = if below.is_dir() { below } else { path.to_owned() };
    files_below(&root, "toml").into_iter().map(|path| test_file(path, &root)).collect()
}

fn test_file(path: PathBuf, root: &Path) -> TestFile {
    let rules = match root.file_name() {
        Some(_) => root.parent().unwrap_or(Path::new("")).to_owned(),
        None => root.join(".."),
    };
    TestFile { name: name_below(root, &path), rules, path }
}

/// What became of the cases.
#[derive(Default)]
struct Results {
    cases: Vec<Ran>,
    /// Why cases could not run, each with its place, each once.
    broken: BTreeSet<String>,
}

/// A case that ran.
struct Ran {
    file: String,
    place: String,
    name: String,
    differences: Vec<Difference>,
}

impl Results {
    fn run(&mut self, test: &TestFile) {
        let path = test.path.display().to_string();
        let content = read_text(&test.path).map_err(|error| format!("{path}: {error}"));
        let read = content.and_then(|text| CaseFile::read(&path, &text).map_err(|error| error.to_string()));
        let setting = Setting::read(&test.rules).map_err(|error| error.to_string());
        match (read, setting) {
            (Ok(file), Ok(setting)) => {
                for case in &file.cases {
                    self.run_case(&path, &file, case, &setting, &test.name);
                }
            }
            (read, setting) => self.broken.extend([read.err(), setting.err()].into_iter().flatten()),
        }
    }

    fn run_case(&mut self, path: &str, file: &CaseFile, case: &Case, setting: &Setting, name: &str) {
        let playbook = setting.playbook(file, case, name).map_err(|error| error.to_string());
        let ran = playbook.and_then(|playbook| {
            trial::run(case, &playbook, setting.has_own_contacts).map_err(|error| error.to_string())
        });
        match ran {
            Ok(differences) => self.cases.push(Ran {
                file: path.to_owned(),
                place: case.place.clone(),
                name: case.name.clone(),
                differences,
            }),
            Err(problem) => {
                self.broken.insert(problem);
            }
        }
    }

    fn tell(&self, language: Language, out: &mut dyn Write) -> Result<(), Failure> {
        for case in &self.cases {
            if case.differences.is_empty() {
                writeln!(out, "{}  {}  {}", words::passed(language), case.file, case.name)?;
                continue;
            }
            writeln!(out, "{}  {}  {}", words::failed(language), case.place, case.name)?;
            for difference in &case.differences {
                let Difference { line, at, list, expected, got } = difference;
                writeln!(out, "    {}", words::place(language, at, list, *line))?;
                for line in expected {
                    writeln!(out, "      - {} {}", words::expected(language), indented(line))?;
                }
                for line in got {
                    writeln!(out, "      + {} {}", words::got(language), indented(line))?;
                }
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let cases = self.cases.iter().map(|case| {
            json!({
                "file": case.file, "place": case.place, "case": case.name,
                "passed": case.differences.is_empty(),
                "differences": case.differences.iter().map(difference_json).collect::<Vec<_>>(),
            })
        });
        json!({ "cases": cases.collect::<Vec<_>>(), "problems": self.broken })
    }

    /// A row for each difference, one without for a case that passed.
    fn table(&self) -> Table {
        let mut table = Table::new(&["file", "case", "passed", "line", "at", "list", "expected", "got"]);
        for case in &self.cases {
            let start = || vec![case.file.as_str().into(), case.name.as_str().into()];
            if case.differences.is_empty() {
                table.add([start(), vec![true.into()], vec![Value::Null; 5]].concat());
            }
            for difference in &case.differences {
                let Difference { line, at, list, .. } = difference;
                let lines = |lines: &[trial::Line]| {
                    Value::from(lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
                };
                let rest = vec![false.into(), (*line).into(), at.as_str().into(), (*list).into()];
                let ends = vec![lines(&difference.expected), lines(&difference.got)];
                table.add([start(), rest, ends].concat());
            }
        }
        table
    }
}

/// A line, which can be an error of several lines.
fn indented(line: &trial::Line) -> String {
    line.to_string().trim_end().replace('\n', "\n        ")
}

fn difference_json(difference: &Difference) -> Value {
    let lines = |lines: &[trial::Line]| -> Vec<Value> {
        let object = |line: &trial::Line| line.0.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        lines.iter().map(|line| Value::Object(object(line))).collect()
    };
    json!({
        "line": difference.line, "at": difference.at, "list": difference.list,
        "expected": lines(&difference.expected), "got": lines(&difference.got),
    })
}
