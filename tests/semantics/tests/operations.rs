//! The runbook has a section for everything that rings, and names nothing that is not there. Names are read out of the templates and sources.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failed read fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use reprieve_core::drill::Path;
use reprieve_semantics::repository_path;
use reprieve_wire::{
    Invocation, MonitoringInvocation, MonitoringTask, Sighting,
    log_notice::{RecordingInvocation, SealUntil, parse_recording_invocation},
    parse_invocation, parse_monitoring_invocation,
};
use serde_json::Value;

const PAGE: &str = "shared/docs/operations.md";
const STACKS: [&str; 6] = ["guard.yaml", "monitoring.yaml", "drill.yaml", "evidence.yaml", "approval-key.yaml", "replay.yaml"];
const PARTS: [&str; 5] = ["**Means.**", "**At stake.**", "**Look.**", "**Do.**", "**Close**"];

fn read(relative: &str) -> String {
    std::fs::read_to_string(repository_path(relative)).unwrap_or_else(|error| panic!("`{relative}` cannot be read: {error}"))
}

/// Returns the sections below headings of the third level, by heading.
fn sections(page: &str) -> BTreeMap<&str, &str> {
    let parts = page.split("\n### ").skip(1);
    parts
        .map(|part| {
            let (heading, body) = part.split_once('\n').unwrap_or((part, ""));
            (heading, body.split("\n## ").next().unwrap_or(body))
        })
        .collect()
}

/// Returns the texts between backticks on a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns the section whose heading holds all of these code spans.
fn section_of<'a>(page: &'a str, names: &[&str]) -> Option<&'a str> {
    let found = sections(page).into_iter().find(|(heading, _)| names.iter().all(|name| spans(heading).any(|span| span == *name)));
    found.map(|(_, body)| body)
}

/// Says what a section lacks.
fn lacks(section: Option<&str>) -> Option<String> {
    let Some(section) = section else { return Some("has no section".to_owned()) };
    let missing: Vec<&str> = PARTS.into_iter().filter(|part| !section.contains(part)).collect();
    (!missing.is_empty()).then(|| format!("does not say {missing:?}"))
}

/// Returns the cells of the table's row that begins with this name, none of them empty.
fn row_of<'a>(page: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let row = page.lines().find(|line| {
        line.strip_prefix('|').and_then(|rest| rest.split('|').next()).is_some_and(|first| spans(first).any(|span| span == name))
    })?;
    Some(row.trim().trim_matches('|').split(" | ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
}

/// Names those that have no row of so many cells.
fn without_row<'a>(page: &str, names: impl IntoIterator<Item = &'a str>, cells: usize) -> Vec<String> {
    let has_row = |name: &str| row_of(page, name).is_some_and(|row| row.len() >= cells);
    names.into_iter().filter(|name| !has_row(name)).map(ToOwned::to_owned).collect()
}

/// Returns the resources of a template, by logical id, with their types.
fn resources(template: &str) -> BTreeMap<String, String> {
    let template: Value = serde_saphyr::from_str(&read(&format!("infra/aws/{template}"))).expect("the template is YAML");
    let resources = template.get("Resources").and_then(Value::as_object).expect("the template has resources");
    resources
        .iter()
        .map(|(id, resource)| (id.clone(), resource.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned()))
        .collect()
}

/// Returns the texts to which a function's arms lead: from where it is declared to its closing brace.
fn texts_of_arms(source: &str, declaration: &str) -> Vec<String> {
    let body = source.split(declaration).nth(1).unwrap_or_else(|| panic!("there is no `{declaration}`"));
    let indent = source.lines().find(|line| line.contains(declaration)).map_or(0, |line| line.len() - line.trim_start().len());
    let end = format!("\n{}}}", " ".repeat(indent));
    let body = body.split(&end).next().unwrap_or(body);
    // A text stands behind an arrow, at once or as the value of a block.
    let words = body.split("=>").skip(1).filter_map(|arm| {
        let value = arm.trim_start().trim_start_matches('{').trim_start();
        value.strip_prefix('"')?.split('"').next().map(ToOwned::to_owned)
    });
    words.collect()
}

#[test]
fn every_alarm_of_the_stacks_has_a_section() {
    let page = read(PAGE);
    let mut problems = Vec::new();
    let mut alarms = 0;
    for stack in STACKS {
        for (id, kind) in resources(stack) {
            if kind == "AWS::CloudWatch::Alarm" {
                alarms += 1;
                problems.extend(lacks(section_of(&page, &[&id, stack])).map(|lack| format!("`{id}` of `{stack}` {lack}")));
            }
        }
    }
    assert!(alarms >= 25, "only {alarms} alarms were found: are the templates read?");
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn no_section_is_about_an_alarm_that_is_not_there() {
    let page = read(PAGE);
    for heading in sections(&page).keys() {
        let names: Vec<&str> = spans(heading).collect();
        if let [alarm, stack] = names.as_slice()
            && STACKS.contains(stack)
        {
            assert!(resources(stack).contains_key(*alarm), "`{alarm}` is not in `{stack}`");
        }
    }
}

#[test]
fn every_dead_letter_queue_is_told_of_with_its_alarm() {
    let page = read(PAGE);
    for stack in STACKS {
        if resources(stack).contains_key("DeadLetterQueue") {
            let section = section_of(&page, &["DeadLetterAlarm", stack]).unwrap_or_default();
            assert!(section.contains("`DeadLetterQueue`"), "what lies in the dead-letter queue of `{stack}` is not told");
        }
    }
    for elsewhere in ["infra/azure/events.json", "infra/google/eventarc.yaml"] {
        assert!(read(elsewhere).contains("reprieve-dead-letters"), "`{elsewhere}` calls its dead letters otherwise");
    }
    for heading in ["Dead letters in Azure (`reprieve-dead-letters`)", "Dead letters on Google Cloud (`reprieve-dead-letters`)"] {
        assert_eq!(lacks(sections(&page).get(heading).copied()), None, "{heading}");
    }
}

#[test]
fn every_control_has_a_row() {
    let page = read(PAGE);
    let names: BTreeSet<String> = ["controls.rs", "controls/additional.rs"]
        .iter()
        .flat_map(|file| {
            let source = read(&format!("shared/core/src/monitoring/{file}"));
            let names = source.split("name: \"").skip(1).filter_map(|rest| rest.split('"').next().map(ToOwned::to_owned));
            names.collect::<Vec<String>>()
        })
        .collect();
    assert!(names.len() >= 28, "only {} controls were found", names.len());
    assert_eq!(without_row(&page, names.iter().map(String::as_str), 3), Vec::<String>::new());
}

#[test]
fn every_alert_of_azure_has_a_row() {
    let alerts: Value = serde_json::from_str(&read("infra/azure/alerts.json")).unwrap();
    let alerts = alerts.pointer("/variables/alerts").and_then(Value::as_array).unwrap().clone();
    let names: Vec<&str> = alerts.iter().filter_map(|alert| alert.get("name").and_then(Value::as_str)).collect();
    assert_eq!(names.len(), 9);
    assert_eq!(without_row(&read(PAGE), names, 3), Vec::<String>::new());
}

#[test]
fn every_alarm_of_the_azure_guard_has_a_section() {
    let page = read(PAGE);
    let guard: Value = serde_json::from_str(&read("infra/azure/guard.json")).unwrap();
    let alarms = guard.pointer("/variables/alarms").and_then(Value::as_array).unwrap();
    let mut names: Vec<(&str, &str)> =
        alarms.iter().filter_map(|alarm| alarm.get("name").and_then(Value::as_str)).map(|name| (name, "guard.json")).collect();
    assert!(names.len() >= 3, "only these alarms were found: {names:?}");
    let events: Value = serde_json::from_str(&read("infra/azure/events.json")).unwrap();
    let resources = events.get("resources").and_then(Value::as_array).unwrap();
    let alerts =
        resources.iter().filter(|resource| resource.get("type").and_then(Value::as_str) == Some("Microsoft.Insights/metricAlerts"));
    names.extend(alerts.filter_map(|alert| alert.get("name").and_then(Value::as_str)).map(|name| (name, "events.json")));
    assert_eq!(names.len(), alarms.len() + 1, "events.json tells of dead letters, and of nothing else");
    let problems: Vec<String> = names
        .iter()
        .filter_map(|(name, file)| lacks(section_of(&page, &[*name, *file])).map(|lack| format!("`{name}` of `{file}` {lack}")))
        .collect();
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn every_alert_on_google_cloud_has_a_section_and_reaches_a_human() {
    let page = read(PAGE);
    let alerts: Value = serde_saphyr::from_str(&read("infra/google/alerts.yaml")).expect("the alerts are YAML");
    let policies = alerts.get("policies").and_then(Value::as_array).unwrap();
    let names: Vec<&str> = policies.iter().filter_map(|policy| policy.get("displayName").and_then(Value::as_str)).collect();
    assert_eq!(names, ["reprieve-guard-fails", "reprieve-sweep-missing", "reprieve-entries-wait", "reprieve-dead-letters"]);
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
    // What it counts is made beside it.
    let counted = alerts.pointer("/metrics/0/name").and_then(Value::as_str).unwrap();
    assert!(read("infra/google/alerts.yaml").contains(&format!("logging.googleapis.com/user/{counted}\"")));
    // The subscription that it watches is the one that the entries come by.
    assert!(read("infra/google/eventarc.yaml").contains("\nsubscription:\n  name: reprieve-guard\n"));
    for name in names.iter().filter(|name| **name != "reprieve-dead-letters") {
        assert_eq!(lacks(section_of(&page, &[*name, "alerts.yaml"])), None, "{name}");
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

#[test]
fn every_notice_has_a_section() {
    let page = read(PAGE);
    let mut phrases = Vec::new();
    phrases.extend(texts_of_arms(&read("shared/core/src/notice.rs"), "fn headline("));
    phrases.extend(texts_of_arms(&read("shared/core/src/notice/azure.rs"), "fn state("));
    phrases.extend(texts_of_arms(&read("shared/core/src/notice/monitoring.rs"), "fn state("));
    let drill = read("shared/core/src/drill/decide.rs");
    for (said, phrase) in [
        ("drill passed: {}", "drill passed"),
        ("drill MISSED its deadline: {}", "drill MISSED its deadline"),
        ("drill NOT held: {}", "drill NOT held"),
        ("drill not held (mode observe): {what}", "drill not held (mode observe)"),
    ] {
        assert!(drill.contains(said), "a drill is told otherwise than as `{said}`");
        phrases.push(phrase.to_owned());
    }
    assert!(read("shared/core/src/notice/finding.rs").contains("\"unusual: {}"), "an anomaly is told otherwise");
    phrases.push("unusual:".to_owned());
    assert!(phrases.len() >= 25, "only these were found: {phrases:?}");
    let problems: Vec<String> =
        phrases.iter().filter_map(|phrase| lacks(section_of(&page, &[phrase])).map(|lack| format!("`{phrase}` {lack}"))).collect();
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn whatever_can_happen_to_a_key_has_a_row() {
    let phrases = texts_of_arms(&read("shared/core/src/threat.rs"), "fn phrase(self)");
    assert_eq!(phrases.len(), 14);
    assert_eq!(without_row(&read(PAGE), phrases.iter().map(String::as_str), 4), Vec::<String>::new());
}

#[test]
fn every_warning_has_a_row() {
    let page = read(PAGE);
    let rows: Vec<&str> =
        page.split("## Warnings in a notice").nth(1).and_then(|part| part.split("\n## ").next()).unwrap().lines().collect();
    let told: Vec<&str> = rows.iter().filter_map(|row| spans(row.strip_prefix("| ")?.split(" | ").next()?).next()).collect();
    let mut warnings: Vec<String> = Vec::new();
    for folder in ["shared/core/src", "shared/engine/src"] {
        visit(&repository_path(folder), &mut |source| {
            for rest in source.split("escalations.push(").skip(1) {
                let text = rest.trim_start().trim_start_matches("format!(").trim_start();
                warnings.extend(text.strip_prefix('"').and_then(|text| text.split('"').next()).map(ToOwned::to_owned));
            }
        });
    }
    let policies = read("shared/core/policies/default.cedar");
    warnings.extend(policies.split("\n@escalate(\"").skip(1).filter_map(|rest| rest.split('"').next().map(ToOwned::to_owned)));
    // What was put together elsewhere: its beginning is a constant that another warning of the table begins with too.
    warnings.retain(|warning| !warning.starts_with("{}: {still}"));
    assert!(warnings.len() >= 9, "only these were found: {warnings:?}");
    let untold: Vec<&String> = warnings.iter().filter(|warning| !told.iter().any(|told| warning.contains(told))).collect();
    assert_eq!(untold, Vec::<&String>::new());
}

fn visit(folder: &std::path::Path, act: &mut impl FnMut(&str)) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, act);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            act(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_path_of_a_drill_every_reason_and_every_finding_has_a_row() {
    let page = read(PAGE);
    assert_eq!(without_row(&page, Path::ALL.map(Path::as_str), 3), Vec::<String>::new());
    let reasons = texts_of_arms(&read("shared/core/src/finding.rs"), "pub const fn as_str(self)");
    assert_eq!(reasons.len(), 8);
    assert_eq!(without_row(&page, reasons.iter().map(String::as_str), 3), Vec::<String>::new());
    let findings = texts_of_arms(&read("shared/evidence/src/seal/report.rs"), "pub const fn as_str(self)");
    assert_eq!(findings.len(), 11);
    assert_eq!(without_row(&page, findings.iter().map(String::as_str), 2), Vec::<String>::new());
}

#[test]
fn every_reason_for_which_sealing_stops_has_a_row() {
    let page = read(PAGE);
    let table = page.split("### When sealing stops").nth(1).and_then(|part| part.split("\n### ").next()).unwrap();
    let told: Vec<&str> = table.lines().filter_map(|row| spans(row.strip_prefix("| ")?.split(" | ").next()?).next()).collect();
    let source = read("shared/engine/src/seal.rs");
    let errors: Vec<&str> =
        source.split("#[error(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next()).collect();
    assert!(errors.len() >= 5, "only these were found: {errors:?}");
    let untold: Vec<&&str> = errors.iter().filter(|error| !told.iter().any(|told| error.contains(told))).collect();
    assert_eq!(untold, Vec::<&&str>::new());
}

#[test]
fn every_metric_has_a_row() {
    let page = read(PAGE);
    let table = reprieve_runtime::metrics::markdown();
    let metrics: Vec<&str> = table.lines().filter_map(|row| spans(row).next()).collect();
    assert!(metrics.len() >= 35);
    assert_eq!(without_row(&page, metrics, 2), Vec::<String>::new());
}

/// Returns every command of the page: code spans, and lines of code.
fn commands(page: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut is_fenced = false;
    let mut goes_on = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if is_fenced || (line.starts_with("    ") && !line.trim_start().starts_with('|')) {
            let line = line.trim();
            match commands.last_mut().filter(|_| goes_on) {
                Some(last) => *last = format!("{} {line}", last.trim_end_matches('\\')),
                None => commands.push(line.to_owned()),
            }
            goes_on = line.ends_with('\\');
        } else {
            commands.extend(spans(line).map(ToOwned::to_owned));
        }
    }
    commands.iter().flat_map(|command| command.split(" && ")).map(|part| part.trim().to_owned()).collect()
}

/// Returns the words of a command, without its comment.
fn words(command: &str) -> Vec<&str> {
    command.split(" # ").next().unwrap_or_default().split_whitespace().collect()
}

/// Spells a name of Rust as the command line does.
fn kebab(name: &str) -> String {
    let mut spelled = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            spelled.push('-');
        }
        spelled.push(if letter == '_' { '-' } else { letter.to_ascii_lowercase() });
    }
    spelled
}

/// Returns the names of an enum's variants.
fn variants(source: &str, declaration: &str) -> BTreeSet<String> {
    let body =
        source.split(declaration).nth(1).and_then(|rest| rest.split("\n}").next()).unwrap_or_else(|| panic!("there is no `{declaration}`"));
    let names = body.lines().filter_map(|line| line.trim().split_once('(').map(|(name, _)| name));
    names.filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase())).map(kebab).collect()
}

#[test]
fn every_verb_and_option_of_the_command_exists() {
    let verbs = variants(&read("functions/cli/src/args.rs"), "enum Verb {");
    let mut sources = String::new();
    visit(&repository_path("functions/cli/src"), &mut |source| sources.push_str(source));
    let mut seen = 0;
    for command in commands(&read(PAGE)) {
        let words = words(&command);
        let [program, verb, rest @ ..] = words.as_slice() else { continue };
        if *program != "reprieve" {
            continue;
        }
        seen += 1;
        assert!(verbs.contains(*verb), "`{command}`: there is no verb `{verb}`, only {verbs:?}");
        for option in rest.iter().filter_map(|word| word.strip_prefix("--")) {
            let field = format!("pub(crate) {}: ", option.replace('-', "_"));
            assert!(sources.contains(&field) || sources.contains(&format!("long = \"{option}\"")), "`{command}`: there is no `--{option}`");
        }
        if matches!(*verb, "policy" | "monitoring" | "filter")
            && let Some(second) = rest.first()
        {
            let declared = format!("    {}(", capitalised(second));
            assert!(sources.contains(&declared), "`{command}`: `{verb}` has no `{second}`");
        }
    }
    assert!(seen >= 20, "only {seen} commands were found");
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

#[test]
fn every_script_with_its_options_and_parameters_exists() {
    let mut seen = 0;
    for command in commands(&read(PAGE)) {
        let words = words(&command);
        let Some(script) = words.first().filter(|word| word.starts_with("scripts/")) else { continue };
        seen += 1;
        let mut source = read(script);
        if *script == "scripts/deploy" {
            // Its options are made from the stages that there are.
            for cloud in ["aws", "azure", "organisation"] {
                let help = Command::new(repository_path(script)).args([cloud, "--help"]).output().unwrap();
                source.push_str(&String::from_utf8_lossy(&help.stdout));
            }
        }
        for option in words.iter().filter(|word| word.starts_with("--")) {
            assert!(source.contains(option), "`{command}`: `{script}` knows no `{option}`");
        }
        for pair in words.windows(2).filter(|pair| pair.first() == Some(&"--set")) {
            let name = pair.get(1).and_then(|word| word.split('=').next()).unwrap_or_default();
            let (stack, parameter) = name.split_once('.').unwrap_or(("guard", name));
            let template = read(&format!("infra/aws/{stack}.yaml"));
            assert!(template.contains(&format!("\n  {parameter}:\n    Type: ")), "`{command}`: `{stack}.yaml` has no `{parameter}`");
        }
    }
    assert!(seen >= 10, "only {seen} scripts were found");
}

#[test]
fn every_resource_that_is_asked_for_is_in_its_stack() {
    let page = read(PAGE);
    let mut seen = 0;
    for call in ["res ", "arn "] {
        for rest in page.split(&format!("$({call}")).skip(1) {
            let words: Vec<&str> = rest.split(')').next().unwrap_or_default().split_whitespace().collect();
            let [stack, resource] = words.as_slice() else { panic!("`$({call}...)` is not followed by a stack and a resource: {words:?}") };
            if stack.starts_with('"') {
                continue; // the definition itself
            }
            seen += 1;
            let template = stack.strip_prefix("reprieve-").unwrap_or("guard");
            assert!(resources(&format!("{template}.yaml")).contains_key(*resource), "`{template}.yaml` has no `{resource}`");
        }
    }
    assert!(seen >= 15, "only {seen} resources were found");
}

#[test]
fn every_payload_is_understood_by_its_function() {
    let page = read(PAGE);
    let payloads: Vec<Value> = page
        .split("--payload '")
        .skip(1)
        .map(|rest| serde_json::from_str(rest.split('\'').next().unwrap_or_default()).expect("a payload is JSON"))
        .collect();
    let is_sweep = |payload: &Value| matches!(parse_invocation(payload), Ok(Invocation::Single(Sighting::Sweep(_))));
    let is_check = |payload: &Value| matches!(parse_monitoring_invocation(payload), Ok(MonitoringInvocation::Task(MonitoringTask::Check)));
    let is_seal = |payload: &Value| matches!(parse_recording_invocation(payload), Ok(RecordingInvocation::Seal(SealUntil::LastHour)));
    let is_drill = |payload: &Value| payload.get("task").and_then(Value::as_str) == Some("rehearse");
    assert!(
        payloads.iter().any(is_sweep) && payloads.iter().any(is_check) && payloads.iter().any(is_seal) && payloads.iter().any(is_drill)
    );
    for payload in &payloads {
        assert!(is_sweep(payload) || is_check(payload) || is_seal(payload) || is_drill(payload), "no function understands `{payload}`");
    }
}

#[test]
fn every_link_within_the_page_leads_somewhere() {
    let page = read(PAGE);
    let anchors: BTreeSet<String> = page.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
    for link in page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(anchors.contains(link), "`#{link}` leads nowhere");
    }
}

/// Spells a heading as its anchor.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}
