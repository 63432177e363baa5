//! `reprieve approvals`: who approved what for when, on one key or on all, and how each approval stands.

mod standing;

use std::io::Write;

use jiff::Timestamp;
use owo_colors::{OwoColorize as _, Style};
use reprieve_aws_desk::{Desk, DeskError, KeyFile, Listing};
use reprieve_core::ApprovalKeys;
use reprieve_core::approval::ApprovalSource;
use reprieve_core::approval::window::Window;

use self::standing::{PublicKeys, Standing, State};
use crate::args::desk::ApprovalsArguments;
use crate::desk::{moment, name_of, short_approver, shown_window};
use crate::style::highlight;
use crate::table::{self, Cell, Row};

/// A key and its approvals.
struct Listed {
    key: KeyFile,
    standings: Vec<Standing>,
}

/// Lists the approvals.
///
/// # Errors
/// Says what cannot be used, or what the cloud answered.
pub(crate) async fn run(arguments: &ApprovalsArguments, now: Timestamp) -> anyhow::Result<()> {
    let desk = crate::desk::open(&arguments.cloud).await?;
    let public_keys = public_keys(&desk, arguments).await?;
    let Listing { files, unreadable } = match &arguments.key {
        Some(key) => Listing { files: vec![desk.key(key).await?], unreadable: Vec::new() },
        None => desk.keys().await?,
    };
    for (key, error) in &unreadable {
        anstream::eprintln!("reprieve: `{key}` is left out: {error}");
    }
    let table = arguments.ledger.ledger_table.as_deref();
    let recollections = desk.recall_all(table, files.iter().map(|key| &key.arn)).await?;
    let listed: Vec<Listed> = files
        .into_iter()
        .zip(recollections)
        .map(|(key, known)| Listed { standings: standing::of_key(&key, known.as_ref(), &public_keys, now), key })
        .collect();
    let mut out = anstream::stdout().lock();
    if arguments.json {
        for standing in listed.iter().flat_map(|listed| &listed.standings) {
            writeln!(out, "{}", serde_json::to_string(standing)?)?;
        }
        return Ok(());
    }
    print(&listed, arguments, &mut out)?;
    for note in notes(table.is_some(), &public_keys.keys) {
        writeln!(out, "{}", highlight(note).bright_black())?;
    }
    Ok(())
}

/// The public keys to judge with: all that were given, else those that were named, read live.
async fn public_keys(desk: &Desk, arguments: &ApprovalsArguments) -> Result<PublicKeys, DeskError> {
    if let Some(keys) = &arguments.judging.approval_keys {
        return Ok(PublicKeys { keys: keys.clone(), are_all: true });
    }
    let mut entries = Vec::new();
    for name in &arguments.sealing_keys {
        entries.push(desk.sealing_key(name, None).await?.entry(None, None));
    }
    Ok(PublicKeys { keys: ApprovalKeys::parse(&entries.join(","))?, are_all: false })
}

fn notes(ledger_was_read: bool, keys: &ApprovalKeys) -> impl Iterator<Item = &'static str> {
    let ledger = "The ledger was not read, which holds late approvals and revocations: give --ledger-table.";
    let unverified = "No public key was given to judge seals with: give --approval-key, or set REPRIEVE_APPROVAL_KEYS.";
    let notes = [(!ledger_was_read).then_some(ledger), keys.is_empty().then_some(unverified)];
    notes.into_iter().flatten()
}

fn print(listed: &[Listed], arguments: &ApprovalsArguments, out: &mut impl Write) -> anyhow::Result<()> {
    let with_approvals: Vec<&Listed> = listed.iter().filter(|listed| !listed.standings.is_empty()).collect();
    if with_approvals.is_empty() {
        match &arguments.key {
            Some(key) => writeln!(out, "There is no approval of {key}.")?,
            None => writeln!(out, "There is no approval on any of {} keys.", listed.len())?,
        }
        return Ok(());
    }
    for Listed { key, standings } in with_approvals {
        let pending = key.deletion_date.map(|date| format!(", deleted from {} on", moment(date))).unwrap_or_default();
        writeln!(out, "{}  {}", name_of(key).bold(), format!("{} ({}{pending})", key.arn, key.state.as_str()).bright_black())?;
        let rows: Vec<Row<6>> = standings.iter().map(row).collect();
        table::print(["CHANGE", "ACTION", "APPROVER", "WINDOW", "SOURCE", "STATE"], &rows, out)?;
        writeln!(out)?;
    }
    Ok(())
}

fn row(standing: &Standing) -> Row<6> {
    let shown = |text: &Option<String>| Cell::plain(text.as_deref().unwrap_or("-"));
    let approver = standing.approver.as_deref().map_or_else(|| "-".to_owned(), short_approver);
    let window = standing.window.as_deref().unwrap_or("-");
    let window = Window::parse(window).map_or_else(|_| window.to_owned(), shown_window);
    let source = match standing.source {
        ApprovalSource::SealedTags | ApprovalSource::PlainTags => "tags",
        ApprovalSource::Ledger => "ledger",
    };
    let when = standing.when.as_deref().unwrap_or_default();
    let (state, style) = match standing.state {
        State::ValidNow => (format!("valid now, {when}"), Style::new().green().bold()),
        State::Opens => (when.to_owned(), Style::new().green()),
        State::Expired => (format!("expired, {when}"), Style::new().bright_black()),
        State::Revoked => ("revoked".to_owned(), Style::new().red()),
        State::Invalid => ("invalid".to_owned(), Style::new().red().bold()),
        State::Unsealed => ("unsealed".to_owned(), Style::new().yellow()),
        State::Unverified => ("unverified".to_owned(), Style::new().yellow()),
    };
    Row {
        cells: [
            shown(&standing.change),
            shown(&standing.action),
            Cell::plain(approver),
            Cell::plain(window),
            Cell::plain(source),
            Cell::styled(state, style),
        ],
        below: standing.why.iter().map(|why| Cell::styled(why.clone(), Style::new().bright_black())).collect(),
    }
}
