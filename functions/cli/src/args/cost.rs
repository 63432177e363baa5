//! The arguments of `reprieve cost`.

use std::path::PathBuf;

use clap::Args;
use reprieve_core::monitoring::CisVersion;

#[derive(Debug, Args)]
pub(crate) struct CostArguments {
    /// Accounts; each has the monitoring and the drill
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) accounts: u64,

    /// Regions of each account; each has a guard
    #[arg(long, value_name = "R", value_parser = clap::value_parser!(u64).range(1..=100))]
    pub(crate) regions: u64,

    /// Customer-managed keys, in all accounts and Regions together
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(..=100_000_000))]
    pub(crate) keys: u64,

    /// Events of each key that the guard answers in a month, such as 2 or 0.25
    #[arg(long, value_name = "E", value_parser = thousandths, default_value = "2", allow_negative_numbers = true)]
    pub(crate) events_per_key: u64,

    /// Management events that CloudTrail records in each account in a month
    #[arg(long, value_name = "M", default_value_t = 500_000)]
    pub(crate) management_events: u64,

    /// You have a trail that feeds a log group, and Reprieve makes none
    #[arg(long, conflicts_with = "second_trail")]
    pub(crate) own_trail: bool,

    /// Another trail records the same events, so that Reprieve's is not the first copy
    #[arg(long)]
    pub(crate) second_trail: bool,

    /// Dashboards in all; without it, one an account
    #[arg(long, value_name = "D")]
    pub(crate) dashboards: Option<u64>,

    /// The version of the CIS AWS Foundations Benchmark whose controls are provisioned
    #[arg(long, value_name = "VERSION", value_parser = super::values::cis_version(), default_value = "5.0")]
    pub(crate) cis_version: CisVersion,

    /// Your own prices, as JSON, in place of the listed ones; the form is below
    #[arg(long, value_name = "FILE")]
    pub(crate) price_table: Option<PathBuf>,

    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Parses a number with up to three digits after the point as whole thousandths.
fn thousandths(text: &str) -> Result<u64, String> {
    let wrong = || "write a number with at most three digits after the point, such as 2 or 0.25".to_owned();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) || fraction.len() > 3 || whole.len() > 6 {
        return Err(wrong());
    }
    format!("{whole}{fraction:0<3}").parse().map_err(|_| wrong())
}

pub(crate) const COST_HELP: &str = r#"WHAT IS ESTIMATED
  A month at list prices, line by line. Nothing is called; free tiers, taxes and
  discounts are left out.

OWN PRICES
  They name what they replace, the rest stays as listed:
    {"date": "2027-01-31", "region": "eu-central-1",
     "prices": {"alarm": {"dollars": "0.10", "per": 1}}}

  Items: alarm, cloudtrail-event, dashboard, dynamodb-read, dynamodb-write,
  eventbridge-event, kms-key, kms-request, lambda-duration (of GB-milliseconds),
  lambda-request, log-ingestion, log-storage (of kilobytes), metric, s3-put,
  s3-storage (of kilobytes), scheduler-invocation, sns-email, sns-publish,
  sqs-request.

EXIT CODES
  0  estimated
  2  bad input

EXAMPLES
  reprieve cost --accounts 10 --regions 2 --keys 400
  reprieve cost --accounts 1 --regions 1 --keys 20 --events-per-key 0.5 --own-trail --json
"#;
