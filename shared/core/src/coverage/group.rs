//! The same gap of many keys, told once.

use std::collections::BTreeMap;

use super::{Gap, KeyReport, RegionReport, Report};

/// A gap, and every key that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapGroup<'a> {
    /// The account and Region.
    pub region: &'a RegionReport,
    /// The gap.
    pub gap: &'a Gap,
    /// The keys; none where the gap is about keys that nobody could list.
    pub keys: Vec<&'a KeyReport>,
}

pub(super) fn grouped(report: &Report) -> Vec<GapGroup<'_>> {
    let mut groups = Vec::new();
    for region in &report.regions {
        groups.extend(region.gaps.iter().map(|gap| GapGroup { region, gap, keys: Vec::new() }));
        let mut by_gap: BTreeMap<&Gap, Vec<&KeyReport>> = BTreeMap::new();
        for key in &region.keys {
            for gap in &key.gaps {
                by_gap.entry(gap).or_default().push(key);
            }
        }
        groups.extend(by_gap.into_iter().map(|(gap, keys)| GapGroup { region, gap, keys }));
    }
    // Keys that nobody could list may be any number: their gaps come first.
    groups.sort_by_key(|group| std::cmp::Reverse(if group.keys.is_empty() { usize::MAX } else { group.keys.len() }));
    groups
}
