//! The report as one page that needs nothing else: no script, no font or picture from elsewhere. Every text of the archive is escaped by
//! the template, or by the charts.

mod tile;

use std::borrow::Borrow;

use askama::Template;
use jiff::{SignedDuration, Timestamp};
use reprieve_evidence::kpi::{Cover, Done, DrillVerdict, Incident, Rejected, Resolution, Summary};

use super::Report;
use crate::chart::{Chart, bars, key_days, timeline, week};
use crate::plain::{counted, duration, grouped, moment, percent, period, plural, short_name};

pub(super) use self::tile::{Tile, tiles};

/// How many incidents and approved acts the page lists.
const LISTED: usize = 500;

/// How many anomalies, keys at risk and problems the page lists.
const FEW: usize = 100;

/// Renders the page.
///
/// # Errors
/// When a chart cannot be drawn, or the template cannot be filled in.
pub(super) fn render(report: &Report, now: Timestamp) -> anyhow::Result<String> {
    let summary = &report.summary;
    let page = Page {
        report,
        summary,
        made_at: crate::desk::moment(now),
        period: period_text(summary),
        lead: lead(summary),
        tiles: tiles(summary),
        charts: Charts {
            timeline: timeline(&summary.incidents, summary.period)?,
            detect: bars(&summary.detect.times, "detect", "Time to detect", "event")?,
            remediate: bars(&summary.remediate.times, "remediate", "Time to remediate", "remedy")?,
            week: week(&summary.uses)?,
            key_days: key_days(&summary.uses)?,
        },
    };
    Ok(page.render()?)
}

struct Charts {
    timeline: Chart,
    detect: Chart,
    remediate: Chart,
    week: Chart,
    key_days: Chart,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    summary: &'a Summary,
    made_at: String,
    period: String,
    lead: String,
    tiles: Vec<Tile>,
    charts: Charts,
}

#[expect(clippy::unused_self, reason = "the template calls methods of the page")]
#[expect(clippy::trivially_copy_pass_by_ref, clippy::ref_option, reason = "the template hands over fields by reference")]
impl Page<'_> {
    /// The first of a list.
    fn first<'l, T>(&self, list: &'l [T], count: usize) -> &'l [T] {
        list.get(..count).unwrap_or(list)
    }

    fn hidden(&self, all: usize, listed: usize) -> usize {
        all.saturating_sub(listed)
    }

    /// Keys at risk that are not listed, here or in their posture.
    fn at_risk_hidden(&self) -> u64 {
        u64::try_from(self.summary.at_risk.len().saturating_sub(FEW)).unwrap_or(u64::MAX).saturating_add(self.summary.at_risk_hidden)
    }

    fn few(&self) -> usize {
        FEW
    }

    fn listed(&self) -> usize {
        LISTED
    }

    fn moment(&self, at: &Timestamp) -> String {
        moment(*at)
    }

    /// A moment as machines read it.
    fn instant(&self, at: &Timestamp) -> String {
        at.to_string()
    }

    fn duration(&self, ms: &i64) -> String {
        duration(*ms)
    }

    fn grouped(&self, number: impl Borrow<u64>) -> String {
        grouped(*number.borrow())
    }

    fn counted(&self, number: impl Borrow<u64>, noun: &str) -> String {
        counted(*number.borrow(), noun)
    }

    fn short<'t>(&self, id: &'t str) -> std::borrow::Cow<'t, str> {
        short_name(id).into()
    }

    /// How long a deadline is away, as of the report.
    fn remains(&self, deadline: &Timestamp) -> String {
        let left = deadline.duration_since(self.summary.as_of);
        let text = duration(i64::try_from(left.abs().as_millis()).unwrap_or(i64::MAX));
        if left > SignedDuration::ZERO { format!("in {text}") } else { format!("{text} ago") }
    }

    /// A text in which backticks set names off.
    fn parts<'t>(&self, text: &'t str) -> Vec<(bool, &'t str)> {
        if text.matches('`').count() % 2 == 1 {
            return vec![(false, text)];
        }
        text.split('`').enumerate().map(|(index, part)| (index % 2 == 1, part)).collect()
    }

    fn mark(&self, resolution: &Resolution) -> &'static str {
        match resolution {
            Resolution::Undone => "yes",
            Resolution::Failed | Resolution::Gone | Resolution::Unfinished => "no",
            Resolution::HumanCalled => "maybe",
            Resolution::Stood | Resolution::OnlyObserved => "plain",
        }
    }

    fn mark_of_drill(&self, verdict: &DrillVerdict) -> &'static str {
        match verdict {
            DrillVerdict::Passed => "yes",
            DrillVerdict::Missed => "no",
            DrillVerdict::NotHeld => "maybe",
        }
    }

    fn cover(&self, cover: &Cover) -> String {
        match cover {
            Cover::Approval { change, approver, source } => {
                let place = match source {
                    reprieve_core::approval::ApprovalSource::SealedTags => "sealed tags",
                    reprieve_core::approval::ApprovalSource::Ledger => "the ledger",
                    reprieve_core::approval::ApprovalSource::PlainTags => "plain tags",
                };
                format!("change {change}, approved by {approver} in {place}")
            }
            Cover::BrokenGlass { until } => format!("a broken glass, which passes until {} UTC", moment(*until)),
            Cover::Policy { policies } => format!("policy {}", policies.join(", ")),
        }
    }

    fn is_broken_glass(&self, cover: &Cover) -> bool {
        matches!(cover, Cover::BrokenGlass { .. })
    }

    fn rejected(&self, rejected: &Rejected) -> String {
        match rejected {
            Rejected::SelfApproved => "its doer had approved it".to_owned(),
            Rejected::Revoked { change, by } => format!("change {change} was revoked by {by}"),
            Rejected::Invalid => "its approval is none".to_owned(),
            Rejected::Insufficient => "its approval did not suffice".to_owned(),
        }
    }

    fn steps<'i>(&self, incident: &'i Incident) -> &'i [Done] {
        &incident.done
    }

    fn of_greatest(&self, count: &u64, all: &[reprieve_evidence::kpi::Counted]) -> u64 {
        let greatest = all.iter().map(|one| one.count).max().unwrap_or(1).max(1);
        count.saturating_mul(100) / greatest
    }

    fn monitored(&self, keys: &Option<u64>, monitored: &Option<u64>) -> String {
        match (keys, monitored) {
            (Some(0), Some(_)) => "no keys".to_owned(),
            (Some(keys), Some(monitored)) => format!("{} of {}", grouped(*monitored), grouped(*keys)),
            (_, _) => "not known".to_owned(),
        }
    }
}

/// Says which period the report is of.
pub(super) fn period_text(summary: &Summary) -> String {
    period(summary.period.from, summary.period.to, "everything in the archive")
}

/// Says in a few sentences what the period came to.
pub(super) fn lead(summary: &Summary) -> String {
    let decisions = &summary.decisions;
    if decisions.incidents == 0 {
        let seen = if decisions.total == 0 {
            "Nothing was decided".to_owned()
        } else {
            format!("{} were decided on", counted(decisions.total, "event"))
        };
        return format!("{seen} in this period, and no key, secret or log was endangered. {}", risk_sentence(summary))
            .trim_end()
            .to_owned();
    }
    let of = |resolution: Resolution| decisions.resolutions.get(&resolution).copied().unwrap_or(0);
    let undone = of(Resolution::Undone);
    let after = summary.remediate.times.p50_ms.map_or_else(String::new, |ms| format!(", half of them within {}", duration(ms)));
    let failed = of(Resolution::Failed) + of(Resolution::Gone) + of(Resolution::Unfinished);
    let called = of(Resolution::HumanCalled);
    let mut sentences = vec![format!("{} of {} undone{after}.", grouped(undone), counted(decisions.incidents, "incident"))];
    if called > 0 {
        sentences.push(format!("For {} a human was called.", grouped(called)));
    }
    if failed > 0 {
        sentences.push(format!(
            "{} {} not undone: a step failed, or no outcome was recorded.",
            grouped(failed),
            if failed == 1 { "was" } else { "were" }
        ));
    }
    sentences.push(risk_sentence(summary));
    sentences.join(" ").trim_end().to_owned()
}

fn risk_sentence(summary: &Summary) -> String {
    let count = u64::try_from(summary.at_risk.len()).unwrap_or(u64::MAX).saturating_add(summary.at_risk_hidden);
    match count {
        0 if summary.coverage.places == 0 => String::new(),
        0 => "No key is at risk.".to_owned(),
        _ => format!("{} {} at risk.", counted(count, "key"), if count == 1 { "is" } else { "are" }),
    }
}
