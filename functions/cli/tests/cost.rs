//! `reprieve cost` as its users run it: the built command, its output, its JSON, its refusals.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop, and says where")]

use std::process::{Command, Output};

use serde_json::Value;

fn cost(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_reprieve")).arg("cost").args(arguments).env_remove("CLICOLOR_FORCE").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const SMALL: [&str; 6] = ["--accounts", "10", "--regions", "1", "--keys", "200"];

#[test]
fn an_estimate_names_every_line_every_price_and_every_assumption() {
    let output = cost(&SMALL);
    assert!(output.status.success(), "{}", text(&output.stderr));
    insta::assert_snapshot!(text(&output.stdout));
}

#[test]
fn the_json_adds_up() {
    let output = cost(&[&SMALL[..], &["--json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let micro = |amount: &Value| amount.as_str().unwrap().replace('.', "").parse::<u64>().unwrap();
    let lines = report["estimate"]["lines"].as_array().unwrap();
    assert_eq!(lines.iter().map(|line| micro(&line["cost"])).sum::<u64>(), micro(&report["estimate"]["total"]));
    let parts = report["parts"].as_array().unwrap();
    assert_eq!(parts.iter().map(|part| micro(&part["total"])).sum::<u64>(), micro(&report["estimate"]["total"]));
}

#[test]
fn own_prices_replace_the_listed_ones() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, r#"{"date": "2027-01-31", "region": "eu-central-1", "prices": {"kms-key": {"dollars": "9", "per": 1}}}"#)
        .unwrap();
    let output = cost(&[&SMALL[..], &["--price-table", file.path().to_str().unwrap()]].concat());
    let text = text(&output.stdout);
    assert!(text.contains("eu-central-1 as read on 2027-01-31") && text.contains("$90.00"), "{text}");
}

#[test]
fn what_cannot_be_used_is_refused_with_what_to_do() {
    for (arguments, why) in [
        (&["--price-table", "/nowhere/prices.json"][..], "`/nowhere/prices.json` cannot be read"),
        (&["--events-per-key", "-1"], "--events-per-key"),
        (&["--events-per-key", "0.0001"], "at most three digits"),
        (&["--cis-version", "2.0"], "it takes 1.4, 3.0, 5.0, 6.0, 7.0"),
        (&["--own-trail", "--second-trail"], "`--own-trail` cannot be used with `--second-trail`"),
    ] {
        let output = cost(&[&SMALL[..], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(why), "{}", text(&output.stderr));
    }
}
