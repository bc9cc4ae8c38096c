//! `duban rules new`: a rule from a template, and a test beside it that passes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cli::exit::{Exit, Failure};
use crate::cli::words::{self as all_words, rules as words};
use crate::cli::{Caller, say};
use crate::tell::language::Language;

/// Runs the command.
pub fn run(name: &str, kind: &str, caller: &Caller<'_>, out: &mut dyn Write) -> Result<Exit, Failure> {
    let language = caller.language;
    if !is_word(name) {
        return Err(Failure::usage(words::no_name(language, "NAME", name)));
    }
    if !is_word(kind) {
        return Err(Failure::usage(words::no_name(language, "--kind", kind)));
    }
    // Without a configuration the rules are those that `test` runs.
    let folder = if caller.config_path().exists() {
        let site = caller.site()?;
        site.config.rules_folder(&site.base)
    } else {
        PathBuf::from("rules")
    };
    let (rule, test) = texts(language);
    let files = [(folder.join(format!("{name}.rhai")), rule), (folder.join(format!("tests/{name}.toml")), test)];
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(Failure::no(words::is_there(language, path)));
    }
    for (path, text) in files {
        create(&path, &text.replace("NAME", name).replace("KIND", kind))
            .map_err(|e| Failure::internal(all_words::unreadable(language, &path, &e)))?;
        writeln!(out, "{}", path.display())?;
    }
    out.flush()?;
    say(&words::drafted(language, name, &folder));
    Ok(Exit::Fine)
}

/// A name that a file, a configuration and a command line take as it is.
fn is_word(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    name.len() <= 60 && name.bytes().all(is_plain) && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

fn texts(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::Chinese => (include_str!("draft.zh-CN.rhai"), include_str!("draft.zh-CN.toml")),
        Language::English => (include_str!("draft.en.rhai"), include_str!("draft.en.toml")),
    }
}

/// Writes a new file; one that is there stays.
fn create(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::create_new(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
