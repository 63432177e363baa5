//! What an approval needs of its cloud: a look at the resource, a seal, and a place to write it. Each cloud's own ways end here.

use reprieve_aws_desk as aws;
use reprieve_azure_desk as azure;
use reprieve_core::ApprovalKeys;
use reprieve_core::approval::slot::TagPlan;
use reprieve_core::approval::{ApprovalSource, SealedApproval, Written};

use super::window::Act;
use crate::args::desk::{AZURE_ACTIONS, ApproveArguments};
use crate::desk::approvable::Approvable;
use crate::desk::name::{ResourceName, SealingName};
use crate::desk::{name_of, written};

/// Where the desk is open.
pub(super) enum Open {
    Aws { desk: Box<aws::Desk>, name: aws::KeyName, sealing: aws::KeyName },
    Azure { desk: azure::Desk, name: azure::ResourceName, sealing: azure::SealingName },
}

/// The resource and the key that seals, in one cloud.
pub(super) enum Side {
    Aws { desk: Box<aws::Desk>, key: Box<aws::KeyFile>, sealing_key: aws::SealingKey },
    Azure { desk: azure::Desk, file: Box<azure::ResourceFile>, sealing_key: azure::SealingKey },
}

/// What was looked at.
pub(super) struct Seen {
    pub(super) side: Side,
    /// What the ledger holds of approvals, where it was named.
    pub(super) written: Option<Written>,
    /// When it happens: a late approval is for what the resource's open case is about.
    pub(super) act: Act,
}

/// Refuses a change that was revoked.
type Check<'a> = &'a dyn Fn(Option<&Written>) -> anyhow::Result<()>;

impl Open {
    /// Opens the desk of the resource's cloud.
    ///
    /// # Errors
    /// When the approval key is of the other cloud, the action is none of it, or the desk cannot be opened.
    pub(super) async fn at(arguments: &ApproveArguments, sealing: &SealingName) -> anyhow::Result<Self> {
        match &arguments.resource {
            ResourceName::Key(name) => {
                let action = arguments.action.as_str();
                anyhow::ensure!(
                    !AZURE_ACTIONS.contains(&action),
                    "`{action}` is nothing that is done to a KMS key: name a resource in Azure, or another action"
                );
                let (name, sealing) = (name.clone(), sealing.of_kms()?.clone());
                Ok(Self::Aws { desk: Box::new(crate::desk::open(&arguments.cloud).await?.or_at(&name)), name, sealing })
            }
            ResourceName::Azure(name) => {
                let (name, sealing) = (name.clone(), sealing.of_key_vault()?.clone());
                Ok(Self::Azure { desk: crate::desk::open_azure(&arguments.azure)?, name, sealing })
            }
        }
    }

    /// Returns the name of whoever sits here.
    ///
    /// # Errors
    /// When the cloud does not say.
    pub(super) async fn approver(&self) -> anyhow::Result<String> {
        Ok(match self {
            Self::Aws { desk, .. } => desk.caller().await?.arn,
            Self::Azure { desk, .. } => desk.caller().await?.approver(),
        })
    }

    /// Looks at the resource, the ledger and the key that seals. `check` sees what the ledger holds before that key is read.
    ///
    /// # Errors
    /// When something cannot be read, or `check` refuses.
    pub(super) async fn look(self, arguments: &ApproveArguments, check: Check<'_>) -> anyhow::Result<Seen> {
        match self {
            Self::Aws { desk, name, sealing } => look_at_key(desk, &name, &sealing, arguments, check).await,
            Self::Azure { desk, name, sealing } => look_at_resource(desk, &name, &sealing, arguments, check).await,
        }
    }
}

async fn look_at_key(
    desk: Box<aws::Desk>,
    name: &aws::KeyName,
    sealing: &aws::KeyName,
    arguments: &ApproveArguments,
    check: Check<'_>,
) -> anyhow::Result<Seen> {
    let key = Box::new(desk.key(name).await?);
    let known = match &arguments.ledger.ledger_table {
        Some(table) => Some(desk.recall(table, &key.arn).await?),
        None => None,
    };
    anyhow::ensure!(!key.aws_managed, "`{name}` is managed by AWS: nobody can delete, disable or tag it, so there is nothing to approve");
    anyhow::ensure!(
        arguments.late || !key.deletion_is_pending(),
        "`{}` waits for its deletion ({}), and such a key cannot be tagged: approve in the ledger, with --late",
        name_of(&key),
        key.state.as_str()
    );
    let ledger = known.as_ref().map(written);
    check(ledger.as_ref())?;
    let sealing_key = desk.sealing_key(sealing, arguments.sealing.key_id.as_deref()).await?;
    let case = known.and_then(|known| known.case).filter(|case| case.threat.action() == arguments.action);
    let act = act(arguments, case.map(|case| case.event_time.map_or(Act::AtUnknownTime, Act::At)), key.deletion_is_pending());
    Ok(Seen { side: Side::Aws { desk, key, sealing_key }, written: ledger, act })
}

async fn look_at_resource(
    desk: azure::Desk,
    name: &azure::ResourceName,
    sealing: &azure::SealingName,
    arguments: &ApproveArguments,
    check: Check<'_>,
) -> anyhow::Result<Seen> {
    let id = desk.locate(name).await?;
    let subject = azure::subject_of(&id, &arguments.action)?;
    let file = Box::new(desk.resource(&id).await?);
    let known = match &arguments.ledger.ledger_account {
        Some(account) => Some(desk.recall(account, &subject).await?),
        None => None,
    };
    anyhow::ensure!(
        arguments.late || !file.is_deleted(),
        "`{}` is deleted, and cannot be tagged until it is recovered: approve in the ledger, with --late",
        file.id.name()
    );
    let (ledger, case) = known.map_or((None, None), |(written, case)| (Some(written), case));
    check(ledger.as_ref())?;
    let sealing_key = desk.sealing_key(sealing, arguments.sealing.key_id.as_deref()).await?;
    let act = act(arguments, case.map(|case| case.event.time.map_or(Act::AtUnknownTime, Act::At)), file.is_deleted());
    Ok(Seen { side: Side::Azure { desk, file, sealing_key }, written: ledger, act })
}

/// When it happens, given when it did by the open case, where there is one.
fn act(arguments: &ApproveArguments, case: Option<Act>, is_going: bool) -> Act {
    match case {
        _ if !arguments.late => Act::ToCome,
        Some(act) => act,
        None if is_going && arguments.action == "delete" => Act::AtUnknownTime,
        None => Act::ToCome,
    }
}

impl Side {
    pub(super) fn resource(&self) -> Approvable<'_> {
        match self {
            Self::Aws { key, .. } => Approvable::Key(key),
            Self::Azure { file, .. } => Approvable::Azure(file),
        }
    }

    /// Returns what seals call the key that seals.
    pub(super) fn seal_key(&self) -> &str {
        match self {
            Self::Aws { sealing_key, .. } => &sealing_key.id,
            Self::Azure { sealing_key, .. } => &sealing_key.id,
        }
    }

    /// Returns the full name of the key that seals.
    pub(super) fn sealing_name(&self) -> String {
        match self {
            Self::Aws { sealing_key, .. } => sealing_key.arn.to_string(),
            Self::Azure { sealing_key, .. } => sealing_key.url.to_string(),
        }
    }

    /// Returns the key that seals as it verifies.
    ///
    /// # Errors
    /// When it cannot.
    pub(super) fn keys(&self) -> anyhow::Result<ApprovalKeys> {
        Ok(match self {
            Self::Aws { sealing_key, .. } => sealing_key.keys()?,
            Self::Azure { sealing_key, .. } => sealing_key.keys()?,
        })
    }

    /// Refuses tags for which there is no room.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn check_room(&self, approval: &SealedApproval, plan: &TagPlan) -> anyhow::Result<()> {
        match self {
            Self::Aws { .. } => Ok(()),
            Self::Azure { file, .. } => Ok(azure::Desk::check_room(file, approval, plan)?),
        }
    }

    /// Seals the approval, and verifies the seal.
    ///
    /// # Errors
    /// When it is not signed, or does not verify.
    pub(super) async fn seal(&self, approval: &mut SealedApproval, source: ApprovalSource) -> anyhow::Result<()> {
        match self {
            Self::Aws { desk, key, sealing_key } => drop(desk.seal(sealing_key, approval, &key.arn, source).await?),
            Self::Azure { desk, file, sealing_key } => drop(desk.seal(sealing_key, approval, &file.id, source).await?),
        }
        Ok(())
    }

    /// Writes the approval on the resource.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) async fn write_tags(&self, approval: &SealedApproval, plan: &TagPlan) -> anyhow::Result<()> {
        match self {
            Self::Aws { desk, key, .. } => desk.write_tags(&key.arn, approval, plan).await?,
            Self::Azure { desk, file, .. } => desk.write_tags(file, approval, plan).await?,
        }
        Ok(())
    }

    /// Writes the approval into the ledger.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) async fn approve_in_ledger(&self, ledger: &str, approval: &SealedApproval) -> anyhow::Result<()> {
        match self {
            Self::Aws { desk, key, .. } => desk.approve_in_ledger(ledger, &key.arn, approval).await?,
            Self::Azure { desk, file, .. } => desk.approve_in_ledger(ledger, &file.id, approval).await?,
        }
        Ok(())
    }
}
