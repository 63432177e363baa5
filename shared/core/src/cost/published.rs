//! What another solution publishes of its cost, as it stands there. Not the same service, and said so.

use serde::Serialize;

use super::money::Money;

/// A published estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Of what.
    pub name: &'static str,
    /// The published total of a month.
    pub total: Money,
    /// What the published lines add up to.
    pub sum_of_lines: Money,
    /// Its accounts.
    pub accounts: u64,
    /// Its Regions.
    pub regions: u64,
    /// Its remediations a month.
    pub remediations: u64,
    /// What it counts, in its own words.
    pub includes: &'static str,
    /// What it needs and does not count.
    pub leaves_out: &'static str,
    /// Why the two cannot be compared line by line.
    pub differs: &'static str,
    /// Where it stands.
    pub source: &'static str,
}

/// Example 1 of Automated Security Response on AWS: 10 accounts, 1 Region, 300 remediations, web interface and action log off.
pub const PUBLISHED: Published = Published {
    name: "Automated Security Response on AWS",
    total: Money::of_micro_dollars(14_700_000),
    // 2.49 Systems Manager, 0.00142 and 0.029 Lambda, 0.14 Step Functions, 10.02 KMS, 2.0625 DynamoDB, 0.40 SQS, 0.0003 SNS, 2.10 metrics,
    // 3.00 dashboard, 0.40 alarms, 0.0355 X-Ray.
    sum_of_lines: Money::of_micro_dollars(20_678_720),
    accounts: 10,
    regions: 1,
    remediations: 300,
    includes: "Systems Manager Automation, Lambda, Step Functions, one KMS key an account, DynamoDB, SQS, SNS, 7 metrics, 1 dashboard, 4 alarms, X-Ray",
    leaves_out: "the Security Hub checks and AWS Config rules that its findings come from",
    differs: "It remedies findings of many services and has no remediation for keys whose deletion is pending; it provisions no trail and no \
              metric filter for each control, and rehearses nothing.",
    source: "https://docs.aws.amazon.com/solutions/latest/automated-security-response-on-aws/cost.html",
};
