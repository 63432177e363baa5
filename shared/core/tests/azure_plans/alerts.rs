//! Diagnostic settings, activity-log alerts and the action group, broken in every way that matters.

use jiff::Timestamp;
use reprieve_core::azure::change::Change;
use reprieve_core::azure::id::{ResourceId, SubscriptionId};
use reprieve_core::azure::lesson::{Lesson, lesson};
use reprieve_core::azure::plan::ALERTS;
use reprieve_core::azure::plan::Remedy::{Mended, NeedsHuman, Unreadable};
use reprieve_core::azure::subject::Subject;
use reprieve_core::azure::world::{ActionGroup, ActionGroupInventory};
use reprieve_core::{Decision, EventForm, Known, Severity, Why};
use serde_json::{Value, json};

use super::Case;
use super::scene::{
    Scene, action_group, alert, alerts, event_hub_rule, id, log_storage, read, remembered_group, setting, subscription, unreadable,
    vault_logging,
};
use crate::facts;

pub(crate) const SETTING: &str = "put diagnostic setting `reprieve`";
const DELETED: &str = "put activity-log alert `Reprieve-VaultDeleted`";
const NO_ALERT: (reprieve_core::azure::plan::Remedy, Severity, &str) =
    (Mended, Severity::Medium, "calls action group `oncall` when a vault was deleted, with the keys in it");

pub(crate) fn cases() -> Vec<Case> {
    [vaults(), exports(), alarms(), groups()].into_iter().flatten().collect()
}

/// A workspace that nobody configured.
pub(crate) fn workspace() -> ResourceId {
    id("Microsoft.OperationalInsights/workspaces/law")
}

fn vaults() -> Vec<Case> {
    let case = |what, breaks, changes, findings| Case { what, whole: vault_logging, breaks, changes, findings };
    vec![
        case(
            "a vault that logs nothing",
            |scene: &mut Scene| {
                facts!(scene, VaultLogging: settings);
                *settings = Known::Is(Vec::new());
            },
            &[SETTING],
            &[(Mended, Severity::High, "vault `kv-app` does not log its audit events to event hub `vault-audit` and storage")],
        ),
        case(
            "a vault that logs to storage alone, by a setting of somebody else's",
            |scene| {
                facts!(scene, VaultLogging: settings);
                *settings = Known::Is(vec![setting("corp", &["AuditEvent"])]);
            },
            &[SETTING],
            &[(Mended, Severity::High, "to event hub `vault-audit`, from which deleted keys are heard of")],
        ),
        case(
            "a vault that logs to the event hub alone, by another rule of its namespace",
            |scene| {
                facts!(scene, VaultLogging: settings);
                let audit = read(settings).first_mut().unwrap();
                (audit.storage, audit.event_hub_rule) = (None, Some(event_hub_rule("RootManageSharedAccessKey")));
            },
            &[SETTING],
            &[(Mended, Severity::Medium, "does not log its audit events to storage")],
        ),
        case(
            "a setting of ours that was led to another event hub",
            |scene| {
                facts!(scene, VaultLogging: settings);
                read(settings).first_mut().unwrap().event_hub_name = Some("elsewhere".to_owned());
            },
            &[SETTING],
            &[(Mended, Severity::High, "to event hub `vault-audit`")],
        ),
        case(
            "a setting of ours that was led to another storage account",
            |scene| {
                facts!(scene, VaultLogging: settings);
                read(settings).first_mut().unwrap().storage = Some(id("Microsoft.Storage/storageAccounts/stevil"));
            },
            &[SETTING],
            &[(Mended, Severity::Medium, "to storage")],
        ),
        case(
            "a setting of ours that was led to somebody's workspace alone",
            |scene| {
                facts!(scene, VaultLogging: settings);
                let ours = read(settings).first_mut().unwrap();
                (ours.storage, ours.event_hub_rule, ours.event_hub_name, ours.workspace) = (None, None, None, Some(workspace()));
            },
            &[SETTING],
            &[(
                Mended,
                Severity::High,
                "and storage; its setting `reprieve` also writes to workspace `law`: that is not configured, and is taken out",
            )],
        ),
        case(
            "a setting of ours that was led to a storage account, an event hub and a workspace of somebody else's",
            |scene| {
                facts!(scene, VaultLogging: settings);
                let ours = read(settings).first_mut().unwrap();
                let rule = id("Microsoft.EventHub/namespaces/evil").child("authorizationRules", "send");
                ours.storage = Some(id("Microsoft.Storage/storageAccounts/stevil"));
                (ours.event_hub_rule, ours.workspace) = (Some(rule), Some(workspace()));
            },
            &[SETTING],
            &[(Mended, Severity::High, "storage account `stevil`, event hub `vault-audit` of namespace `evil`, workspace `law`:")],
        ),
        case(
            "a setting of ours that writes to somebody's workspace as well",
            |scene| {
                facts!(scene, VaultLogging: settings);
                read(settings).first_mut().unwrap().workspace = Some(workspace());
            },
            &[],
            &[],
        ),
        case(
            "a vault that logs policies alone",
            |scene| {
                facts!(scene, VaultLogging: settings);
                read(settings).first_mut().unwrap().categories = ["azurepolicyevaluationdetails".to_owned()].into();
            },
            &[SETTING],
            &[(Mended, Severity::High, "to event hub `vault-audit` and storage")],
        ),
        case(
            "a vault with five settings of other people",
            |scene| {
                facts!(scene, VaultLogging: settings);
                *settings = Known::Is((1..=5).map(|number| setting(&format!("corp-{number}"), &["AllMetrics"])).collect());
            },
            &[],
            &[(NeedsHuman, Severity::High, "vault `kv-app` has 5 diagnostic settings, and Azure allows no more")],
        ),
        case(
            "a vault that logs nothing, where only storage is configured",
            |scene| {
                scene.desired.audit_route = None;
                facts!(scene, VaultLogging: settings);
                *settings = Known::Absent;
            },
            &[SETTING],
            &[(Mended, Severity::Medium, "to storage")],
        ),
        case(
            "a vault that logs nothing, where nothing is configured",
            |scene| {
                (scene.desired.audit_route, scene.desired.log_storage) = (None, None);
                facts!(scene, VaultLogging: settings);
                *settings = Known::Absent;
            },
            &[],
            &[(NeedsHuman, Severity::Low, "neither an event hub nor storage is configured")],
        ),
        case(
            "a vault whose settings cannot be read",
            |scene| {
                facts!(scene, VaultLogging: settings);
                *settings = unreadable();
            },
            &[],
            &[(Unreadable, Severity::Medium, "the diagnostic settings of vault `kv-app` could not be read")],
        ),
        case(
            "a vault that is not there logs nothing",
            |scene| {
                facts!(scene, VaultLogging: vault, settings);
                (*vault, *settings) = (Known::Absent, Known::Absent);
            },
            &[],
            &[],
        ),
    ]
}

fn exports() -> Vec<Case> {
    let case = |what, breaks, changes, findings| Case { what, whole: alerts, breaks, changes, findings };
    vec![
        case(
            "a subscription that exports nothing",
            |scene: &mut Scene| {
                facts!(scene, Alerts: settings);
                *settings = Known::Is(Vec::new());
            },
            &[SETTING],
            &[(Mended, Severity::High, "does not export Administrative, Alert, Policy, Security of its Activity Log to storage")],
        ),
        case(
            "a subscription that exports a part",
            |scene| {
                facts!(scene, Alerts: settings);
                *settings = Known::Is(vec![setting("activity", &["Administrative", "Security"])]);
            },
            &[SETTING],
            &[(Mended, Severity::High, "does not export Alert, Policy of its Activity Log to storage")],
        ),
        case(
            "a subscription that a setting of ours exports to a workspace alone",
            |scene| {
                facts!(scene, Alerts: settings);
                let mut ours = setting("reprieve", &["Administrative", "Alert", "Policy", "Security"]);
                (ours.storage, ours.workspace) = (None, Some(workspace()));
                *settings = Known::Is(vec![ours]);
            },
            &[SETTING],
            &[(Mended, Severity::High, "to storage; its setting `reprieve` also writes to workspace `law`: that is not configured")],
        ),
        case(
            "a subscription that exports to a workspace alone, where no storage is configured",
            |scene| {
                scene.desired.log_storage = None;
                facts!(scene, Alerts: settings);
                read(settings).first_mut().unwrap().storage = None;
            },
            &[],
            &[(NeedsHuman, Severity::Medium, "and no storage account is configured for that")],
        ),
        case(
            "a subscription whose settings and alerts cannot be read",
            |scene| {
                facts!(scene, Alerts: settings, alerts);
                (*settings, *alerts) = (unreadable(), unreadable());
            },
            &[],
            &[
                (Unreadable, Severity::Medium, "the diagnostic settings of subscription"),
                (Unreadable, Severity::Medium, "the activity-log alerts of subscription"),
            ],
        ),
    ]
}

/// Changes the alert of deleted vaults, which is the first.
macro_rules! first_alert {
    ($scene:ident, $alert:ident => $change:expr) => {
        |$scene| {
            facts!($scene, Alerts: alerts);
            let $alert = read(alerts).first_mut().unwrap();
            $change;
        }
    };
}

fn alarms() -> Vec<Case> {
    let case = |what, breaks| Case { what, whole: alerts, breaks, changes: &[DELETED], findings: &[NO_ALERT] };
    vec![
        case("an alert that is off", first_alert!(scene, alert => alert.enabled = false)),
        case("an alert that asks for more", first_alert!(scene, alert => alert.is_narrowed = true)),
        case("an alert of one resource group alone", first_alert!(scene, alert => alert.scopes = [log_storage().group().unwrap()].into())),
        case(
            "an alert that calls somebody else",
            first_alert!(scene, alert => alert.action_groups = [id("Microsoft.Insights/actionGroups/nobody")].into()),
        ),
        case("an alert of another operation", first_alert!(scene, alert => alert.operations = ["else".to_owned()].into())),
        case("an alert that is gone", |scene: &mut Scene| {
            facts!(scene, Alerts: alerts);
            read(alerts).remove(0);
        }),
        Case {
            what: "an alert that is gone, where there is nowhere to put one",
            whole: alerts,
            breaks: |scene| {
                scene.desired.alerts_group = None;
                facts!(scene, Alerts: alerts);
                read(alerts).remove(0);
            },
            changes: &[],
            findings: &[(NeedsHuman, Severity::Medium, "and no resource group is configured to put one in")],
        },
    ]
}

fn groups() -> Vec<Case> {
    let case = |what, breaks, changes, findings| Case { what, whole: alerts, breaks, changes, findings };
    vec![
        case(
            "an action group that is off",
            |scene: &mut Scene| {
                facts!(scene, Alerts: group);
                read(group).enabled = false;
            },
            &["switch action group `oncall` on"],
            &[(Mended, Severity::High, "action group `oncall` is off, so alerts call nobody")],
        ),
        case(
            "an action group without receivers",
            |scene| {
                facts!(scene, Alerts: group);
                read(group).receivers = 0;
            },
            &[],
            &[(NeedsHuman, Severity::High, "action group `oncall` has no receivers")],
        ),
        case(
            "an action group that is gone, with all alerts",
            |scene| {
                facts!(scene, Alerts: group, alerts);
                (*group, *alerts) = (Known::Absent, Known::Is(Vec::new()));
            },
            &[],
            &[(NeedsHuman, Severity::High, "action group `oncall` does not exist, so alerts call nobody; whom it called is not known")],
        ),
        case(
            "an action group that is gone, with an alert, and is remembered but for one whom it called",
            |scene| {
                scene.memory.group = Some(remembered_group());
                facts!(scene, Alerts: group, alerts);
                *group = Known::Absent;
                read(alerts).remove(0);
            },
            &["make action group `oncall` again", DELETED],
            &[
                (Mended, Severity::High, "action group `oncall` does not exist, so alerts call nobody"),
                (NeedsHuman, Severity::High, "action group `oncall` also called 1 by URL"),
                NO_ALERT,
            ],
        ),
        case(
            "an action group that is gone, of which another one is remembered",
            |scene| {
                let other = id("Microsoft.Insights/actionGroups/former");
                scene.memory.group = Some(ActionGroupInventory { id: other, ..remembered_group() });
                facts!(scene, Alerts: group);
                *group = Known::Absent;
            },
            &[],
            &[(NeedsHuman, Severity::High, "whom it called is not known")],
        ),
        case(
            "an action group that cannot be read is called all the same",
            |scene| {
                facts!(scene, Alerts: group, alerts);
                *group = unreadable();
                read(alerts).remove(0);
            },
            &[DELETED],
            &[(Unreadable, Severity::Medium, "action group `oncall` could not be read"), NO_ALERT],
        ),
        case(
            "no action group is configured",
            |scene| {
                scene.desired.action_group = None;
                facts!(scene, Alerts: alerts);
                read(alerts).clear();
            },
            &[],
            &[(NeedsHuman, Severity::Low, "no action group is configured for subscription")],
        ),
    ]
}

pub(crate) fn written(scene: &Scene) -> Value {
    match scene.plan().changes.pop() {
        Some(Change::PutActivityLogAlert { properties, .. } | Change::PutDiagnosticSetting { properties, .. }) => properties,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_action_group_is_made_again_as_it_was_and_no_record_says_whom_it_calls() {
    let mut scene = alerts();
    scene.memory.group = Some(remembered_group());
    facts!(scene, Alerts: group);
    *group = Known::Absent;
    let change = scene.plan().changes.pop().unwrap();
    assert_eq!(change, Change::RestoreActionGroup { group: action_group(), body: remembered_group().body });
    let recorded = serde_json::to_value(&change).unwrap();
    assert_eq!(recorded, json!({ "change": "RestoreActionGroup", "group": action_group() }));
    assert!(serde_json::from_value::<Change>(recorded).is_ok());
}

#[test]
fn an_action_group_is_remembered_as_long_as_somebody_hears_it() {
    let kept = Some(remembered_group());
    for (enabled, receivers, kept, is_learned) in
        [(true, 1, kept.clone(), true), (false, 1, kept.clone(), false), (true, 0, kept, false), (true, 1, None, false)]
    {
        let mut scene = alerts();
        facts!(scene, Alerts: group, settings);
        (*group, *settings) = (Known::Is(ActionGroup { enabled, receivers, kept: kept.clone() }), Known::Is(Vec::new()));
        let decision = Decision::Stand { why: Why::new(Severity::Informational, "nothing") };
        let now = Timestamp::UNIX_EPOCH;
        let learned = lesson(&scene.world, &scene.plan(), &decision, (EventForm::Sweep, None), now);
        let expected = kept.filter(|_| is_learned).map(|kept| Lesson::ActionGroup(Box::new(kept)));
        assert_eq!(learned, expected, "{enabled} {receivers}");
    }
}

#[test]
fn our_alert_says_what_it_is_for_and_keeps_calling_whom_it_called() {
    let mut scene = alerts();
    facts!(scene, Alerts: alerts);
    let mut ours = alert("reprieve-VAULTDELETED", ALERTS[0].operation);
    let others = id("Microsoft.Insights/actionGroups/others");
    (ours.enabled, ours.action_groups) = (false, [others.clone()].into());
    read(alerts)[0] = ours;
    let expected = json!({
        "scopes": [subscription().resource()],
        "condition": { "allOf": [
            { "field": "category", "equals": "Administrative" },
            { "field": "operationName", "equals": "Microsoft.KeyVault/vaults/delete" },
        ] },
        "actions": { "actionGroups": [{ "actionGroupId": action_group() }, { "actionGroupId": others }] },
        "enabled": true,
        "description": "Reprieve: a vault was deleted, with the keys in it.",
    });
    assert_eq!(written(&scene), expected);
}

#[test]
fn every_operation_has_its_own_alert() {
    let mut scene = alerts();
    facts!(scene, Alerts: alerts);
    read(alerts).clear();
    let made: Vec<String> = scene.plan().changes.iter().map(|change| change.resource().name().to_owned()).collect();
    let expected: Vec<String> = ALERTS.iter().map(|alarm| format!("Reprieve-{}", alarm.name)).collect();
    assert_eq!(made, expected);
}

#[test]
fn an_alert_is_put_in_the_subscription_that_it_hears_of() {
    let other = SubscriptionId::parse("00000000-0000-0000-0000-000000000002").unwrap();
    let mut scene = alerts();
    scene.subject = Subject::Alerts(other.clone());
    let changes = scene.plan().changes;
    assert!(changes.iter().all(|change| change.resource().subscription() == other), "{changes:#?}");
}
