//! The `reprieve` command. Parses arguments and runs a verb; it calls no cloud and changes nothing.

mod args;
mod explain;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Arguments, Verb};

/// What was given cannot be used, or not all of it.
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let Arguments { verb: Verb::Explain(arguments) } = Arguments::parse();
    match explain::run(&arguments, jiff::Timestamp::now()) {
        Ok(explain::Understood::All) => ExitCode::SUCCESS,
        Ok(explain::Understood::NotAll) => ExitCode::from(BAD_INPUT),
        // Whoever read our output has seen enough of it.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("reprieve: {error:#}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
