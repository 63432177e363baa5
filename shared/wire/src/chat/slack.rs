//! Slack: Block Kit, for an incoming webhook. Limits: <https://docs.slack.dev/reference/block-kit/blocks>.

use reprieve_core::Record;
use reprieve_core::notice::{Fact, Notice, Section};
use serde_json::{Value, json};

use super::{FACTS_LIMIT, SECTIONS_LIMIT, commands, origin, written};

/// In characters, as they are sent.
const HEADER_LIMIT: usize = 150;
const TEXT_LIMIT: usize = 3_000;
const FIELD_LIMIT: usize = 2_000;

/// A section takes ten fields: five labels with their values.
const FACTS_IN_A_SECTION: usize = 5;

/// Writes a notice as a Slack message.
#[must_use]
pub fn slack(notice: &Notice, record: &Record) -> Value {
    let mut blocks = vec![json!({ "type": "header", "text": plain(&notice.headline, HEADER_LIMIT) })];
    blocks.extend(lines_section(&notice.sentences, ""));
    blocks.extend(lines_section(&notice.warnings, "\u{26a0} "));
    for Section { title, lines } in notice.sections.iter().take(SECTIONS_LIMIT) {
        if let Some(lines) = lines_section(lines, "\u{2022} ") {
            blocks.extend([json!({ "type": "section", "text": bold(title) }), lines]);
        }
    }
    let facts: Vec<&Fact> = notice.facts.iter().filter(|fact| !fact.value.is_empty()).take(FACTS_LIMIT).collect();
    for facts in facts.chunks(FACTS_IN_A_SECTION) {
        let fields: Vec<Value> = facts.iter().flat_map(|fact| [bold(&fact.label), plain(&fact.value, FIELD_LIMIT)]).collect();
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    for command in commands(notice) {
        let code = format!("```{}```", escaped(&command.line, TEXT_LIMIT));
        blocks.push(json!({ "type": "section", "text": plain(&format!("{}:", command.purpose), TEXT_LIMIT) }));
        blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": code, "verbatim": true } }));
    }
    blocks.push(json!({ "type": "context", "elements": [plain(&origin(notice, record), TEXT_LIMIT)] }));
    json!({ "text": escaped(&notice.subject, TEXT_LIMIT), "mrkdwn": false, "unfurl_links": false, "unfurl_media": false, "blocks": blocks })
}

/// One block of lines; none where there are none.
fn lines_section(lines: &[String], bullet: &str) -> Option<Value> {
    let limit = TEXT_LIMIT / lines.len().max(1) - 1;
    let text: Vec<String> = lines.iter().take(TEXT_LIMIT / 100).map(|line| escaped(&format!("{bullet}{line}"), limit.max(99))).collect();
    let is_blank = text.iter().all(|line| line.trim().is_empty());
    (!is_blank).then(|| json!({ "type": "section", "text": { "type": "plain_text", "text": text.join("\n"), "emoji": false } }))
}

/// Text that Slack parses no mark-up in. It may not be empty.
fn plain(text: &str, limit: usize) -> Value {
    let text = escaped(text, limit);
    let text = if text.trim().is_empty() { "-".to_owned() } else { text };
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

/// A label of ours in bold; whatever could end the bold is left out.
fn bold(label: &str) -> Value {
    let words: String = label.chars().filter(|c| c.is_alphanumeric() || *c == ' ').take(100).collect();
    let words = if words.trim().is_empty() { "-" } else { words.trim() };
    json!({ "type": "mrkdwn", "text": format!("*{words}*"), "verbatim": true })
}

/// Slack reads `&`, `<` and `>` as its own in every text: <https://docs.slack.dev/messaging/formatting-message-text#escaping>.
fn escaped(text: &str, limit: usize) -> String {
    written(text, limit, |c, out| match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        c => out.push(c),
    })
}
