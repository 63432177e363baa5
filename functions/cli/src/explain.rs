//! `reprieve explain`: the decision on each event of a file, as sentences or JSON. It decides with the very code of the functions.
//!
//! Nothing is looked up: what is known of a key comes from `--facts`, or is what the event itself claims.

mod azure;
mod facts;
mod json;
mod style;
mod text;

use std::io::{Read as _, Write};

use anyhow::Context as _;
use jiff::Timestamp;
use reprieve_core::decide::{Domain, Situation, Triage};
use reprieve_core::{Actor, ActorKind, ApprovalRules, Decision, Event, Policy, Threat, decide, triage};
use reprieve_wire::{Line, Sighting, SweepCall, WireError, parse_text};

use self::azure::{AzureExplanation, AzureFacts};
use crate::args::explain::ExplainArguments;
use crate::explain::facts::FactsSource;

/// Whether every event was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Understood {
    /// All of them.
    All,
    /// Some are no events; they were named.
    NotAll,
}

/// One event and what is decided on it.
#[derive(Debug)]
pub(crate) struct Explanation {
    pub(crate) line: usize,
    pub(crate) event: Box<Event>,
    pub(crate) threat: Option<Threat>,
    pub(crate) decision: Decision,
    /// What was assumed of the key because nothing was given.
    pub(crate) assumed: Option<String>,
}

/// What one line of the input turned out to be.
#[derive(Debug)]
pub(crate) enum Item {
    Event(Box<Explanation>),
    Azure(Box<AzureExplanation>),
    Sweep { line: usize, call: SweepCall },
    Error { line: usize, error: WireError },
}

/// What is said of the schedule's call.
const SWEEP: &str = "A scheduled sweep: keys are listed, and all that is pending or disabled is decided again.";

/// Explains every event of the file.
///
/// # Errors
/// When a file cannot be read, holds no event, or the output cannot be written.
pub(crate) fn run(arguments: &ExplainArguments, present: Timestamp) -> anyhow::Result<Understood> {
    let now = arguments.now.unwrap_or(present);
    let text = read(&arguments.file)?;
    let judge = Judge {
        policy: crate::policies::load(arguments.policies.as_deref())?,
        rules: arguments.rules.approval(),
        domain: Domain {
            account: arguments.account.clone(),
            region: arguments.region.clone(),
            remediator: arguments.rules.remediator_role.clone(),
        },
        now,
    };
    anyhow::ensure!(
        !text.trim().is_empty(),
        "{} holds no event: give some, in a form that `reprieve explain --help` names",
        shown_name(&arguments.file)
    );
    let items = match azure::values(&text) {
        Some(values) => azure::explain(values, &AzureFacts::load(arguments.facts.as_deref())?, &judge),
        None => of_aws(&text, &FactsSource::load(arguments.facts.as_deref(), now)?, &judge),
    };
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    if arguments.json {
        json::print(&items, &mut out)?;
    } else {
        text::print(&items, now, &mut out)?;
    }
    out.flush()?;
    name_errors(&items, &arguments.file)
}

fn of_aws(text: &str, facts: &FactsSource, judge: &Judge) -> Vec<Item> {
    let read = parse_text(text).into_iter().map(|Line { line, parsed }| match parsed {
        Ok(Sighting::Event(event)) => Item::Event(Box::new(explain(line, event, facts, judge))),
        Ok(Sighting::Sweep(call)) => Item::Sweep { line, call },
        Err(error) => Item::Error { line, error },
    });
    read.collect()
}

/// What decides besides the event and the facts.
struct Judge {
    policy: Policy,
    rules: ApprovalRules,
    domain: Domain,
    now: Timestamp,
}

fn explain(line: usize, event: Box<Event>, facts: &FactsSource, judge: &Judge) -> Explanation {
    let key = match triage(&event, &judge.domain) {
        Triage::Settled(decision) => {
            return Explanation { line, threat: Threat::of(&event), event, decision, assumed: None };
        }
        Triage::Examine { key, .. } => key,
    };
    let (known, assumed) = facts.of(&key, &event);
    let Judge { policy, rules, domain, now } = judge;
    let decision = decide(&event, &Situation { facts: &known, policy, rules, domain, now: *now });
    Explanation { line, threat: Threat::of(&event), event, decision, assumed }
}

fn read(file: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    if file == "-" {
        std::io::stdin().read_to_end(&mut bytes).context("standard input cannot be read")?;
    } else {
        bytes = std::fs::read(file).with_context(|| format!("`{file}` cannot be read"))?;
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        anyhow::bail!("{} is compressed: unpack it first, for example with `gunzip -c FILE | reprieve explain -`", shown_name(file));
    }
    anyhow::ensure!(
        !bytes.contains(&0),
        "{} is no text: give events as JSON, such as `aws cloudtrail lookup-events` prints them",
        shown_name(file)
    );
    // A byte that is no UTF-8 spoils the event that it stands in, not the file.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Names on standard error what could not be understood.
fn name_errors(items: &[Item], file: &str) -> anyhow::Result<Understood> {
    let mut err = anstream::stderr().lock();
    let mut understood = Understood::All;
    for item in items {
        if let Item::Error { line, error } = item {
            writeln!(err, "reprieve: {}, line {line}: {error}", shown_name(file))?;
            understood = Understood::NotAll;
        }
    }
    Ok(understood)
}

/// Returns the caller's name; `None` where nothing identifies one.
fn actor(actor: &Actor) -> Option<String> {
    let named = actor.is_known() || actor.invoked_by.is_some() || matches!(actor.kind, ActorKind::Root | ActorKind::AwsService);
    named.then(|| actor.display_name())
}

fn shown_name(file: &str) -> String {
    if file == "-" { "standard input".to_owned() } else { format!("`{file}`") }
}
