//! What answering one event costs: the function beside the recipe that people write by hand, in Python and JavaScript, beside Cloud
//! Custodian, and beside its floor, a program without an SDK that makes the same calls and decides nothing.
//!
//! All answer the same event over the same stand-in for AWS, with TLS, in turns. A cold start is a process of its own; so is each function
//! that stays warm. Prints medians and ratios turn by turn, and whether they reach their targets. Ends with 1 where an answer is wrong: the
//! key has to serve again, and people have to be told. A target that is missed is printed as such, and is no failure.
//!
//! Started by `scripts/bench peers`, which says what can be set.

#![allow(
    clippy::print_stdout,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bench prints, and stops on the first surprise"
)]

mod answers;
mod authority;
#[path = "../built/mod.rs"]
mod built;
mod event;
mod functions;
mod measures;
mod package;
mod process;
mod quota;
mod report;
mod runtime;
mod stub;
mod wire;

use std::path::Path;
use std::process::ExitCode;

use crate::authority::Authority;
use crate::functions::Binaries;
use crate::measures::{Measures, Plan};
use crate::report::Report;

fn main() -> ExitCode {
    let binaries = Binaries {
        guard: built::executable("aws-cancel-key-deletion", &["--bins"], "aws-cancel-key-deletion"),
        floor: built::executable("reprieve-bench", &["--example", "floor"], "floor"),
    };
    let folder = tempfile::tempdir().expect("room for a temporary folder");
    let authority = Authority::new();
    let functions = functions::prepare(folder.path(), &authority, &binaries);
    let plan = Plan::from_environment();
    let measures = Measures::take(&functions, &authority, folder.path(), plan);
    let report = Report::new(&functions, &measures, plan);
    println!("\n{}", report.text());
    if let Some(page) = std::env::var_os("REPRIEVE_BENCH_WRITE") {
        match report.write(Path::new(&page)) {
            Ok(()) => println!("written: {}", Path::new(&page).display()),
            Err(error) => {
                println!("not written: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    if measures.wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
