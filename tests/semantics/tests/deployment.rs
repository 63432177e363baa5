//! The scripts that package and deploy, each whole, against command lines of clouds that keep state; and the Terraform module.
//!
//! The tests themselves are Python, as the scripts are: `infra/deployment/tests`. One that finds a tool missing says so loudly and passes.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that fails says why")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use reprieve_semantics::repository_path;

/// The Python of the local cloud, which has what expands templates, where the local cloud was prepared; else the one on the PATH.
fn python() -> PathBuf {
    let given = std::env::var_os("REPRIEVE_LOCALCLOUD_VENV").filter(|given| !given.is_empty()).map(PathBuf::from);
    let target = std::env::current_exe().unwrap().ancestors().nth(3).map(|folder| folder.join("localcloud/venv"));
    given.into_iter().chain(target).map(|venv| venv.join("bin/python")).find(|python| python.is_file()).unwrap_or_else(|| "python3".into())
}

fn assert_passed(what: &str, output: &Output) {
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what} failed:\n{said}");
    if said.contains("skipped=") || said.contains("LEFT OUT") {
        eprintln!("{said}");
    }
}

/// Where the tests of the scripts lie.
const FOLDER: &str = "infra/deployment/tests";

/// Each file of tests that is run here.
const MODULES: [&str; 7] =
    ["test_aws", "test_azure", "test_legal_hold", "test_organisation", "test_pages", "test_policies", "test_release"];

/// Runs one file of tests, and makes sure that it held as many as it has.
fn run(module: &str) {
    assert!(MODULES.contains(&module), "{module} is not on the list");
    let folder = repository_path(FOLDER);
    let written = fs::read_to_string(folder.join(module).with_extension("py")).unwrap().matches("\n    def test_").count();
    let output = Command::new(python()).args(["-B", "-m", "unittest", "-v", module]).current_dir(folder).output().unwrap();
    assert_passed(module, &output);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let ran = said.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse::<usize>().ok());
    assert!(written > 0 && ran == Some(written), "of {written} tests of {module} {ran:?} ran");
}

#[test]
fn no_file_of_tests_is_left_out() {
    let entries = fs::read_dir(repository_path(FOLDER)).unwrap().map(|entry| entry.unwrap().path());
    let mut modules: Vec<_> = entries.filter_map(|path| path.file_name()?.to_str()?.strip_suffix(".py").map(str::to_owned)).collect();
    modules.retain(|module| module.starts_with("test_"));
    modules.sort_unstable();
    assert_eq!(modules, MODULES);
}

/// P147
#[test]
fn zips_are_the_same_wherever_and_whenever_they_are_made() {
    run("test_release");
}

#[test]
fn every_command_that_a_page_shows_is_one_that_the_script_takes() {
    run("test_pages");
}

/// P144, P145, P146, P148
#[test]
fn what_a_deployment_to_aws_decides_by_itself_is_right() {
    run("test_aws");
}

/// P146
#[test]
fn packaged_policies_go_by_name_alone() {
    run("test_policies");
}

#[test]
fn what_a_legal_hold_shows_is_so() {
    run("test_legal_hold");
}

#[test]
fn an_organisation_is_deployed_to_with_a_mode_for_each_account() {
    run("test_organisation");
}

#[test]
fn azure_is_deployed_to_verified_upgraded_and_left() {
    run("test_azure");
}

#[test]
fn the_terraform_module_is_valid_and_observes_first() {
    let output = Command::new(repository_path("scripts/lint-terraform")).output().unwrap();
    assert_passed("scripts/lint-terraform", &output);
}
