//! `reprieve revoke`: withdraws the approvals of a change on a key. The ledger says so first, because that holds whatever happens to
//! the tags; then the tags go, where they can.

use std::io::Write;

use anyhow::Context as _;
use jiff::Timestamp;
use owo_colors::OwoColorize as _;
use reprieve_aws_desk::{Desk, DeskError, KeyFile};
use reprieve_core::approval::{CHANGE_TAG, Revocation, SealedApproval};
use reprieve_core::facts::Recollection;
use serde::Serialize;

use crate::args::desk::RevokeArguments;
use crate::desk::{moment, name_of};
use crate::style::{WIDTH, highlight, wrap};

/// The longest change id and reason, in characters.
const TEXT_LIMIT: usize = 256;

/// What became of the tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
enum TagsAfter {
    /// The change's tags were removed.
    Removed,
    /// The key carries none.
    None,
    /// The tags are of another change, and stay.
    OtherChange { change: String },
    /// They cannot be changed while the deletion is pending.
    Pending,
    /// They could not be removed.
    Failed { why: String },
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    revoked: bool,
    key: &'a str,
    aliases: &'a [String],
    change: &'a str,
    by: &'a str,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// When it was revoked before, if it was; the first word stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_before: Option<Timestamp>,
    /// Whether an approval of the change was found on the key or in the ledger.
    approval_found: bool,
    tags: &'a TagsAfter,
    next: &'a str,
}

/// Revokes the change.
///
/// # Errors
/// Says what cannot be used, or what the cloud answered. Tags that cannot be removed are no error: the revocation stands without.
pub(crate) async fn run(arguments: &RevokeArguments, now: Timestamp) -> anyhow::Result<()> {
    let table = arguments.ledger.ledger_table.as_deref().context(
        "a revocation is written into the ledger: give --ledger-table, or set REPRIEVE_LEDGER_TABLE (removed tags alone could be put back)",
    )?;
    let change = checked("--change", &arguments.change)?;
    let reason = arguments.reason.as_deref().map(|reason| checked("--reason", reason)).transpose()?;
    let desk = crate::desk::open(&arguments.cloud).await?.or_at(&arguments.key);
    let by = desk.caller().await?.arn;
    let key = desk.key(&arguments.key).await?;
    let known = desk.recall(table, &key.arn).await?;
    let revocation = Revocation { change: change.to_owned(), by, at: now, reason: reason.map(ToOwned::to_owned) };
    desk.revoke_in_ledger(table, &key.arn, &revocation).await?;
    let tags = remove_tags(&desk, &key, change).await;

    let before = known.revocations.iter().find(|revocation| revocation.change == change);
    let report = Report {
        revoked: true,
        key: key.arn.as_str(),
        aliases: &key.aliases,
        change,
        by: &revocation.by,
        at: revocation.at,
        reason,
        revoked_before: before.map(|revocation| revocation.at),
        approval_found: is_approved(&key, &known, change),
        tags: &tags,
        next: next(&key),
    };
    let mut out = anstream::stdout().lock();
    if arguments.json {
        return Ok(writeln!(out, "{}", serde_json::to_string(&report)?)?);
    }
    print(&report, name_of(&key), table, &mut out)
}

fn checked<'a>(option: &str, text: &'a str) -> anyhow::Result<&'a str> {
    let text = text.trim();
    anyhow::ensure!(!text.is_empty(), "{option} is empty");
    anyhow::ensure!(text.chars().count() <= TEXT_LIMIT, "{option} is longer than {TEXT_LIMIT} characters");
    anyhow::ensure!(!text.chars().any(char::is_control), "{option} holds a control character");
    Ok(text)
}

async fn remove_tags(desk: &Desk, key: &KeyFile, change: &str) -> TagsAfter {
    match key.tags.get(CHANGE_TAG) {
        None => return TagsAfter::None,
        Some(other) if other != change => return TagsAfter::OtherChange { change: other.clone() },
        Some(_) if key.deletion_is_pending() => return TagsAfter::Pending,
        Some(_) => {}
    }
    match desk.remove_approval(&key.arn, &key.tags).await {
        Ok(()) => TagsAfter::Removed,
        Err(DeskError::PendingDeletion { .. }) => TagsAfter::Pending,
        Err(error) => TagsAfter::Failed { why: error.to_string() },
    }
}

fn is_approved(key: &KeyFile, known: &Recollection, change: &str) -> bool {
    let in_ledger = known.approvals.iter().any(|approval: &SealedApproval| approval.change == change);
    in_ledger || key.tags.get(CHANGE_TAG).is_some_and(|tag| tag == change)
}

const fn next(key: &KeyFile) -> &'static str {
    if key.deletion_is_pending() {
        "the next sweep takes the pending deletion back, unless an approval of another change covers it"
    } else {
        "nothing of this change passes on this key any more; to approve anew, use another change id"
    }
}

fn print(report: &Report<'_>, name: &str, table: &str, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "{}  {}: {}", "REVOKED".red().bold(), report.change.bold(), name.bold())?;
    let ledger = match report.revoked_before {
        Some(at) => format!("`{table}` said so already, since {}; the first word stays", moment(at)),
        None => format!("`{table}` says so from now on, for every action of the change"),
    };
    let tags = match report.tags {
        TagsAfter::Removed => "removed".to_owned(),
        TagsAfter::None => "the key carries no approval".to_owned(),
        TagsAfter::OtherChange { change } => format!("they approve change {change}, and stay"),
        TagsAfter::Pending => "they stay until the deletion is taken back, and count for nothing".to_owned(),
        TagsAfter::Failed { why } => format!("they could not be removed, and count for nothing: {why}"),
    };
    let unknown = "neither the key nor the ledger holds an approval of this change: if one comes, it is revoked already";
    let fields = [
        ("key", report.key),
        ("by", report.by),
        ("reason", report.reason.unwrap_or_default()),
        ("ledger", &ledger),
        ("tags", &tags),
        ("note", if report.approval_found { "" } else { unknown }),
        ("next", report.next),
    ];
    for (name, text) in fields.into_iter().filter(|(_, text)| !text.is_empty()) {
        for (index, line) in wrap(text, WIDTH - 12).iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            writeln!(out, "  {}{}", format!("{name:<10}").bright_black(), highlight(line))?;
        }
    }
    Ok(())
}
