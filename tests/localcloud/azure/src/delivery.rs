//! Delivery of what happens in the sandbox: writes on ARM through Event Grid, audit records of vaults through Event Hubs, to hosted
//! function apps.
//!
//! Batches, retries, dead letters; duplicates, disorder and loss on request, never by chance. Must not know what the functions do.

mod courier;
mod event;
mod filter;
mod hub;
mod subscription;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

pub use self::event::DataForm;
use self::event::GridEvent;
use self::hub::{Hub, Reader};
use self::subscription::Subscription;
use crate::host::{Function, Host};
use crate::sandbox::Sandbox;
use crate::tenant::{ArmWrite, Happening, Tenant};

/// What is due within this time is waited for before a delivery counts as settled: operations end later than they are answered.
const SOON: SignedDuration = SignedDuration::from_secs(30);

/// How often a quiet tenant is looked at.
const SETTLING: Duration = Duration::from_millis(50);

/// How things are delivered.
#[derive(Debug, Clone)]
pub struct DeliveryOptions {
    /// What every wait of Event Grid and of retries is multiplied with; 1 is Azure's pace.
    pub time_scale: f64,
    /// How long happenings are gathered before they are parted into batches.
    pub window: Duration,
    /// How claims are written.
    pub data_form: DataForm,
    /// What goes wrong on the way, from the start.
    pub disorder: Disorder,
}

impl Default for DeliveryOptions {
    fn default() -> Self {
        Self { time_scale: 0.005, window: Duration::from_millis(20), data_form: DataForm::default(), disorder: Disorder::default() }
    }
}

/// What goes wrong on the way: Event Grid promises neither order nor that an event comes once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disorder {
    /// How many copies of each event come after it.
    pub copies: usize,
    /// Whether what was gathered in one window comes last first.
    pub reverses: bool,
    /// What never comes.
    pub loses: Loss,
}

/// What is lost on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    #[default]
    Nothing,
    /// Everything: events and audit records.
    Everything,
    /// Every event and record with this number: 2 loses the second, the fourth and so on.
    Every(usize),
    /// Events and records of these operations, in any case, e.g. `Microsoft.KeyVault/vaults/delete` or `KeyDelete`.
    Operations(Vec<String>),
}

/// What was delivered and what was not, counted in events (Event Grid) and messages (Event Hubs).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryReport {
    /// Events that a write made.
    pub published: usize,
    /// Events, counted once a subscription, that a subscription was to hear; copies too.
    pub heard: usize,
    /// Events lost on request, before any subscription.
    pub lost: usize,
    /// Events that a function took.
    pub delivered: usize,
    /// Attempts to deliver a batch.
    pub attempts: usize,
    /// Attempts that failed.
    pub failed_attempts: usize,
    /// Events written to the dead letters.
    pub dead_lettered: usize,
    /// Events that ended without a place for dead letters.
    pub dropped: usize,
    /// Audit records that a diagnostic setting streamed to a hub.
    pub hub_records: usize,
    /// Messages that a function took.
    pub hub_delivered: usize,
    /// Calls with messages that failed.
    pub hub_failed_calls: usize,
    /// Messages that a function failed on and that nothing gives again.
    pub hub_lost: usize,
}

/// A running delivery.
pub struct Delivery {
    shared: Arc<Shared>,
    happenings_before: usize,
}

/// What all tasks of a delivery share.
struct Shared {
    sandbox: Arc<crate::server::Shared>,
    hosts: Vec<Host>,
    options: DeliveryOptions,
    disorder: Mutex<Disorder>,
    report: Mutex<DeliveryReport>,
    validated: Mutex<BTreeSet<String>>,
    readers: Mutex<BTreeMap<Reader, UnboundedSender<Value>>>,
    tasks: Mutex<JoinSet<()>>,
    /// Happenings that were spread.
    spread: AtomicUsize,
    /// Events and messages on the way.
    on_the_way: AtomicUsize,
    /// Events and records numbered for [`Loss::Every`].
    numbered: AtomicUsize,
}

impl Delivery {
    /// Delivers what happens in a sandbox from now on to the functions of these hosts.
    #[must_use]
    pub fn start(sandbox: &Sandbox, hosts: Vec<Host>, options: DeliveryOptions) -> Self {
        let sandbox = sandbox.shared();
        let (happenings, happenings_before) = {
            let mut tenant = locked(&sandbox.tenant);
            (tenant.subscribe(), tenant.happenings.len())
        };
        let shared = Arc::new(Shared {
            sandbox,
            hosts,
            disorder: Mutex::new(options.disorder.clone()),
            options,
            report: Mutex::default(),
            validated: Mutex::default(),
            readers: Mutex::default(),
            tasks: Mutex::default(),
            spread: AtomicUsize::new(0),
            on_the_way: AtomicUsize::new(0),
            numbered: AtomicUsize::new(0),
        });
        shared.spawn(listen(Arc::clone(&shared), happenings));
        Self { shared, happenings_before }
    }

    /// Changes what goes wrong on the way.
    pub fn set_disorder(&self, disorder: Disorder) {
        *locked(&self.shared.disorder) = disorder;
    }

    /// Returns what was counted so far.
    #[must_use]
    pub fn report(&self) -> DeliveryReport {
        locked(&self.shared.report).clone()
    }

    /// Waits until nothing is on the way, and says whether that came within the limit.
    pub async fn settled(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while Instant::now() < end {
            if self.is_settled() {
                return true;
            }
            sleep(Duration::from_millis(5)).await;
        }
        self.is_settled()
    }

    fn is_settled(&self) -> bool {
        let (happened, is_waiting) = {
            let tenant = self.shared.tenant();
            let soon = tenant.now().saturating_add(SOON).unwrap_or(Timestamp::MAX);
            (tenant.happenings.len() - self.happenings_before, tenant.next_due().is_some_and(|due| due <= soon))
        };
        !is_waiting && self.shared.on_the_way.load(Ordering::SeqCst) == 0 && self.shared.spread.load(Ordering::SeqCst) >= happened
    }

    /// Ends the delivery; what is on the way is lost.
    pub fn stop(self) {
        locked(&self.shared.tasks).abort_all();
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        locked(&self.shared.tasks).abort_all();
    }
}

impl Shared {
    /// Returns the tenant, with everything done that was due: some writes are told later than they are answered.
    fn tenant(&self) -> MutexGuard<'_, Tenant> {
        let mut tenant = locked(&self.sandbox.tenant);
        let now = tenant.now();
        tenant.settle(now);
        tenant
    }

    fn count(&self, change: impl FnOnce(&mut DeliveryReport)) {
        change(&mut locked(&self.report));
    }

    fn host(&self, site: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.site().eq_ignore_ascii_case(site))
    }

    fn is_validated(&self, subscription: &str) -> bool {
        locked(&self.validated).contains(subscription)
    }

    fn set_validated(&self, subscription: &str) {
        locked(&self.validated).insert(subscription.to_owned());
    }

    /// Returns a wait of Azure at the pace of this delivery.
    fn scaled(&self, wait: Duration) -> Duration {
        wait.mul_f64(self.options.time_scale.max(0.0))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = locked(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    fn begin(&self, count: usize) {
        self.on_the_way.fetch_add(count, Ordering::SeqCst);
    }

    fn finish(&self, count: usize) {
        self.on_the_way.fetch_sub(count, Ordering::SeqCst);
    }

    /// Says whether something of this operation is lost, and counts it.
    fn loses(&self, operation: &str) -> bool {
        let number = self.numbered.fetch_add(1, Ordering::SeqCst) + 1;
        match &locked(&self.disorder).loses {
            Loss::Nothing => false,
            Loss::Everything => true,
            Loss::Every(nth) => *nth > 0 && number.is_multiple_of(*nth),
            Loss::Operations(operations) => operations.iter().any(|lost| lost.eq_ignore_ascii_case(operation)),
        }
    }
}

/// Gathers happenings and spreads them, window by window.
async fn listen(shared: Arc<Shared>, mut happenings: UnboundedReceiver<Happening>) {
    loop {
        let first = match timeout(SETTLING, happenings.recv()).await {
            Ok(Some(first)) => first,
            Ok(None) => return,
            Err(_) => {
                // What is due later happens when somebody looks, and nobody else may be asking.
                drop(shared.tenant());
                continue;
            }
        };
        let mut gathered = vec![first];
        let end = Instant::now() + shared.options.window;
        while let Ok(Some(next)) = timeout_at(end, happenings.recv()).await {
            gathered.push(next);
        }
        let count = gathered.len();
        spread(&shared, gathered);
        shared.spread.fetch_add(count, Ordering::SeqCst);
    }
}

/// Sends happenings to everyone who is to hear of them.
fn spread(shared: &Arc<Shared>, happenings: Vec<Happening>) {
    let mut events = Vec::new();
    let mut records: BTreeMap<Hub, Vec<Value>> = BTreeMap::new();
    for happening in happenings {
        match happening {
            Happening::ArmWrite(write) => events.extend(published(shared, &write)),
            Happening::KeyVaultAudit { vault_id, record } => {
                let operation = record.get("operationName").and_then(Value::as_str).unwrap_or_default().to_owned();
                let hubs = hub::hubs(&shared.tenant(), &vault_id);
                if hubs.is_empty() || shared.loses(&operation) {
                    continue;
                }
                shared.count(|report| report.hub_records += hubs.len());
                for hub in hubs {
                    records.entry(hub).or_default().push(record.clone());
                }
            }
        }
    }
    spread_events(shared, &events);
    for (hub, records) in records {
        spread_records(shared, &hub, &records);
    }
}

fn published(shared: &Shared, write: &ArmWrite) -> Option<GridEvent> {
    shared.count(|report| report.published += 1);
    if shared.loses(&write.operation) {
        shared.count(|report| report.lost += 1);
        return None;
    }
    Some(GridEvent::of(write, shared.options.data_form))
}

fn spread_events(shared: &Arc<Shared>, events: &[GridEvent]) {
    let disorder = locked(&shared.disorder).clone();
    let subscriptions = Subscription::all(&shared.tenant());
    for subscription in subscriptions {
        let mut heard: Vec<GridEvent> = events.iter().filter(|event| subscription.hears(event)).cloned().collect();
        if disorder.reverses {
            heard.reverse();
        }
        // A copy is the same event again, with its id, in a delivery of its own.
        for _ in 0..=disorder.copies {
            shared.count(|report| report.heard += heard.len());
            for batch in subscription.batches(heard.clone()) {
                let count = batch.len();
                shared.begin(count);
                let (carried, subscription) = (Arc::clone(shared), subscription.clone());
                shared.spawn(async move {
                    courier::carry(Arc::clone(&carried), subscription, batch).await;
                    carried.finish(count);
                });
            }
        }
    }
}

fn spread_records(shared: &Arc<Shared>, hub: &Hub, records: &[Value]) {
    let disorder = locked(&shared.disorder).clone();
    let mut records = records.to_vec();
    if disorder.reverses {
        records.reverse();
    }
    let queues: Vec<_> = hub::bound(shared, hub).into_iter().map(|(host, function)| queue(shared, hub, host, function)).collect();
    for _ in 0..=disorder.copies {
        for message in hub::messages(&records) {
            for queue in &queues {
                shared.begin(1);
                if queue.send(message.clone()).is_err() {
                    shared.finish(1);
                }
            }
        }
    }
}

/// Returns where the messages of a hub wait for a function. Each function has a queue of its own, as each has its consumer group: one that
/// stands still holds up no other.
fn queue(shared: &Arc<Shared>, hub: &Hub, host: Host, function: Function) -> UnboundedSender<Value> {
    let reader = Reader { hub: hub.clone(), site: host.site().to_owned(), function: function.name.clone() };
    let open = || {
        let (sender, receiver) = unbounded_channel();
        shared.spawn(hub::drain(Arc::clone(shared), hub.clone(), host, function, receiver));
        sender
    };
    locked(&shared.readers).entry(reader).or_insert_with(open).clone()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
