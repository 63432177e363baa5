//! `reprieve policy check`: reads and validates policies as the functions do, and shows what is then in force.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use owo_colors::{OwoColorize as _, Style};
use reprieve_core::Policy;
use reprieve_core::policy::{Effect, Flaw, PolicyError, PolicyFile, PolicySummary};
use serde::Serialize;

use super::BAD_INPUT;
use crate::policies;
use crate::style::{WIDTH, wrap};
use crate::table::{self, Cell, Row};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    valid: bool,
    policies: Vec<Described<'a>>,
    warnings: Vec<Found>,
    errors: Vec<Found>,
}

#[derive(Debug, Serialize)]
struct Described<'a> {
    id: &'a str,
    effect: &'static str,
    /// The user's file, or `shipped`.
    from: &'a str,
    replaces_shipped: bool,
    because: Option<&'a str>,
    escalates: Option<&'a str>,
}

/// Something wrong or odd; the place as far as it is known.
#[derive(Debug, Serialize)]
struct Found {
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    why: String,
}

/// Checks the policies of the paths.
pub(super) fn run(paths: &[PathBuf], json: bool) -> anyhow::Result<ExitCode> {
    let files = policies::read(paths)?;
    let checked = Policy::with_user_policies(&files).and_then(|policy| Ok((policy.summaries()?, policy)));
    let mut out = std::io::BufWriter::new(anstream::stdout().lock());
    let code = match checked {
        Ok((summaries, policy)) => {
            let warnings = warnings(&summaries, policy.warnings());
            if json {
                print_json(&summaries, warnings, &mut out)?;
            } else {
                print(&summaries, &warnings, &mut out)?;
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            if json {
                print_refusal(&error, &mut out)?;
            }
            name_flaws(&error, &files)?;
            ExitCode::from(BAD_INPUT)
        }
    };
    out.flush()?;
    Ok(code)
}

/// Says on standard error what is wrong with the policies, and shows the lines.
pub(super) fn name_flaws(error: &PolicyError, files: &[PolicyFile]) -> anyhow::Result<()> {
    let mut err = anstream::stderr().lock();
    if error.flaws().is_empty() {
        writeln!(err, "reprieve: {error}")?;
    }
    for flaw in error.flaws() {
        writeln!(err, "reprieve: {flaw}")?;
        let text = files.iter().find(|file| file.name == flaw.file).map(|file| file.text.as_str());
        let Some((line, column)) = flaw.position else { continue };
        if let Some(shown) = text.and_then(|text| text.lines().nth(line.saturating_sub(1))) {
            let (number, indent) = (line.to_string(), column.saturating_sub(1));
            writeln!(err, "  {} {shown}", format_args!("{number} |").bright_black())?;
            writeln!(err, "  {:width$} {} {:indent$}{}", "", "|".bright_black(), "", "^".red().bold(), width = number.len())?;
        }
    }
    Ok(())
}

fn print(summaries: &[PolicySummary], warnings: &[Found], out: &mut impl Write) -> anyhow::Result<()> {
    let rows: Vec<Row<3>> = summaries.iter().map(row).collect();
    table::print(["POLICY", "EFFECT", "FROM"], &rows, out)?;
    let of_user = summaries.iter().filter(|summary| summary.file.is_some()).count();
    writeln!(
        out,
        "\n{} policies are in force, {of_user} of them yours. What none permits is undone, and so is what any forbids.",
        summaries.len()
    )?;
    for warning in warnings {
        let file = warning.file.as_ref().map(|file| format!("`{file}`")).unwrap_or_default();
        let place = match (warning.line, warning.column) {
            (Some(line), Some(column)) => format!("{file}, line {line}, column {column}"),
            (_, _) => file,
        };
        let mut label = "warning:";
        for line in wrap(&format!("{place}: {}", warning.why), WIDTH - label.len() - 1) {
            writeln!(out, "{:8} {line}", label.yellow().bold())?;
            label = "";
        }
    }
    Ok(())
}

fn row(summary: &PolicySummary) -> Row<3> {
    let quiet = Style::new().bright_black();
    let (effect, colour) = match summary.effect {
        Effect::Permit => ("permits", Style::new().green()),
        Effect::Forbid => ("forbids", Style::new().red()),
    };
    let from = match (&summary.file, summary.replaces_shipped) {
        (None, _) => Cell::styled("shipped", quiet),
        (Some(file), None) => Cell::plain(file),
        (Some(file), Some(_)) => Cell::styled(format!("{file}, replaces shipped"), Style::new().yellow()),
    };
    let because = summary.because.as_ref().map(|text| Cell::styled(format!("because {text}"), quiet));
    let escalate = summary.escalate.as_ref().map(|text| Cell::styled(format!("escalates: {text}"), Style::new().magenta()));
    Row {
        cells: [Cell::styled(&summary.id, Style::new().bold()), Cell::styled(effect, colour), from],
        below: because.into_iter().chain(escalate).collect(),
    }
}

fn warnings(summaries: &[PolicySummary], flaws: &[Flaw]) -> Vec<Found> {
    let odd = flaws.iter().map(found);
    summaries.iter().flat_map(warnings_of).chain(odd).collect()
}

fn warnings_of(summary: &PolicySummary) -> Vec<Found> {
    let PolicySummary { id, file: Some(file), .. } = summary else {
        return Vec::new();
    };
    let mut whys = Vec::new();
    whys.extend(replacement(summary));
    if summary.unconditional {
        whys.push(match summary.effect {
            Effect::Permit => format!("policy `{id}` permits everything to everybody, approved or not"),
            Effect::Forbid => format!("policy `{id}` forbids everything, approved or not"),
        });
    }
    if summary.escalate.is_some() && summary.effect == Effect::Forbid {
        whys.push(format!("`@escalate` of policy `{id}` means nothing: it forbids, and only what passes is escalated by policy"));
    }
    if summary.because.is_none() {
        whys.push(format!("policy `{id}` has no `@because`: people who meet it read its id alone"));
    }
    whys.extend(
        summary
            .unknown_annotations
            .iter()
            .map(|name| format!("`@{name}` of policy `{id}` means nothing here; known are `@id`, `@because` and `@escalate`")),
    );
    whys.into_iter().map(|why| Found { policy: Some(id.clone()), file: Some(file.clone()), line: None, column: None, why }).collect()
}

fn replacement(PolicySummary { id, replaces_shipped, effect, .. }: &PolicySummary) -> Option<String> {
    match (replaces_shipped, effect) {
        (Some(Effect::Forbid), _) => {
            Some(format!("policy `{id}` takes the place of a shipped `forbid`: what that stopped now passes, unless yours stops it"))
        }
        (Some(Effect::Permit), Effect::Forbid) => {
            Some(format!("policy `{id}` forbids in the place of a shipped `permit`: what that let pass is now undone"))
        }
        (Some(Effect::Permit) | None, Effect::Permit | Effect::Forbid) => None,
    }
}

fn found(flaw: &Flaw) -> Found {
    let (line, column) = flaw.position.unzip();
    Found { policy: None, file: Some(flaw.file.clone()), line, column, why: flaw.why.clone() }
}

fn print_json(summaries: &[PolicySummary], warnings: Vec<Found>, out: &mut impl Write) -> anyhow::Result<()> {
    let policies = summaries.iter().map(described).collect();
    print_report(&Report { valid: true, policies, warnings, errors: Vec::new() }, out)
}

/// Prints, as JSON, why the policies cannot be used.
pub(super) fn print_refusal(error: &PolicyError, out: &mut impl Write) -> anyhow::Result<()> {
    let without_place = || vec![Found { policy: None, file: None, line: None, column: None, why: error.to_string() }];
    let errors = if error.flaws().is_empty() { without_place() } else { error.flaws().iter().map(found).collect() };
    print_report(&Report { valid: false, policies: Vec::new(), warnings: Vec::new(), errors }, out)
}

fn print_report(report: &Report<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    Ok(writeln!(out, "{}", serde_json::to_string(report)?)?)
}

fn described(summary: &PolicySummary) -> Described<'_> {
    Described {
        id: &summary.id,
        effect: match summary.effect {
            Effect::Permit => "permit",
            Effect::Forbid => "forbid",
        },
        from: summary.file.as_deref().unwrap_or("shipped"),
        replaces_shipped: summary.replaces_shipped.is_some(),
        because: summary.because.as_deref(),
        escalates: summary.escalate.as_deref(),
    }
}
