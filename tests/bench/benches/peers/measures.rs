//! The measures: cold starts, warm events, round trips over a slow network, cold starts with little processor. Everything in turns.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::authority::Authority;
use crate::event::Scheduled;
use crate::functions::Function;
use crate::process::Running;
use crate::quota::Quota;
use crate::stub::{Call, Stub};

/// How long a turn of warm events lasts at least: the function keeps to five calls of a kind a second, as KMS takes them.
const TURN: Duration = Duration::from_millis(220);
/// The delay of each round trip where round trips are counted.
pub(crate) const DELAY: Duration = Duration::from_millis(5);
/// Events that a warm function answers before it is measured.
const WARM_UP: usize = 5;
/// In how many parts the warm events are measured: processor time is counted by part.
const PARTS: usize = 5;

/// How often everything is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Cold starts; odd, so that the median is one of them.
    pub(crate) starts: usize,
    /// Warm events.
    pub(crate) events: usize,
    /// Events, and half as many cold starts, over the slow network.
    pub(crate) far: usize,
    /// Cold starts under the quota.
    pub(crate) with_quota: usize,
}

impl Plan {
    /// The usual plan, or a short one to see whether all is right.
    pub(crate) fn from_environment() -> Self {
        match std::env::var_os("REPRIEVE_BENCH_QUICK") {
            Some(_) => Self { starts: 3, events: 20, far: 4, with_quota: 1 },
            None => Self { starts: 21, events: 200, far: 14, with_quota: 3 },
        }
    }
}

/// One cold start. Times are milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cold {
    pub(crate) to_poll: f64,
    pub(crate) to_answer: f64,
    pub(crate) cpu: f64,
    pub(crate) peak_kib: u64,
    pub(crate) handshakes: usize,
}

/// What was measured of one function; series hold one value a turn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    pub(crate) cold: Vec<Cold>,
    pub(crate) warm: Vec<f64>,
    /// Processor time of one event, one value a part.
    pub(crate) warm_cpu: Vec<f64>,
    pub(crate) peak_kib: u64,
    /// The calls of one warm event.
    pub(crate) calls: Vec<Call>,
    pub(crate) bytes: usize,
    /// Over the slow network: round trips in a row until the key is usable, and in all.
    pub(crate) depth_usable: Option<usize>,
    pub(crate) depth: usize,
    pub(crate) far_usable: Vec<f64>,
    pub(crate) far_answer: Vec<f64>,
    /// The same of the first event of a process.
    pub(crate) far_first_usable: Vec<f64>,
    /// Cold starts under the quota.
    pub(crate) with_quota: Vec<f64>,
}

/// Everything measured, by the name of the function.
#[derive(Debug, Default)]
pub(crate) struct Measures {
    pub(crate) of: BTreeMap<&'static str, Measured>,
    /// What was answered wrongly.
    pub(crate) wrong: Vec<String>,
    pub(crate) has_quota: bool,
}

/// A function, and where it calls.
struct Place<'a> {
    function: &'a Function,
    stub: Stub,
}

impl Measures {
    /// Measures all functions. One that answers wrongly is told, and left out from there on.
    pub(crate) fn take(functions: &[Function], authority: &Authority, folder: &Path, plan: Plan) -> Self {
        let mut measures = Self::default();
        let mut numbers = 1..;
        let mut next = || Scheduled::new(numbers.next().unwrap_or_default());
        let mut places: Vec<Place> = functions.iter().map(|function| Place { function, stub: Stub::start(&authority.server) }).collect();

        println!("cold starts: {} of each", plan.starts);
        for turn in 0..=plan.starts {
            places.retain(|place| {
                // The first turn fills the page cache.
                let cold = place.cold(folder, None, &next());
                measures.keep(place, cold, |measured, cold| measured.cold.extend((turn > 0).then_some(cold.0)))
            });
        }
        println!("warm events: {} of each", plan.events);
        measures.warm(&mut places, folder, plan, &mut next);

        println!("cold starts over a network with {DELAY:?} a round trip: {} of each", plan.far / 2);
        for _ in 0..plan.far / 2 {
            places.retain(|place| {
                let cold = place.cold(folder, None, &next());
                measures.keep(place, cold, |measured, cold| measured.far_first_usable.extend(cold.1))
            });
        }
        for place in &places {
            place.stub.hold_up(Duration::ZERO);
        }

        let quota = (plan.with_quota > 0).then(Quota::new).flatten();
        measures.has_quota = quota.is_some();
        if let Some(quota) = quota {
            println!("cold starts with {} % of a processor: {} of each", crate::quota::PERCENT, plan.with_quota);
            for _ in 0..plan.with_quota {
                places.retain(|place| {
                    let cold = place.cold(folder, Some(&quota.processes()), &next());
                    measures.keep(place, cold, |measured, cold| measured.with_quota.push(cold.0.to_answer))
                });
            }
        }
        measures
    }

    /// Measures functions that stay, on a near network and then on a slow one, on which the stubs are left.
    fn warm(&mut self, places: &mut Vec<Place>, folder: &Path, plan: Plan, next: &mut impl FnMut() -> Scheduled) {
        let mut running: Vec<(&Place, Running)> = places.iter().map(|place| (place, place.start(folder))).collect();
        let mut turn = |measures: &mut Self, running: &mut Vec<(&Place, Running)>, is_far: Option<bool>| {
            let begun = Instant::now();
            running.retain_mut(|(place, running)| {
                let answered = running.answer(&next());
                measures.keep(place, answered, |measured, answered| {
                    let depth = answered.trace.calls.iter().map(|call| call.depth).max().unwrap_or_default();
                    match is_far {
                        None => {}
                        Some(false) => {
                            measured.warm.push(answered.wait_milliseconds());
                            measured.bytes = answered.trace.bytes_in + answered.trace.bytes_out;
                            measured.calls = answered.trace.calls;
                        }
                        Some(true) => {
                            measured.far_usable.extend(answered.usable_milliseconds());
                            measured.far_answer.push(answered.wait_milliseconds());
                            // The fewest that were seen: where this machine is late, answers that belong together come apart.
                            measured.depth = if measured.depth == 0 { depth } else { measured.depth.min(depth) };
                            let usable = answered.trace.usable.map(|(_, depth)| depth);
                            measured.depth_usable = measured.depth_usable.into_iter().chain(usable).min();
                        }
                    }
                })
            });
            std::thread::sleep(TURN.saturating_sub(begun.elapsed()));
        };
        for _ in 0..WARM_UP {
            turn(self, &mut running, None);
        }
        for _ in 0..PARTS {
            let before: Vec<f64> = running.iter().map(|(_, running)| running.usage().cpu_milliseconds).collect();
            let events = plan.events / PARTS;
            let count = running.len();
            for _ in 0..events {
                turn(self, &mut running, Some(false));
            }
            if running.len() < count {
                return;
            }
            for ((place, running), before) in running.iter().zip(before) {
                let usage = running.usage();
                let measured = self.of.entry(place.function.name).or_default();
                measured.warm_cpu.push((usage.cpu_milliseconds - before) / events as f64);
                measured.peak_kib = usage.peak_kib;
            }
        }
        for (place, _) in &running {
            place.stub.hold_up(DELAY);
        }
        for _ in 0..plan.far {
            turn(self, &mut running, Some(true));
        }
        let right: Vec<&str> = running.iter().map(|(place, _)| place.function.name).collect();
        drop(running);
        places.retain(|place| right.contains(&place.function.name));
    }

    /// Keeps what was measured, or what was wrong; says whether the function stays.
    fn keep<T>(&mut self, place: &Place, found: Result<T, String>, keep: impl FnOnce(&mut Measured, T)) -> bool {
        let name = place.function.name;
        match found {
            Ok(found) => {
                keep(self.of.entry(name).or_default(), found);
                true
            }
            Err(wrong) => {
                println!("WRONG: {name}: {wrong}");
                self.wrong.push(format!("{name}: {wrong}"));
                self.of.remove(name);
                false
            }
        }
    }
}

impl Place<'_> {
    fn start(&self, folder: &Path) -> Running<'_> {
        Running::start(self.function, &self.stub, folder, None)
    }

    /// One cold start, and how long the key took to become usable.
    fn cold(&self, folder: &Path, quota: Option<&Path>, scheduled: &Scheduled) -> Result<(Cold, Option<f64>), String> {
        let mut running = Running::start(self.function, &self.stub, folder, quota);
        let answered = running.answer(scheduled)?;
        let (to_poll, to_answer) = running.since_start(&answered);
        let usage = running.usage();
        let cold =
            Cold { to_poll, to_answer, cpu: usage.cpu_milliseconds, peak_kib: usage.peak_kib, handshakes: answered.trace.handshakes };
        Ok((cold, answered.usable_milliseconds()))
    }
}
