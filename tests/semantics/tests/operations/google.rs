//! What holds `infra/google` together: its alerts reach a human, and entries reach a service that may start.

use serde_json::Value;

use super::{PAGE, lacks, read, section_of};

#[test]
fn every_alert_on_google_cloud_has_a_section_and_reaches_a_human() {
    let page = read(PAGE);
    let alerts: Value = serde_saphyr::from_str(&read("infra/google/alerts.yaml")).expect("the alerts are YAML");
    let policies = alerts.get("policies").and_then(Value::as_array).unwrap();
    let names: Vec<&str> = policies.iter().filter_map(|policy| policy.get("displayName").and_then(Value::as_str)).collect();
    let expected =
        ["reprieve-guard-fails", "reprieve-sweep-missing", "reprieve-nothing-sealed", "reprieve-entries-wait", "reprieve-dead-letters"];
    assert_eq!(names, expected);
    for policy in policies {
        let channels = policy.get("notificationChannels").and_then(Value::as_array).map_or(0, Vec::len);
        assert_eq!(channels, 1, "nobody hears of {policy}");
        let conditions = policy.get("conditions").and_then(Value::as_array).unwrap();
        let filters = conditions.iter().filter_map(|condition| {
            let kinds = ["conditionThreshold", "conditionAbsent"];
            kinds.into_iter().find_map(|kind| condition.get(kind)?.get("filter")?.as_str())
        });
        let filters: Vec<&str> = filters.collect();
        assert!(!filters.is_empty() && filters.iter().all(|filter| filter.contains("metric.type=")), "{policy} looks at no metric");
    }
    // What they count is made beside them.
    let metrics = alerts.get("metrics").and_then(Value::as_array).unwrap();
    for counted in metrics.iter().filter_map(|metric| metric.get("name").and_then(Value::as_str)) {
        assert!(read("infra/google/alerts.yaml").contains(&format!("logging.googleapis.com/user/{counted}\"")), "{counted}");
    }
    // The subscription that it watches is the one that the entries come by.
    assert!(read("infra/google/eventarc.yaml").contains("\nsubscription:\n  name: reprieve-guard\n"));
    for name in names.iter().filter(|name| **name != "reprieve-dead-letters") {
        assert_eq!(lacks(section_of(&page, &[*name, "alerts.yaml"])), None, "{name}");
    }
}

#[test]
fn what_the_scheduler_on_google_cloud_calls_is_served_and_counted_every_hour() {
    let yaml = |file: &str| -> Value { serde_saphyr::from_str(&read(&format!("infra/google/{file}"))).expect("the file is YAML") };
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (scheduler, alerts) = (yaml("scheduler.yaml"), yaml("alerts.yaml"));
    let jobs = scheduler.get("jobs").and_then(Value::as_array).unwrap();
    let metrics = alerts.get("metrics").and_then(Value::as_array).unwrap();
    assert_eq!((jobs.len(), metrics.len()), (2, 2));
    for (job, metric) in jobs.iter().zip(metrics) {
        let uri = text(job, "/httpTarget/uri");
        let path = uri.strip_prefix("https://SERVICE_URL").expect("it calls the service");
        assert!(text(metric, "/filter").contains(&format!("httpRequest.requestUrl:\"{path}\"")), "nobody counts `{path}`");
        assert!(read("functions/gcp-guard/src/lib.rs").contains(&format!(".route(\"{path}\", post(")), "nobody serves `{path}`");
        assert!(text(job, "/schedule").ends_with(" * * * *"), "`{path}` is not called every hour");
    }
}

#[test]
fn the_service_on_google_cloud_may_start_and_entries_may_reach_it_or_its_dead_letters() {
    let yaml = |file: &str| -> Value { serde_saphyr::from_str(&read(&format!("infra/google/{file}"))).expect("the file is YAML") };
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let last = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let service = yaml("service.yaml");
    let generation = text(&service, "/spec/template/metadata/annotations/run.googleapis.com~1execution-environment");
    let memory = text(&service, "/spec/template/spec/containers/0/resources/limits/memory");
    let mebibytes: u32 = memory.strip_suffix("Mi").and_then(|number| number.parse().ok()).expect("the memory is in mebibytes");
    assert!(generation != "gen2" || mebibytes >= 512, "Cloud Run refuses {generation} with {memory}");

    let bindings = yaml("bindings.yaml");
    let bindings = bindings.get("bindings").and_then(Value::as_array).unwrap();
    let demand = |member: &str, role: &str, on: &str| {
        let fits =
            |binding: &Value| text(binding, "/member").ends_with(member) && text(binding, "/role") == role && text(binding, "/on") == on;
        assert!(bindings.iter().any(fits), "nothing grants `{role}` on `{on}` to `{member}`");
    };
    let events = yaml("eventarc.yaml");
    let destination = last(&text(&events, "/sink/destination"));
    let dead_letters = last(&text(&events, "/subscription/deadLetterPolicy/deadLetterTopic"));
    let pubsub = "@gcp-sa-pubsub.iam.gserviceaccount.com";
    demand("WRITER_IDENTITY", "roles/pubsub.publisher", &format!("topics/{destination}"));
    demand(pubsub, "roles/pubsub.publisher", &format!("topics/{dead_letters}"));
    demand(pubsub, "roles/pubsub.subscriber", &format!("subscriptions/{}", text(&events, "/subscription/name")));
    assert_eq!(text(&events, "/subscription/topic"), destination);
    assert_eq!(text(&events, "/deadLetterSubscription/topic"), dead_letters, "nobody keeps the dead letters");
    let topics = events.get("topics").and_then(Value::as_array).unwrap();
    assert_eq!(topics.iter().map(|topic| text(topic, "/name")).collect::<Vec<_>>(), [destination, dead_letters]);
}
