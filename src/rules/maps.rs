//! [`RowMap`]: a file with a function `map(row)` that sees the rows of a source before its mapping does, for the odd
//! case that a mapping cannot say.
//!
//! `row` is a map of the columns' texts, `()` where nothing is known. The answer is a map of columns that replace those
//! of the source or are added to them, or `()` to leave the row out.
//!
//! **Invariant:** the same row gives the same answer; a row on which the function breaks spoils no other. Which columns a
//! map may give stands in its text, so that nothing has to run to know them.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Dynamic, Engine, Expr, FnCallExpr, Map, ParseErrorType, Position, Stmt};

use super::call::call;
use super::engine::{FILE, MAP, engine};
use super::error::{ErrorKind, RuleError, Source};
use super::facts::{cut, kind_of, text};
use super::shape::{self, Complaint, functions, walk};
use crate::core::digest::Digest;
use crate::core::value::Value;

/// The function.
const HOOK: &str = "map";

/// The most columns that a row may have.
pub const MOST_COLUMNS: usize = MAP;

/// A compiled `map(row)`.
#[derive(Debug)]
pub struct RowMap {
    source: Source,
    ast: AST,
    engine: Engine,
    start: Position,
    gives: BTreeSet<String>,
    version: Digest,
}

/// What a map says of a row.
#[derive(Debug)]
pub struct Given(Map);

impl RowMap {
    /// Compiles a map; everything that is wrong with it is told at once. `path` is shown to people.
    pub fn compile(path: &str, file: &str) -> Result<Self, Vec<RuleError>> {
        let source = Source { name: path.into(), path: path.into(), text: file.into() };
        let fail = |complaints: Vec<Complaint>| {
            let error = |(message, at)| source.error(ErrorKind::Text, message, at);
            complaints.into_iter().map(error).collect::<Vec<_>>()
        };
        if file.len() > FILE {
            let problem = format!("a map has at most {} KiB, got {} KiB", FILE / 1024, file.len() / 1024);
            return Err(fail(vec![(problem, Position::NONE)]));
        }
        let engine = engine();
        let ast = engine.compile(file).map_err(|error| {
            let unknown = match error.err_type() {
                ParseErrorType::VariableUndefined(name) => format!("unknown name `{name}`"),
                ParseErrorType::ModuleUndefined(name) => format!("unknown `{name}::`; a map knows its row and no more"),
                _ => return vec![source.parse_error(&error)],
            };
            vec![source.error(ErrorKind::Text, unknown, error.position())]
        })?;
        let mut complaints = form(&ast);
        complaints.extend(shape::complaints(&ast));
        if !complaints.is_empty() {
            return Err(fail(complaints));
        }
        let start = functions(&ast).get(HOOK).map_or(Position::NONE, |function| function.start);
        let (gives, version) = (keys(&ast), Digest::of([file.as_bytes()]));
        Ok(Self { source, ast, engine, start, gives, version })
    }

    /// Whether its text names a column as one that it may give.
    pub fn gives(&self, column: &str) -> bool {
        self.gives.contains(column)
    }

    /// The identity of its text.
    pub const fn version(&self) -> Digest {
        self.version
    }

    /// What it says of a row, given as columns and texts; nothing if the row is left out.
    pub fn row<'r>(
        &self,
        columns: impl Iterator<Item = (&'r str, Option<&'r str>)>,
    ) -> Result<Option<Given>, RuleError> {
        let known = |found: Option<&str>| found.map_or(Dynamic::UNIT, text);
        let row: Map = columns.map(|(name, found)| (name.into(), known(found))).collect();
        let answer = call(&self.engine, &self.ast, &self.source, HOOK, (row,), || self.start);
        let answer = answer.map_err(|mut error| {
            error.message = error.message.replacen("the rule threw", "the map threw", 1);
            error
        })?;
        if answer.is_unit() {
            return Ok(None);
        }
        let promised = |got: String| {
            let message = format!("map returns a map of columns, or () to leave the row out, got {got}");
            self.source.error(ErrorKind::Result, message, self.start)
        };
        let kind = kind_of(&answer);
        let given = answer.try_cast::<Map>().ok_or_else(|| promised(kind.to_owned()))?;
        match given.iter().find(|(_, value)| plain(value).is_none()) {
            Some((column, value)) => {
                let column = column.escape_debug();
                Err(promised(format!("{} in \"{column}\"; a column is text, a number, true, false or ()", kind_of(value))))
            }
            None => Ok(Some(Given(given))),
        }
    }
}

impl Given {
    /// What it says of a column, if it says anything.
    pub fn get(&self, column: &str) -> Option<Value> {
        self.0.get(column).and_then(plain)
    }

    /// The columns of which it says something.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|name| name.as_str())
    }
}

/// A cell's text as a map sees it: of a long one, the beginning.
pub fn seen(cell: &str) -> &str {
    cut(cell)
}

fn plain(value: &Dynamic) -> Option<Value> {
    if value.is_unit() {
        return Some(Value::Missing);
    }
    if let Ok(text) = value.as_immutable_string_ref() {
        return Some(Value::text(text.as_str()));
    }
    if let Ok(character) = value.as_char() {
        return Some(Value::text(character.to_string()));
    }
    let number = || value.as_int().map(Value::Int);
    let fraction = || value.as_float().ok().filter(|number| number.is_finite()).map(Value::Float);
    value.as_bool().map(Value::Bool).or_else(|_| number()).ok().or_else(fraction)
}

/// What is wrong with a map's functions.
fn form(ast: &AST) -> Vec<Complaint> {
    let mut found = Vec::new();
    if let Some(statement) = ast.statements().iter().find(|statement| !matches!(statement, Stmt::Noop(_))) {
        found.push(("a map has functions only: `fn map(row) { … }`".to_owned(), statement.position()));
    }
    let places = functions(ast);
    let (mut names, mut takes_row) = (BTreeSet::new(), false);
    for function in ast.iter_functions() {
        let at = places.get(function.name).map_or(Position::NONE, |function| function.start);
        if !names.insert(function.name) {
            found.push((format!("two functions are called `{}`", function.name), at));
        }
        if function.this_type.is_some() {
            found.push(("a map has no methods of its own".to_owned(), at));
        }
        takes_row |= function.name == HOOK;
        if function.name == HOOK && function.params.len() != 1 {
            found.push((format!("map takes (row), got {} arguments", function.params.len()), at));
        }
    }
    if !takes_row {
        found.push(("a map has a function `map(row)`".to_owned(), Position::new(1, 1)));
    }
    found
}

/// The keys that a map's text writes: of maps, and the first argument of `set`.
fn keys(ast: &AST) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for function in functions(ast).values() {
        walk(function, &mut |path| match path.last() {
            Some(ASTNode::Expr(Expr::Map(entries, _))) => {
                keys.extend(entries.0.iter().map(|(key, _)| key.name.to_string()));
            }
            Some(
                ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)),
            ) => keys.extend(set_key(call)),
            _ => {}
        });
    }
    keys
}

fn set_key(call: &FnCallExpr) -> Option<String> {
    let is_text = |argument: &Expr| match argument {
        Expr::StringConstant(text, _) => Some(text.to_string()),
        _ => None,
    };
    call.args.iter().filter(|_| call.name == "set").find_map(is_text)
}
