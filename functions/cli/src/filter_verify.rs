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
use owo_colors::Style;
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

/// How often CloudWatch Logs is asked again when it asks us to slow down, and the pause before: its quota is some calls a second.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_secs(2);

/// An answer of more characters than this does not stand in the table's cell.
const LONGEST_CELL: usize = 20;

/// Any answer disagrees.
const DISAGREES: u8 = 1;

pub(crate) const VERIFY_HELP: &str = r#"WHAT IS ASKED
  Patterns and events are sent to CloudWatch Logs (logs:TestMetricFilter), and
  its answers are held against ours: every pattern of the baseline, in every
  version and mode, about every event that `reprieve filter audit` knows.
  Nothing is changed or stored.

  With --rows also those of a file; an event may be a text, too:
    {"rows": [{"pattern": "{ $.size > 5 }", "event": {"size": 6}, "expect": true}]}
  `expect` is what somebody else says, such as the documentation; the answers
  are held against it.

NEEDS
  logs:TestMetricFilter and sts:GetCallerIdentity, and nothing else.

EXIT CODES
  0  all answers agree
  1  any disagrees; or AWS failed, or did not allow it
  2  bad input

EXAMPLES
  reprieve filter verify --region eu-central-1
  reprieve filter verify --rows tests/fixtures/filters/documentation.json --json
"#;

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

/// An answer of CloudWatch Logs that is another than ours, or than what somebody else says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Disagreement {
    pattern: String,
    event: String,
    ours: String,
    #[serde(rename = "aws")]
    theirs: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
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
        let theirs = ask(&control, pattern, &texts).await.with_context(|| format!("the pattern `{pattern}` could not be asked about"))?;
        verdict.answers += messages.len();
        verdict.disagreements.extend(compare(pattern, messages, &theirs));
    }
    print(&verdict, arguments.json)?;
    Ok(if verdict.disagreements.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DISAGREES) })
}

/// Asks, and again after a pause where CloudWatch Logs asks us to slow down.
async fn ask(control: &AwsMonitoringControl, pattern: &str, texts: &[String]) -> Result<Theirs, CallError> {
    let mut tries = 1;
    loop {
        match control.test_metric_filter(pattern, texts).await {
            Ok(matches) => return Ok(Theirs::Matches(matches)),
            Err(CallError::Rejected { message, .. }) => return Ok(Theirs::Refused(message)),
            Err(CallError::Throttled { .. }) if tries < TRIES => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error),
        }
        tries += 1;
    }
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
    let rows: Rows = serde_json::from_str(&text)
        .with_context(|| format!("`{}` holds no rows; see `reprieve filter verify --help` for their form", file.display()))?;
    for (number, row) in (1..).zip(rows.rows) {
        let text = row.event.as_str().map_or_else(|| row.event.to_string(), str::to_owned);
        // CloudWatch Logs takes no empty message, and none twice in one call says anything new.
        let messages = questions.entry(row.pattern).or_default();
        match messages.iter_mut().find(|message| message.text == text) {
            Some(known) => known.expected = row.expect,
            None if text.is_empty() => {}
            None => messages.push(Message { name: format!("row {number}"), text, expected: row.expect }),
        }
    }
    questions.retain(|_, messages| !messages.is_empty());
    Ok(())
}

/// Returns where the answers of CloudWatch Logs are others than ours, or than what somebody else says.
fn compare(pattern: &str, messages: &[Message], theirs: &Theirs) -> Vec<Disagreement> {
    let of = |message: &str, ours: String, theirs: String, expected: Option<bool>| Disagreement {
        pattern: pattern.to_owned(),
        event: message.to_owned(),
        ours,
        theirs,
        expected: expected.map(said),
    };
    match (FilterPattern::parse(pattern), theirs) {
        (Err(_), Theirs::Refused(_)) => Vec::new(),
        (Err(error), Theirs::Matches(_)) => vec![of("any", format!("refused: {error}"), "taken".to_owned(), None)],
        (Ok(_), Theirs::Refused(why)) => vec![of("any", "taken".to_owned(), format!("refused: {why}"), None)],
        (Ok(ours), Theirs::Matches(matches)) => messages
            .iter()
            .zip(matches)
            .map(|(message, theirs)| (message, ours.matches_text(&message.text), *theirs))
            .filter(|(message, ours, theirs)| ours != theirs || message.expected.is_some_and(|expected| expected != *theirs))
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
    let Verdict { patterns, answers, disagreements } = verdict;
    let rows: Vec<Row<4>> = disagreements.iter().map(row).collect();
    if !rows.is_empty() {
        table::print(["EVENT", "OURS", "CLOUDWATCH LOGS", "EXPECTED"], &rows, &mut out)?;
        writeln!(out)?;
    }
    let asked = format!("{patterns} patterns tried, {answers} answers of CloudWatch Logs");
    match disagreements.len() {
        0 => writeln!(out, "{asked}: all agree with ours.")?,
        1 => writeln!(out, "{asked}: 1 disagrees.")?,
        count => writeln!(out, "{asked}: {count} disagree.")?,
    }
    Ok(())
}

/// What is long stands below the row.
fn row(found: &Disagreement) -> Row<4> {
    let short = |text: &str| if text.chars().count() <= LONGEST_CELL { text.to_owned() } else { "refused".to_owned() };
    let expected = found.expected.as_deref().unwrap_or("-");
    let long = [&found.ours, &found.theirs].into_iter().filter(|text| text.chars().count() > LONGEST_CELL);
    Row {
        cells: [found.event.as_str(), &short(&found.ours), &short(&found.theirs), expected].map(Cell::plain),
        below: std::iter::once(&found.pattern).chain(long).map(|text| Cell::styled(text, Style::new().dimmed())).collect(),
    }
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
    fn an_answer_other_than_the_documentation_says_is_a_disagreement_even_where_we_agree() {
        let mut asked = messages(&["DisableKey", "EnableKey"]);
        for message in &mut asked {
            message.expected = Some(false);
        }
        let found = compare(PATTERN, &asked, &Theirs::Matches(vec![true, false]));
        assert_eq!(found.iter().map(|one| one.event.as_str()).collect::<Vec<_>>(), ["DisableKey"]);
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
