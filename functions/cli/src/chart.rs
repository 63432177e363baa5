//! Charts, drawn by `plotters` as SVG that stands inline in the page, and takes its colours from the page's style: light, dark, on paper.
//!
//! Each chart is drawn twice, for a wide page and for a narrow one, so that its letters are never too small to read; the page shows one.
//! While it is drawn, a colour is only a number that stands for a variable of the style, or for a mark with a title of its own.

mod bars;
mod columns;
mod heat;
mod timeline;

use std::fmt::Write as _;

use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea as _, IntoFont as _, RGBColor, SVGBackend, TextStyle};
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub(crate) use self::bars::{bars, spread};
pub(crate) use self::columns::{Series, columns};
pub(crate) use self::heat::{key_days, week};
pub(crate) use self::timeline::timeline;

/// A chart, for both widths.
#[derive(Debug)]
pub(crate) struct Chart {
    /// For a wide page, and for paper.
    pub(crate) wide: String,
    /// For a narrow page.
    pub(crate) narrow: String,
}

/// For which of the two a chart is drawn: its width in pixels.
const WIDE: i32 = 912;
const HALF: i32 = 432;
const NARROW: i32 = 318;

/// What is drawn on.
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// The colour of letters.
const INK: RGBColor = RGBColor(0, 0, 1);
/// The colour of letters that explain.
const SOFT: RGBColor = RGBColor(0, 0, 2);
/// The colour of lines that lead the eye.
const LINE: RGBColor = RGBColor(0, 0, 3);
/// The colour of what has no value.
const TINT: RGBColor = RGBColor(0, 0, 4);

/// The first byte of the colours that stand for marks.
const FIRST_MARK: usize = 0x10_0000;

/// The marks of a chart: how each is painted, and what it says to whoever points at it.
#[derive(Debug, Default)]
struct Marks {
    marks: Vec<(&'static str, String)>,
}

impl Marks {
    /// Returns the colour that stands for a mark.
    fn add(&mut self, paint: &'static str, title: String) -> RGBColor {
        let number = FIRST_MARK + self.marks.len();
        self.marks.push((paint, title));
        let byte = |shift: u32| u8::try_from(number >> shift & 0xff).unwrap_or(u8::MAX);
        RGBColor(byte(16), byte(8), byte(0))
    }

    fn find(&self, colour: usize) -> Option<(&'static str, &str)> {
        match colour {
            1 => Some(("currentColor", "")),
            2 => Some(("var(--soft)", "")),
            3 => Some(("var(--line)", "")),
            4 => Some(("var(--tint)", "")),
            _ => self.marks.get(colour.checked_sub(FIRST_MARK)?).map(|(paint, title)| (*paint, title.as_str())),
        }
    }
}

/// Draws a chart of this size, named and described for those who do not see it.
fn draw(
    (width, height): (i32, i32),
    (id, title, description): (&str, &str, &str),
    paint: impl Fn(&Area<'_>, &mut Marks) -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    let (mut svg, mut marks) = (String::new(), Marks::default());
    {
        let area = SVGBackend::with_string(&mut svg, (u32::try_from(width)?, u32::try_from(height)?)).into_drawing_area();
        paint(&area, &mut marks)?;
        area.present()?;
    }
    let mut page = format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"{id}-title {id}-text\">\
         <title id=\"{id}-title\">{}</title><desc id=\"{id}-text\">{}</desc>\n",
        escaped(title),
        escaped(description)
    );
    // The first line is the opening tag, which is written above.
    for line in svg.lines().skip(1) {
        write_line(line, &marks, &mut page);
    }
    Ok(page)
}

/// Writes a line of what was drawn. Tags begin a line; what does not begin with one is text, in which `<` and `"` are escaped.
fn write_line(line: &str, marks: &Marks, page: &mut String) {
    if !line.starts_with('<') {
        page.push_str(line);
        page.push('\n');
        return;
    }
    let line = line.replace(" opacity=\"1\"", "").replace(" font-family=\"sans-serif\"", "").replace(" stroke=\"none\"", "");
    let mut says = "";
    let mut parts = line.split("=\"#");
    let mut painted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part.split_once('"').and_then(|(colour, rest)| Some((marks.find(usize::from_str_radix(colour, 16).ok()?)?, rest)));
        match known {
            Some(((paint, title), rest)) => {
                // Writing to a string cannot fail.
                write!(painted, "=\"{paint}\"{rest}").ok();
                says = title;
            }
            None => {
                write!(painted, "=\"#{part}").ok();
            }
        }
    }
    let name = painted.trim_start_matches('<').split([' ', '>', '/']).next().unwrap_or_default().to_owned();
    match painted.strip_suffix("/>").filter(|_| !says.is_empty()) {
        Some(open) => writeln!(page, "{open}><title>{}</title></{name}>", escaped(says)).ok(),
        None => writeln!(page, "{painted}").ok(),
    };
}

/// Escapes a text for HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Returns how a text is written: its size in pixels, its colour, and what of it stands at the given point.
fn letters(size: i32, colour: RGBColor, across: HPos, down: VPos) -> TextStyle<'static> {
    // The backend writes a font 1.24 times smaller than it is asked for.
    let asked = f64::from(size) * 1.24;
    ("sans-serif", asked).into_font().color(&colour.to_rgba()).pos(Pos::new(across, down))
}

/// Returns a number that is drawn.
fn int(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}

/// Returns how strongly a count is painted beside the greatest one, from 0.1 to 1. The square root lets small counts be seen.
fn strength(count: u64, greatest: u64) -> f64 {
    let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let share = number(count) / number(greatest.max(1));
    ((0.1 + 0.9 * share.clamp(0.0, 1.0).sqrt()) * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use plotters::prelude::{Rectangle, Text};

    use super::*;

    #[test]
    fn what_is_drawn_takes_its_colours_from_the_page_and_escapes_every_text() {
        let attack = "</text></svg><script>alert(1)</script>\n<svg onload=\"x\" fill=\"#000001\">";
        let svg = draw((100, 50), ("c", attack, attack), |area, marks| {
            let colour = marks.add("var(--good)", attack.to_owned());
            area.draw(&Rectangle::new([(0, 0), (10, 10)], colour.filled()))?;
            area.draw(&Text::new(attack, (5, 5), letters(12, INK, HPos::Left, VPos::Top)))?;
            Ok(())
        })
        .unwrap();
        assert!(svg.contains("fill=\"var(--good)\"><title>&lt;/text&gt;"), "{svg}");
        assert!(svg.contains("font-size=\"12\" fill=\"currentColor\""), "{svg}");
        for tag in ["<script", "<svg onload", "onload=\"", "=\"#"] {
            assert!(!svg.contains(tag), "`{tag}` in {svg}");
        }
        assert_eq!(svg.matches("<svg").count(), 1);
        assert_eq!(svg.matches("</svg>").count(), 1);
    }

    #[test]
    fn small_counts_are_seen_beside_great_ones() {
        assert!((strength(1, 1) - 1.0).abs() < f64::EPSILON);
        assert!(strength(1, 10_000) >= 0.1);
        assert!(strength(0, 0) > 0.0);
    }
}
