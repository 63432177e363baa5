//! `reprieve cost`: what Reprieve costs a month, line by line, with every price and every assumption. Nothing is called.

use std::io::Write;

use anyhow::Context as _;
use owo_colors::{OwoColorize as _, Style};
use reprieve_core::cost::{ASSUMPTIONS, Assumption, Estimate, Line, Money, PUBLISHED, Part, Price, PriceTable, Published, Scale};
use reprieve_core::monitoring::{Baseline, PatternMode};
use serde::Serialize;

use crate::args::cost::CostArguments;
use crate::plain::{counted, grouped};
use crate::style::{WIDTH, wrap};
use crate::table::{self, Cell, Row};

/// The estimate, and all that it rests on.
#[derive(Debug, Serialize)]
struct Report {
    estimate: Estimate,
    /// Metric filters, each with a metric and an alarm, in an account.
    controls: u64,
    parts: Vec<PartTotal>,
    price_table: PriceTable,
    assumptions: &'static [Assumption],
    at_published_scale: Estimate,
    published: Published,
}

#[derive(Debug, Serialize)]
struct PartTotal {
    part: Part,
    total: Money,
}

/// Estimates, and prints.
pub(crate) fn run(arguments: &CostArguments) -> anyhow::Result<()> {
    let prices = match &arguments.price_table {
        None => PriceTable::listed(),
        Some(file) => {
            let json = std::fs::read_to_string(file).with_context(|| format!("the prices in `{}` cannot be read", file.display()))?;
            PriceTable::listed().with_own(&json).with_context(|| format!("the prices in `{}` cannot be used", file.display()))?
        }
    };
    let report = report_of(arguments, prices);
    let mut out = anstream::stdout().lock();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        return Ok(());
    }
    print(&report, &mut out)?;
    Ok(())
}

fn report_of(arguments: &CostArguments, price_table: PriceTable) -> Report {
    let scale = Scale {
        accounts: arguments.accounts,
        regions: arguments.regions,
        keys: arguments.keys,
        key_events: arguments.keys.saturating_mul(arguments.events_per_key).div_ceil(1_000),
        management_events: arguments.management_events,
        is_second_trail: arguments.second_trail,
        has_own_trail: arguments.own_trail,
        dashboards: arguments.dashboards.unwrap_or(arguments.accounts),
    };
    let controls = u64::try_from(Baseline::of(arguments.cis_version, PatternMode::ByMatching, true).controls.len()).unwrap_or(u64::MAX);
    let estimate = Estimate::of(scale, controls, &price_table);
    let parts = Part::ALL.into_iter().map(|part| PartTotal { part, total: estimate.total_of(part) }).collect();
    let at_published_scale = Estimate::of(scale.at(&PUBLISHED), controls, &price_table);
    Report { estimate, controls, parts, price_table, assumptions: ASSUMPTIONS, at_published_scale, published: PUBLISHED }
}

fn print(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    let Report { estimate, price_table, .. } = report;
    let scale = &estimate.scale;
    paragraph(
        out,
        &format!(
            "A month of Reprieve in {}, {} each, with {} and {} on them: {}.",
            counted(scale.accounts, "account"),
            counted(scale.regions, "Region"),
            counted(scale.keys, "key"),
            counted(scale.key_events, "event"),
            estimate.total.in_cents()
        ),
    )?;
    paragraph(
        out,
        &format!(
            "List prices of {} as read on {}; free tiers, taxes and discounts are left out. A price marked (check) was not confirmed by the \
             provider's documentation: look it up.",
            price_table.region, price_table.date
        ),
    )?;
    for part in Part::ALL {
        writeln!(out, "\n{}", title_of(part, report.controls).style(Style::new().bold()))?;
        print_part(estimate, part, price_table, out)?;
    }
    writeln!(out, "\n{}  {}", "A month, in all".bold(), estimate.total.in_cents().bold())?;
    print_assumptions(out)?;
    print_comparison(report, out)
}

fn title_of(part: Part, controls: u64) -> String {
    match part {
        Part::Guard => "The guard, in every account and Region".to_owned(),
        Part::Monitoring => format!("The monitoring, in every account: {controls} controls, each a metric filter and an alarm"),
        Part::Drill => "The drill, in every account".to_owned(),
    }
}

/// Prints a part, the dearest line first, and what is less than a cent in one line.
fn print_part(estimate: &Estimate, part: Part, prices: &PriceTable, out: &mut impl Write) -> std::io::Result<()> {
    let (mut lines, small): (Vec<&Line>, Vec<&Line>) = estimate.lines_of(part).partition(|line| line.cost.micro_dollars() >= 5_000);
    lines.sort_by_key(|line| std::cmp::Reverse(line.cost));
    let mut rows: Vec<Row<5>> = lines
        .into_iter()
        .map(|line| {
            let price = prices.price(line.item);
            let texts =
                [line.item.label().to_owned(), line.what.to_owned(), grouped(line.quantity), price_text(&price), line.cost.in_cents()];
            Row { cells: texts.map(Cell::plain), below: Vec::new() }
        })
        .collect();
    let rest: Money = small.iter().map(|line| line.cost).sum();
    if !small.is_empty() {
        let what = format!("less than a cent each: {}", counted(small.len() as u64, "line"));
        rows.push(Row { cells: [String::new(), what, String::new(), String::new(), rest.in_cents()].map(Cell::plain), below: Vec::new() });
    }
    let total = [String::new(), "together".to_owned(), String::new(), String::new(), estimate.total_of(part).in_cents()];
    rows.push(Row { cells: total.map(|text| Cell::styled(text, Style::new().bold())), below: Vec::new() });
    table::print(["PAID", "FOR", "QUANTITY", "PRICE", "A MONTH"], &rows, out)
}

fn price_text(price: &Price) -> String {
    let check = if price.is_confirmed { "" } else { " (check)" };
    if price.per == 1 { format!("{price}{check}") } else { format!("{price} / {}{check}", grouped(price.per)) }
}

fn print_assumptions(out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "\n{}", "Assumed".bold())?;
    let rows: Vec<Row<3>> = ASSUMPTIONS
        .iter()
        .map(|assumption| Row {
            cells: [grouped(assumption.value), assumption.what.to_owned(), assumption.why.to_owned()].map(Cell::plain),
            below: Vec::new(),
        })
        .collect();
    table::print(["A MONTH", "WHAT", "WHY"], &rows, out)
}

fn print_comparison(report: &Report, out: &mut impl Write) -> std::io::Result<()> {
    let (published, ours) = (&report.published, &report.at_published_scale);
    writeln!(out, "\n{}", format!("Beside {}", published.name).bold())?;
    let scale = format!("{} accounts, {} Region, {} remediations", published.accounts, published.regions, published.remediations);
    paragraph(
        out,
        &format!(
            "{} publishes {} a month for {scale}; its own lines add up to {}. They count {}. They leave out {}.",
            published.name,
            published.total.in_cents(),
            published.sum_of_lines.in_cents(),
            published.includes,
            published.leaves_out
        ),
    )?;
    let parts: Vec<String> = [(Part::Guard, "the guard"), (Part::Monitoring, "the monitoring"), (Part::Drill, "the drill")]
        .into_iter()
        .map(|(part, name)| format!("{} for {name}", ours.total_of(part).in_cents()))
        .collect();
    paragraph(
        out,
        &format!(
            "Reprieve at that scale, with {}: {}, of it {}.",
            counted(ours.scale.keys, "key"),
            ours.total.in_cents(),
            parts.join(", ")
        ),
    )?;
    paragraph(out, &format!("They are not the same service. {}", published.differs))?;
    paragraph(out, published.source)
}

fn paragraph(out: &mut impl Write, text: &str) -> std::io::Result<()> {
    wrap(text, WIDTH).iter().try_for_each(|line| writeln!(out, "{line}"))
}
