//! When keys are used: the hours of the week, and the busiest keys by day or week.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use plotters::prelude::{Rectangle, Text};
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, VPos};
use reprieve_evidence::kpi::{KeyDays, UseHeat};

use super::{Area, Chart, INK, Marks, NARROW, SOFT, TINT, WIDE, draw, int, letters, strength};
use crate::plain::{counted, grouped, short_name};

const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// How many columns there are at most before days are taken together by weeks.
const COLUMNS: usize = 45;

/// Draws uses by the hour of the week.
pub(crate) fn week(heat: &UseHeat) -> anyhow::Result<Chart> {
    let description = busiest_hour(heat).map_or_else(
        || "No use has a time.".to_owned(),
        |(day, hour, count)| format!("Most uses: {day} from {hour:02}:00 UTC, {}.", grouped(count)),
    );
    let title = "Uses of keys and secrets by the hour of the week, in UTC";
    let one = |width: i32, id: &str| {
        let label = if width == WIDE { 86 } else { 34 };
        let cell = (width - label) / 24;
        let row = if width == WIDE { 24 } else { 20 };
        draw((width, row * 7 + 20), (id, title, &description), |area, marks| paint_week(area, marks, heat, (label, cell, row)))
    };
    Ok(Chart { wide: one(WIDE, "week-wide")?, narrow: one(NARROW, "week-narrow")? })
}

fn busiest_hour(heat: &UseHeat) -> Option<(&'static str, usize, u64)> {
    let cells = DAYS
        .into_iter()
        .zip(&heat.hours_of_week)
        .flat_map(|(day, hours)| hours.iter().enumerate().map(move |(hour, count)| (day, hour, *count)));
    // Of several that are equal, the first.
    cells.reduce(|best, next| if next.2 > best.2 { next } else { best }).filter(|(_, _, count)| *count > 0)
}

fn paint_week(area: &Area<'_>, marks: &mut Marks, heat: &UseHeat, (label, cell, row): (i32, i32, i32)) -> anyhow::Result<()> {
    let greatest = heat.hours_of_week.iter().flatten().copied().max().unwrap_or(0);
    for (index, (day, hours)) in DAYS.into_iter().zip(&heat.hours_of_week).enumerate() {
        let top = int(index) * row;
        let name: String = if label > 60 { day.to_owned() } else { day.chars().take(3).collect() };
        area.draw(&Text::new(name, (0, top + row / 2), letters(12, INK, HPos::Left, VPos::Center)))?;
        for (hour, count) in hours.iter().enumerate() {
            let left = label + int(hour) * cell;
            let title = format!("{day}, {hour:02}:00 to {:02}:00 UTC: {}", hour + 1, counted(*count, "use"));
            square(area, marks, (left, top, cell, row), (*count, greatest), title)?;
        }
    }
    for hour in (0..24).step_by(if cell > 20 { 3 } else { 6 }) {
        let at = (label + hour * cell, row * 7 + 5);
        area.draw(&Text::new(format!("{hour:02}:00"), at, letters(12, SOFT, HPos::Left, VPos::Top)))?;
    }
    Ok(())
}

fn square(
    area: &Area<'_>,
    marks: &mut Marks,
    (left, top, width, height): (i32, i32, i32, i32),
    (count, greatest): (u64, u64),
    title: String,
) -> anyhow::Result<()> {
    let corners = [(left, top), (left + width - 2, top + height - 2)];
    area.draw(&Rectangle::new(corners, TINT.filled()))?;
    if count > 0 {
        area.draw(&Rectangle::new(corners, marks.add("var(--data)", title).mix(strength(count, greatest)).filled()))?;
    }
    Ok(())
}

/// A column: its first day, and how it is named.
struct Column {
    first: Date,
    is_week: bool,
}

/// Draws uses of the busiest keys, by day where there are few days, else by week.
pub(crate) fn key_days(heat: &UseHeat) -> anyhow::Result<Chart> {
    let columns = columns(&heat.busiest);
    let title = "Uses of the busiest keys and secrets, by day";
    let told = |key: &KeyDays| format!("{}: {}", short_name(&key.asset), grouped(key.total));
    let description = heat.busiest.iter().map(told).collect::<Vec<_>>().join("; ");
    let one = |width: i32, id: &str| {
        let is_wide = width == WIDE;
        let row = if is_wide { 26 } else { 40 };
        let height = row * int(heat.busiest.len()) + 22;
        draw((width, height), (id, title, &description), |area, marks| paint_keys(area, marks, heat, &columns, (width, row, is_wide)))
    };
    Ok(Chart { wide: one(WIDE, "keys-wide")?, narrow: one(NARROW, "keys-narrow")? })
}

fn columns(keys: &[KeyDays]) -> Vec<Column> {
    let days = || keys.iter().flat_map(|key| key.days.keys()).filter_map(|day| day.parse::<Date>().ok());
    let (Some(first), Some(last)) = (days().min(), days().max()) else { return Vec::new() };
    let by_day: Vec<Column> =
        first.series(1.day()).take_while(|day| *day <= last).take(COLUMNS + 1).map(|first| Column { first, is_week: false }).collect();
    if by_day.len() <= COLUMNS {
        return by_day;
    }
    let weeks = monday_of(first).series(7.days()).take_while(|day| *day <= last);
    let weeks: Vec<Column> = weeks.map(|first| Column { first, is_week: true }).collect();
    // Of a very long period, the latest weeks are shown.
    let surplus = weeks.len().saturating_sub(2 * COLUMNS);
    weeks.into_iter().skip(surplus).collect()
}

fn monday_of(day: Date) -> Date {
    let since = day.weekday().since(Weekday::Monday);
    day.checked_sub(i64::from(since).days()).unwrap_or(day)
}

fn paint_keys(
    area: &Area<'_>,
    marks: &mut Marks,
    heat: &UseHeat,
    columns: &[Column],
    (width, row, is_wide): (i32, i32, bool),
) -> anyhow::Result<()> {
    let label = if is_wide { 240 } else { 0 };
    let number = if is_wide { 64 } else { 0 };
    let cell = ((width - label - number) / int(columns.len()).max(1)).clamp(3, 40);
    let counts: Vec<BTreeMap<usize, u64>> = heat.busiest.iter().map(|key| counts_of(key, columns)).collect();
    let greatest = counts.iter().flat_map(BTreeMap::values).copied().max().unwrap_or(0);
    for (index, (key, counts)) in heat.busiest.iter().zip(&counts).enumerate() {
        let top = int(index) * row;
        let squares = if is_wide { top } else { top + 18 };
        let middle = if is_wide { top + row / 2 } else { top + 8 };
        let name = fit(&short_name(&key.asset), if is_wide { 30 } else { 36 });
        area.draw(&Text::new(name, (0, middle), letters(12, INK, HPos::Left, VPos::Center)))?;
        area.draw(&Text::new(grouped(key.total), (width, middle), letters(12, SOFT, HPos::Right, VPos::Center)))?;
        for (at, column) in columns.iter().enumerate() {
            let count = counts.get(&at).copied().unwrap_or(0);
            let when = if column.is_week { format!("week from {}", column.first) } else { column.first.to_string() };
            let title = format!("{}, {when}: {}", short_name(&key.asset), counted(count, "use"));
            square(area, marks, (label + int(at) * cell, squares, cell, if is_wide { row } else { 20 }), (count, greatest), title)?;
        }
    }
    let step = columns.len().div_ceil(if is_wide { 8 } else { 4 }).max(1);
    for (at, column) in columns.iter().enumerate().step_by(step) {
        let day = column.first.strftime("%-d %b").to_string();
        let place = (label + int(at) * cell, row * int(heat.busiest.len()) + 6);
        area.draw(&Text::new(day, place, letters(12, SOFT, HPos::Left, VPos::Top)))?;
    }
    Ok(())
}

/// Uses of a key by column.
fn counts_of(key: &KeyDays, columns: &[Column]) -> BTreeMap<usize, u64> {
    let mut counts = BTreeMap::new();
    for (day, count) in &key.days {
        let Ok(day) = day.parse::<Date>() else { continue };
        if let Some(at) = columns.iter().rposition(|column| column.first <= day) {
            *counts.entry(at).or_default() += count;
        }
    }
    counts
}

/// Shortens a name in its middle, where names of one kind are alike.
fn fit(name: &str, limit: usize) -> String {
    let length = name.chars().count();
    if length <= limit {
        return name.to_owned();
    }
    let half = limit / 2;
    let start: String = name.chars().take(half).collect();
    let end: String = name.chars().skip(length - half + 1).collect();
    format!("{start}…{end}")
}
