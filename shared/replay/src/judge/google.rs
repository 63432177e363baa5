//! The life of a key of Google Cloud: of each of its versions, reconstructed from the acts on it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use reprieve_core::audit::{AuditEvent, Credential, Excerpt, Operation};
use reprieve_core::google::decide::{decide, triage};
use reprieve_core::google::{GoogleDomain, GoogleName, GoogleSituation, GoogleTriage, KeyVersion, Labels, VersionFacts, VersionState};
use reprieve_core::{CallOutcome, Decision, Known, Target};

use super::assumption::Assumption;
use super::history::Life;
use crate::act::Act;
use crate::rules::Rules;

/// Of so many calls on a key it is known what a version was before: the function asks the log for as many.
const MOST_PAST: usize = 50;

/// A key's life.
#[derive(Debug, Default)]
pub(super) struct VersionsLife {
    versions: BTreeMap<String, Version>,
    /// The version that was acted on last.
    last: Option<String>,
    /// The latest calls that changed a version, as the log tells of them.
    past: VecDeque<AuditEvent>,
}

#[derive(Debug, Clone)]
struct Version {
    state: VersionState,
    destroy_at: Option<Timestamp>,
}

impl Life for VersionsLife {
    fn meet(&mut self, act: &Act, rules: &Rules) -> Option<(Decision, Vec<Assumption>)> {
        let entry = entry_of(act);
        let Target::Google(name) = &act.event.target else { return None };
        if let Some(version) = name.version() {
            self.live_through(act, version);
            if self.past.len() == MOST_PAST {
                self.past.pop_front();
            }
            self.past.push_back(entry.clone());
        }
        let projects = BTreeSet::from_iter(name.project().map(ToOwned::to_owned));
        let domain = GoogleDomain { projects, own_account: None };
        let (name, loss) = match triage(&entry, &domain)? {
            GoogleTriage::Settled(decision) => return Some((*decision, Vec::new())),
            GoogleTriage::Examine { version, loss } => (version, loss),
        };
        let facts = self.facts(&name);
        let situation = GoogleSituation {
            facts: &facts,
            domain: &domain,
            policy: &rules.policy,
            rules: &rules.approval,
            now: act.event.time.unwrap_or(Timestamp::UNIX_EPOCH),
        };
        let mut assumed = vec![Assumption::Labels];
        let is_first = self.past.iter().filter(|past| past.event.target == act.event.target).count() <= 1;
        if is_first {
            assumed.push(Assumption::StateBefore);
        }
        Some((decide(&act.event, &name, loss, &situation), assumed))
    }

    fn state(&self) -> Option<String> {
        self.versions.get(self.last.as_ref()?).map(|version| version.state.as_str().to_owned())
    }

    fn misfit(&self, act: &Act) -> u8 {
        let Target::Google(name) = &act.event.target else { return 1 };
        let state = name.version().and_then(|version| self.versions.get(version)).map(|version| &version.state);
        let fits = |can: bool| if can { 0 } else { 2 };
        match (act.operation, &act.event.outcome) {
            (_, CallOutcome::Refused { .. }) => 1,
            (Operation::Create | Operation::Import | Operation::Rotate, _) => 0,
            (Operation::Destroy, _) => fits(!matches!(state, Some(VersionState::DestroyScheduled | VersionState::Destroyed))),
            (Operation::Restore, _) => fits(matches!(state, None | Some(VersionState::DestroyScheduled))),
            (Operation::Enable, _) => fits(matches!(state, None | Some(VersionState::Disabled))),
            (Operation::Disable, _) => fits(matches!(state, None | Some(VersionState::Enabled))),
            (_, CallOutcome::Succeeded) => 1,
        }
    }
}

impl VersionsLife {
    fn live_through(&mut self, act: &Act, version: &str) {
        if act.event.outcome != CallOutcome::Succeeded {
            return;
        }
        let is = |state| Version { state, destroy_at: None };
        let now = match act.operation {
            Operation::Create | Operation::Import | Operation::Rotate | Operation::Enable => is(VersionState::Enabled),
            Operation::Disable | Operation::Restore => is(VersionState::Disabled),
            Operation::Destroy => Version { state: VersionState::DestroyScheduled, destroy_at: act.event.details.deletion_date },
            Operation::Purge => is(VersionState::Destroyed),
            Operation::Encrypt
            | Operation::Decrypt
            | Operation::ReEncrypt
            | Operation::Wrap
            | Operation::Unwrap
            | Operation::Generate
            | Operation::Sign
            | Operation::Verify
            | Operation::Derive
            | Operation::Access
            | Operation::Backup
            | Operation::Read
            | Operation::List
            | Operation::Update
            | Operation::ChangeAccess
            | Operation::Tag
            | Operation::Replicate
            | Operation::Other => return,
        };
        self.versions.insert(version.to_owned(), now);
        self.last = Some(version.to_owned());
    }

    fn facts(&self, name: &GoogleName) -> VersionFacts {
        let known = name.version().and_then(|version| self.versions.get(version)).cloned();
        let Version { state, destroy_at } = known.unwrap_or(Version { state: VersionState::Enabled, destroy_at: None });
        VersionFacts {
            version: Known::Is(KeyVersion { name: name.clone(), state, destroy_at, destroyed_at: None, protection_level: None }),
            labels: Known::Is(Labels::new()),
            past: Known::Is(self.past.iter().cloned().collect()),
        }
    }
}

fn entry_of(act: &Act) -> AuditEvent {
    let Act { log, event, operation, asset, .. } = act.clone();
    AuditEvent { log, event, operation, asset, credential: Credential::default(), request: Excerpt::new(), response: Excerpt::new() }
}
