//! Puts entries of the timeline in order: an act is entered when it is answered, which is after the event that it caused.

use std::time::{Duration, Instant};

use reprieve_localcloud::Activity;

/// How long an entry waits for an earlier one.
const RIPENING: Duration = Duration::from_millis(150);

/// Entries on their way to being shown.
#[derive(Debug, Default)]
pub struct Ordered(Vec<(Instant, Activity)>);

impl Ordered {
    /// Takes an entry in.
    pub fn add(&mut self, entry: Activity) {
        self.0.push((Instant::now(), entry));
    }

    /// Returns the entries before which nothing is to be expected any more, in order.
    pub fn ripe(&mut self) -> Vec<Activity> {
        self.0.sort_by_key(|(_, entry)| order(entry));
        let ripe = self.0.iter().rposition(|(since, _)| since.elapsed() > RIPENING).map_or(0, |last| last + 1);
        self.0.drain(..ripe).map(|(_, entry)| entry).collect()
    }

    /// Returns all that is left, in order.
    pub fn rest(&mut self) -> Vec<Activity> {
        self.0.sort_by_key(|(_, entry)| order(entry));
        self.0.drain(..).map(|(_, entry)| entry).collect()
    }
}

fn order(entry: &Activity) -> u64 {
    match entry {
        Activity::Call(call) => call.order,
        Activity::Event(event) => event.order,
    }
}
