//! Teams: an Adaptive Card, for the webhook of a Power Automate workflow ("When a Teams webhook request is received").
//!
//! Text runs take no Markdown; only facts do, and theirs is escaped. Limits: <https://learn.microsoft.com/microsoftteams/limits-specifications-teams>.

use reprieve_core::notice::{Fact, Notice, Section};
use reprieve_core::{Record, Severity};
use serde_json::{Value, json};

use super::{FACTS_LIMIT, SECTIONS_LIMIT, commands, origin, written};

/// Teams refuses messages beyond 28 KB; the rest is room for what the workflow adds.
const MESSAGE_LIMIT_BYTES: usize = 27 * 1024;

/// How much is shown: the characters of a text, and the lines of a list. The first that fits is taken; the last always fits.
const AMOUNTS: [Amount; 4] = [
    Amount { characters: 1_000, lines: 10 },
    Amount { characters: 300, lines: 10 },
    Amount { characters: 100, lines: 6 },
    Amount { characters: 48, lines: 4 },
];

#[derive(Clone, Copy)]
struct Amount {
    characters: usize,
    lines: usize,
}

/// Writes a notice as a Teams message.
#[must_use]
pub fn teams(notice: &Notice, record: &Record) -> Value {
    let mut messages = AMOUNTS.iter().map(|amount| message(notice, record, *amount));
    let mut last = Value::Null;
    for message in &mut messages {
        last = message;
        if last.to_string().len() <= MESSAGE_LIMIT_BYTES {
            break;
        }
    }
    last
}

fn message(notice: &Notice, record: &Record, amount: Amount) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": { "width": "Full" },
                "fallbackText": inert(&notice.subject, amount.characters),
                "body": body(notice, record, amount),
            },
        }],
    })
}

fn body(notice: &Notice, record: &Record, amount: Amount) -> Vec<Value> {
    let line = |text: &str, style: &Value| run(&inert(text, amount.characters), style);
    let usual = json!({});
    let mut body = vec![line(&notice.headline, &json!({ "size": "Large", "weight": "Bolder", "color": color(notice.severity) }))];
    body.extend(notice.sentences.iter().take(amount.lines).map(|sentence| line(sentence, &usual)));
    let warning = json!({ "weight": "Bolder", "color": "Attention" });
    body.extend(notice.warnings.iter().take(amount.lines).map(|text| line(&format!("! {text}"), &warning)));
    for Section { title, lines } in notice.sections.iter().take(SECTIONS_LIMIT) {
        body.push(line(title, &json!({ "weight": "Bolder" })));
        body.extend(lines.iter().take(amount.lines).map(|text| line(&format!("\u{2022} {text}"), &usual)));
    }
    let facts: Vec<Value> = notice.facts.iter().take(FACTS_LIMIT).map(|fact| fact_value(fact, amount)).collect();
    if !facts.is_empty() {
        body.push(json!({ "type": "FactSet", "facts": facts, "spacing": "Medium" }));
    }
    for command in commands(notice) {
        let items = [line(&format!("{}:", command.purpose), &usual), run(&command.line, &json!({ "fontType": "Monospace" }))];
        body.push(json!({ "type": "Container", "style": "emphasis", "spacing": "Medium", "items": items }));
    }
    body.push(line(&origin(notice, record), &json!({ "size": "Small", "isSubtle": true })));
    body
}

/// A paragraph that takes no mark-up.
fn run(text: &str, style: &Value) -> Value {
    let mut run = json!({ "type": "TextRun", "text": text });
    if let (Some(run), Some(style)) = (run.as_object_mut(), style.as_object()) {
        run.extend(style.clone());
    }
    json!({ "type": "RichTextBlock", "inlines": [run] })
}

fn fact_value(fact: &Fact, amount: Amount) -> Value {
    json!({ "title": markdown_escaped(&fact.label, amount.characters), "value": markdown_escaped(&fact.value, amount.characters) })
}

const fn color(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational | Severity::Low => "Default",
        Severity::Medium => "Warning",
        Severity::High | Severity::Critical => "Attention",
    }
}

/// Cards replace `{{DATE(...)}}`, and templates `${...}`, wherever they stand.
fn inert(text: &str, limit: usize) -> String {
    written(text, limit, |c, out| {
        push_inert(c, out);
    })
}

fn push_inert(c: char, out: &mut String) {
    if c == '{' && out.ends_with(['{', '$']) {
        out.push(' ');
    }
    out.push(c);
}

fn markdown_escaped(text: &str, limit: usize) -> String {
    written(text, limit, |c, out| {
        let starts_list = matches!(c, '-' | '+') && out.trim().is_empty();
        let is_markdown = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '<' | '>' | '|' | '!' | '&');
        if starts_list || is_markdown {
            out.push('\\');
        }
        push_inert(c, out);
    })
}
