//! `reprieve revoke`: withdraws the approvals of a change on a key or a resource in Azure. The ledger says so first, because that holds
//! whatever happens to the tags; then the tags go, where they can. A key or resource that cannot be read is revoked all the same, where
//! it was named in full.

use std::io::Write;

use anyhow::Context as _;
use jiff::Timestamp;
use owo_colors::OwoColorize as _;
use reprieve_aws_desk as aws;
use reprieve_azure_desk as azure;
use reprieve_core::KeyArn;
use reprieve_core::approval::{CHANGE_TAG, Revocation, SealedApproval, Written};
use reprieve_core::azure::subject::kind;
use reprieve_core::azure::{ResourceId, Subject};
use serde::Serialize;

use crate::args::desk::RevokeArguments;
use crate::desk::approvable::Approvable;
use crate::desk::name::ResourceName;
use crate::desk::{moment, written};
use crate::style::{WIDTH, highlight, wrap};

/// The longest change id and reason, in characters.
const TEXT_LIMIT: usize = 256;

/// What became of the tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
enum TagsAfter {
    /// The change's tags were removed.
    Removed,
    /// The resource carries none.
    None,
    /// The tags are of another change, and stay.
    OtherChange { change: String },
    /// They cannot be changed while the deletion is pending, or before the resource is recovered.
    Pending,
    /// They could not be removed.
    Failed { why: String },
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    revoked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aliases: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    change: &'a str,
    by: &'a str,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// When it was revoked before, if it was; the first word stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_before: Option<Timestamp>,
    /// Whether an approval of the change was found on the resource or in the ledger.
    approval_found: bool,
    tags: &'a TagsAfter,
    next: &'a str,
}

/// What the change is revoked on, as the report names it.
struct Revoked<'a> {
    key: Option<&'a str>,
    aliases: Option<&'a [String]>,
    resource: Option<&'a str>,
    id: &'a str,
    name: &'a str,
    kind: &'static str,
    /// What stands before its id.
    caption: &'static str,
    /// Whether it could be read, with its tags.
    is_read: bool,
    /// The change that its tags name.
    tagged: Option<&'a str>,
    next: &'static str,
}

/// What was read, with the desk that removes its tags.
enum Seen<'a> {
    Key { desk: &'a aws::Desk, key: &'a aws::KeyFile },
    Azure { desk: &'a azure::Desk, file: &'a azure::ResourceFile },
}

/// What could not be read, and why.
struct Unread<'a> {
    revoked: Revoked<'a>,
    why: String,
}

/// What the ledger says from now on, and what it knew before.
struct Noted<'a> {
    ledger: &'a str,
    known: Written,
    revocation: Revocation,
}

/// What is to be revoked.
struct Request<'a> {
    change: &'a str,
    reason: Option<&'a str>,
    now: Timestamp,
    json: bool,
}

/// Revokes the change.
///
/// # Errors
/// Says what cannot be used, or what the cloud answered. Tags that cannot be removed are no error: the revocation stands without.
pub(crate) async fn run(arguments: &RevokeArguments, now: Timestamp) -> anyhow::Result<()> {
    let ledger = ledger(arguments)?;
    let change = checked("--change", &arguments.change)?;
    let reason = arguments.reason.as_deref().map(|reason| checked("--reason", reason)).transpose()?;
    let request = Request { change, reason, now, json: arguments.json };
    match &arguments.resource {
        ResourceName::Key(name) => of_key(name, ledger, &request, arguments).await,
        ResourceName::Azure(name) => of_resource(name, ledger, &request, arguments).await,
    }
}

fn ledger(arguments: &RevokeArguments) -> anyhow::Result<&str> {
    let (ledger, hint) = match &arguments.resource {
        ResourceName::Key(_) => (&arguments.ledger.ledger_table, "give --ledger-table, or set REPRIEVE_LEDGER_TABLE"),
        ResourceName::Azure(_) => (&arguments.ledger.ledger_account, "give --ledger-account, or set REPRIEVE_AZURE_STORAGE_ACCOUNT"),
    };
    ledger.as_deref().with_context(|| format!("a revocation is written into the ledger: {hint} (removed tags alone could be put back)"))
}

async fn of_key(name: &aws::KeyName, ledger: &str, request: &Request<'_>, arguments: &RevokeArguments) -> anyhow::Result<()> {
    let desk = crate::desk::open(&arguments.cloud).await?.or_at(name);
    let by = desk.caller().await?.arn;
    let (arn, key) = match (desk.key(name).await, KeyArn::parse(name.as_str())) {
        (Ok(key), _) => (key.arn.clone(), Ok(key)),
        // A key that does not exist was not meant, and an alias or id does not say which one was.
        (Err(error @ aws::DeskError::NoSuchKey { .. }), _) | (Err(error), Err(_)) => return Err(error.into()),
        (Err(error), Ok(arn)) => (arn, Err(error)),
    };
    let known = written(&desk.recall(ledger, &arn).await?);
    let revocation = request.revocation(by);
    desk.revoke_in_ledger(ledger, &arn, &revocation).await?;
    let seen = key.as_ref().map(|key| Seen::Key { desk: &desk, key });
    let seen = seen.map_err(|error| Unread { revoked: Revoked::unread_key(&arn), why: error.to_string() });
    request.finish(seen, &Noted { ledger, known, revocation }).await
}

async fn of_resource(name: &azure::ResourceName, ledger: &str, request: &Request<'_>, arguments: &RevokeArguments) -> anyhow::Result<()> {
    let desk = crate::desk::open_azure(&arguments.azure)?;
    let by = desk.caller().await?.approver();
    // Of a container, approvals stand on its storage account.
    let id = Subject::AuditContainer(desk.locate(name).await?).approval_resource();
    let file = match desk.resource(&id).await {
        // A resource that does not exist was not meant.
        Err(error @ azure::DeskError::NoSuchResource { .. }) => return Err(error.into()),
        file => file,
    };
    // Revocations are of the resource, whatever aspect of it the approvals are about.
    let (known, _) = desk.recall(ledger, &Subject::VaultObject(id.clone())).await?;
    let revocation = request.revocation(by);
    desk.revoke_in_ledger(ledger, &id, &revocation).await?;
    let seen = file.as_ref().map(|file| Seen::Azure { desk: &desk, file });
    let seen = seen.map_err(|error| Unread { revoked: Revoked::unread_resource(&id), why: error.to_string() });
    request.finish(seen, &Noted { ledger, known, revocation }).await
}

impl Seen<'_> {
    const fn resource(&self) -> Approvable<'_> {
        match self {
            Self::Key { key, .. } => Approvable::Key(key),
            Self::Azure { file, .. } => Approvable::Azure(file),
        }
    }

    /// Removes the approval's tags.
    async fn untag(&self) -> TagsAfter {
        match self {
            Self::Key { desk, key } => match desk.remove_approval(&key.arn, &key.tags).await {
                Ok(()) => TagsAfter::Removed,
                Err(aws::DeskError::PendingDeletion { .. }) => TagsAfter::Pending,
                Err(error) => TagsAfter::Failed { why: error.to_string() },
            },
            Self::Azure { desk, file } => match desk.remove_approval(file).await {
                Ok(()) => TagsAfter::Removed,
                Err(azure::DeskError::Deleted { .. }) => TagsAfter::Pending,
                Err(error) => TagsAfter::Failed { why: error.to_string() },
            },
        }
    }
}

impl<'a> Revoked<'a> {
    fn read(resource: Approvable<'a>) -> Self {
        Self {
            key: resource.key(),
            aliases: resource.aliases(),
            resource: resource.resource(),
            id: resource.id(),
            name: resource.name(),
            kind: resource.kind(),
            caption: resource.caption(),
            is_read: true,
            tagged: resource.tags().get(CHANGE_TAG).map(String::as_str),
            next: next(resource),
        }
    }

    fn unread_key(arn: &'a KeyArn) -> Self {
        Self {
            key: Some(arn.as_str()),
            aliases: None,
            resource: None,
            id: arn.as_str(),
            name: arn.key_id(),
            kind: "key",
            caption: "key",
            is_read: false,
            tagged: None,
            next: "nothing of this change passes on this key any more; where its deletion is pending, the next sweep takes that back, unless \
                   an approval of another change covers it",
        }
    }

    fn unread_resource(id: &'a ResourceId) -> Self {
        Self {
            key: None,
            aliases: None,
            resource: Some(id.as_str()),
            id: id.as_str(),
            name: id.name(),
            kind: kind(id),
            caption: "resource",
            is_read: false,
            tagged: None,
            next: "nothing of this change passes on this resource any more; where it is deleted, the next sweep recovers it, unless an \
                   approval of another change covers its deletion",
        }
    }
}

impl Request<'_> {
    fn revocation(&self, by: String) -> Revocation {
        Revocation { change: self.change.to_owned(), by, at: self.now, reason: self.reason.map(ToOwned::to_owned) }
    }

    /// Removes the tags where they are the change's, and reports.
    async fn finish(&self, seen: Result<Seen<'_>, Unread<'_>>, noted: &Noted<'_>) -> anyhow::Result<()> {
        let seen = match seen {
            Ok(seen) => seen,
            Err(Unread { revoked, why }) => return self.report(&revoked, noted, &TagsAfter::Failed { why }),
        };
        let tags = match tags_now(seen.resource(), self.change) {
            Some(tags) => tags,
            None => seen.untag().await,
        };
        self.report(&Revoked::read(seen.resource()), noted, &tags)
    }

    fn report(&self, revoked: &Revoked<'_>, noted: &Noted<'_>, tags: &TagsAfter) -> anyhow::Result<()> {
        let Noted { ledger, known, revocation } = noted;
        let before = known.revocations.iter().find(|revocation| revocation.change == self.change);
        let report = Report {
            revoked: true,
            key: revoked.key,
            aliases: revoked.aliases,
            resource: revoked.resource,
            change: self.change,
            by: &revocation.by,
            at: revocation.at,
            reason: self.reason,
            revoked_before: before.map(|revocation| revocation.at),
            approval_found: is_approved(revoked, known, self.change),
            tags,
            next: revoked.next,
        };
        let mut out = anstream::stdout().lock();
        if self.json {
            return Ok(writeln!(out, "{}", serde_json::to_string(&report)?)?);
        }
        print(&report, revoked, ledger, &mut out)
    }
}

fn checked<'a>(option: &str, text: &'a str) -> anyhow::Result<&'a str> {
    let text = text.trim();
    anyhow::ensure!(!text.is_empty(), "{option} is empty: write some text");
    anyhow::ensure!(text.chars().count() <= TEXT_LIMIT, "{option} is longer than {TEXT_LIMIT} characters: shorten it");
    anyhow::ensure!(!text.chars().any(char::is_control), "{option} holds a control character: write it in one line of text");
    Ok(text)
}

/// What is known of the tags without a call; `None` where they are to be removed.
fn tags_now(resource: Approvable<'_>, change: &str) -> Option<TagsAfter> {
    match resource.tags().get(CHANGE_TAG) {
        None => Some(TagsAfter::None),
        Some(other) if other != change => Some(TagsAfter::OtherChange { change: other.clone() }),
        Some(_) => resource.is_going().then_some(TagsAfter::Pending),
    }
}

fn is_approved(revoked: &Revoked<'_>, known: &Written, change: &str) -> bool {
    let in_ledger = known.approvals.iter().any(|approval: &SealedApproval| approval.change == change);
    in_ledger || revoked.tagged == Some(change)
}

const fn next(resource: Approvable<'_>) -> &'static str {
    match (resource, resource.is_going()) {
        (Approvable::Key(_), true) => "the next sweep takes the pending deletion back, unless an approval of another change covers it",
        (Approvable::Key(_), false) => "nothing of this change passes on this key any more; to approve anew, use another change id",
        (Approvable::Azure(_), true) => "the next sweep recovers it, unless an approval of another change covers its deletion",
        (Approvable::Azure(_), false) => "nothing of this change passes on this resource any more; to approve anew, use another change id",
    }
}

fn print(report: &Report<'_>, revoked: &Revoked<'_>, ledger_name: &str, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "{}  {}: {}", "REVOKED".red().bold(), report.change.bold(), revoked.name.bold())?;
    let ledger = match report.revoked_before {
        Some(at) => format!("`{ledger_name}` said so already, since {}; the first word stays", moment(at)),
        None => format!("`{ledger_name}` says so from now on, for every action of the change"),
    };
    let tags = match report.tags {
        TagsAfter::Removed => "removed".to_owned(),
        TagsAfter::None => format!("the {} carries no approval", revoked.kind),
        TagsAfter::OtherChange { change } => format!("they approve change {change}, and stay"),
        TagsAfter::Pending if revoked.key.is_some() => "they stay until the deletion is taken back, and count for nothing".to_owned(),
        TagsAfter::Pending => "they stay until it is recovered, and count for nothing".to_owned(),
        TagsAfter::Failed { why } => format!("they could not be removed, and count for nothing: {why}"),
    };
    let kind = revoked.kind;
    let unknown = format!("neither the {kind} nor the ledger holds an approval of this change: if one comes, it is revoked already");
    let fields = [
        (revoked.caption, revoked.id),
        ("by", report.by),
        ("reason", report.reason.unwrap_or_default()),
        ("ledger", &ledger),
        ("tags", &tags),
        // Of tags that were not read nothing is said.
        ("note", if report.approval_found || !revoked.is_read { "" } else { &unknown }),
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
