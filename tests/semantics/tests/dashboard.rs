//! The dashboard shows metrics that are written, on a grid that CloudWatch can lay out.
//!
//! Structure: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html>.
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a failed read fails the test")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use reprieve_runtime::metrics;
use serde_json::Value;

/// The columns of a dashboard.
const COLUMNS: u64 = 24;

/// The most metrics that a dashboard may show and still be one of an account's three free ones.
const FREE_METRICS: usize = 50;

/// The namespaces of AWS that the dashboard looks into, with the metrics that are looked at there.
const OF_AWS: [(&str, &[&str]); 2] = [
    ("AWS/Lambda", &["Duration", "Errors", "Throttles"]),
    ("AWS/SQS", &["ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"]),
];

/// Reads the dashboard out of the template, references left as they are.
fn widgets() -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/aws/monitoring.yaml");
    let text = std::fs::read_to_string(&path).expect("the monitoring's template is there");
    let template: Value = serde_saphyr::from_str(&text).expect("the monitoring's template is YAML");
    let body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"][0].as_str().expect("the body is text");
    let body: Value = serde_json::from_str(body).expect("the body is JSON");
    body["widgets"].as_array().expect("the body has widgets").clone()
}

/// Returns every metric that is shown: its namespace, its name, and its last element, which says how.
fn shown() -> Vec<(String, String, Value)> {
    let metrics = widgets().into_iter().flat_map(|widget| widget["properties"]["metrics"].as_array().cloned().unwrap_or_default());
    metrics
        .filter_map(|metric| {
            let parts = metric.as_array()?.clone();
            Some((parts.first()?.as_str()?.to_owned(), parts.get(1)?.as_str()?.to_owned(), parts.last()?.clone()))
        })
        .collect()
}

fn side(widget: &Value, name: &str) -> u64 {
    widget[name].as_u64().expect("a place is a whole number")
}

#[test]
fn every_metric_of_ours_that_is_shown_is_in_the_table_of_metrics() {
    let table: BTreeSet<&str> = metrics::ALL.iter().map(|metric| metric.name).collect();
    for (namespace, name, _) in shown() {
        if namespace == "${MetricsNamespace}" {
            assert!(table.contains(name.as_str()), "`{name}` is in no table");
        } else {
            assert!(OF_AWS.iter().any(|(of, names)| *of == namespace && names.contains(&name.as_str())), "`{namespace}` has no `{name}`");
        }
    }
}

#[test]
fn every_metric_of_the_table_is_shown() {
    let shown: BTreeSet<String> = shown().into_iter().map(|(_, name, _)| name).collect();
    // What only the Azure guard counts is not in CloudWatch.
    let of_aws = metrics::ALL.iter().filter(|metric| !metric.meaning.starts_with("Azure:"));
    let missing: Vec<&str> = of_aws.map(|metric| metric.name).filter(|name| !shown.contains(*name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn a_time_is_shown_with_its_maximum_and_a_count_is_never_averaged() {
    for (_, name, how) in shown() {
        let stat = how["stat"].as_str().unwrap_or_else(|| panic!("`{name}` says no statistic"));
        let unit = metrics::ALL.iter().find(|metric| metric.name == name).map(|metric| metric.unit);
        assert!(unit != Some("Count") || ["Sum", "Maximum", "Minimum"].contains(&stat), "`{name}` counts, and `{stat}` of it is shown");
        assert!(how["label"].as_str().is_some_and(|label| !label.is_empty()), "`{name}` has no label");
    }
    for time in metrics::ALL.iter().filter(|metric| metric.unit == "Milliseconds") {
        assert!(shown().iter().any(|(_, name, how)| name == time.name && how["stat"] == "Maximum"), "`{}` hides its worst", time.name);
    }
}

#[test]
fn widgets_stay_on_the_grid_and_do_not_overlap() {
    let mut taken = BTreeSet::new();
    for widget in widgets() {
        let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| side(&widget, name));
        assert!(x + width <= COLUMNS && width > 0 && (1..=1_000).contains(&height), "{widget}");
        for cell in (x..x + width).flat_map(|column| (y..y + height).map(move |row| (column, row))) {
            assert!(taken.insert(cell), "{cell:?} is taken twice, the second time by {widget}");
        }
    }
    let height = taken.iter().map(|(_, row)| row + 1).max().unwrap();
    assert_eq!(taken.len() as u64, COLUMNS * height, "there are holes between the widgets");
}

#[test]
fn each_widget_has_what_its_type_asks_for() {
    for widget in widgets() {
        let properties = &widget["properties"];
        match widget["type"].as_str() {
            Some("text") => assert!(properties["markdown"].is_string(), "{widget}"),
            Some("alarm") => assert!(properties["alarms"].as_array().is_some_and(|alarms| (1..=100).contains(&alarms.len())), "{widget}"),
            Some("metric") => {
                assert!(properties["metrics"].is_array() && properties["title"].is_string(), "{widget}");
                assert_eq!(properties["region"], "${AWS::Region}", "{widget}");
                assert!(["timeSeries", "singleValue"].contains(&properties["view"].as_str().unwrap()), "{widget}");
                assert!(properties["period"].as_u64().unwrap_or(60).is_multiple_of(60), "{widget}");
            }
            _ => panic!("no such widget: {widget}"),
        }
    }
}

#[test]
fn the_dashboard_stays_a_free_one() {
    let shown: BTreeSet<String> = shown().into_iter().map(|(namespace, name, how)| format!("{namespace} {name} {how}")).collect();
    assert!(shown.len() <= FREE_METRICS, "{} metrics are shown, and {FREE_METRICS} are free", shown.len());
}
