//! Looks at everything that coverage is judged by: keys and their policies, rules, queues and functions, what IAM says to the guard's
//! role, and the account's monitoring. It only reads, and judges nothing.
//!
//! Every page is read; what cannot be read says so in its place and hides nothing else.

mod functions;
mod keys;
mod permissions;
mod routes;

use std::collections::BTreeMap;

use aws_types::SdkConfig;
use futures_util::{StreamExt as _, join, stream};
use reprieve_core::Known;
use reprieve_core::coverage::{Guard, Monitoring, Observation};
use reprieve_core::monitoring::world::Place;
use reprieve_core::monitoring::{Baseline, CisVersion, Desired, PatternMode, TopicWish, TrailWish, plan};
use reprieve_engine::MonitoringControl as _;

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

/// What is taken for granted of the account's monitoring where nothing else is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The version of the benchmark that names the controls.
    pub version: CisVersion,
    /// When a filter serves a control.
    pub mode: PatternMode,
    /// The name of the trail that may be mended.
    pub trail: String,
    /// The log group that it feeds.
    pub log_group: String,
    /// The namespace of the filters' metrics.
    pub namespace: String,
}

impl Default for Expectation {
    fn default() -> Self {
        Self {
            version: CisVersion::V5_0,
            mode: PatternMode::ByMatching,
            trail: "reprieve".to_owned(),
            log_group: "/reprieve/cloudtrail".to_owned(),
            namespace: "ReprieveMonitoring".to_owned(),
        }
    }
}

/// Looks at all sites. `home` is where the account's monitoring stands; it need not be one of them.
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
    let topic = Functions::new(&home.config).notice_topic().await;
    let desired = desired(&home.place, expectation, topic);
    let world = AwsMonitoringControl::new(&home.config, home.place.clone()).observe(&desired).await;
    let plan = plan(&desired, &world);
    Monitoring { world, plan }
}

fn desired(place: &Place, expectation: &Expectation, topic: Option<String>) -> Desired {
    Desired {
        place: place.clone(),
        baseline: Baseline::of(expectation.version, expectation.mode, false),
        trail: TrailWish { name: expectation.trail.clone(), bucket: None, log_role_arn: None },
        log_group: expectation.log_group.clone(),
        retention_days: reprieve_core::monitoring::desired::MINIMUM_RETENTION_DAYS,
        topic: TopicWish { arn: topic.unwrap_or_else(|| place.arn("sns", "reprieve")), subscribers: Vec::new() },
        namespace: expectation.namespace.clone(),
        rules: Vec::new(),
    }
}

/// Looks at many things of one kind, a few at once.
pub(crate) async fn each<T>(names: Vec<String>, look: impl AsyncFn(String) -> Known<T>) -> BTreeMap<String, Known<T>> {
    let look = &look;
    let looks = stream::iter(names).map(async |name: String| (name.clone(), look(name).await));
    looks.buffer_unordered(crate::answer::AT_ONCE).collect().await
}
