//! What was found unusual about one entry of an audit log, with its reasons in words. A finding is a hint to a human; nothing is undone
//! because of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::AuditEvent;
use crate::decision::Severity;

/// The kind of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// This principal never used this key or secret before.
    NewPrincipal,
    /// This principal never did this with this key or secret before.
    NewOperation,
    /// Never before from this network.
    NewNetwork,
    /// Never before from this country.
    NewCountry,
    /// Never before in this Region.
    NewRegion,
    /// At an hour of the week at which this principal is not known to work.
    UnusualHour,
    /// Far more often than usual.
    Burst,
    /// Refused far more often than usual.
    RefusedBurst,
}

impl ReasonKind {
    /// Returns the word, in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewPrincipal => "new_principal",
            Self::NewOperation => "new_operation",
            Self::NewNetwork => "new_network",
            Self::NewCountry => "new_country",
            Self::NewRegion => "new_region",
            Self::UnusualHour => "unusual_hour",
            Self::Burst => "burst",
            Self::RefusedBurst => "refused_burst",
        }
    }
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Its kind.
    pub kind: ReasonKind,
    /// What it adds to the score.
    pub weight: u32,
    /// The reason as a clause: `first Decrypt by role X on key Y`.
    pub sentence: String,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// When it was found.
    pub found_at: Timestamp,
    /// How unusual, from 0 to 100.
    pub score: u32,
    /// How urgent it is that a human looks.
    pub severity: Severity,
    /// Why, the weightiest first.
    pub reasons: Vec<Reason>,
    /// The entry.
    pub audit: AuditEvent,
}

impl Finding {
    /// Returns the finding's id: the same entry always gives the same one, so that writing twice adds nothing.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}.finding", self.audit.event.id)
    }

    /// Returns the finding as a sentence: its reasons, the weightiest first.
    #[must_use]
    pub fn sentence(&self) -> String {
        let reasons: Vec<&str> = self.reasons.iter().map(|reason| reason.sentence.as_str()).collect();
        format!("{}.", reasons.join("; "))
    }
}
