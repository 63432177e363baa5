//! What a company adds to the shipped rules: policies of its own, and a Change Calendar.

use std::time::Duration;

use anyhow::Result;
use reprieve_localcloud::Calendar;
use serde_json::Value;

use super::proof::{Answered, Observation};
use crate::stage::desk::{Approval, window};
use crate::stage::{HouseRules, Stage};

/// A policy that ends in the middle.
pub const BROKEN: HouseRules = HouseRules {
    policy_parameter: "/reprieve/policy",
    policies: Some(("/reprieve/policy", r#"@id("mine") permit (principal, action, resource"#)),
    calendar: None,
};

/// A policy below a path, and a calendar.
pub const STRICT: HouseRules = HouseRules {
    policy_parameter: "/reprieve/policies/",
    policies: Some((
        "/reprieve/policies/legal-hold",
        r#"@id("legal-hold")
@because("the key is under legal hold")
forbid (principal, action == Reprieve::Action::"delete", resource)
when { resource.hasTag("legal-hold") };"#,
    )),
    calendar: Some(CALENDAR),
};

/// The name of the calendar.
const CALENDAR: &str = "changes";

/// How long the metric may take from the outcome on.
const METRIC_WAIT: Duration = Duration::from_secs(10);

/// The user's policies cannot be read: nothing is approved, a sealed deletion is taken back, and a metric says so.
pub(crate) async fn unusable(stage: &Stage) -> Result<Observation> {
    let (pat, alice) = (&stage.people.pat, &stage.people.alice);
    let key = pat.create_key("approved, and nobody can tell").await?;
    stage.desk.approve(alice, &key, &Approval { change: "CHG-2054", action: "delete", window: window(-1, 4) }).await?;
    pat.schedule_deletion(&key).await?;
    let mut answered = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.given_back().await?.usable(true).await;
    answered.tells("the policies could not be asked, so nothing is approved").await?;
    let log = stage.cloud.function_log(stage.outputs.named("EventFunctionName")?);
    let is_counted = || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let mut metrics = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        metrics.any(|metric| {
            metric.get("_aws").is_some() && metric.get("PolicyUnusable").and_then(Value::as_f64).is_some_and(|count| count > 0.0)
        })
    };
    stage.wait("the metric `PolicyUnusable`", METRIC_WAIT, async || Ok(is_counted().then_some(()))).await?;
    answered.seen.observed.push_str(", counted");
    Ok(answered.seen)
}

/// An approved deletion stands while the calendar is open, and is taken back once the calendar says otherwise; a key under legal hold
/// is given back, approved or not.
pub(crate) async fn strict(stage: &Stage) -> Result<Observation> {
    let (pat, alice) = (&stage.people.pat, &stage.people.alice);
    stage.cloud.set_calendar(CALENDAR, Calendar::open());
    let approval = Approval { change: "CHG-2056", action: "delete", window: window(-1, 4) };

    let key = pat.create_key("replaced by a newer one").await?;
    stage.desk.approve(alice, &key, &approval).await?;
    pat.schedule_deletion(&key).await?;
    let stood = Answered::to(stage, "ScheduleKeyDeletion", &key).await?.left_alone().await?.usable(false).await;

    let evidence = pat.create_key("evidence in court").await?;
    pat.tag(&evidence, &[("legal-hold", "case 7")]).await?;
    stage.desk.approve(alice, &evidence, &approval).await?;
    pat.schedule_deletion(&evidence).await?;
    let mut held = Answered::to(stage, "ScheduleKeyDeletion", &evidence).await?.given_back().await?.usable(true).await;
    held.says("the key is under legal hold");
    held.names_policy("legal-hold");

    stage.cloud.set_calendar(CALENDAR, Calendar::closed());
    stage.sweep().await?;
    let mut closed = stood.next().await?.given_back().await?.usable(true).await;
    closed.names_policy("change-calendar-is-open");
    Ok(stood.seen.and(held.seen).and(closed.seen))
}
