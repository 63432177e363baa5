//! `reprieve approve`: seals an approval with KMS, and writes it where the guard will find it.
//!
//! It refuses what would not help: an approval that no policy would let pass, or for a window that covers nothing. Nothing is written
//! that does not verify.

mod foresight;
mod remains;
mod report;
mod window;

use anyhow::Context as _;
use jiff::Timestamp;
use reprieve_aws_desk::{Desk, KeyFile, KeyName, SealingKey, TagPlan, TagSlot, seal_key_of};
use reprieve_core::approval::{ApprovalSource, SealError, SealedApproval};
use reprieve_core::facts::Recollection;
use reprieve_core::{ApprovalKeys, KeyArn, Policy};

use self::foresight::{Foresight, foresee, others_approved, to_be};
use self::report::Report;
use self::window::Act;
use crate::args::desk::ApproveArguments;
use crate::desk::{name_of, quoted, short_approver};

/// Where an approval goes.
enum Place<'a> {
    /// Onto the key, as tags.
    Key(Box<TagPlan>),
    /// Into the ledger's table.
    Ledger(&'a str),
}

/// What was looked at.
struct Seen {
    key: KeyFile,
    /// What the ledger knows of the key, where it was named.
    recollection: Option<Recollection>,
    sealing_key: SealingKey,
    /// The public keys at hand: those of the configuration, else the one that seals.
    approval_keys: ApprovalKeys,
}

/// An approval that may be given: nothing speaks against it.
struct Draft<'a> {
    approval: SealedApproval,
    place: Place<'a>,
    /// The moment that the policies were asked about.
    at: Timestamp,
    foresight: Foresight,
    warnings: Vec<String>,
}

/// Approves the change.
///
/// # Errors
/// Says why it was refused, or what the cloud answered.
pub(crate) async fn run(arguments: &ApproveArguments, now: Timestamp) -> anyhow::Result<()> {
    // What can be known without a call is checked before any.
    let policy = crate::policies::load(arguments.policies.as_deref())?;
    let sealing_key = check_arguments(arguments, now)?;
    let desk = crate::desk::open(&arguments.cloud).await?.or_at(&arguments.key);
    let approval = unsealed(&desk, arguments).await?;
    let seen = look(&desk, sealing_key, arguments).await?;
    let mut draft = draft(approval, &seen, &policy, arguments, now)?;
    if !arguments.dry_run {
        carry_out(&desk, &seen, &mut draft, arguments).await?;
    }
    let report = Report {
        remains: remains::after(&seen.key, &draft.approval, arguments, &draft.foresight),
        written: draft.place.words(&seen.key, arguments.dry_run),
        key: &seen.key,
        approval: &draft.approval,
        window: arguments.window,
        seal_key: &seen.sealing_key.id,
        source: draft.place.source(),
        slot: draft.place.slot(),
        dry_run: arguments.dry_run,
        warnings: draft.warnings,
        now,
    };
    let mut out = anstream::stdout().lock();
    if arguments.json { report.print_json(&mut out) } else { report.print(&mut out) }
}

/// Returns the name of the key that seals.
fn check_arguments(arguments: &ApproveArguments, now: Timestamp) -> anyhow::Result<&KeyName> {
    // Notices print the command with `CHG-...` where only a person can know the change.
    anyhow::ensure!(!arguments.change.contains("..."), "`{}` stands for a change: put its id in that place", arguments.change);
    if arguments.late {
        ledger_table(arguments)?;
    } else {
        window::judge(arguments.window, Act::ToCome, now)?;
    }
    arguments.sealing.approval_key.as_ref().context(
        "no approval key is named: give --approval-key alias/NAME, or set REPRIEVE_APPROVAL_KEY (infra/aws/approval-key.yaml makes one)",
    )
}

fn ledger_table(arguments: &ApproveArguments) -> anyhow::Result<&str> {
    let table = arguments.ledger.ledger_table.as_deref();
    table.context("a late approval goes into the ledger: give --ledger-table, or set REPRIEVE_LEDGER_TABLE")
}

/// What is to be sealed, in the approver's name.
async fn unsealed(desk: &Desk, arguments: &ApproveArguments) -> anyhow::Result<SealedApproval> {
    let approver = match &arguments.approver {
        Some(name) => name.clone(),
        None => desk.caller().await?.arn,
    };
    let approval = SealedApproval {
        change: arguments.change.clone(),
        action: arguments.action.clone(),
        window: arguments.window.to_text(),
        approver,
        seal: String::new(),
    };
    approval.check_values().context("such an approval cannot be sealed")?;
    Ok(approval)
}

async fn look(desk: &Desk, sealing_key: &KeyName, arguments: &ApproveArguments) -> anyhow::Result<Seen> {
    let key = desk.key(&arguments.key).await?;
    let recollection = match &arguments.ledger.ledger_table {
        Some(table) => Some(desk.recall(table, &key.arn).await?),
        None => None,
    };
    check_key(&key, arguments, recollection.as_ref())?;
    let sealing_key = desk.sealing_key(sealing_key, arguments.sealing.key_id.as_deref()).await?;
    let approval_keys = match &arguments.judging.approval_keys {
        Some(keys) => keys.clone(),
        None => sealing_key.keys()?,
    };
    Ok(Seen { key, recollection, sealing_key, approval_keys })
}

/// Works out where the approval goes, and whether it would help.
fn draft<'a>(
    mut approval: SealedApproval,
    seen: &Seen,
    policy: &Policy,
    arguments: &'a ApproveArguments,
    now: Timestamp,
) -> anyhow::Result<Draft<'a>> {
    let Seen { key, recollection, sealing_key, approval_keys } = seen;
    let place = if arguments.late {
        Place::Ledger(ledger_table(arguments)?)
    } else {
        Place::Key(Box::new(TagPlan::of(&key.tags, &approval, &sealing_key.id, &key.arn, approval_keys)))
    };
    let (at, mut warnings) = window::judge(arguments.window, act(key, arguments, recollection.as_ref()), now)?;
    warnings.extend(key_warnings(arguments, sealing_key, recollection.as_ref()));
    if let Place::Key(plan) = &place {
        approval.window.clone_from(&plan.window);
        warnings.extend(replacement(plan, &approval, sealing_key));
    }
    let expected = to_be(&approval, key, &sealing_key.id, place.source())?;
    let others = others_approved(key, recollection.as_ref(), &approval.action, &expected, approval_keys, at);
    let foresight = foresee(policy, key, &approval.action, &expected, 1 + u32::from(others), at)?;
    Ok(Draft { approval, place, at, foresight, warnings })
}

/// Seals the approval and writes it.
async fn carry_out(desk: &Desk, seen: &Seen, draft: &mut Draft<'_>, arguments: &ApproveArguments) -> anyhow::Result<()> {
    let key = &seen.key.arn;
    let source = draft.place.source();
    desk.seal(&seen.sealing_key, &mut draft.approval, key, source).await?;
    check_configured(&draft.approval, key, arguments, draft.at, source)?;
    match &draft.place {
        Place::Key(plan) => desk.write_tags(key, &draft.approval, plan).await?,
        Place::Ledger(table) => desk.approve_in_ledger(table, key, &draft.approval).await?,
    }
    Ok(())
}

impl Place<'_> {
    const fn source(&self) -> ApprovalSource {
        match self {
            Self::Key(_) => ApprovalSource::SealedTags,
            Self::Ledger(_) => ApprovalSource::Ledger,
        }
    }

    const fn slot(&self) -> Option<TagSlot> {
        match self {
            Self::Key(plan) => Some(plan.slot),
            Self::Ledger(_) => None,
        }
    }

    fn words(&self, key: &KeyFile, dry_run: bool) -> String {
        let would = if dry_run { "would go " } else { "" };
        match self {
            Self::Ledger(table) => format!("{would}into the ledger `{table}`"),
            Self::Key(plan) => {
                let beside = plan.beside.as_ref().map(|first| short_approver(&first.approver));
                let beside = beside.map(|first| format!(", as the second approval beside that of {first}")).unwrap_or_default();
                format!("{would}onto {} as tags{beside}", name_of(key))
            }
        }
    }
}

/// Refuses keys whose approval would help nobody.
fn check_key(key: &KeyFile, arguments: &ApproveArguments, recollection: Option<&Recollection>) -> anyhow::Result<()> {
    anyhow::ensure!(
        !key.aws_managed,
        "`{}` is managed by AWS: nobody can delete, disable or tag it, so there is nothing to approve",
        arguments.key
    );
    anyhow::ensure!(
        arguments.late || !key.deletion_is_pending(),
        "`{}` waits for its deletion ({}), and such a key cannot be tagged: approve in the ledger, with --late",
        name_of(key),
        key.state.as_str()
    );
    let revoked = recollection.into_iter().flat_map(|known| &known.revocations).find(|revocation| revocation.change == arguments.change);
    if let Some(revocation) = revoked {
        let reason = revocation.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        anyhow::bail!(
            "change `{}` was revoked by {} at {}{reason}, and stays so: approve under another change id",
            revocation.change,
            revocation.by,
            crate::desk::moment(revocation.at)
        );
    }
    Ok(())
}

/// When it happens: a late approval is for what the key's open case is about.
fn act(key: &KeyFile, arguments: &ApproveArguments, recollection: Option<&Recollection>) -> Act {
    if !arguments.late {
        return Act::ToCome;
    }
    let case = recollection.and_then(|known| known.case.as_ref()).filter(|case| case.threat.action() == arguments.action);
    match case {
        Some(case) => case.event_time.map_or(Act::AtUnknownTime, Act::At),
        None if key.deletion_is_pending() && arguments.action == "delete" => Act::AtUnknownTime,
        None => Act::ToCome,
    }
}

/// What a change manager should know of the key that seals, and of what could not be looked at.
fn key_warnings(arguments: &ApproveArguments, sealing_key: &SealingKey, recollection: Option<&Recollection>) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(keys) = &arguments.judging.approval_keys
        && !keys.ids().any(|id| id == sealing_key.id)
    {
        warnings.push(format!(
            "`{}` is not among REPRIEVE_APPROVAL_KEYS: the guard will not believe its seals before `reprieve approval-key {}` is added",
            sealing_key.id,
            quoted(sealing_key.arn.as_str())
        ));
    }
    if recollection.is_none() {
        warnings.push("the ledger was not read, which would show whether the change was revoked: give --ledger-table".to_owned());
    }
    warnings
}

/// What becomes of the approval that stood where this one goes.
fn replacement(plan: &TagPlan, approval: &SealedApproval, sealing_key: &SealingKey) -> Option<String> {
    let replaced = plan.replaces.as_ref()?;
    let who = short_approver(&replaced.approver);
    if replaced.change != approval.change {
        return Some(format!("it takes the place of change {}, approved by {who}: a key carries one change at a time", replaced.change));
    }
    if replaced.approver == approval.approver {
        return None;
    }
    let same_key = seal_key_of(replaced) == Some(sealing_key.id.as_str());
    let why = if same_key { "; under one approval key two people count as one, so use another to approve beside each other" } else { "" };
    Some(format!("it takes the place of the approval by {who}{why}"))
}

/// Says whether an approval holds, as far as can be judged: one whose public key is not at hand may.
fn may_hold(approval: &SealedApproval, resource: &KeyArn, keys: &ApprovalKeys) -> bool {
    matches!(approval.verify(resource, None, keys, ApprovalSource::SealedTags), Ok(_) | Err(SealError::UnknownKey(_)))
}

/// Refuses a seal that the functions would not believe: their public key of that id is another one, or does not seal at that time.
fn check_configured(
    approval: &SealedApproval,
    key: &KeyArn,
    arguments: &ApproveArguments,
    at: Timestamp,
    source: ApprovalSource,
) -> anyhow::Result<()> {
    let Some(keys) = &arguments.judging.approval_keys else {
        return Ok(());
    };
    match approval.verify(key, Some(at), keys, source) {
        // That was warned of: the functions may be configured with it before the window opens.
        Ok(_) | Err(SealError::UnknownKey(_)) => Ok(()),
        Err(error) => {
            anyhow::bail!("nothing was written, because with REPRIEVE_APPROVAL_KEYS as given the guard would not believe it: {error}")
        }
    }
}
