//! `reprieve filter verify`: holds the evaluator of filter patterns against CloudWatch Logs itself, by `logs:TestMetricFilter`.
//!
//! It changes nothing: `TestMetricFilter` stores nothing and is about no log group. What is asked: every pattern of the baseline, in every
//! version and mode, about every probe event; and the rows of a file, such as the documentation's examples.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use reprieve_aws_desk::DeskError;
use reprieve_aws_monitoring::AwsMonitoringControl;
use reprieve_core::Region;
use reprieve_core::filter::{FilterPattern, probes};
use reprieve_core::monitoring::world::Place;
use reprieve_core::monitoring::{Baseline, CisVersion, PatternMode};
use reprieve_engine::CallError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::args::desk::CloudArguments;
use crate::table::{self, Cell, Row};

/// The pause between two patterns: far below every quota of CloudWatch Logs.
const PAUSE: Duration = Duration::from_millis(250);

/// They disagree.
const DISAGREES: u8 = 1;

pub(crate) const VERIFY_HELP: &str = r#"Sends patterns and events to CloudWatch Logs (logs:TestMetricFilter) and compares its answers with ours. It changes nothing.

Without --rows: every pattern of the baseline, in every version and mode, about every event that `reprieve filter audit` knows.
With --rows also a file's, {"rows": [{"pattern": "...", "event": {...} or "text", "expect": true}]}. `expect` is what somebody else said.

Your credentials need logs:TestMetricFilter and sts:GetCallerIdentity, and nothing else. Ends with 1 where any answer disagrees.

Examples:
  reprieve filter verify --region eu-central-1
  reprieve filter verify --rows tests/fixtures/filters/documentation.json --json"#;

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// A file with more rows: patterns, events, and what is expected
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,

    /// Prints one JSON object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    cloud: CloudArguments,
}

/// A log event, with what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    name: String,
    text: String,
    expected: Option<bool>,
}

/// Patterns, each with the messages it is asked about.
type Questions = BTreeMap<String, Vec<Message>>;

/// What CloudWatch Logs answers to a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Theirs {
    /// Whether it matches each message.
    Matches(Vec<bool>),
    /// It does not take the pattern, and says why.
    Refused(String),
}

/// An answer of ours that is another than theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Disagreement {
    pattern: String,
    event: String,
    ours: String,
    #[serde(rename = "aws")]
    theirs: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Verdict {
    patterns: usize,
    answers: usize,
    disagreements: Vec<Disagreement>,
}

/// Asks, compares, and prints; whether all agree is the exit code.
pub(crate) async fn run(arguments: &VerifyArguments) -> anyhow::Result<ExitCode> {
    let mut questions = of_the_baseline();
    if let Some(file) = &arguments.rows {
        add_rows(&mut questions, file)?;
    }
    let control = control(&arguments.cloud).await?;
    let mut verdict = Verdict { patterns: questions.len(), answers: 0, disagreements: Vec::new() };
    for (pattern, messages) in &questions {
        let texts: Vec<String> = messages.iter().map(|message| message.text.clone()).collect();
        let theirs = match control.test_metric_filter(pattern, &texts).await {
            Ok(matches) => Theirs::Matches(matches),
            Err(CallError::Rejected { message, .. }) => Theirs::Refused(message),
            Err(error) => return Err(error).with_context(|| format!("the pattern `{pattern}` could not be asked about")),
        };
        verdict.answers += messages.len();
        verdict.disagreements.extend(compare(pattern, messages, &theirs));
        tokio::time::sleep(PAUSE).await;
    }
    print(&verdict, arguments.json)?;
    Ok(if verdict.disagreements.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DISAGREES) })
}

async fn control(cloud: &CloudArguments) -> anyhow::Result<AwsMonitoringControl> {
    let desk = crate::desk::open(cloud).await?;
    let region = Region::parse(&desk.region().ok_or(DeskError::NoRegion)?)?;
    let place = Place { partition: region.partition(), account: desk.caller().await?.account, region: region.clone() };
    Ok(AwsMonitoringControl::new(&desk.config_in(Some(&region))?, place))
}

/// Returns every pattern of the baseline about every probe.
fn of_the_baseline() -> Questions {
    let events: Vec<Message> =
        probes().iter().map(|probe| Message { name: probe.name.clone(), text: probe.event.to_string(), expected: None }).collect();
    let modes = [PatternMode::ByMatching, PatternMode::Exact];
    let baselines = CisVersion::ALL.into_iter().flat_map(|version| modes.map(|mode| Baseline::of(version, mode, true)));
    baselines.flat_map(|baseline| baseline.controls).map(|control| (control.pattern.to_owned(), events.clone())).collect()
}

#[derive(Debug, Deserialize)]
struct Rows {
    rows: Vec<GivenRow>,
}

#[derive(Debug, Deserialize)]
struct GivenRow {
    pattern: String,
    event: Value,
    expect: Option<bool>,
}

fn add_rows(questions: &mut Questions, file: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    let rows: Rows =
        serde_json::from_str(&text).with_context(|| format!("`{}` holds no rows; see --help for their form", file.display()))?;
    for (number, row) in (1..).zip(rows.rows) {
        let text = row.event.as_str().map_or_else(|| row.event.to_string(), str::to_owned);
        // CloudWatch Logs takes no empty message, and none twice in one call says anything new.
        let messages = questions.entry(row.pattern).or_default();
        if !text.is_empty() && !messages.iter().any(|message| message.text == text) {
            messages.push(Message { name: format!("row {number}"), text, expected: row.expect });
        }
    }
    questions.retain(|_, messages| !messages.is_empty());
    Ok(())
}

/// Returns where our answers are others than theirs.
fn compare(pattern: &str, messages: &[Message], theirs: &Theirs) -> Vec<Disagreement> {
    let of = |message: &str, ours: String, theirs: String, expected| Disagreement {
        pattern: pattern.to_owned(),
        event: message.to_owned(),
        ours,
        theirs,
        expected,
    };
    match (FilterPattern::parse(pattern), theirs) {
        (Err(_), Theirs::Refused(_)) => Vec::new(),
        (Err(error), Theirs::Matches(_)) => vec![of("all", format!("refused: {error}"), "taken".to_owned(), None)],
        (Ok(_), Theirs::Refused(why)) => vec![of("all", "taken".to_owned(), format!("refused: {why}"), None)],
        (Ok(ours), Theirs::Matches(matches)) => messages
            .iter()
            .zip(matches)
            .map(|(message, theirs)| (message, ours.matches_text(&message.text), *theirs))
            .filter(|(_, ours, theirs)| ours != theirs)
            .map(|(message, ours, theirs)| of(&message.name, said(ours), said(theirs), message.expected))
            .collect(),
    }
}

fn said(matches: bool) -> String {
    if matches { "matches".to_owned() } else { "does not match".to_owned() }
}

fn print(verdict: &Verdict, json: bool) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(verdict)?)?;
        return Ok(());
    }
    let rows: Vec<Row<3>> = verdict
        .disagreements
        .iter()
        .map(|found| Row {
            cells: [&found.event, &found.ours, &found.theirs].map(|text| Cell::plain(text.as_str())),
            below: vec![Cell::plain(found.pattern.as_str())],
        })
        .collect();
    if !rows.is_empty() {
        table::print(["EVENT", "OURS", "CLOUDWATCH LOGS"], &rows, &mut out)?;
    }
    let Verdict { patterns, answers, disagreements } = verdict;
    writeln!(out, "{patterns} patterns, {answers} answers of CloudWatch Logs, {} of which disagree with ours.", disagreements.len())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATTERN: &str = "{ $.eventName = DisableKey }";

    fn messages(names: &[&str]) -> Vec<Message> {
        let message = |name: &&str| Message { name: (*name).to_owned(), text: format!(r#"{{"eventName":"{name}"}}"#), expected: None };
        names.iter().map(message).collect()
    }

    #[test]
    fn the_same_answers_agree() {
        let asked = messages(&["DisableKey", "EnableKey"]);
        assert_eq!(compare(PATTERN, &asked, &Theirs::Matches(vec![true, false])), []);
    }

    #[test]
    fn another_answer_is_told_with_its_event() {
        let asked = messages(&["DisableKey", "EnableKey"]);
        let found = compare(PATTERN, &asked, &Theirs::Matches(vec![true, true]));
        let told: Vec<_> = found.iter().map(|one| (one.event.as_str(), one.ours.as_str(), one.theirs.as_str())).collect();
        assert_eq!(told, [("EnableKey", "does not match", "matches")]);
    }

    #[test]
    fn a_pattern_that_only_one_refuses_is_a_disagreement() {
        let refused = Theirs::Refused("InvalidParameterException".to_owned());
        assert_eq!(compare("{ $.eventName = ", &messages(&["DisableKey"]), &refused), []);
        assert_eq!(compare(PATTERN, &messages(&["DisableKey"]), &refused).len(), 1);
        assert_eq!(compare("{ $.eventName = ", &messages(&["DisableKey"]), &Theirs::Matches(vec![false])).len(), 1);
    }

    #[test]
    fn every_pattern_of_the_baseline_is_asked_about_every_probe() {
        let questions = of_the_baseline();
        assert!(questions.len() >= 16 && questions.values().all(|messages| messages.len() == probes().len()));
        for pattern in questions.keys() {
            assert!(FilterPattern::parse(pattern).is_ok(), "{pattern}");
        }
    }
}
