//! The scripts that package and deploy, each whole, against command lines of clouds that keep state; and the Terraform module.
//!
//! The tests themselves are Python, as the scripts are: `infra/deployment/tests`. One that finds a tool missing says so loudly and passes.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that fails says why")]

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

/// Runs one file of tests, and makes sure that it held as many as it has.
fn run(module: &str, at_least: usize) {
    let folder = repository_path("infra/deployment/tests");
    let output = Command::new(python()).args(["-B", "-m", "unittest", "-v", module]).current_dir(folder).output().unwrap();
    assert_passed(module, &output);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let ran = said.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse::<usize>().ok()).unwrap_or_default();
    assert!(ran >= at_least, "only {ran} tests of {module} ran");
}

/// P147
#[test]
fn zips_are_the_same_wherever_and_whenever_they_are_made() {
    run("test_release", 9);
}

#[test]
fn every_command_that_a_page_shows_is_one_that_the_script_takes() {
    run("test_pages", 3);
}

/// P144, P145, P146, P148
#[test]
fn what_a_deployment_to_aws_decides_by_itself_is_right() {
    run("test_aws", 20);
}

#[test]
fn an_organisation_is_deployed_to_with_a_mode_for_each_account() {
    run("test_organisation", 22);
}

#[test]
fn azure_is_deployed_to_verified_upgraded_and_left() {
    run("test_azure", 14);
}

#[test]
fn the_terraform_module_is_valid_and_observes_first() {
    let output = Command::new(repository_path("scripts/lint-terraform")).output().unwrap();
    assert_passed("scripts/lint-terraform", &output);
}
