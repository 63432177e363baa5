//! The report as one page that needs nothing else: no script is needed to read it, no font or picture is fetched, and every text of the
//! account is escaped by the template.

use askama::Template;
use jiff::Timestamp;
use reprieve_core::coverage::{Count, Gap, GapGroup, KeyReport, Lockout, RegionReport, Report};

use super::{keys, name_of};

/// How many keys of a gap are named before the rest is folded.
const NAMED: usize = 12;

/// Renders the page.
///
/// # Errors
/// When the template cannot be filled in.
pub(super) fn render(report: &Report, now: Timestamp) -> anyhow::Result<String> {
    let page = Page { report, groups: report.grouped(), made_at: crate::desk::moment(now), accounts: accounts(report) };
    Ok(page.render()?)
}

#[derive(Debug, Template)]
#[template(path = "coverage.html")]
struct Page<'a> {
    report: &'a Report,
    groups: Vec<GapGroup<'a>>,
    made_at: String,
    accounts: String,
}

#[expect(clippy::unused_self, reason = "the template calls methods of the page")]
impl Page<'_> {
    fn count(&self) -> Count {
        self.report.count
    }

    fn unmonitored(&self) -> usize {
        self.report.count.customer_managed - self.report.count.monitored
    }

    /// The part of a bar, as a percentage with one digit. It is drawn, and not said.
    fn share(&self, count: &Count) -> String {
        let tenths = (count.monitored * 1000).checked_div(count.customer_managed).unwrap_or(1000);
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    /// Regions that hold keys, or may, and those of them that are covered.
    fn regions_covered(&self) -> (usize, usize) {
        let with_keys = self.report.regions.iter().filter(|region| region.count.customer_managed > 0 || !region.gaps.is_empty());
        let covered = with_keys.clone().filter(|region| region.percentage == 100).count();
        (covered, with_keys.count())
    }

    fn name<'k>(&self, key: &'k KeyReport) -> &'k str {
        name_of(key)
    }

    fn name_of_lockout<'k>(&self, lockout: &'k Lockout) -> &'k str {
        lockout.aliases.first().map_or_else(|| lockout.key.key_id(), String::as_str)
    }

    fn keys(&self, count: usize) -> String {
        keys(count)
    }

    fn about(&self, group: &GapGroup<'_>) -> String {
        if group.keys.is_empty() { "any number of keys".to_owned() } else { keys(group.keys.len()) }
    }

    fn first<'g>(&self, group: &'g GapGroup<'g>) -> &'g [&'g KeyReport] {
        group.keys.split_at_checked(NAMED).map_or(group.keys.as_slice(), |(first, _)| first)
    }

    fn rest<'g>(&self, group: &'g GapGroup<'g>) -> &'g [&'g KeyReport] {
        group.keys.split_at_checked(NAMED).map_or(&[], |(_, rest)| rest)
    }

    /// A text in which backticks set names off.
    fn parts<'t>(&self, text: &'t str) -> Vec<(bool, &'t str)> {
        if text.matches('`').count() % 2 == 1 {
            return vec![(false, text)];
        }
        text.split('`').enumerate().map(|(index, part)| (index % 2 == 1, part)).collect()
    }

    fn title(&self, gap: &Gap) -> &'static str {
        gap.kind.title()
    }

    fn state(&self, key: &KeyReport) -> String {
        key.state.as_ref().map_or_else(|| "unknown".to_owned(), |state| state.as_str().to_owned())
    }

    fn findings(&self) -> Vec<(&RegionReport, String, String)> {
        let mut seen = std::collections::BTreeSet::new();
        let all = self.report.regions.iter().flat_map(|region| region.findings.iter().map(move |finding| (region, finding)));
        // The monitoring of an account is looked at once, and shows in each of its Regions.
        all.filter(|(region, finding)| seen.insert((region.place.account.to_string(), finding.sentence.clone())))
            .map(|(region, finding)| (region, finding.sentence.clone(), finding.fix.clone()))
            .collect()
    }
}

fn accounts(report: &Report) -> String {
    let mut accounts: Vec<&str> = report.regions.iter().map(|region| region.place.account.as_str()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    match accounts.as_slice() {
        [one] => format!("Account {one}"),
        several => format!("{} accounts", several.len()),
    }
}
