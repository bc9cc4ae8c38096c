//! What one call of a hook may use up: operations of the script, and work that host functions do for it.
//!
//! Rhai counts operations by itself, but forgets those of closures that a host function called, and does not see how
//! much data one operation moves. So both are counted here, for the thread that judges. Together with the limits on
//! the size of a value they bound the time of a call without looking at a clock.
//!
//! **Invariant:** a budget that is used up stays used up until [`begin`]: a script cannot catch its way out.

use std::cell::{Cell, RefCell};

use rhai::{Dynamic, EvalAltResult, Position};

use super::error::ErrorKind;

/// Operations that one call may take.
pub const OPERATIONS: u32 = 100_000;

/// Elements of lists and maps, or [`TEXT_UNIT`]s of text, that one call may read or copy. One that Rhai keeps in a box
/// of its own (an instant, a row, a list) counts twice.
pub const WORK: usize = 2_000_000;

/// Bytes of text that count as one element.
pub const TEXT_UNIT: usize = 64;

/// What a rule may print in one call, in bytes; the rest is cut.
const PRINTED: usize = 16 * 1024;

thread_local! {
    static OPERATIONS_LEFT: Cell<u32> = const { Cell::new(0) };
    static WORK_LEFT: Cell<usize> = const { Cell::new(0) };
    static IS_REFUSED: Cell<bool> = const { Cell::new(false) };
    static REFUSED: RefCell<Option<(ErrorKind, String)>> = const { RefCell::new(None) };
    static PRINT: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Starts the budget of one call.
pub fn begin() {
    OPERATIONS_LEFT.set(OPERATIONS);
    WORK_LEFT.set(WORK);
    if IS_REFUSED.replace(false) {
        REFUSED.with_borrow_mut(|refused| *refused = None);
    }
}

/// Counts one operation; a token that ends the script when there is none left.
pub fn step() -> Option<Dynamic> {
    let left = OPERATIONS_LEFT.get();
    if left > 0 {
        OPERATIONS_LEFT.set(left - 1);
        return None;
    }
    let message = format!("took more than {OPERATIONS} operations");
    refuse(ErrorKind::Bounds, &message);
    Some(message.into())
}

/// Counts work on `elements` elements.
pub fn spend(elements: usize) -> Result<(), Box<EvalAltResult>> {
    let left = WORK_LEFT.get();
    if elements <= left {
        WORK_LEFT.set(left - elements);
        return Ok(());
    }
    let message =
        format!("moved more than {WORK} elements of lists, maps and texts; `filter` and `map` cost less than loops");
    refuse(ErrorKind::Bounds, &message);
    Err(EvalAltResult::ErrorTerminated(message.into(), Position::NONE).into())
}

/// Counts work on a text of `bytes` bytes.
pub fn spend_text(bytes: usize) -> Result<(), Box<EvalAltResult>> {
    spend(bytes / TEXT_UNIT)
}

/// Ends the script at its next operation, from a place whose errors Rhai drops (a text that is joined).
pub fn refuse(kind: ErrorKind, message: &str) {
    if !IS_REFUSED.replace(true) {
        REFUSED.with_borrow_mut(|refused| *refused = Some((kind, message.to_owned())));
    }
    OPERATIONS_LEFT.set(0);
}

/// Whether the running call was refused.
pub fn is_refused() -> bool {
    IS_REFUSED.get()
}

/// Why the running call was refused, if it was.
pub fn refused() -> Option<(ErrorKind, String)> {
    REFUSED.with_borrow(Clone::clone)
}

/// Starts to collect what rules print on this thread.
pub fn collect_print() {
    PRINT.with_borrow_mut(|print| *print = Some(Vec::new()));
}

/// Ends collecting and gives what was printed.
pub fn take_print() -> Vec<String> {
    PRINT.with_borrow_mut(Option::take).unwrap_or_default()
}

/// Keeps a printed line, if somebody asked for it.
pub fn print(line: &str) {
    PRINT.with_borrow_mut(|print| {
        if let Some(lines) = print
            && lines.iter().map(String::len).sum::<usize>() + line.len() <= PRINTED
        {
            lines.push(line.to_owned());
        }
    });
}
