//! Makes a failing run shorter: whatever can be left out while it still fails is left out.

use crate::plan::Plan;

/// Returns the run without whatever does not matter for its failing.
pub(crate) fn shortest(plan: &Plan, fails: impl Fn(&Plan) -> bool) -> Plan {
    let mut shortest = plan.clone();
    loop {
        match simpler(&shortest).into_iter().find(|plan| fails(plan)) {
            Some(simpler) => shortest = simpler,
            None => return shortest,
        }
    }
}

/// Returns the run with one thing less, each in turn.
fn simpler(plan: &Plan) -> Vec<Plan> {
    let mut all = Vec::new();
    let mut without = |change: &dyn Fn(&mut Plan)| {
        let mut less = plan.clone();
        change(&mut less);
        if less != *plan {
            all.push(less);
        }
    };
    for number in 0..plan.acts.len() {
        without(&|less| drop(less.acts.remove(number)));
    }
    for number in 0..plan.faults.len() {
        without(&|less| {
            less.faults.remove(number);
        });
    }
    for number in 0..plan.sweeps.len() {
        without(&|less| {
            less.sweeps.remove(number);
        });
    }
    for (number, act) in plan.acts.iter().enumerate() {
        for copy in 0..act.copies.len() {
            without(&|less| {
                less.acts[number].copies.remove(copy);
            });
        }
    }
    without(&|less| less.quota = None);
    without(&|less| less.skews = [0; 3]);
    without(&|less| less.lag = (0, 0));
    without(&|less| less.log_lag = 0);
    all
}
