//! How durations are spread: a bar for each range, one below the other, so that ranges can be read at any width.

use plotters::prelude::{Rectangle, Text};
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, VPos};
use reprieve_evidence::kpi::{Bar, Times};

use super::{Area, Chart, HALF, INK, Marks, NARROW, SOFT, TINT, draw, int, letters};
use crate::plain::{counted, grouped};

const ROW: i32 = 22;
const LABEL: i32 = 92;
const NUMBER: i32 = 44;

/// Draws how durations are spread. `id` must be the page's own, and `noun` what is counted.
pub(crate) fn bars(times: &Times, id: &str, title: &str, noun: &str) -> anyhow::Result<Chart> {
    spread(&times.bars, id, title, noun)
}

/// Draws how durations are spread over these ranges, as [`bars`] does.
pub(crate) fn spread(bars: &[Bar], id: &str, title: &str, noun: &str) -> anyhow::Result<Chart> {
    let bars = shown(bars);
    let description = bars.iter().map(|bar| format!("{}: {}", range(bar), bar.count)).collect::<Vec<_>>().join("; ");
    let named = |width: &str| format!("{id}-{width}");
    let height = int(bars.len()) * ROW + 4;
    let one =
        |width: i32, id: String| draw((width, height), (&id, title, &description), |area, marks| paint(area, marks, &bars, width, noun));
    Ok(Chart { wide: one(HALF, named("wide"))?, narrow: one(NARROW, named("narrow"))? })
}

/// The ranges from the first with a count to the last.
fn shown(bars: &[Bar]) -> Vec<Bar> {
    let first = bars.iter().position(|bar| bar.count > 0).unwrap_or(0);
    let last = bars.iter().rposition(|bar| bar.count > 0).unwrap_or(0);
    bars.iter().skip(first).take(last - first + 1).cloned().collect()
}

fn paint(area: &Area<'_>, marks: &mut Marks, bars: &[Bar], width: i32, noun: &str) -> anyhow::Result<()> {
    let greatest = bars.iter().map(|bar| bar.count).max().unwrap_or(1).max(1);
    let room = width - LABEL - NUMBER;
    for (row, bar) in bars.iter().enumerate() {
        let top = int(row) * ROW + 2;
        let middle = top + ROW / 2;
        let length = int(u64::try_from(room)?.saturating_mul(bar.count) / greatest).max(i32::from(bar.count > 0) * 2);
        let label = range(bar);
        area.draw(&Text::new(label.clone(), (LABEL - 10, middle), letters(12, SOFT, HPos::Right, VPos::Center)))?;
        area.draw(&Rectangle::new([(LABEL, top + 4), (LABEL + room, top + ROW - 4)], TINT.filled()))?;
        if bar.count > 0 {
            let paint = if bar.from_ms.is_none() { "var(--warn)" } else { "var(--data)" };
            let colour = marks.add(paint, format!("{label}: {}", counted(bar.count, noun)));
            area.draw(&Rectangle::new([(LABEL, top + 4), (LABEL + length, top + ROW - 4)], colour.filled()))?;
            area.draw(&Text::new(grouped(bar.count), (width, middle), letters(12, INK, HPos::Right, VPos::Center)))?;
        }
    }
    Ok(())
}

/// Writes a range of durations: `2–5 s`.
fn range(bar: &Bar) -> String {
    let unit = |ms: i64| match ms {
        86_400_000 => (1, "day"),
        86_400_001.. => (ms / 86_400_000, "days"),
        3_600_000.. => (ms / 3_600_000, "h"),
        60_000.. => (ms / 60_000, "min"),
        _ => (ms / 1_000, "s"),
    };
    match (bar.from_ms, bar.below_ms) {
        (None, _) => "negative".to_owned(),
        (Some(from), None) => {
            let (number, unit) = unit(from);
            format!("over {number} {unit}")
        }
        (Some(0), Some(below)) => {
            let (number, unit) = unit(below);
            format!("under {number} {unit}")
        }
        (Some(from), Some(below)) => {
            let ((low, low_unit), (high, high_unit)) = (unit(from), unit(below));
            if low_unit == high_unit || low_unit == "day" {
                format!("{low}–{high} {high_unit}")
            } else {
                format!("{low} {low_unit} – {high} {high_unit}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_days_are_written_as_such() {
        let hours = [Some(12), Some(24), Some(72), Some(168), None].map(|hours| hours.map(|hours| hours * 3_600_000));
        let ranges: Vec<String> = hours.windows(2).map(|ends| range(&Bar { from_ms: ends[0], below_ms: ends[1], count: 0 })).collect();
        assert_eq!(ranges.join(", "), "12 h – 1 day, 1–3 days, 3–7 days, over 7 days");
    }

    #[test]
    fn ranges_are_written_with_their_units() {
        let times = Times::of(vec![0]);
        let ranges: Vec<String> = times.bars.iter().map(range).collect();
        assert_eq!(
            ranges.join(", "),
            "negative, under 1 s, 1–2 s, 2–5 s, 5–10 s, 10–20 s, 20–30 s, 30 s – 1 min, 1–2 min, 2–5 min, 5–15 min, 15 min – 1 h, over 1 h"
        );
    }
}
