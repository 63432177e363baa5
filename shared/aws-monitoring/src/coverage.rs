//! Looks at everything that coverage is judged by: keys and their policies, rules, queues and functions, what IAM says to the guard's
//! role, and the account's monitoring. It only reads, and judges nothing.
//!
//! Every page is read; what cannot be read says so in its place and hides nothing else.

mod expectation;
mod functions;
mod keys;
mod permissions;
mod routes;

use std::collections::BTreeMap;

use aws_types::SdkConfig;
use futures_util::{StreamExt as _, join, stream};
use reprieve_core::Known;
use reprieve_core::coverage::{Guard, Monitoring, Observation};
use reprieve_core::monitoring::plan;
use reprieve_core::monitoring::world::Place;
use reprieve_engine::MonitoringControl as _;

pub use self::expectation::Expectation;
use self::functions::Functions;
use self::keys::Keys;
use self::permissions::Simulator;
use self::routes::Routes;
use crate::AwsMonitoringControl;

/// How many Regions are looked at at once.
const REGIONS_AT_ONCE: usize = 4;

/// An account in a Region, and the configuration to call it with.
#[derive(Debug, Clone)]
pub struct Site {
    /// Which account and Region.
    pub place: Place,
    /// Credentials of the account, and the Region.
    pub config: SdkConfig,
}

/// Looks at all sites. `home` is where the account's monitoring stands; it need not be one of them. What the functions that are
/// deployed there say goes before `expectation`.
pub async fn observe(sites: &[Site], home: &Site, expectation: &Expectation) -> Vec<Observation> {
    let looks = stream::iter(sites).map(observe_site).buffered(REGIONS_AT_ONCE).collect::<Vec<_>>();
    let (found, monitoring) = join!(looks, observe_monitoring(home, expectation));
    let found = found.into_iter().map(|observation| Observation { monitoring: Known::Is(monitoring.clone()), ..observation });
    found.collect()
}

async fn observe_site(site: &Site) -> Observation {
    let Site { place, config } = site;
    let (keys, routes, functions) = (Keys::new(config, place.clone()), Routes::new(config, place), Functions::new(config));
    let (keys, rules, guards) = join!(keys.look(), routes.rules(), functions.guards());
    let queues = functions.readers(routes::targets_of(&rules, "sqs")).await;
    let read = queues.values().filter_map(Known::value).flatten().map(|mapping| mapping.function_arn.clone());
    let fed = read.chain(routes::targets_of(&rules, "lambda")).collect();
    let mut found = functions.look(fed).await;
    found.extend(guards);
    let acting = found.values().filter_map(Known::value).filter(|function| function.guard != Guard::Not);
    let acting = acting.map(|function| function.role_arn.clone()).collect();
    let permissions = Simulator::new(config).ask(acting, &keys).await;
    Observation { place: place.clone(), keys, rules, queues, functions: found, permissions, monitoring: Known::Absent }
}

/// Looks at the account's monitoring where it stands, and plans over it without carrying anything out.
async fn observe_monitoring(home: &Site, expectation: &Expectation) -> Monitoring {
    let deployed = Functions::new(&home.config).environments().await;
    let desired = expectation.clone().deployed(&deployed).desired(&home.place);
    let world = AwsMonitoringControl::new(&home.config, home.place.clone()).observe(&desired).await;
    let plan = plan(&desired, &world);
    Monitoring { world, plan }
}

/// Looks at many things of one kind, a few at once.
pub(crate) async fn each<T>(names: Vec<String>, look: impl AsyncFn(String) -> Known<T>) -> BTreeMap<String, Known<T>> {
    let look = &look;
    let looks = stream::iter(names).map(async |name: String| (name.clone(), look(name).await));
    looks.buffer_unordered(crate::answer::AT_ONCE).collect().await
}
