//! What the page tells people to type: verbs, options, scripts, resources, payloads and links exist.

use std::collections::BTreeSet;
use std::process::Command;

use reprieve_semantics::repository_path;
use reprieve_wire::{
    Invocation, MonitoringInvocation, MonitoringTask, Sighting,
    log_notice::{RecordingInvocation, SealUntil, parse_recording_invocation},
    parse_invocation, parse_monitoring_invocation,
};
use serde_json::Value;

use super::{PAGE, read, resources, spans, visit};

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
    let is_plan = |payload: &Value| matches!(parse_monitoring_invocation(payload), Ok(MonitoringInvocation::Task(MonitoringTask::Plan)));
    let is_seal = |payload: &Value| matches!(parse_recording_invocation(payload), Ok(RecordingInvocation::Seal(SealUntil::LastHour)));
    let is_drill = |payload: &Value| payload.get("task").and_then(Value::as_str) == Some("rehearse");
    let tasks: [&dyn Fn(&Value) -> bool; 5] = [&is_sweep, &is_check, &is_plan, &is_seal, &is_drill];
    assert!(tasks.iter().all(|is_task| payloads.iter().any(is_task)), "each is there: {payloads:?}");
    for payload in &payloads {
        assert!(tasks.iter().any(|is_task| is_task(payload)), "no function understands `{payload}`");
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
