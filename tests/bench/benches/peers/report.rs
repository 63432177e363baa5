//! The tables and the verdicts, as Markdown that reads well on a terminal, and their place in the page of benchmarks.

use std::fmt::Write as _;
use std::path::Path;

use crate::functions::{BOTO3, CUSTODIAN, FLOOR, Function, NODE, OURS, RECIPE_FLOOR, said_by};
use crate::measures::{DELAY, Measured, Measures, Plan};
use crate::quota::PERCENT;

/// What stands between these lines of the page is written by the bench.
const BEGIN: &str = "<!-- scripts/bench peers --write: begin -->";
const END: &str = "<!-- scripts/bench peers --write: end -->";

/// Whether more or less is better.
#[derive(Clone, Copy)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

/// What was measured, in words.
pub(crate) struct Report<'a> {
    functions: &'a [Function],
    measures: &'a Measures,
    plan: Plan,
}

impl<'a> Report<'a> {
    pub(crate) fn new(functions: &'a [Function], measures: &'a Measures, plan: Plan) -> Self {
        Self { functions, measures, plan }
    }

    /// Returns the whole report.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n\n", machine());
        let Plan { starts, events, far, with_quota } = self.plan;
        let _infallible = write!(
            text,
            "Medians, in brackets quartiles; `x` is how many times what Reprieve takes, the median of the ratios turn by turn. {starts} cold \
             starts and {events} warm events of each, {far} events and {} cold starts with {} ms a round trip",
            far / 2,
            DELAY.as_millis()
        );
        let _infallible = if self.measures.has_quota {
            write!(text, ", {with_quota} cold starts with {PERCENT} % of a processor.\n\n")
        } else {
            write!(text, ". No control group could be made here, so nothing is measured under a quota.\n\n")
        };
        for table in [self.cold(), self.warm(), self.far(), self.verdicts()] {
            text.push_str(&table);
            text.push('\n');
        }
        for function in self.functions.iter().filter(|function| self.of(function.name).is_some()) {
            let calls = self.of(function.name).map(calls_of).unwrap_or_default();
            let _infallible = writeln!(text, "- **{}**: {}. {calls}.", function.name, function.what);
        }
        for wrong in &self.measures.wrong {
            let _infallible = writeln!(text, "- WRONG, and left out: {}", wrong.lines().next().unwrap_or_default());
        }
        text
    }

    /// Writes the report into the page, between its lines.
    pub(crate) fn write(&self, page: &Path) -> Result<(), String> {
        let of_page = |error: std::io::Error| format!("`{}`: {error}", page.display());
        let text = std::fs::read_to_string(page).map_err(of_page)?;
        let (before, rest) = text.split_once(BEGIN).ok_or_else(|| format!("`{}` has no line `{BEGIN}`", page.display()))?;
        let (_, after) = rest.split_once(END).ok_or_else(|| format!("`{}` has no line `{END}`", page.display()))?;
        std::fs::write(page, format!("{before}{BEGIN}\n\n{}\n{END}{after}", self.text())).map_err(of_page)
    }

    fn of(&self, name: &str) -> Option<&Measured> {
        self.measures.of.get(name)
    }

    fn rows(&self) -> impl Iterator<Item = (&Function, &Measured)> {
        self.functions.iter().filter_map(|function| Some((function, self.of(function.name)?)))
    }

    /// How many times what ours takes, turn by turn; empty for ours.
    fn times(&self, measured: &Measured, series: impl Fn(&Measured) -> Vec<f64>) -> String {
        let Some(ours) = self.of(OURS).filter(|ours| !std::ptr::eq(*ours, measured)) else { return String::new() };
        ratio(&series(measured), &series(ours)).map(|times| format!("{times:.2} x")).unwrap_or_default()
    }

    fn cold(&self) -> String {
        let mut table = Table::new(&[
            "cold start",
            "to the answer, ms",
            "x",
            "to the first poll, ms",
            "CPU, ms",
            "x",
            "peak memory, MiB",
            "connections",
            "zip, MB",
        ]);
        for (function, measured) in self.rows() {
            let of = |series: fn(&crate::measures::Cold) -> f64| measured.cold.iter().map(series).collect::<Vec<f64>>();
            let peak = measured.cold.iter().map(|cold| cold.peak_kib).max().unwrap_or_default();
            table.row([
                function.name.to_owned(),
                spread(&of(|cold| cold.to_answer)),
                self.times(measured, to_answer),
                spread(&of(|cold| cold.to_poll)),
                spread(&of(|cold| cold.cpu)),
                self.times(measured, cold_cpu),
                format!("{:.1}", mib(peak)),
                measured.cold.iter().map(|cold| cold.handshakes).max().unwrap_or_default().to_string(),
                format!("{:.2}", function.zip_bytes as f64 / 1e6),
            ]);
        }
        table.text()
    }

    fn warm(&self) -> String {
        let mut table = Table::new(&[
            "warm event",
            "p50, ms",
            "x",
            "p99, ms",
            "CPU, ms",
            "x",
            "peak memory, MiB",
            "calls",
            "kB of requests and answers",
        ]);
        for (function, measured) in self.rows() {
            table.row([
                function.name.to_owned(),
                spread(&measured.warm),
                self.times(measured, |measured| measured.warm.clone()),
                quantile(&measured.warm, 0.99).map(|value| format!("{value:.1}")).unwrap_or_default(),
                spread(&measured.warm_cpu),
                self.times(measured, |measured| measured.warm_cpu.clone()),
                format!("{:.1}", mib(measured.peak_kib)),
                measured.calls.len().to_string(),
                format!("{:.1}", measured.bytes as f64 / 1e3),
            ]);
        }
        table.text()
    }

    fn far(&self) -> String {
        let delay = DELAY.as_millis();
        let usable = format!("{delay} ms a round trip: key usable, ms");
        let mut columns = vec![
            usable.as_str(),
            "round trips in a row to there",
            "first event: key usable, ms",
            "x",
            "answered, ms",
            "round trips in a row in all",
        ];
        let quota = format!("cold start with {PERCENT} % of a processor, ms");
        if self.measures.has_quota {
            columns.extend([quota.as_str(), "x"]);
        }
        columns.insert(0, "");
        let mut table = Table::new(&columns);
        for (function, measured) in self.rows() {
            let mut row = vec![
                function.name.to_owned(),
                spread(&measured.far_usable),
                measured.depth_usable.map(|depth| depth.to_string()).unwrap_or_default(),
                spread(&measured.far_first_usable),
                self.times(measured, |measured| measured.far_first_usable.clone()),
                spread(&measured.far_answer),
                measured.depth.to_string(),
            ];
            if self.measures.has_quota {
                row.extend([spread(&measured.with_quota), self.times(measured, |measured| measured.with_quota.clone())]);
            }
            table.row(row);
        }
        table.text()
    }

    /// Holds the measures against the targets.
    fn verdicts(&self) -> String {
        let mut table = Table::new(&["what", "target", "measured", ""]);
        let ours = self.of(OURS);
        let ours_to = |name: &str, series: fn(&Measured) -> Vec<f64>| ratio(&series(self.of(name)?), &series(ours?));
        let to_ours = |name: &str, series: fn(&Measured) -> Vec<f64>| ratio(&series(ours?), &series(self.of(name)?));
        let zip = self.functions.iter().find(|function| function.name == OURS).map(|function| function.zip_bytes as f64 / 1e6);
        let of_warm_cpu: fn(&Measured) -> Vec<f64> = |measured| measured.warm_cpu.clone();
        let rows: [(&str, Wanted, Option<f64>); 10] = [
            ("cold start, times as fast as the recipe on boto3", Wanted::AtLeast(25.0), ours_to(BOTO3, to_answer)),
            ("cold start, times as fast as the recipe on Node.js", Wanted::AtLeast(15.0), ours_to(NODE, to_answer)),
            ("cold start, times as fast as Cloud Custodian", Wanted::AtLeast(40.0), ours_to(CUSTODIAN, to_answer)),
            ("cold start, times what the same calls take without an SDK", Wanted::AtMost(2.5), to_ours(FLOOR, to_answer)),
            ("cold start, times what the recipe's calls take without an SDK", Wanted::AtMost(2.5), to_ours(RECIPE_FLOOR, to_answer)),
            ("CPU of a warm event, share of boto3's", Wanted::AtMost(1.0 / 3.0), to_ours(BOTO3, of_warm_cpu)),
            (
                "round trips in a row until the key is usable",
                Wanted::AtMost(3.0),
                ours.and_then(|ours| ours.depth_usable).map(|depth| depth as f64),
            ),
            ("peak memory, MB", Wanted::AtMost(15.0), ours.map(|ours| ours.peak_kib as f64 * 1.024e-3)),
            ("zip, MB", Wanted::AtMost(4.0), zip),
            ("zip, MB, as `scripts/package` holds it to", Wanted::AtMost(5.0), zip),
        ];
        for (what, wanted, measured) in rows {
            let Some(measured) = measured else {
                table.row([what.to_owned(), wanted.text(), "not measured".to_owned(), String::new()]);
                continue;
            };
            table.row([what.to_owned(), wanted.text(), figure(measured), wanted.verdict(measured)]);
        }
        table.text()
    }
}

impl Wanted {
    fn text(self) -> String {
        match self {
            Self::AtLeast(target) => format!("{} or more", figure(target)),
            Self::AtMost(target) => format!("{} or less", figure(target)),
        }
    }

    fn verdict(self, measured: f64) -> String {
        let (is_reached, by) = match self {
            Self::AtLeast(target) => (measured >= target, 1.0 - measured / target),
            Self::AtMost(target) => (measured <= target, measured / target - 1.0),
        };
        if is_reached { "reached".to_owned() } else { format!("**missed** by {:.0} %", by * 100.0) }
    }
}

fn to_answer(measured: &Measured) -> Vec<f64> {
    measured.cold.iter().map(|cold| cold.to_answer).collect()
}

fn cold_cpu(measured: &Measured) -> Vec<f64> {
    measured.cold.iter().map(|cold| cold.cpu).collect()
}

fn calls_of(measured: &Measured) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for call in &measured.calls {
        match counted.iter_mut().find(|(name, _)| *name == call.name) {
            Some((_, count)) => *count += 1,
            None => counted.push((&call.name, 1)),
        }
    }
    let words = counted.iter().map(|(name, count)| if *count == 1 { format!("`{name}`") } else { format!("{count} `{name}`") });
    words.collect::<Vec<String>>().join(", ")
}

/// Writes a number with three digits that count.
fn figure(value: f64) -> String {
    match value {
        value if (value - value.round()).abs() < 1e-9 => format!("{value:.0}"),
        value if value < 1.0 => format!("{value:.3}"),
        value if value < 10.0 => format!("{value:.2}"),
        value => format!("{value:.1}"),
    }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn quantile(series: &[f64], share: f64) -> Option<f64> {
    let mut sorted = series.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * share).round() as usize).copied()
}

/// The median of the ratios, turn by turn.
fn ratio(one: &[f64], other: &[f64]) -> Option<f64> {
    let ratios: Vec<f64> = one.iter().zip(other).map(|(one, other)| one / other).collect();
    quantile(&ratios, 0.5)
}

/// The median with its quartiles.
fn spread(series: &[f64]) -> String {
    let [Some(low), Some(middle), Some(high)] = [0.25, 0.5, 0.75].map(|share| quantile(series, share)) else { return String::new() };
    format!("{} ({} to {})", figure(middle), figure(low), figure(high))
}

fn machine() -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map_or("unknown", |(_, name)| name);
    let count = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let rustc = said_by(Path::new(&std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())), &["--version"]);
    format!(
        "Machine: {count} processors, {}; Linux {}; {}. Load at the end of the measures: {}.",
        model.trim(),
        kernel.split('-').next().unwrap_or_default().trim(),
        rustc.split(" (").next().unwrap_or_default(),
        load.split_whitespace().next().unwrap_or("unknown")
    )
}

/// A table in Markdown with its columns aligned.
struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(columns: &[&str]) -> Self {
        Self { rows: vec![columns.iter().map(|column| (*column).to_owned()).collect()] }
    }

    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn text(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default().max(3);
        let line = |row: &[String]| {
            let cells =
                row.iter().enumerate().map(|(column, cell)| format!(" {cell}{} |", " ".repeat(width(column) - cell.chars().count())));
            format!("|{}\n", cells.collect::<String>())
        };
        let rule: Vec<String> = (0..columns).map(|column| "-".repeat(width(column))).collect();
        let (head, body) = self.rows.split_at(1);
        head.iter().map(|row| line(row)).chain([line(&rule)]).chain(body.iter().map(|row| line(row))).collect()
    }
}
