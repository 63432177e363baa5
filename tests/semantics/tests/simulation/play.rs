//! Plays a run: people act, the queue delivers, invocations work side by side and die, time goes on. Which invocation moves next is
//! drawn, so any two steps of any two can come in either order; nothing is drawn from anything but the seed.

mod invocations;
mod people;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use reprieve_core::{Event, Inventory, KeyArn, Serving};
use reprieve_engine::Clock as _;
use reprieve_test_support::event::{ACCOUNT, RECEIVED_AT, time};
use reprieve_test_support::{Chance, Entry, FakeKey, Lag, LaggingKeys, World, guard, key};

use self::invocations::{Invocation, SWEEP_TRIES};
use crate::plan::{HOUR, Kind, Plan, clock};
use crate::sabotage::{Sabotage, Witnessed};

/// How many sweeps there are when all is quiet: one refuses what another left in between, and one finds nothing.
pub(crate) const LAST_SWEEPS: usize = 4;

/// What somebody did.
#[derive(Debug, Clone)]
pub(crate) struct Done {
    pub(crate) act: usize,
    pub(crate) at: Timestamp,
    /// Where it changed a key: which of the changes it was.
    pub(crate) change: Option<usize>,
    /// The provider, or the ledger, did it.
    pub(crate) took_effect: bool,
}

/// A message in the queue.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) act: usize,
    event: Event,
    visible_at: Timestamp,
    first_received_at: Option<Timestamp>,
    received: u32,
    pub(crate) state: Fate,
}

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    InHand,
    Answered,
    /// In the dead-letter queue, after this invocation.
    Dead(usize),
}

/// What an invocation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Task {
    Batch(Vec<usize>),
    Sweep { number: usize, tries: u32 },
}

/// An invocation that is over.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) task: Task,
    pub(crate) began: Timestamp,
    pub(crate) ended: Timestamp,
    /// It died, or was stopped.
    pub(crate) was_cut_off: bool,
    pub(crate) entries: Vec<Entry>,
}

/// A run being played, and what was seen of it.
pub(crate) struct Play {
    pub(crate) plan: Plan,
    pub(crate) world: World,
    pub(crate) keys: LaggingKeys,
    pub(crate) arns: Vec<KeyArn>,
    pub(crate) began: Timestamp,
    pub(crate) done: Vec<Done>,
    pub(crate) messages: Vec<Message>,
    /// In the order of their numbers.
    pub(crate) past: Vec<Option<Past>>,
    pub(crate) witnessed: Arc<Mutex<Vec<Witnessed>>>,
    sabotage: Sabotage,
    running: Vec<Invocation>,
    chance: Chance,
    sweeps: Vec<(Timestamp, Task)>,
    is_quiet: bool,
}

pub(crate) fn millis(ms: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(ms).unwrap())
}

/// Plays a run to its end.
pub(crate) fn play(plan: &Plan, sabotage: Sabotage) -> Play {
    let mut run = Play::new(plan, sabotage);
    run.go_on();
    run.is_quiet = true;
    let last = if sabotage == Sabotage::NoLastSweep { 0 } else { LAST_SWEEPS };
    for _ in 0..last {
        run.world.clock.advance(millis(HOUR));
        let task = Task::Sweep { number: run.past.len() + run.plan.sweeps.len(), tries: SWEEP_TRIES };
        run.invoke(task);
        run.go_on();
    }
    run
}

impl Play {
    fn new(plan: &Plan, sabotage: Sabotage) -> Self {
        let world = guard().build();
        let (state_lag, tag_lag) = plan.lag;
        let lag = Lag { of_state: millis(state_lag), of_tags: millis(tag_lag) };
        let keys = LaggingKeys::new(world.keys.clone(), world.clock.clone(), lag, Chance::of(!plan.seed));
        if let Some(per_second) = plan.quota {
            world.keys.limit(per_second);
        }
        world.circumstances.set_lag(millis(plan.log_lag));
        let began = time(RECEIVED_AT);
        let arns: Vec<KeyArn> = plan.keys.iter().enumerate().map(|(number, kind)| arn(number, *kind)).collect();
        for (arn, kind) in arns.iter().zip(&plan.keys) {
            keys.put(arn, at_first(*kind));
            let remember =
                |serving| world.ledger.remember(arn, Inventory { serving, as_of: began - SignedDuration::from_hours(1), rotation: None });
            match kind {
                Kind::Enabled | Kind::Primary => remember(Serving::Enabled),
                Kind::DisabledBefore => remember(Serving::Disabled),
                Kind::Unseen => {}
            }
        }
        let sweeps = plan.sweeps.iter().enumerate();
        let sweeps = sweeps.map(|(number, at)| (began + millis(*at), Task::Sweep { number, tries: SWEEP_TRIES })).collect();
        Self {
            plan: plan.clone(),
            world,
            keys,
            arns,
            began,
            done: Vec::new(),
            messages: Vec::new(),
            past: Vec::new(),
            witnessed: Arc::default(),
            sabotage,
            running: Vec::new(),
            chance: Chance::of(plan.seed.rotate_left(32)),
            sweeps,
            is_quiet: false,
        }
    }

    /// Tells what each invocation called, and what it was answered.
    pub(crate) fn calls(&self) -> String {
        let mut told = String::new();
        for (number, past) in self.past.iter().enumerate() {
            let Some(past) = past else { continue };
            let began = clock(u64::try_from(past.began.duration_since(self.began).as_millis()).unwrap());
            let fate = if past.was_cut_off { ", and was cut off" } else { "" };
            writeln!(told, "  {began} invocation {number}: {:?}{fate}", past.task).unwrap();
            for entry in &past.entries {
                let answer = entry.answer.as_ref().map_or("no answer", |answer| if answer.is_ok() { "done" } else { "failed" });
                writeln!(told, "      {:?}: {answer}", entry.call).unwrap();
            }
        }
        for record in self.world.audit.records().iter().filter_map(|record| Some((record.id(), record.decision.as_ref()?))) {
            writeln!(told, "  record {}: {}", record.0, record.1.why().sentence).unwrap();
        }
        told
    }

    /// Returns the world's time: when the run is over, its end.
    pub(crate) fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Plays until nothing is left to happen.
    fn go_on(&mut self) {
        loop {
            while self.done.len() < self.plan.acts.len() && self.acts_at() <= Some(self.now()) {
                self.act(self.done.len());
            }
            self.begin_sweep();
            self.receive();
            if self.running.is_empty() {
                let sweeps = self.sweeps.iter().map(|(at, _)| *at);
                let messages = self.messages.iter().filter(|message| message.state == Fate::Waiting).map(|message| message.visible_at);
                match sweeps.chain(messages).chain(self.acts_at()).min() {
                    Some(next) => self.world.clock.set(next),
                    None => return,
                }
            } else {
                self.step();
            }
        }
    }

    fn acts_at(&self) -> Option<Timestamp> {
        self.plan.acts.get(self.done.len()).map(|act| self.began + millis(act.at))
    }
}

fn arn(number: usize, kind: Kind) -> KeyArn {
    match kind {
        Kind::Primary => key(&format!("mrk-{number}")),
        Kind::Enabled | Kind::DisabledBefore | Kind::Unseen => key(&format!("key-{number}")),
    }
}

pub(crate) fn at_first(kind: Kind) -> FakeKey {
    let replica = || KeyArn::parse(&format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/mrk-replica")).unwrap();
    match kind {
        Kind::Enabled | Kind::Unseen => FakeKey::default(),
        Kind::DisabledBefore => FakeKey { enabled: false, ..FakeKey::default() },
        Kind::Primary => FakeKey { replicas: [replica()].into(), ..FakeKey::default() },
    }
}
