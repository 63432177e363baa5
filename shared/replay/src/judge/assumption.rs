//! What the logs do not say and is assumed, in few fixed sentences. `shared/docs/replay.md` lists them.

/// One assumption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Assumption {
    /// The record has no time.
    NoTime,
    /// What the key was before its first act.
    StateBefore,
    /// Tags.
    Tags,
    /// An incident hold is known by its tag's name alone.
    Hold,
    /// What the ledger held, where nothing was given.
    NoLedger,
    /// When what the ledger held was written.
    Ledger,
    /// The change calendar.
    Calendar,
    /// What a version's key bears as labels.
    Labels,
    /// What only the resource itself tells.
    Resource,
    /// What a deployment in Azure asks for.
    Desired,
}

impl Assumption {
    /// Returns it as a sentence.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::NoTime => "The record does not say when it happened: it is decided on alone, and no window of an approval can hold it.",
            Self::StateBefore => {
                "The logs do not tell what the key was before: it is taken as enabled, meant to serve, rotating where rotation was switched off, and managed by the customer."
            }
            Self::Tags => {
                "Tags that were set before the logs begin, and the values of tags that are no approval, are not in the logs: the key is taken to have none."
            }
            Self::Hold => "The log names the tag that holds the key for an incident, and not the incident.",
            Self::NoLedger => "Nothing was given of what the ledger held about the key: no approval and no revocation.",
            Self::Ledger => "Approvals of the ledger are taken to have been there when it happened.",
            Self::Calendar => "No change calendar is taken to have been configured.",
            Self::Labels => {
                "The labels of the key are not in the logs: it is taken to have none, so that no approval and no incident hold is seen."
            }
            Self::Resource => {
                "What Azure keeps of the resource itself, its tags and its settings, is not in the logs: the resource is taken as the event left it, without tags."
            }
            Self::Desired => "The deployment is taken to guard the subscription and to leave everything at its default.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Assumption;

    #[test]
    fn every_assumption_is_written_down() {
        let page = include_str!("../../../docs/replay.md");
        let all = [
            Assumption::NoTime,
            Assumption::StateBefore,
            Assumption::Tags,
            Assumption::Hold,
            Assumption::NoLedger,
            Assumption::Ledger,
            Assumption::Calendar,
            Assumption::Labels,
            Assumption::Resource,
            Assumption::Desired,
        ];
        let listed = page.lines().filter(|line| all.iter().any(|assumption| line.strip_prefix("- ") == Some(assumption.sentence())));
        assert_eq!(listed.count(), all.len());
    }
}
