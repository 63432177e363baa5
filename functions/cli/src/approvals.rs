//! `reprieve approvals`: who approved what for when, on one key or resource or on all keys, and how each approval stands.

mod standing;

use std::io::Write;

use jiff::Timestamp;
use owo_colors::{OwoColorize as _, Style};
use reprieve_aws_desk::{KeyFile, Listing};
use reprieve_azure_desk::{self as azure, ResourceFile};
use reprieve_core::ApprovalKeys;
use reprieve_core::approval::ApprovalSource;
use reprieve_core::approval::window::Window;
use reprieve_core::azure::Subject;

use self::standing::{PublicKeys, Standing, State};
use crate::args::desk::ApprovalsArguments;
use crate::desk::approvable::Approvable;
use crate::desk::name::{ResourceName, SealingName};
use crate::desk::{short_approver, shown_window, written};
use crate::style::highlight;
use crate::table::{self, Cell, Row};

/// A key or resource and its approvals.
struct Listed {
    file: File,
    standings: Vec<Standing>,
}

/// What was read of one.
enum File {
    Key(Box<KeyFile>),
    Azure(Box<ResourceFile>),
}

impl File {
    fn resource(&self) -> Approvable<'_> {
        match self {
            Self::Key(key) => Approvable::Key(key),
            Self::Azure(file) => Approvable::Azure(file),
        }
    }
}

/// What was found, and with which public keys it was judged.
struct Found {
    listed: Vec<Listed>,
    public_keys: PublicKeys,
    /// The option that names the ledger, where that was not read.
    unread_ledger: Option<&'static str>,
}

/// Lists the approvals.
///
/// # Errors
/// Says what cannot be used, or what the cloud answered.
pub(crate) async fn run(arguments: &ApprovalsArguments, now: Timestamp) -> anyhow::Result<()> {
    let Found { listed, public_keys, unread_ledger } = match &arguments.resource {
        Some(ResourceName::Azure(name)) => in_azure(name, arguments, now).await?,
        Some(ResourceName::Key(_)) | None => in_aws(arguments, now).await?,
    };
    let mut out = anstream::stdout().lock();
    if arguments.json {
        for standing in listed.iter().flat_map(|listed| &listed.standings) {
            writeln!(out, "{}", serde_json::to_string(standing)?)?;
        }
        return Ok(());
    }
    print(&listed, arguments, &mut out)?;
    for note in notes(unread_ledger, &public_keys.keys) {
        writeln!(out, "{}", highlight(&note).bright_black())?;
    }
    Ok(())
}

async fn in_aws(arguments: &ApprovalsArguments, now: Timestamp) -> anyhow::Result<Found> {
    let desk = crate::desk::open(&arguments.cloud).await?;
    let entry = async |name: &SealingName| match name {
        SealingName::Kms(name) => Ok(Some(desk.sealing_key(name, None).await?.entry(None, None))),
        SealingName::KeyVault(_) => Ok(None),
    };
    let public_keys = public_keys(arguments, entry).await?;
    let Listing { files, unreadable } = match &arguments.resource {
        Some(ResourceName::Key(key)) => Listing { files: vec![desk.key(key).await?], unreadable: Vec::new() },
        Some(ResourceName::Azure(_)) | None => desk.keys().await?,
    };
    for (key, error) in &unreadable {
        anstream::eprintln!("reprieve: `{key}` is left out: {error}");
    }
    let table = arguments.ledger.ledger_table.as_deref();
    let recollections = desk.recall_all(table, files.iter().map(|key| &key.arn)).await?;
    let listed = files.into_iter().zip(recollections).map(|(key, known)| {
        let known = known.as_ref().map(written);
        Listed { standings: standing::of(Approvable::Key(&key), known.as_ref(), &public_keys, now), file: File::Key(Box::new(key)) }
    });
    Ok(Found { listed: listed.collect(), public_keys, unread_ledger: table.is_none().then_some("--ledger-table") })
}

async fn in_azure(name: &azure::ResourceName, arguments: &ApprovalsArguments, now: Timestamp) -> anyhow::Result<Found> {
    let desk = crate::desk::open_azure(&arguments.azure)?;
    let entry = async |name: &SealingName| match name {
        SealingName::KeyVault(name) => Ok(Some(desk.sealing_key(name, None).await?.entry(None, None))),
        SealingName::Kms(_) => Ok(None),
    };
    let public_keys = public_keys(arguments, entry).await?;
    let file = desk.resource(&desk.locate(name).await?).await?;
    let account = arguments.ledger.ledger_account.as_deref();
    let known = match account {
        // Approvals are of the resource, whatever aspect of it they are about.
        Some(account) => Some(desk.recall(account, &Subject::VaultObject(file.id.clone())).await?.0),
        None => None,
    };
    let standings = standing::of(Approvable::Azure(&file), known.as_ref(), &public_keys, now);
    let listed = vec![Listed { file: File::Azure(Box::new(file)), standings }];
    Ok(Found { listed, public_keys, unread_ledger: account.is_none().then_some("--ledger-account") })
}

/// The public keys to judge with: all that were given, else those that were named, read live by `entry`, which knows those of its own
/// cloud: the environment may name one of the other.
async fn public_keys(
    arguments: &ApprovalsArguments,
    entry: impl AsyncFn(&SealingName) -> anyhow::Result<Option<String>>,
) -> anyhow::Result<PublicKeys> {
    if let Some(keys) = &arguments.judging.approval_keys {
        return Ok(PublicKeys { keys: keys.clone(), are_all: true });
    }
    let mut entries = Vec::new();
    for name in &arguments.sealing_keys {
        entries.extend(entry(name).await?);
    }
    Ok(PublicKeys { keys: ApprovalKeys::parse(&entries.join(","))?, are_all: false })
}

fn notes(unread_ledger: Option<&str>, keys: &ApprovalKeys) -> impl Iterator<Item = String> {
    let ledger = unread_ledger.map(|option| format!("The ledger was not read, which holds late approvals and revocations: give {option}."));
    let unverified = "No public key was given to judge seals with: give --approval-key, or set REPRIEVE_APPROVAL_KEYS.";
    let notes = [ledger, keys.is_empty().then(|| unverified.to_owned())];
    notes.into_iter().flatten()
}

fn print(listed: &[Listed], arguments: &ApprovalsArguments, out: &mut impl Write) -> anyhow::Result<()> {
    let with_approvals: Vec<&Listed> = listed.iter().filter(|listed| !listed.standings.is_empty()).collect();
    if with_approvals.is_empty() {
        match &arguments.resource {
            Some(resource) => writeln!(out, "There is no approval of {resource}.")?,
            None => writeln!(out, "There is no approval on any of {} keys.", listed.len())?,
        }
        return Ok(());
    }
    for Listed { file, standings } in with_approvals {
        let resource = file.resource();
        writeln!(out, "{}  {}", resource.name().bold(), format!("{} ({})", resource.id(), resource.state()).bright_black())?;
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
