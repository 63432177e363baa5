//! What people are told of Azure: what became of the subject, and under which action an approval would let it stand.

use crate::azure::plan::IS_PURGED;
use crate::azure::{Change, Subject};
use crate::decision::Why;
use crate::plan::Step;
use crate::record::{Record, Status};

/// Returns the headline, where the record is about a subject in Azure: `vault kv-prod is back (vaults/delete)`.
pub(super) fn azure_headline(record: &Record) -> Option<String> {
    let subject = record.subject.as_ref()?;
    let named = subject.to_string().replace('`', "");
    let call = record.event.name.split_once('/').map_or(record.event.name.as_str(), |(_, call)| call);
    Some(format!("{named} {} ({call})", state(record, subject)))
}

fn state(record: &Record, subject: &Subject) -> &'static str {
    let comes_back = matches!(subject, Subject::Vault(_) | Subject::VaultObject(_));
    match record.status {
        Status::Success if comes_back => "is back",
        Status::Success => "was restored",
        Status::Observed if comes_back => "would have been given back (mode observe)",
        Status::Observed => "would have been restored (mode observe)",
        Status::Partial if comes_back => "is back, but not with all that belongs to it",
        Status::Partial => "was restored in part",
        Status::Failure | Status::Unsupported | Status::DoesNotExist if comes_back => "could NOT be given back",
        Status::Failure | Status::Unsupported | Status::DoesNotExist => "could NOT be restored",
        Status::NothingToDo if super::part::pass_ends(record).is_some() => "passes for now (break-glass)",
        Status::Escalated | Status::Pending | Status::NothingToDo => "needs a human",
    }
}

/// Says whether it is about something that was purged. No notice offers an approval of that: nobody can give it back.
pub(super) fn is_purged(why: &Why) -> bool {
    why.sentence.contains(IS_PURGED)
}

/// Returns the action that an approval would have to name: of a key, by what is done about it.
pub(super) fn action(record: &Record, subject: &Subject) -> &'static str {
    subject.action(!record.considering.steps.iter().any(|step| matches!(step, Step::Azure(Change::EnableKey { .. }))))
}
