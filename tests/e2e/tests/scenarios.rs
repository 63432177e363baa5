//! Each scenario of the demo as a test. Within one process all that enforce share one local cloud, which is started by the first.
//!
//! `cargo test -p reprieve-e2e --test scenarios` runs them one after another on one cloud; nextest starts a process, and so a cloud,
//! for each.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use libtest_mimic::{Arguments, Failed, Trial};
use reprieve_e2e::scenario::{
    ALL, BROKEN_RULES, EVIDENCE, GIVEN_UP, LEAST_PRIVILEGE, MONITORING, OBSERVING, STRICT_RULES, STRICTER_RULES, Scenario,
    UNUSABLE_POLICIES,
};
use reprieve_e2e::stage::{HouseRules, Setting, Stage};
use tokio::runtime::Runtime;

/// The stage and the runtime that its clients live in.
struct Theatre {
    runtime: Runtime,
    stage: Stage,
}

impl Theatre {
    fn open(mode: &'static str, house_rules: HouseRules) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let stage = runtime.block_on(Stage::set(Setting { house_rules, ..Setting::of_mode(mode)? }))?;
        Ok(Self { runtime, stage })
    }
}

/// A stage that is set once, for whoever comes first; the mode that the guard is in, and the rules of the company.
struct Shared {
    mode: &'static str,
    house_rules: HouseRules,
    theatre: Mutex<Option<Result<Theatre, String>>>,
}

impl Shared {
    fn new(mode: &'static str, house_rules: HouseRules) -> Arc<Self> {
        Arc::new(Self { mode, house_rules, theatre: Mutex::default() })
    }

    fn trial(self: &Arc<Self>, scenario: Scenario) -> Trial {
        let shared = Arc::clone(self);
        Trial::test(scenario.name, move || play(&shared, &scenario).map_err(|error| Failed::from(format!("{error:#}"))))
    }

    fn strike(&self) {
        let theatre = self.theatre.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Ok(theatre)) = theatre {
            theatre.stage.strike();
        }
    }
}

fn play(shared: &Shared, scenario: &Scenario) -> Result<()> {
    let mut theatre = shared.theatre.lock().unwrap_or_else(PoisonError::into_inner);
    let theatre = theatre.get_or_insert_with(|| Theatre::open(shared.mode, shared.house_rules).map_err(|error| format!("{error:#}")));
    let theatre = theatre.as_ref().map_err(|error| anyhow!("{error}")).context("the stage could not be set")?;
    let report = theatre.runtime.block_on(scenario.play(&theatre.stage));
    if report.ok {
        Ok(())
    } else {
        Err(anyhow!("expected `{}`, observed `{}`:\n{}", report.expected, report.observed, report.problems.join("\n")))
    }
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They share one cloud, and the quotas of its KMS.
    arguments.test_threads = Some(1);
    let (enforcing, observing) = (Shared::new("enforce", HouseRules::NONE), Shared::new("observe", HouseRules::NONE));
    let (unruly, strict) = (Shared::new("enforce", BROKEN_RULES), Shared::new("enforce", STRICT_RULES));
    let mut trials: Vec<Trial> = ALL.into_iter().chain([LEAST_PRIVILEGE]).map(|scenario| enforcing.trial(scenario)).collect();
    // A stage of its own: what watches the monitoring must not answer what the other scenarios do.
    let watched = Shared::new("enforce", HouseRules::NONE);
    trials.extend(MONITORING.into_iter().chain([GIVEN_UP]).map(|scenario| watched.trial(scenario)));
    // Likewise: what is sealed must not change meanwhile.
    let recorded = Shared::new("enforce", HouseRules::NONE);
    trials.extend(EVIDENCE.into_iter().map(|scenario| recorded.trial(scenario)));
    trials.push(observing.trial(OBSERVING));
    trials.push(unruly.trial(UNUSABLE_POLICIES));
    trials.push(strict.trial(STRICTER_RULES));
    let conclusion = libtest_mimic::run(&arguments, trials);
    for shared in [enforcing, watched, recorded, observing, unruly, strict] {
        shared.strike();
    }
    conclusion.exit_code()
}
