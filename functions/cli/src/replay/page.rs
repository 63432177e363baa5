//! A replay as one page that needs nothing else: no script, no font or picture from elsewhere. Every text of the logs is escaped by the
//! template, or by the charts.

use std::collections::BTreeMap;

use askama::Template;
use jiff::Timestamp;
use reprieve_evidence::kpi::{Anomaly, Bar};
use reprieve_replay::{Aftermath, Answer, Decided, KeyHistory, Verdict};

use super::Replay;
use super::cost::{self, Cost};
use super::words::{self, ShortNames};
use crate::chart::{Chart, Series, columns, spread};
use crate::plain::{counted, grouped, moment, rough, short_name, size};

/// How many decisions the page lists.
const LISTED: usize = 1_000;
/// How many keys, anomalies and problems.
const FEW: usize = 100;

const DAY_SECONDS: i64 = 86_400;

/// The ends of the ranges into which times to undo are divided, in seconds: a minute to 30 days.
const ENDS_SECONDS: [i64; 11] = [0, 60, 300, 900, 3_600, 14_400, 43_200, 86_400, 259_200, 604_800, 2_592_000];

/// Renders the page.
///
/// # Errors
/// When a chart cannot be drawn, or the template cannot be filled in.
pub(super) fn render(replay: &Replay, now: Timestamp) -> anyhow::Result<String> {
    let answer = &replay.answer;
    let cost = cost::of(answer, replay.period);
    let series = series(answer);
    let shown: Vec<&Decided> = answer.decisions.iter().filter(|decided| decided.verdict != Verdict::Recorded).collect();
    let page = Page {
        replay,
        answer,
        made_at: crate::desk::moment(now),
        period: words::period_of(answer, replay.period),
        lead: words::lead(replay),
        tiles: tiles(answer, cost.as_ref()),
        days: days_chart(&series)?,
        undo: spread(&bars(answer), "undo", "Time until people undid it", "act")?,
        series,
        restored: words::count(answer, Verdict::WouldRestore),
        in_danger: words::in_danger(answer),
        decisions: shown,
        assumed: words::assumed(answer),
        left_out: words::left_out(replay),
        cost,
        names: ShortNames::of(answer),
    };
    Ok(page.render()?)
}

/// A number at the top, and what it is of.
struct Tile {
    label: &'static str,
    value: String,
    says: String,
    class: &'static str,
}

#[derive(Template)]
#[template(path = "replay.html")]
struct Page<'a> {
    replay: &'a Replay,
    answer: &'a Answer,
    made_at: String,
    period: String,
    lead: String,
    tiles: Vec<Tile>,
    days: Chart,
    undo: Chart,
    series: Vec<Series>,
    restored: u64,
    in_danger: Vec<&'a KeyHistory>,
    decisions: Vec<&'a Decided>,
    assumed: Vec<(&'a str, u64)>,
    left_out: BTreeMap<&'static str, u64>,
    cost: Option<Cost>,
    names: ShortNames,
}

#[expect(clippy::unused_self, reason = "the template calls methods of the page")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the template hands over fields by reference")]
impl Page<'_> {
    /// The first of a list.
    fn first<'l, T>(&self, list: &'l [T], count: usize) -> &'l [T] {
        list.get(..count).unwrap_or(list)
    }

    fn hidden(&self, all: usize, listed: usize) -> usize {
        all.saturating_sub(listed)
    }

    fn few(&self) -> usize {
        FEW
    }

    fn listed(&self) -> usize {
        LISTED
    }

    fn partial(&self) -> Option<String> {
        self.replay.partial.as_ref().map(super::read::Partial::sentence)
    }

    fn is_search_stopped(&self) -> bool {
        self.replay.is_search_stopped
    }

    fn anomalies(&self) -> Option<&[Anomaly]> {
        self.replay.anomalies.as_deref()
    }

    fn moment(&self, at: &Timestamp) -> String {
        moment(*at)
    }

    /// A moment as machines read it.
    fn instant(&self, at: &Timestamp) -> String {
        at.to_string()
    }

    fn rough(&self, seconds: &i64) -> String {
        rough(*seconds)
    }

    fn grouped(&self, number: &u64) -> String {
        grouped(*number)
    }

    fn counted(&self, number: &u64, noun: &str) -> String {
        counted(*number, noun)
    }

    fn size(&self, bytes: &u64) -> String {
        size(*bytes)
    }

    fn short(&self, id: &str) -> String {
        short_name(id)
    }

    /// The name of a key, as short as it can be without being taken for another.
    fn shortest(&self, key: &str) -> String {
        self.names.of_key(key)
    }

    fn place(&self, key: &str) -> (String, String) {
        let (account, region) = words::place_of(key);
        (account.to_owned(), region.to_owned())
    }

    /// The account and Region of a decision, by the event.
    fn whereabouts(&self, decided: &Decided) -> String {
        let parts = [decided.region.as_deref(), decided.account.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    fn acts_of(&self, key: &KeyHistory) -> String {
        key.acts.iter().map(|(call, count)| format!("{call} {}", grouped(*count))).collect::<Vec<_>>().join(", ")
    }

    /// Why it would have been so decided. The key stands beside it, so its short name does.
    fn why(&self, decided: &Decided) -> String {
        decided.key.as_deref().map_or_else(|| decided.why.clone(), |key| decided.why.replace(key, &self.names.of_key(key)))
    }

    /// A text in which backticks set names off.
    fn parts(&self, text: impl AsRef<str>) -> Vec<(bool, String)> {
        let text = text.as_ref();
        if text.matches('`').count() % 2 == 1 {
            return vec![(false, text.to_owned())];
        }
        text.split('`').enumerate().map(|(index, part)| (index % 2 == 1, part.to_owned())).collect()
    }

    fn verdict(&self, verdict: &Verdict) -> &'static str {
        words::name(*verdict)
    }

    fn meaning(&self, verdict: &Verdict) -> &'static str {
        words::meaning(*verdict)
    }

    fn verdicts(&self) -> [(Verdict, u64); 5] {
        words::VERDICTS.map(|verdict| (verdict, words::count(self.answer, verdict)))
    }

    fn mark(&self, verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::WouldRestore => "yes",
            Verdict::WouldEscalate => "maybe",
            Verdict::Approved | Verdict::Refused | Verdict::Recorded => "plain",
        }
    }

    fn mark_of_aftermath(&self, aftermath: &Aftermath) -> &'static str {
        match aftermath {
            Aftermath::Lost { .. } => "urgent",
            Aftermath::Undone { .. } | Aftermath::Open | Aftermath::Nothing => "",
        }
    }

    fn aftermath(&self, aftermath: &Aftermath) -> String {
        words::aftermath(aftermath)
    }

    fn of_restored(&self, count: &u64) -> u64 {
        count.saturating_mul(100).checked_div(self.restored).unwrap_or(0)
    }

    fn false_positives(&self) -> String {
        words::false_positives(self.answer)
    }

    fn rate(&self) -> String {
        words::rate(self.answer)
    }
}

fn tiles(answer: &Answer, cost: Option<&Cost>) -> Vec<Tile> {
    let kpis = &answer.kpis;
    let of = |verdict| words::count(answer, verdict);
    let plain = |label, value: String, says: &str| Tile { label, value, says: says.to_owned(), class: "as-is" };
    let keys = answer.keys.len() as u64;
    let in_danger = answer.keys.iter().filter(|key| key.seconds_in_danger > 0).count() as u64;
    let bad = |is_bad: bool| if is_bad { "lacking" } else { "whole" };
    let undo = kpis.time_to_undo.map_or_else(
        || plain("Time to undo", "–".to_owned(), "people undid nothing of it"),
        |times| {
            let says = format!("half sooner; 95 % within {}, all within {}; by people", rough(times.p95), rough(times.max));
            plain("Time to undo", rough(times.p50), &says)
        },
    );
    vec![
        plain("Acts on keys", grouped(words::acts(answer)), &format!("on {}", counted(keys, "key"))),
        plain("Would be undone", grouped(of(Verdict::WouldRestore)), words::meaning(Verdict::WouldRestore)),
        plain("Would wake a human", grouped(of(Verdict::WouldEscalate)), "not to be undone by Reprieve"),
        plain("Approved", grouped(of(Verdict::Approved)), words::meaning(Verdict::Approved)),
        plain("Refused", grouped(of(Verdict::Refused)), words::meaning(Verdict::Refused)),
        Tile {
            label: "False positives",
            value: words::rate(answer),
            says: format!(
                "{} of {} that can be judged",
                grouped(kpis.false_positives),
                grouped(kpis.true_positives.saturating_add(kpis.false_positives))
            ),
            class: "as-is",
        },
        undo,
        Tile {
            label: "Keys in danger",
            value: grouped(in_danger),
            says: format!("{} of all together, without an approval", rough(kpis.seconds_in_danger)),
            class: bad(in_danger > 0),
        },
        Tile {
            label: "Keys deleted in the end",
            value: grouped(kpis.lost),
            says: "of those that would have been given back".to_owned(),
            class: bad(kpis.lost > 0),
        },
        plain(
            "Cost of Reprieve",
            cost.map_or_else(|| "–".to_owned(), |cost| cost.estimate.total.in_cents()),
            if cost.is_some() { "a month at this scale, estimated" } else { "no key of AWS is named" },
        ),
    ]
}

/// Returns how many decisions there were on each day, by verdict, of those verdicts that occurred.
fn series(answer: &Answer) -> Vec<Series> {
    let paint = |verdict| match verdict {
        Verdict::WouldRestore => "var(--good)",
        Verdict::WouldEscalate => "var(--warn)",
        Verdict::Approved => "var(--data)",
        Verdict::Refused => "var(--soft)",
        Verdict::Recorded => "var(--line)",
    };
    let one = |verdict| {
        let mut by_day = BTreeMap::new();
        for time in answer.decisions.iter().filter(|decided| decided.verdict == verdict).filter_map(|decided| decided.time) {
            *by_day.entry(time.as_second().div_euclid(DAY_SECONDS)).or_default() += 1;
        }
        Series { paint: paint(verdict), caption: words::name(verdict), by_day }
    };
    words::VERDICTS.into_iter().map(one).filter(|one| !one.by_day.is_empty()).collect()
}

fn days_chart(series: &[Series]) -> anyhow::Result<Chart> {
    let days = || series.iter().flat_map(|one| one.by_day.keys().copied());
    let (first, last) = (days().min().unwrap_or(0), days().max().unwrap_or(0));
    columns(series, &(first..last + 1), "days", "Decisions by day and verdict")
}

/// Returns how the times are spread after which people undid what would have been undone.
fn bars(answer: &Answer) -> Vec<Bar> {
    let times: Vec<i64> = words::restored(answer)
        .filter_map(|decided| match &decided.aftermath {
            Aftermath::Undone { after_seconds, .. } => Some(after_seconds.saturating_mul(1_000)),
            Aftermath::Lost { .. } | Aftermath::Open | Aftermath::Nothing => None,
        })
        .collect();
    let ends = ENDS_SECONDS.map(|seconds| seconds * 1_000);
    let starts = ends.into_iter().map(Some);
    let next_ends = ends.into_iter().skip(1).map(Some).chain(std::iter::once(None));
    starts
        .zip(next_ends)
        .map(|(from_ms, below_ms)| {
            let is_within = |ms: &&i64| from_ms.is_none_or(|from| **ms >= from) && below_ms.is_none_or(|below| **ms < below);
            Bar { from_ms, below_ms, count: times.iter().filter(is_within).count() as u64 }
        })
        .collect()
}
