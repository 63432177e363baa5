//! `reprieve approve`: seals an approval with a key in KMS or Key Vault, and writes it where the guard will find it.
//!
//! It refuses what would not help: an approval that no policy would let pass, or for a window that covers nothing; and, unless it is
//! told to, what would take the place of another's approval. Nothing is written that does not verify.

mod foresight;
mod remains;
mod replacing;
mod report;
mod side;
mod window;

use anyhow::Context as _;
use jiff::Timestamp;
use reprieve_core::approval::slot::{TagPlan, TagSlot};
use reprieve_core::approval::{ApprovalSource, SealError, SealedApproval, Written};
use reprieve_core::{ApprovalKeys, Policy};

use self::foresight::{Foresight, Together, foresee, left_on_resource, to_be, together};
use self::replacing::Replacing;
use self::report::Report;
use self::side::{Open, Seen, Side};
use self::window::Act;
use crate::args::desk::ApproveArguments;
use crate::desk::approvable::Approvable;
use crate::desk::name::{ResourceName, SealingName};
use crate::desk::{quoted, short_approver};

/// Where an approval goes.
enum Place<'a> {
    /// Onto the resource, as tags.
    Resource(Box<TagPlan>),
    /// Into the ledger, by its name.
    Ledger(&'a str),
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
    let open = Open::at(arguments, sealing_key).await?;
    let approval = unsealed(&open, arguments).await?;
    let seen = open.look(arguments, &|written| check_revoked(arguments, written)).await?;
    let mut draft = draft(approval, &seen, &policy, arguments, now)?;
    if !arguments.dry_run {
        carry_out(&seen.side, &mut draft, arguments).await?;
    }
    let resource = seen.side.resource();
    let report = Report {
        remains: remains::after(resource, &draft.approval, arguments, &draft.foresight),
        written: draft.place.words(resource, arguments.dry_run),
        resource,
        approval: &draft.approval,
        window: arguments.window,
        seal_key: seen.side.seal_key(),
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
fn check_arguments(arguments: &ApproveArguments, now: Timestamp) -> anyhow::Result<&SealingName> {
    // Notices print the command with `CHG-...` where only a person can know the change.
    anyhow::ensure!(!arguments.change.contains("..."), "`{}` stands for a change: put its id in that place", arguments.change);
    if arguments.late {
        ledger(arguments)?;
    } else {
        window::judge(arguments.window, Act::ToCome, now)?;
    }
    let hint = match &arguments.resource {
        ResourceName::Key(_) => {
            "no approval key is named: give --approval-key alias/NAME, or set REPRIEVE_APPROVAL_KEY (infra/aws/approval-key.yaml makes one)"
        }
        ResourceName::Azure(_) => {
            "no approval key is named: give --approval-key https://NAME.vault.azure.net/keys/KEY, or set REPRIEVE_APPROVAL_KEY"
        }
    };
    arguments.sealing.approval_key.as_ref().context(hint)
}

fn ledger(arguments: &ApproveArguments) -> anyhow::Result<&str> {
    let (ledger, hint) = match &arguments.resource {
        ResourceName::Key(_) => {
            (&arguments.ledger.ledger_table, "a late approval goes into the ledger: give --ledger-table, or set REPRIEVE_LEDGER_TABLE")
        }
        ResourceName::Azure(_) => (
            &arguments.ledger.ledger_account,
            "a late approval goes into the ledger: give --ledger-account, or set REPRIEVE_AZURE_STORAGE_ACCOUNT",
        ),
    };
    ledger.as_deref().context(hint)
}

/// What is to be sealed, in the approver's name.
async fn unsealed(open: &Open, arguments: &ApproveArguments) -> anyhow::Result<SealedApproval> {
    let approver = match &arguments.approver {
        Some(name) => name.clone(),
        None => open.approver().await?,
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

/// Works out where the approval goes, and whether it would help.
fn draft<'a>(
    mut approval: SealedApproval,
    seen: &Seen,
    policy: &Policy,
    arguments: &'a ApproveArguments,
    now: Timestamp,
) -> anyhow::Result<Draft<'a>> {
    let Seen { side, written, act } = seen;
    let (resource, seal_key, written) = (side.resource(), side.seal_key(), written.as_ref());
    // The public keys at hand: those of the configuration, else the one that seals.
    let keys = arguments.judging.approval_keys.clone().map_or_else(|| side.keys(), Ok)?;
    let place = if arguments.late {
        Place::Ledger(ledger(arguments)?)
    } else {
        Place::Resource(Box::new(TagPlan::of(resource.tags(), &approval, seal_key, &resource, &keys)))
    };
    let (at, mut warnings) = window::judge(arguments.window, *act, now)?;
    warnings.extend(warnings_of(arguments, side, written));
    if let Place::Resource(plan) = &place {
        approval.window.clone_from(&plan.window);
        side.check_room(&approval, plan)?;
        let replacing = Replacing { plan, approval: &approval, seal_key, resource, keys: &keys };
        if !arguments.replace {
            replacing.check(written, now)?;
        }
        warnings.extend(replacing.warning());
    }
    let expected = to_be(&approval, resource, seal_key, place.source())?;
    let left = left_on_resource(resource.tags(), place.plan());
    let Together { approvers, untold } = together(resource, left, written, &approval.action, &expected, &keys, at);
    let foresight = foresee(policy, resource, &approval.action, &expected, approvers, at)?;
    if let (Some(other), Foresight::NeedsOthers(_)) = (&untold, &foresight) {
        warnings.push(format!("`{other}` approved it too, and the two count as one: {}", replacing::same_kind_of_name(resource)));
    }
    Ok(Draft { approval, place, at, foresight, warnings })
}

/// Seals the approval and writes it.
async fn carry_out(side: &Side, draft: &mut Draft<'_>, arguments: &ApproveArguments) -> anyhow::Result<()> {
    let source = draft.place.source();
    side.seal(&mut draft.approval, source).await?;
    check_configured(&draft.approval, side.resource(), arguments, draft.at, source)?;
    match &draft.place {
        Place::Resource(plan) => side.write_tags(&draft.approval, plan).await,
        Place::Ledger(ledger) => side.approve_in_ledger(ledger, &draft.approval).await,
    }
}

impl Place<'_> {
    const fn source(&self) -> ApprovalSource {
        match self {
            Self::Resource(_) => ApprovalSource::SealedTags,
            Self::Ledger(_) => ApprovalSource::Ledger,
        }
    }

    fn plan(&self) -> Option<&TagPlan> {
        match self {
            Self::Resource(plan) => Some(plan.as_ref()),
            Self::Ledger(_) => None,
        }
    }

    fn slot(&self) -> Option<TagSlot> {
        self.plan().map(|plan| plan.slot)
    }

    fn words(&self, resource: Approvable<'_>, dry_run: bool) -> String {
        let would = if dry_run { "would go " } else { "" };
        match self {
            Self::Ledger(ledger) => format!("{would}into the ledger `{ledger}`"),
            Self::Resource(plan) => {
                let beside = plan.beside.as_ref().map(|first| short_approver(&first.approver));
                let beside = beside.map(|first| format!(", as the second approval beside that of {first}")).unwrap_or_default();
                format!("{would}onto {} as tags{beside}", resource.name())
            }
        }
    }
}

/// Refuses a change that was revoked.
fn check_revoked(arguments: &ApproveArguments, written: Option<&Written>) -> anyhow::Result<()> {
    let revoked = written.into_iter().flat_map(|known| &known.revocations).find(|revocation| revocation.change == arguments.change);
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

/// What a change manager should know of the key that seals, and of what could not be looked at.
fn warnings_of(arguments: &ApproveArguments, side: &Side, written: Option<&Written>) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(keys) = &arguments.judging.approval_keys
        && !keys.ids().any(|id| id == side.seal_key())
    {
        warnings.push(format!(
            "`{}` is not among REPRIEVE_APPROVAL_KEYS: the guard will not believe its seals before `reprieve approval-key {}` is added",
            side.seal_key(),
            quoted(&side.sealing_name())
        ));
    }
    if written.is_none() {
        let option = match side {
            Side::Aws { .. } => "--ledger-table",
            Side::Azure { .. } => "--ledger-account",
        };
        warnings.push(format!("the ledger was not read, which would show whether the change was revoked: give {option}"));
    }
    warnings
}

/// Says whether an approval holds, as far as can be judged: one whose public key is not at hand may.
fn may_hold(approval: &SealedApproval, resource: Approvable<'_>, keys: &ApprovalKeys) -> bool {
    matches!(approval.verify(&resource, None, keys, ApprovalSource::SealedTags), Ok(_) | Err(SealError::UnknownKey(_)))
}

/// Refuses a seal that the functions would not believe: their public key of that id is another one, or does not seal at that time.
fn check_configured(
    approval: &SealedApproval,
    resource: Approvable<'_>,
    arguments: &ApproveArguments,
    at: Timestamp,
    source: ApprovalSource,
) -> anyhow::Result<()> {
    let Some(keys) = &arguments.judging.approval_keys else {
        return Ok(());
    };
    match approval.verify(&resource, Some(at), keys, source) {
        // That was warned of: the functions may be configured with it before the window opens.
        Ok(_) | Err(SealError::UnknownKey(_)) => Ok(()),
        Err(error) => {
            anyhow::bail!("nothing was written, because with REPRIEVE_APPROVAL_KEYS as given the guard would not believe it: {error}")
        }
    }
}
