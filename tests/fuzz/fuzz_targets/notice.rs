//! Tells people of whatever stands in a record: nothing ends the process, every text is on its line and within the limits of its channel,
//! and nothing that an attacker named becomes mark-up, a mention or a link.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprieve_core::Record;
use reprieve_core::notice::{Notice, SUBJECT_LIMIT};
use reprieve_wire::chat::{slack, teams};
use reprieve_wire::ocsf::{self, Read};
use serde_json::Value;

/// What Slack takes: <https://docs.slack.dev/reference/block-kit>.
const SLACK_BLOCKS: usize = 50;
const SLACK_TEXT_CHARACTERS: usize = 3_000;
/// What Teams takes.
const TEAMS_BYTES: usize = 28 * 1024;

fuzz_target!(|input: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return };
    let record = match ocsf::read(&value) {
        Ok(Read::Decision(record)) => *record,
        Ok(Read::Finding(finding)) => {
            is_plain(&Notice::of_finding(&finding), &finding.told_as());
            return;
        }
        Ok(Read::Entry(_) | Read::Posture(_)) => return,
        Err(_) => match serde_json::from_value::<Record>(value) {
            Ok(record) => record,
            Err(_) => return,
        },
    };
    if let Some(notice) = Notice::of(&record) {
        is_plain(&notice, &record);
    }
});

fn is_plain(notice: &Notice, record: &Record) {
    assert!(notice.subject.chars().count() <= SUBJECT_LIMIT && notice.subject.is_ascii(), "{:?}", notice.subject);
    let lines = notice.sentences.iter().chain(&notice.warnings).chain([&notice.subject, &notice.headline]);
    let facts = notice.facts.iter().flat_map(|fact| [&fact.label, &fact.value]);
    for line in lines.chain(facts).chain(notice.commands.iter().map(|command| &command.line)) {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    slack_takes_it(&slack(notice, record));
    teams_takes_it(&teams(notice, record));
}

fn slack_takes_it(message: &Value) {
    let blocks = message["blocks"].as_array().expect("a message has blocks");
    assert!((1..=SLACK_BLOCKS).contains(&blocks.len()), "{} blocks", blocks.len());
    each_text(message, &mut |text| {
        assert!(text.chars().count() <= SLACK_TEXT_CHARACTERS, "{} characters", text.chars().count());
        assert!(!text.contains(['<', '>']), "{text:?}");
        assert!(!text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "").contains('&'), "{text:?}");
    });
}

fn teams_takes_it(message: &Value) {
    let bytes = message.to_string().len();
    assert!(bytes <= TEAMS_BYTES, "{bytes} bytes");
    each_text(&message["attachments"][0]["content"]["body"], &mut |text| {
        assert!(!text.contains("{{") && !text.contains("${") && !text.contains(char::is_control), "{text:?}");
    });
}

fn each_text(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, see)),
        Value::Object(fields) => fields.values().for_each(|field| each_text(field, see)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
