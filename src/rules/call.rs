//! One call of a function of a script, within its budget.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rhai::{AST, CallFnOptions, Dynamic, Engine, FuncArgs, Position, Scope};

use super::budget;
use super::error::{ErrorKind, RuleError, Source};

/// Calls `hook`; nothing outside of functions is run. `start` says where the hook starts, if that has to be known.
pub fn call(
    engine: &Engine,
    ast: &AST,
    source: &Source,
    hook: &str,
    arguments: impl FuncArgs,
    start: impl Fn() -> Position,
) -> Result<Dynamic, RuleError> {
    budget::begin();
    let options = CallFnOptions::new().eval_ast(false);
    let run = || engine.call_fn_with_options::<Dynamic>(options, &mut Scope::new(), ast, hook, arguments);
    let outcome = catch_unwind(AssertUnwindSafe(run)).map_err(|_| {
        let message = format!("{hook} brought the interpreter down; please report this");
        source.error(ErrorKind::Internal, message, start())
    })?;
    let mut error = match outcome {
        Ok(answer) if !budget::is_refused() => return Ok(answer),
        Ok(_) => source.error(ErrorKind::Value, "", start()),
        Err(error) => source.run_error(&error, start()),
    };
    if let Some((kind, message)) = budget::refused() {
        (error.kind, error.message) = (kind, message);
    }
    // An empty loop has no place of its own.
    if error.place.is_none() {
        error.place = source.error(error.kind, "", start()).place;
    }
    Err(error)
}
