//! List prices, with their date and source, and how they are replaced by the user's own.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::money::Money;

/// The pages that prices were taken from.
const ASR: &str = "https://docs.aws.amazon.com/solutions/latest/automated-security-response-on-aws/cost.html";
const CLOUDTRAIL: &str = "https://aws.amazon.com/cloudtrail/pricing/";
const DYNAMODB: &str = "https://aws.amazon.com/dynamodb/pricing/on-demand/";
const EVENTBRIDGE: &str = "https://aws.amazon.com/eventbridge/pricing/";
const KMS: &str = "https://aws.amazon.com/kms/pricing/";
const LAMBDA: &str = "https://aws.amazon.com/lambda/pricing/";
const CLOUDWATCH: &str = "https://aws.amazon.com/cloudwatch/pricing/";
const SNS: &str = "https://aws.amazon.com/sns/pricing/";

/// Something that AWS bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// A CloudWatch alarm of standard resolution.
    Alarm,
    /// A management event that a trail records after another has.
    #[serde(rename = "cloudtrail-event")]
    CloudTrailEvent,
    /// A CloudWatch dashboard.
    Dashboard,
    /// A read unit of a DynamoDB table on demand.
    #[serde(rename = "dynamodb-read")]
    DynamoDbRead,
    /// A write unit of a DynamoDB table on demand.
    #[serde(rename = "dynamodb-write")]
    DynamoDbWrite,
    /// An event of an AWS service on the default bus.
    #[serde(rename = "eventbridge-event")]
    EventBridgeEvent,
    /// A customer-managed key.
    KmsKey,
    /// A request to KMS.
    KmsRequest,
    /// Memory and time of a Lambda function on arm64.
    LambdaDuration,
    /// A request to a Lambda function.
    LambdaRequest,
    /// Log events taken in.
    LogIngestion,
    /// Log events kept.
    LogStorage,
    /// A custom metric.
    Metric,
    /// An object written to S3.
    #[serde(rename = "s3-put")]
    S3Put,
    /// Objects kept in S3.
    #[serde(rename = "s3-storage")]
    S3Storage,
    /// An invocation by EventBridge Scheduler.
    SchedulerInvocation,
    /// A mail sent by SNS.
    SnsEmail,
    /// A message published to SNS.
    SnsPublish,
    /// A request to SQS.
    SqsRequest,
}

/// A price: so much for so many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// The dollars.
    pub dollars: Money,
    /// For how many units of the item.
    pub per: u64,
    /// Where it was read.
    #[serde(default)]
    pub source: String,
    /// Whether the provider's own documentation confirmed it when the table was made.
    #[serde(default)]
    pub is_confirmed: bool,
}

impl Price {
    /// Returns what a quantity costs, rounded half up to a millionth of a dollar.
    #[must_use]
    pub fn cost_of(&self, quantity: u64) -> Money {
        let per = u128::from(self.per.max(1));
        let product = u128::from(self.dollars.micro_dollars()).saturating_mul(u128::from(quantity));
        Money::of_micro_dollars(u64::try_from((product.saturating_add(per / 2)) / per).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dollars = self.dollars.to_string();
        let (whole, fraction) = dollars.split_once('.').unwrap_or((&dollars, ""));
        let fraction = fraction.trim_end_matches('0');
        write!(f, "${whole}.{fraction:0<2}")
    }
}

impl Item {
    /// All items, in the order of their names.
    pub const ALL: [Self; 19] = [
        Self::Alarm,
        Self::CloudTrailEvent,
        Self::Dashboard,
        Self::DynamoDbRead,
        Self::DynamoDbWrite,
        Self::EventBridgeEvent,
        Self::KmsKey,
        Self::KmsRequest,
        Self::LambdaDuration,
        Self::LambdaRequest,
        Self::LogIngestion,
        Self::LogStorage,
        Self::Metric,
        Self::S3Put,
        Self::S3Storage,
        Self::SchedulerInvocation,
        Self::SnsEmail,
        Self::SnsPublish,
        Self::SqsRequest,
    ];

    /// Returns how AWS calls what is billed.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Alarm => "CloudWatch alarms",
            Self::CloudTrailEvent => "CloudTrail events",
            Self::Dashboard => "CloudWatch dashboards",
            Self::DynamoDbRead => "DynamoDB read units",
            Self::DynamoDbWrite => "DynamoDB write units",
            Self::EventBridgeEvent => "EventBridge events",
            Self::KmsKey => "KMS keys",
            Self::KmsRequest => "KMS requests",
            Self::LambdaDuration => "Lambda GB-ms, arm64",
            Self::LambdaRequest => "Lambda requests",
            Self::LogIngestion => "CloudWatch Logs KB in",
            Self::LogStorage => "CloudWatch Logs KB kept",
            Self::Metric => "CloudWatch metrics",
            Self::S3Put => "S3 PUT requests",
            Self::S3Storage => "S3 KB kept",
            Self::SchedulerInvocation => "Scheduler invocations",
            Self::SnsEmail => "SNS mails",
            Self::SnsPublish => "SNS messages",
            Self::SqsRequest => "SQS requests",
        }
    }

    #[expect(clippy::match_same_arms, reason = "a table: one item a line")]
    /// Returns the list price in us-east-1: millionths of a dollar, for how many, where it was read, and whether there it was confirmed.
    const fn listed(self) -> (u64, u64, &'static str, bool) {
        match self {
            Self::Alarm => (100_000, 1, ASR, true),
            Self::CloudTrailEvent => (2_000_000, 100_000, CLOUDTRAIL, true),
            Self::Dashboard => (3_000_000, 1, ASR, true),
            Self::DynamoDbRead => (125_000, 1_000_000, DYNAMODB, false),
            Self::DynamoDbWrite => (625_000, 1_000_000, DYNAMODB, false),
            Self::EventBridgeEvent => (0, 1_000_000, ASR, true),
            Self::KmsKey => (1_000_000, 1, KMS, true),
            Self::KmsRequest => (30_000, 10_000, ASR, true),
            Self::LambdaDuration => (133_334, 10_000_000, LAMBDA, false),
            Self::LambdaRequest => (200_000, 1_000_000, ASR, true),
            Self::LogIngestion => (500_000, 1_000_000, ASR, true),
            Self::LogStorage => (30_000, 1_000_000, CLOUDWATCH, false),
            Self::Metric => (300_000, 1, ASR, true),
            Self::S3Put => (5_000, 1_000, ASR, true),
            Self::S3Storage => (23_000, 1_000_000, ASR, true),
            Self::SchedulerInvocation => (1_000_000, 1_000_000, EVENTBRIDGE, false),
            Self::SnsEmail => (2_000_000, 100_000, SNS, false),
            Self::SnsPublish => (500_000, 1_000_000, ASR, true),
            Self::SqsRequest => (400_000, 1_000_000, ASR, true),
        }
    }
}

/// Why the user's prices cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// Not of the form.
    #[error(
        "these are no prices: {0}; write {{\"date\": \"...\", \"region\": \"...\", \"prices\": {{\"alarm\": {{\"dollars\": \"0.10\", \"per\": 1}}}}}}"
    )]
    Form(#[source] serde_json::Error),
    /// For none of something.
    #[error("the price of `{0}` is for 0 of them; `per` takes 1 or more")]
    ForNone(&'static str),
}

/// All prices, with their date and Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PriceTable {
    /// The day on which they were read.
    pub date: String,
    /// The Region that they are for.
    pub region: String,
    prices: BTreeMap<Item, Price>,
}

/// The user's own prices: some, in place of the listed ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnPrices {
    date: Option<String>,
    region: Option<String>,
    #[serde(default)]
    prices: BTreeMap<Item, Price>,
}

impl PriceTable {
    /// Returns the list prices of us-east-1.
    #[must_use]
    pub fn listed() -> Self {
        let price_of = |item: Item| {
            let (micro_dollars, per, source, is_confirmed) = item.listed();
            (item, Price { dollars: Money::of_micro_dollars(micro_dollars), per, source: source.to_owned(), is_confirmed })
        };
        Self { date: "2026-11-21".to_owned(), region: "us-east-1".to_owned(), prices: Item::ALL.into_iter().map(price_of).collect() }
    }

    /// Puts the user's own prices, as JSON, in place of these. What they do not name stays.
    ///
    /// # Errors
    /// When they are not of the form, name what is not billed, or are for none of something.
    pub fn with_own(mut self, json: &str) -> Result<Self, PriceError> {
        let own: OwnPrices = serde_json::from_str(json).map_err(PriceError::Form)?;
        if let Some((item, _)) = own.prices.iter().find(|(_, price)| price.per == 0) {
            return Err(PriceError::ForNone(item.label()));
        }
        self.date = own.date.unwrap_or(self.date);
        self.region = own.region.unwrap_or(self.region);
        self.prices.extend(own.prices);
        Ok(self)
    }

    /// Returns the price of an item.
    #[must_use]
    pub fn price(&self, item: Item) -> Price {
        let free = || Price { dollars: Money::default(), per: 1, source: String::new(), is_confirmed: false };
        self.prices.get(&item).cloned().unwrap_or_else(free)
    }
}
