//! The plot: time and memory of a replay against the size of the corpus, as SVG.

use std::path::Path;

use plotters::prelude::*;

/// One size of corpus: gigabytes, seconds of inflating, seconds of replaying, mebibytes of memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) gigabytes: f64,
    pub(crate) inflate_seconds: f64,
    pub(crate) replay_seconds: f64,
    pub(crate) mebibytes: f64,
}

const INK: RGBColor = RGBColor(51, 51, 51);
const REPLAY: RGBColor = RGBColor(0, 95, 160);
const INFLATE: RGBColor = RGBColor(150, 150, 150);
const LIMIT: RGBColor = RGBColor(180, 60, 40);

/// Draws both panels.
pub(crate) fn draw(file: &Path, points: &[Point], limit_mebibytes: f64) -> Result<(), Box<dyn std::error::Error>> {
    let most = |of: fn(&Point) -> f64| points.iter().map(of).fold(0.0, f64::max) * 1.1;
    let gigabytes = most(|point| point.gigabytes);
    let seconds = most(|point| point.replay_seconds.max(point.inflate_seconds));
    let root = SVGBackend::new(file, (880, 340)).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(440);

    let mut time = ChartBuilder::on(&left)
        .caption("Seconds, by gigabytes of logs", ("sans-serif", 15).into_font().color(&INK))
        .margin(14)
        .x_label_area_size(34)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..gigabytes, 0.0..seconds)?;
    time.configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(INFLATE.mix(0.3))
        .x_desc("GB, inflated")
        .x_labels(6)
        .y_labels(6)
        .draw()?;
    let inflate = points.iter().map(|point| (point.gigabytes, point.inflate_seconds));
    let replay = points.iter().map(|point| (point.gigabytes, point.replay_seconds));
    for (name, colour, line) in [("inflating alone", INFLATE, inflate.collect::<Vec<_>>()), ("replay", REPLAY, replay.collect())] {
        time.draw_series([PathElement::new(line.clone(), colour.stroke_width(2))])?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        time.draw_series(line.iter().map(|point| Circle::new(*point, 4, colour.filled())))?;
    }
    time.configure_series_labels().position(SeriesLabelPosition::UpperLeft).border_style(WHITE).background_style(WHITE).draw()?;

    let mut memory = ChartBuilder::on(&right)
        .caption("Most memory of a replay, MiB", ("sans-serif", 15).into_font().color(&INK))
        .margin(14)
        .x_label_area_size(34)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..gigabytes, 0.0..limit_mebibytes * 1.2)?;
    memory
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(INFLATE.mix(0.3))
        .x_desc("GB, inflated")
        .x_labels(6)
        .y_labels(6)
        .draw()?;
    memory
        .draw_series([PathElement::new(vec![(0.0, limit_mebibytes), (gigabytes, limit_mebibytes)], LIMIT.stroke_width(1))])?
        .label("what it may have")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], LIMIT.stroke_width(1)));
    let line: Vec<(f64, f64)> = points.iter().map(|point| (point.gigabytes, point.mebibytes)).collect();
    memory.draw_series([PathElement::new(line.clone(), REPLAY.stroke_width(2))])?;
    memory.draw_series(line.iter().map(|point| Circle::new(*point, 4, REPLAY.filled())))?;
    memory.configure_series_labels().position(SeriesLabelPosition::LowerRight).border_style(WHITE).background_style(WHITE).draw()?;
    root.present()?;
    Ok(())
}
