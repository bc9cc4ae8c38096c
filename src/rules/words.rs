//! Registering a host function together with what the reference says about it.
//!
//! **Invariant:** a function reaches a rule only through [`word`] or as a faster twin of one that did, so the
//! reference lists all of them.

use rhai::{EvalAltResult, FuncRegistration, Module, RhaiNativeFunc, Variant};

/// What a host function answers.
pub type Answer<T> = Result<T, Box<EvalAltResult>>;

/// What the reference says about a word.
#[derive(Debug, Clone, Copy)]
pub struct Say {
    /// The chapter of the reference.
    pub group: &'static str,
    /// The parameters' names.
    pub params: &'static [&'static str],
    /// What it does.
    pub en: &'static str,
    /// The same in one Chinese line.
    pub zh: &'static str,
}

/// Registers a function that leaves its arguments as they are.
pub fn word<A: 'static, const N: usize, const X: bool, R, FUNC>(module: &mut Module, name: &str, say: Say, func: FUNC)
where
    R: Variant + Clone,
    FUNC: RhaiNativeFunc<A, N, X, R, true> + Send + Sync + 'static,
{
    registration(name, say).set_into_module(module, func);
}

/// Registers a function that changes its first argument.
pub fn changing_word<A: 'static, const N: usize, const X: bool, R, FUNC>(
    module: &mut Module,
    name: &str,
    say: Say,
    func: FUNC,
) where
    R: Variant + Clone,
    FUNC: RhaiNativeFunc<A, N, X, R, true> + Send + Sync + 'static,
{
    registration(name, say).with_purity(false).set_into_module(module, func);
}

fn registration(name: &str, say: Say) -> FuncRegistration {
    FuncRegistration::new(name)
        .in_global_namespace()
        .with_params_info(say.params)
        .with_comments([say.group, say.en, say.zh])
}
