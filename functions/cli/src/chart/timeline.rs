//! Incidents on a line of time, a lane for each way in which they ended. Incidents that lie close together are one larger dot.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::{ChartBuilder, Circle, PathElement, Text};
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, VPos};
use reprieve_evidence::kpi::{Incident, Period, Resolution};

use super::{Area, Chart, INK, LINE, Marks, NARROW, SOFT, WIDE, draw, int, letters};
use crate::plain::{counted, moment, short_name};

const LANE: i32 = 46;
const AXIS: i32 = 26;

/// Draws when incidents were, and what became of them.
pub(crate) fn timeline(incidents: &[Incident], period: Period) -> anyhow::Result<Chart> {
    let lanes: Vec<Resolution> =
        Resolution::ALL.into_iter().filter(|lane| incidents.iter().any(|incident| incident.resolution == *lane)).collect();
    let of = |lane: Resolution| incidents.iter().filter(|incident| incident.resolution == lane).count();
    let description = lanes.iter().map(|lane| format!("{}: {}", lane.caption(), of(*lane))).collect::<Vec<_>>().join("; ");
    let span = span(incidents, period);
    let one = |width: i32, id: &str| {
        let height = int(lanes.len()) * LANE + AXIS;
        draw((width, height), (id, "Incidents over time, by what became of them", &description), |area, marks| {
            paint(area, marks, incidents, &lanes, &span)
        })
    };
    Ok(Chart { wide: one(WIDE, "timeline-wide")?, narrow: one(NARROW, "timeline-narrow")? })
}

/// The days from the first to the last, as whole days.
fn span(incidents: &[Incident], period: Period) -> Range<i64> {
    let day_of = |at: Timestamp| at.as_second().div_euclid(86_400);
    let first = period.from.or_else(|| incidents.iter().map(|incident| incident.at).min()).map_or(0, day_of);
    let last = incidents.iter().map(|incident| day_of(incident.at) + 1).max().unwrap_or(first + 1);
    let to = period.to.map_or(last, |to| (to.as_second() - 1).div_euclid(86_400) + 1).max(first + 1);
    first * 86_400..to * 86_400
}

fn paint(area: &Area<'_>, marks: &mut Marks, incidents: &[Incident], lanes: &[Resolution], span: &Range<i64>) -> anyhow::Result<()> {
    let width = int(area.dim_in_pixel().0);
    let top_of = |lane: usize| int(lane) * LANE;
    let mut chart = ChartBuilder::on(area)
        .margin_left(22)
        .margin_right(22)
        .x_label_area_size(AXIS)
        .build_cartesian_2d(Days { span: span.clone(), ticks: if width == WIDE { 10 } else { 4 } }, 0..int(lanes.len()) * LANE)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels(12)
        .bold_line_style(LINE.stroke_width(1))
        .light_line_style(LINE.mix(0.0))
        .axis_style(LINE.stroke_width(1))
        .x_label_style(letters(12, SOFT, HPos::Center, VPos::Top))
        .draw()?;
    // Values grow upwards, lanes are listed downwards.
    let height = int(lanes.len()) * LANE;
    for (lane, resolution) in lanes.iter().enumerate() {
        let of_lane: Vec<&Incident> = incidents.iter().filter(|incident| incident.resolution == *resolution).collect();
        let base = height - top_of(lane) - 31;
        area.draw(&PathElement::new(vec![(22, top_of(lane) + 31), (width - 22, top_of(lane) + 31)], LINE.stroke_width(1)))?;
        let caption = format!("{}: {}", resolution.caption(), of_lane.len());
        area.draw(&Text::new(caption, (22, top_of(lane) + 5), letters(12, INK, HPos::Left, VPos::Top)))?;
        let dots: Vec<_> = clusters(&of_lane, span, width)
            .into_values()
            .map(|cluster| {
                let radius = (4 + int(cluster.len().ilog2()) * 2).min(11);
                let colour = marks.add(paint_of(*resolution), says(&cluster));
                let at = cluster.first().map_or(span.start, |incident| incident.at.as_second());
                Circle::new((at, base), radius, colour.mix(0.85).filled())
            })
            .collect();
        chart.draw_series(dots)?;
    }
    Ok(())
}

const fn paint_of(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::Undone => "var(--good)",
        Resolution::Failed | Resolution::Gone | Resolution::Unfinished => "var(--bad)",
        Resolution::HumanCalled => "var(--warn)",
        Resolution::Stood | Resolution::OnlyObserved => "var(--soft)",
    }
}

/// Incidents by where they lie on the line, so that there are only so many dots.
fn clusters<'a>(incidents: &[&'a Incident], span: &Range<i64>, width: i32) -> BTreeMap<i64, Vec<&'a Incident>> {
    let length = (span.end - span.start).max(1);
    let places = i64::from(width / 7);
    let mut clusters: BTreeMap<i64, Vec<&Incident>> = BTreeMap::new();
    for incident in incidents {
        clusters.entry((incident.at.as_second() - span.start).saturating_mul(places) / length).or_default().push(incident);
    }
    clusters
}

fn says(cluster: &[&Incident]) -> String {
    let one = |incident: &&Incident| {
        format!("{}: {} on {} by {}", moment(incident.at), incident.call, short_name(&incident.name), incident.actor)
    };
    let told: Vec<String> = cluster.iter().take(4).map(one).collect();
    match cluster.len().saturating_sub(4) {
        0 => told.join("\n"),
        more => format!("{}\nand {}", told.join("\n"), counted(u64::try_from(more).unwrap_or(u64::MAX), "more incident")),
    }
}

/// A line of time in seconds since the epoch, with marks at whole days.
pub(super) struct Days {
    pub(super) span: Range<i64>,
    /// The most marks.
    pub(super) ticks: i64,
}

impl Ranged for Days {
    type FormatOption = NoDefaultFormatting;
    type ValueType = i64;

    fn map(&self, value: &i64, limit: (i32, i32)) -> i32 {
        let length = (self.span.end - self.span.start).max(1);
        let along = (value - self.span.start).clamp(0, length).saturating_mul(i64::from(limit.1 - limit.0)) / length;
        limit.0 + int(along)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<i64> {
        let days = (self.span.end - self.span.start) / 86_400;
        let step = [1, 2, 7, 14, 28, 91, 182, 364].into_iter().find(|step| days / step <= self.ticks).unwrap_or(days / self.ticks);
        let begins = day(self.span.start).unwrap_or_default();
        begins.series(step.days()).filter_map(seconds).take_while(|at| *at < self.span.end).collect()
    }

    fn range(&self) -> Range<i64> {
        self.span.clone()
    }
}

impl ValueFormatter<i64> for Days {
    fn format_ext(&self, value: &i64) -> String {
        let is_long = self.span.end - self.span.start > 300 * 86_400;
        day(*value).map_or_else(String::new, |day| day.strftime(if is_long { "%b %Y" } else { "%-d %b" }).to_string())
    }
}

fn day(seconds: i64) -> Option<Date> {
    Some(Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC).date())
}

fn seconds(day: Date) -> Option<i64> {
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}
