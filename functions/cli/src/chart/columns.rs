//! Counts by day as columns, each divided by what was counted. Where there are more days than fit, a column is of several.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use plotters::prelude::{ChartBuilder, Rectangle};
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, VPos};

use super::timeline::Days;
use super::{Area, Chart, LINE, Marks, NARROW, SOFT, WIDE, draw, letters};
use crate::plain::grouped;

const HEIGHT: i32 = 210;
const AXIS: i32 = 26;
const NUMBERS: i32 = 40;
const DAY_SECONDS: i64 = 86_400;
/// The least width of a column, in pixels.
const COLUMN: i32 = 5;

/// One kind of what is counted.
#[derive(Debug)]
pub(crate) struct Series {
    /// How it is painted: a variable of the page's style.
    pub(crate) paint: &'static str,
    /// What it is called.
    pub(crate) caption: &'static str,
    /// How many on each day, by days since the epoch.
    pub(crate) by_day: BTreeMap<i64, u64>,
}

/// Draws counts by day, the first series lowest. `id` must be the page's own.
pub(crate) fn columns(all: &[Series], days: &Range<i64>, id: &str, title: &str) -> anyhow::Result<Chart> {
    let described = all.iter().map(|one| format!("{}: {}", one.caption, one.by_day.values().sum::<u64>()));
    let description = described.collect::<Vec<_>>().join("; ");
    let one =
        |width: i32, id: String| draw((width, HEIGHT), (&id, title, &description), |area, marks| paint(area, marks, all, days, width));
    Ok(Chart { wide: one(WIDE, format!("{id}-wide"))?, narrow: one(NARROW, format!("{id}-narrow"))? })
}

fn paint(area: &Area<'_>, marks: &mut Marks, all: &[Series], days: &Range<i64>, width: i32) -> anyhow::Result<()> {
    let step = step(days, width);
    let columns = columns_of(all, days, step);
    let highest = columns.values().map(|counts| counts.iter().sum::<u64>()).max().unwrap_or(0).max(1);
    let last = days.start + ((days.end - days.start).max(1) + step - 1) / step * step;
    let span = days.start * DAY_SECONDS..last * DAY_SECONDS;
    let mut chart = ChartBuilder::on(area)
        .margin_top(10)
        .margin_right(22)
        .x_label_area_size(AXIS)
        .y_label_area_size(NUMBERS)
        .build_cartesian_2d(Days { span, ticks: if width == WIDE { 10 } else { 4 } }, 0..highest)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(12)
        .y_labels(4)
        .y_label_formatter(&|count: &u64| grouped(*count))
        .bold_line_style(LINE.stroke_width(1))
        .light_line_style(LINE.mix(0.0))
        .axis_style(LINE.stroke_width(1))
        .x_label_style(letters(12, SOFT, HPos::Center, VPos::Top))
        .y_label_style(letters(12, SOFT, HPos::Right, VPos::Center))
        .draw()?;
    let gap = DAY_SECONDS * step / 12;
    let mut marked = Vec::new();
    for (column, counts) in columns {
        let begins = (days.start + column * step) * DAY_SECONDS;
        let mut below = 0;
        for (one, count) in all.iter().zip(counts).filter(|(_, count)| *count > 0) {
            let colour = marks.add(one.paint, format!("{}: {} {}", name_of(begins, step), grouped(count), one.caption));
            let corners = [(begins + gap, below + count), (begins + step * DAY_SECONDS - gap, below)];
            marked.push(Rectangle::new(corners, colour.filled()));
            below += count;
        }
    }
    chart.draw_series(marked)?;
    Ok(())
}

/// Returns how many days a column is of.
fn step(days: &Range<i64>, width: i32) -> i64 {
    let most = i64::from((width - NUMBERS - 22) / COLUMN).max(1);
    let count = (days.end - days.start).max(1);
    [1, 7, 28, 91, 364].into_iter().find(|step| count / step <= most).unwrap_or(count / most + 1)
}

/// Returns the counts of each column that has any, one for each series.
fn columns_of(all: &[Series], days: &Range<i64>, step: i64) -> BTreeMap<i64, Vec<u64>> {
    let mut columns: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    for (index, one) in all.iter().enumerate() {
        for (day, count) in one.by_day.range(days.clone()) {
            let counts = columns.entry((day - days.start) / step).or_insert_with(|| vec![0; all.len()]);
            if let Some(sum) = counts.get_mut(index) {
                *sum += count;
            }
        }
    }
    columns
}

fn name_of(begins: i64, step: i64) -> String {
    let day = |seconds: i64| Timestamp::from_second(seconds).map_or_else(|_| String::new(), |at| at.strftime("%-d %b %Y").to_string());
    if step == 1 { day(begins) } else { format!("{} to {}", day(begins), day(begins + (step - 1) * DAY_SECONDS)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_do_not_fit_are_taken_together_and_nothing_is_lost() {
        let one = |by_day: &[(i64, u64)]| Series { paint: "var(--good)", caption: "a", by_day: by_day.iter().copied().collect() };
        let all = [one(&[(100, 2), (106, 1), (107, 4)]), one(&[(107, 8), (500, 9)])];
        assert_eq!(step(&(0..100), WIDE), 1);
        assert_eq!(step(&(0..365), WIDE), 7);
        assert_eq!(step(&(0..100), NARROW), 7);
        assert_eq!(columns_of(&all, &(100..200), 7), BTreeMap::from([(0, vec![3, 0]), (1, vec![4, 8])]));
        assert_eq!((name_of(0, 1), name_of(0, 7)), ("1 Jan 1970".to_owned(), "1 Jan 1970 to 7 Jan 1970".to_owned()));
        let chart = columns(&all, &(100..200), "days", "Decisions").unwrap();
        for svg in [chart.wide, chart.narrow] {
            assert_eq!(svg.matches("fill=\"var(--good)\"").count(), if svg.contains("-wide") { 4 } else { 3 }, "{svg}");
        }
    }
}
