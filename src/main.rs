//! The program: what the machine gives, handed to the command line.

use std::process::ExitCode;

use duban::cli::{self, environment::Environment};
use duban::time::SystemClock;

fn main() -> ExitCode {
    // The only place where cryptography is chosen; everything that speaks TLS finds it here.
    rustls::crypto::ring::default_provider().install_default().expect("nothing else installs a provider");
    let _failpoints = Environment::failpoints();
    cli::run(&Environment::read(), &SystemClock::start()).into()
}
