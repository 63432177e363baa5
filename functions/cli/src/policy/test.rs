//! `reprieve policy test`: asks the policies the cases of a table, and says which answers are not as expected, and why.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use owo_colors::Style;
use reprieve_core::Policy;
use reprieve_core::policy::{PolicyError, PolicyFile, SHIPPED_POLICIES, SHIPPED_SCHEMA};
use serde::Serialize;

use super::cases::{self, Answer, Case, Expectation};
use super::{BAD_INPUT, check, files};
use crate::policies;
use crate::table::{self, Cell, Row};

/// Some answers are not as expected.
const NOT_AS_EXPECTED: u8 = 1;

/// A case, and what it was answered.
struct Answered {
    file: String,
    case: Case,
    answer: Answer,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    cases: Vec<Told<'a>>,
    as_expected: usize,
    not_as_expected: usize,
    /// Policies of the files that determined no case: what they do is tested nowhere.
    undetermined: &'a [String],
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    name: &'a str,
    file: &'a str,
    as_expected: bool,
    expected: &'static str,
    answer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_policies: Option<&'a BTreeSet<String>>,
    policies: &'a [String],
    because: &'a [String],
    escalations: &'a [String],
    errors: &'a [String],
}

/// Tests the policies of the paths.
pub(super) fn run(paths: &[PathBuf], case_files: &[PathBuf], json: bool) -> anyhow::Result<ExitCode> {
    let policy_files = policies::read(&files::with_policies(paths)?)?;
    let case_files = if case_files.is_empty() { files::cases(paths)? } else { case_files.to_vec() };
    let policy = match read(&policy_files) {
        Ok(policy) => policy,
        Err(error) => return refuse(&error, &policy_files, json),
    };
    let mut answered = Vec::new();
    for path in case_files {
        let file = path.display().to_string();
        for case in cases::parse(&file, &files::read(&path)?)? {
            let answer = case.ask(&policy).with_context(|| format!("case `{}` of `{file}` cannot be asked", case.name))?;
            answered.push(Answered { file: file.clone(), case, answer });
        }
    }
    let undetermined = undetermined(&policy, &answered)?;
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    if json {
        print_json(&answered, &undetermined, &mut out)?;
    } else {
        print(&answered, &undetermined, &mut out)?;
    }
    out.flush()?;
    let all_met = answered.iter().all(Answered::is_met);
    Ok(if all_met { ExitCode::SUCCESS } else { ExitCode::from(NOT_AS_EXPECTED) })
}

/// The functions read the shipped policies alone without their schema; a case is checked against it all the same.
fn read(files: &[PolicyFile]) -> Result<Policy, PolicyError> {
    if files.is_empty() { Policy::parse(SHIPPED_POLICIES, SHIPPED_SCHEMA) } else { Policy::with_user_policies(files) }
}

fn refuse(error: &PolicyError, files: &[PolicyFile], json: bool) -> anyhow::Result<ExitCode> {
    if json {
        check::print_refusal(error, &mut anstream::stdout().lock())?;
    }
    check::name_flaws(error, files)?;
    Ok(ExitCode::from(BAD_INPUT))
}

fn undetermined(policy: &Policy, answered: &[Answered]) -> Result<Vec<String>, PolicyError> {
    let determined: BTreeSet<&String> = answered.iter().flat_map(|answered| &answered.answer.verdict.policies).collect();
    let of_user = policy.summaries()?.into_iter().filter(|summary| summary.file.is_some());
    Ok(of_user.map(|summary| summary.id).filter(|id| !determined.contains(id)).collect())
}

impl Answered {
    fn is_met(&self) -> bool {
        self.case.is_met_by(&self.answer.verdict)
    }

    fn expected(&self) -> &'static str {
        match self.case.expect {
            Expectation::Permit => "permit",
            Expectation::Deny => "deny",
        }
    }

    fn given(&self) -> &'static str {
        if self.answer.verdict.permitted { "permit" } else { "deny" }
    }

    /// Says why the answer is not the expected one.
    fn failure(&self) -> Vec<String> {
        let verdict = &self.answer.verdict;
        let mut lines = Vec::new();
        if let Some(expected) = self.case.policies.as_ref().filter(|expected| !expected.iter().eq(&verdict.policies)) {
            let names =
                if expected.is_empty() { "no policy".to_owned() } else { expected.iter().cloned().collect::<Vec<String>>().join(", ") };
            lines.push(format!("expected to be determined by {names}"));
        }
        match (verdict.permitted, verdict.policies.is_empty()) {
            (_, true) => lines.push("denied, because no policy permits it".to_owned()),
            (true, false) => lines.push(format!("permitted: {}", verdict.because.join("; "))),
            (false, false) => lines.push(format!("forbidden: {}", verdict.because.join("; "))),
        }
        lines.push(self.answer.seen.clone());
        lines.extend(verdict.errors.iter().map(|error| format!("left out, because it erred: {error}")));
        lines
    }
}

fn print(answered: &[Answered], undetermined: &[String], out: &mut impl Write) -> anyhow::Result<()> {
    let rows: Vec<Row<5>> = answered.iter().map(row).collect();
    table::print(["", "CASE", "EXPECTED", "ANSWER", "DETERMINED BY"], &rows, out)?;
    let failed = answered.iter().filter(|answered| !answered.is_met()).count();
    let met = answered.len() - failed;
    if failed == 0 {
        writeln!(out, "\nAll as expected: {met}.")?;
    } else {
        writeln!(out, "\nAs expected: {met}. Not as expected: {failed}.")?;
    }
    if !undetermined.is_empty() {
        writeln!(out, "No case is determined by: {}.", undetermined.join(", "))?;
    }
    Ok(())
}

fn row(answered: &Answered) -> Row<5> {
    let (red, green, quiet) = (Style::new().red(), Style::new().green(), Style::new().bright_black());
    let policies = &answered.answer.verdict.policies;
    let determined_by = if policies.is_empty() { Cell::styled("no policy", quiet) } else { Cell::plain(policies.join(", ")) };
    let (mark, answer) = if answered.is_met() {
        (Cell::styled("ok", green), Cell::plain(answered.given()))
    } else {
        (Cell::styled("FAILED", red.bold()), Cell::styled(answered.given(), red))
    };
    let below = if answered.is_met() { Vec::new() } else { answered.failure() };
    Row {
        cells: [mark, Cell::plain(&answered.case.name), Cell::plain(answered.expected()), answer, determined_by],
        below: below.into_iter().map(|line| Cell::styled(line, Style::new().yellow())).collect(),
    }
}

fn print_json(answered: &[Answered], undetermined: &[String], out: &mut impl Write) -> anyhow::Result<()> {
    let not_as_expected = answered.iter().filter(|answered| !answered.is_met()).count();
    let report =
        Report { cases: answered.iter().map(told).collect(), as_expected: answered.len() - not_as_expected, not_as_expected, undetermined };
    Ok(writeln!(out, "{}", serde_json::to_string(&report)?)?)
}

fn told(answered: &Answered) -> Told<'_> {
    let verdict = &answered.answer.verdict;
    Told {
        name: &answered.case.name,
        file: &answered.file,
        as_expected: answered.is_met(),
        expected: answered.expected(),
        answer: answered.given(),
        expected_policies: answered.case.policies.as_ref(),
        policies: &verdict.policies,
        because: &verdict.because,
        escalations: &verdict.escalations,
        errors: &verdict.errors,
    }
}
