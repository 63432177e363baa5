//! `reprieve coverage`: what is looked at, and how the report is given.

use std::path::PathBuf;

use clap::Args;
use reprieve_core::Region;

use super::desk::CloudArguments;

#[derive(Debug, Args)]
pub(crate) struct CoverageArguments {
    /// The Regions whose keys are looked at, separated by commas [default: the current Region]
    #[arg(long, value_name = "REGIONS", value_delimiter = ',', value_parser = Region::parse)]
    pub(crate) regions: Vec<Region>,

    /// The Region in which the account's monitoring stands [default: the current Region, else the first of --regions]
    #[arg(long, value_name = "REGION", value_parser = Region::parse)]
    pub(crate) monitoring_region: Option<Region>,

    /// Prints the report as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Writes the report as one self-contained page
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Writes what was observed, to be judged again with --observed
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,

    /// Judges what was observed before, and calls nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["save", "regions", "monitoring_region", "region", "profile"])]
    pub(crate) observed: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) cloud: CloudArguments,
}

pub(crate) const COVERAGE_HELP: &str = r#"WHAT COUNTS AS MONITORED
  A customer-managed key is monitored only if all of this holds:
    an enabled event rule routes every event that threatens it to a guard that
    runs and enforces
    the guard's role is let in by the key's policy, and by IAM (simulated)
    a trail records it, and an alarm on that ends at a confirmed human
  What cannot be read never counts as monitored. Keys that AWS manages are not
  counted.

PERMISSIONS
  Everything is read, nothing changed: kms:List*, DescribeKey, GetKeyPolicy;
  events:List*, TestEventPattern; lambda:List*, GetFunctionConfiguration;
  iam:SimulatePrincipalPolicy; cloudtrail, logs, cloudwatch and sns to list and
  describe.

OUTPUT WITH --json
  {"percentage",
   "count": {"customer_managed", "monitored", "pending_deletion", "aws_managed"},
   "regions": [{"place", "percentage", "count", "gaps",
     "keys": [{"arn", "aliases", "state", "monitored",
       "gaps": [{"kind", "about", "reason", "fix"}]}], "findings"}],
   "lockouts": [{"key", "role_arn", "is_certain", "reason"}]}

EXIT CODES
  0  every key is monitored
  1  AWS failed, or did not allow it
  2  bad input
  3  some keys are not monitored, or may not be

EXAMPLES
  reprieve coverage
  reprieve coverage --regions eu-central-1,us-east-1 --html coverage.html
  reprieve coverage --json | jq -r '.regions[].keys[] | select(.monitored | not) | .arn'
"#;
