//! What Reprieve costs a month: quantities times list prices, each line with its arithmetic. Pure, and in whole millionths of a dollar.
//!
//! An estimate, not a bill: free tiers, taxes and discounts are left out, and every quantity that nobody can know beforehand is an
//! [`Assumption`] that is printed. It must not add what it cannot itemise.

mod assumption;
mod money;
mod price;
mod published;

pub use self::assumption::{ASSUMPTIONS, Assumption};
pub use self::money::{Money, MoneyError};
pub use self::price::{Item, Price, PriceError, PriceTable};
pub use self::published::{PUBLISHED, Published};

use serde::Serialize;

use self::assumption as assume;

/// How much is deployed, and what happens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Scale {
    /// Accounts, each with the monitoring and the drill.
    pub accounts: u64,
    /// Regions of each account, each with a guard.
    pub regions: u64,
    /// Customer-managed keys, in all accounts and Regions together.
    pub keys: u64,
    /// Events on keys that the guard answers, in all and in a month.
    pub key_events: u64,
    /// Management events that CloudTrail records, in each account and in a month.
    pub management_events: u64,
    /// Whether another trail records the same events already, so that Reprieve's copy is not the first, which is free.
    pub is_second_trail: bool,
    /// Whether a trail of the user's own is put into Reprieve's care, so that its files and log events cost nothing in addition.
    pub has_own_trail: bool,
    /// Dashboards, in all.
    pub dashboards: u64,
}

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The guard, and the sweep: in every account and Region.
    Guard,
    /// Trail, metric filters and alarms: in every account.
    Monitoring,
    /// The drill: in every account.
    Drill,
}

impl Part {
    /// All parts, in the order in which they are deployed.
    pub const ALL: [Self; 3] = [Self::Guard, Self::Monitoring, Self::Drill];
}

/// One line of the estimate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What it is for.
    pub part: Part,
    /// What is paid.
    pub item: Item,
    /// What it is used for.
    pub what: &'static str,
    /// How much of it, in the item's unit, a month.
    pub quantity: u64,
    /// What that costs a month.
    pub cost: Money,
}

/// The estimate of a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// How much is deployed.
    pub scale: Scale,
    /// The lines, by part.
    pub lines: Vec<Line>,
    /// Their sum.
    pub total: Money,
}

impl Estimate {
    /// Estimates a month. `controls` is how many metric filters, each with a metric and an alarm, an account has.
    #[must_use]
    pub fn of(scale: Scale, controls: u64, prices: &PriceTable) -> Self {
        let mut sheet = Sheet { prices, part: Part::Guard, lines: Vec::new() };
        sheet.guard(&scale);
        sheet.part = Part::Monitoring;
        sheet.monitoring(&scale, controls);
        sheet.part = Part::Drill;
        sheet.drill(&scale);
        let total = sheet.lines.iter().map(|line| line.cost).sum();
        Self { scale, lines: sheet.lines, total }
    }

    /// Returns the lines of a part.
    pub fn lines_of(&self, part: Part) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(move |line| line.part == part)
    }

    /// Returns the sum of a part.
    #[must_use]
    pub fn total_of(&self, part: Part) -> Money {
        self.lines_of(part).map(|line| line.cost).sum()
    }
}

impl Scale {
    /// Returns this scale at that of a published estimate: its accounts and Regions, and as many events that are answered with a remedy.
    /// The keys stay, for the other solution knows none.
    #[must_use]
    pub const fn at(self, published: &Published) -> Self {
        let key_events = published.remediations.saturating_mul(assume::EVENTS_A_REMEDY.value);
        let dashboards = if self.dashboards < published.accounts { self.dashboards } else { published.accounts };
        Self { accounts: published.accounts, regions: published.regions, key_events, dashboards, ..self }
    }

    /// Returns in how many accounts and Regions a guard stands.
    #[must_use]
    pub const fn guards(&self) -> u64 {
        self.accounts.saturating_mul(self.regions)
    }
}

/// The lines as they are written down. Saturates far beyond what anybody could pay.
struct Sheet<'a> {
    prices: &'a PriceTable,
    part: Part,
    lines: Vec<Line>,
}

impl Sheet<'_> {
    fn add(&mut self, item: Item, what: &'static str, factors: &[u64]) {
        let quantity = factors.iter().fold(1, |product: u64, factor| product.saturating_mul(*factor));
        let cost = self.prices.price(item).cost_of(quantity);
        self.lines.push(Line { part: self.part, item, what, quantity, cost });
    }

    fn guard(&mut self, scale: &Scale) {
        let (guards, events, keys) = (scale.guards(), scale.key_events, scale.keys);
        let sweeps = assume::SWEEPS.value;
        let swept = keys.saturating_mul(sweeps);
        self.add(Item::Alarm, "alarms on the guard itself", &[guards, assume::GUARD_ALARMS.value]);
        self.add(Item::Metric, "metrics of the guard", &[guards, assume::GUARD_METRICS.value]);
        self.add(Item::LambdaRequest, "events answered", &[events]);
        self.add(Item::LambdaDuration, "events answered, 256 MB", &[events, assume::EVENT_MILLISECONDS.value / 4]);
        self.add(Item::LambdaRequest, "sweeps", &[guards, sweeps]);
        self.add(Item::LambdaDuration, "sweeps, 256 MB", &[guards, sweeps, assume::SWEEP_MILLISECONDS.value / 4]);
        self.add(Item::LambdaDuration, "keys swept, 256 MB", &[swept, assume::SWEPT_KEY_MILLISECONDS.value / 4]);
        self.add(Item::SchedulerInvocation, "sweeps started", &[guards, sweeps]);
        self.add(Item::EventBridgeEvent, "events of AWS services on the default bus", &[events]);
        self.add(Item::SqsRequest, "Lambda polling the queue", &[guards, assume::POLLS.value]);
        self.add(Item::SqsRequest, "events sent, received, deleted", &[events, 3]);
        self.add(Item::KmsRequest, "looks at keys by the sweep", &[swept, assume::KMS_CALLS_A_SWEPT_KEY.value]);
        self.add(Item::KmsRequest, "looks and remedies after events", &[events, assume::KMS_CALLS_AN_EVENT.value]);
        self.add(Item::DynamoDbWrite, "ledger: inventory of the sweep", &[swept]);
        self.add(Item::DynamoDbRead, "ledger: looks of the sweep", &[swept, assume::LEDGER_READS_A_SWEPT_KEY.value]);
        self.add(Item::DynamoDbWrite, "ledger: events", &[events, assume::LEDGER_WRITES_AN_EVENT.value]);
        self.add(Item::DynamoDbRead, "ledger: events", &[events, assume::LEDGER_READS_AN_EVENT.value]);
        self.records(events, guards);
    }

    fn monitoring(&mut self, scale: &Scale, controls: u64) {
        let (accounts, looks) = (scale.accounts, assume::CHECKS.value.saturating_add(assume::DRIFTS.value));
        self.add(Item::Alarm, "alarms on what metric filters count", &[accounts, controls]);
        self.add(Item::Metric, "what metric filters count", &[accounts, controls]);
        self.add(Item::Alarm, "alarms on the monitoring itself", &[accounts, assume::MONITORING_ALARMS.value]);
        self.add(Item::Metric, "metrics of the monitoring", &[accounts, assume::MONITORING_METRICS.value]);
        self.add(Item::Dashboard, "dashboards beyond the free ones", &[scale.dashboards.saturating_sub(assume::FREE_DASHBOARDS.value)]);
        self.add(Item::LambdaRequest, "daily checks and drifts", &[accounts, looks]);
        self.add(Item::LambdaDuration, "daily checks and drifts, 256 MB", &[accounts, looks, assume::LOOK_MILLISECONDS.value / 4]);
        self.add(Item::SqsRequest, "Lambda polling the queue", &[accounts, assume::POLLS.value]);
        self.records(accounts.saturating_mul(looks), 0);
        if scale.has_own_trail {
            return;
        }
        let recorded = accounts.saturating_mul(scale.management_events);
        let paid = if scale.is_second_trail { recorded } else { 0 };
        let kilobytes = recorded.saturating_mul(assume::TRAIL_EVENT_BYTES.value) / 1_000;
        let kept = kilobytes.saturating_mul(assume::TRAIL_MONTHS_KEPT.value);
        self.add(Item::CloudTrailEvent, "copies of management events after the first", &[paid]);
        self.add(Item::LogIngestion, "the trail into CloudWatch Logs", &[kilobytes]);
        self.add(Item::LogStorage, "the trail's log events, compressed", &[kept / assume::COMPRESSION.value]);
        self.add(Item::S3Storage, "the trail's files, compressed", &[kept / assume::COMPRESSION.value]);
        let files = scale.guards().saturating_mul(assume::TRAIL_FILES.value);
        self.add(Item::S3Put, "the trail's files", &[files]);
    }

    fn drill(&mut self, scale: &Scale) {
        let (accounts, drills) = (scale.accounts, assume::DRILLS.value);
        self.add(Item::KmsKey, "the drill's own key", &[accounts]);
        self.add(Item::Alarm, "alarms on the drill itself", &[accounts, assume::DRILL_ALARMS.value]);
        self.add(Item::Metric, "metrics of the drill", &[accounts, assume::DRILL_METRICS.value]);
        self.add(Item::LambdaRequest, "drills", &[accounts, drills]);
        self.add(Item::LambdaDuration, "drills, 256 MB", &[accounts, drills, assume::DRILL_MILLISECONDS.value / 4]);
        self.add(Item::SqsRequest, "waiting for notice and alarm", &[accounts, drills, assume::DRILL_CALLS.value]);
        self.add(Item::KmsRequest, "watching the key", &[accounts, drills, assume::DRILL_CALLS.value]);
        self.records(accounts.saturating_mul(drills), 0);
    }

    /// Adds what every look leaves behind: records, notices, logs. `quiet` is how many functions log without an event.
    fn records(&mut self, looks: u64, quiet: u64) {
        let records = looks.saturating_mul(assume::RECORDS_A_LOOK.value);
        let kept = records.saturating_mul(assume::RECORD_KILOBYTES.value).saturating_mul(assume::RECORD_MONTHS_KEPT.value);
        self.add(Item::S3Put, "audit records written", &[records]);
        self.add(Item::S3Storage, "audit records kept", &[kept]);
        self.add(Item::SnsPublish, "notices", &[looks]);
        self.add(Item::SnsEmail, "notices by mail, one reader", &[looks]);
        let logged = looks.saturating_add(quiet.saturating_mul(assume::SWEEPS.value));
        self.add(Item::LogIngestion, "logs of the functions", &[logged, assume::LOG_KILOBYTES.value]);
    }
}

#[cfg(test)]
#[path = "cost_tests.rs"]
mod tests;
