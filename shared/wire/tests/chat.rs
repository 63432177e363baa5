//! Notices as chat messages: whole messages as channels take them, and that no text breaks a limit or becomes mark-up.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "checks outside of test functions are still tests")]

use proptest::prelude::*;
use reprieve_core::decision::Why;
use reprieve_core::notice::{Command, Fact, Notice, Section};
use reprieve_core::{
    ApprovalFinding, Decision, Event, KeyArn, KeyNames, Mode, Phase, Plan, Record, Severity, Status, Step, StepOutcome, StepResult, Threat,
};
use reprieve_wire::chat::{slack, teams};
use reprieve_wire::parse_record;
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// Slack's and Teams' mark-up, mentions, links, card functions and templates, line breaks and quotes.
const HOSTILE: &str = "<!channel> <https://e.example|ok> &lt; *b* _i_ ~s~ `c` ```code``` [ok](https://e.example) ![i](x) <at>all</at> \
    {{DATE(2026-11-20T10:00:00Z,SHORT)}} ${user} # h\n- item\n1. one\t\"q\" \\ \u{7}";

fn event() -> Event {
    let record = json!({
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/Admin/mallory@example.com",
            "accountId": "111122223333", "sessionContext": {"sessionIssuer": {"type": "Role", "arn": "arn:aws:iam::111122223333:role/Admin"}}},
        "eventTime": "2026-11-20T10:15:00Z",
        "eventSource": "kms.amazonaws.com",
        "eventName": "ScheduleKeyDeletion",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "203.0.113.7",
        "requestParameters": {"keyId": KEY, "pendingWindowInDays": 7},
        "eventID": "10000000-0000-4000-8000-000000000001",
        "recipientAccountId": "111122223333",
    });
    parse_record(&record).unwrap()
}

fn record() -> Record {
    let event = event();
    let key = KeyArn::parse(KEY).unwrap();
    let steps = [Step::CancelKeyDeletion { key: key.clone() }, Step::EnableKey { key }];
    let why = Why {
        reasoning: vec!["neither the key's tags nor the ledger hold an approval".to_owned(), "no policy permits it".to_owned()],
        escalations: vec!["mallory@example.com as Admin tried to approve their own act".to_owned()],
        approval: ApprovalFinding::None,
        deadline: event.deadline(),
        ..Why::new(Severity::High, "x")
    };
    Record {
        phase: Phase::Outcome,
        attempt: 1,
        claimed: true,
        recorded_at: "2026-11-20T10:15:03Z".parse().unwrap(),
        received_at: "2026-11-20T10:15:01Z".parse().unwrap(),
        mode: Mode::Enforce,
        threat: Threat::of(&event),
        subject: None,
        event,
        considering: Plan::default(),
        decision: Some(Decision::Remedy { plan: Plan::new(steps.to_vec()), why }),
        steps: steps.map(|step| StepOutcome { step, result: StepResult::Done, at: None }).to_vec(),
        status: Status::Success,
        state_after: None,
        detect_ms: Some(1_000),
        remediate_ms: None,
        names: KeyNames { aliases: vec!["alias/payments_db".to_owned()], owner: Some("R&D <payments>".to_owned()) },
    }
}

#[test]
fn a_slack_message_in_full() {
    let record = record();
    snapshot("slack", &slack(&Notice::of(&record).unwrap(), &record));
}

#[test]
fn a_teams_message_in_full() {
    let record = record();
    snapshot("teams", &teams(&Notice::of(&record).unwrap(), &record));
}

/// The order of keys is not part of a message.
fn snapshot(name: &str, message: &Value) {
    let mut settings = insta::Settings::clone_current();
    settings.set_sort_maps(true);
    settings.bind(|| insta::assert_json_snapshot!(name, message));
}

#[test]
fn hostile_texts_are_shown_as_they_are_written() {
    let notice = notice_of(HOSTILE, 2);
    let record = record();
    let (slack, teams) = (slack(&notice, &record), teams(&notice, &record));
    check_slack(&slack);
    check_teams(&teams);
    let shown = "&lt;!channel&gt; &lt;https://e.example|ok&gt; &amp;lt; *b*";
    assert!(slack["blocks"][1]["text"]["text"].as_str().unwrap().starts_with(shown), "{slack}");
    let fact = teams["attachments"][0]["content"]["body"].as_array().unwrap().iter().find(|item| item["type"] == "FactSet").unwrap();
    assert!(
        fact["facts"][0]["value"].as_str().unwrap().starts_with(r"\<\!channel\> \<https://e.example\|ok\> \&lt; \*b\* \_i\_"),
        "{fact}"
    );
}

#[test]
fn half_a_command_is_never_shown() {
    let mut notice = notice_of("x", 1);
    for line in ["a".repeat(5_000), "a\nb".to_owned(), "```".to_owned(), "${a}".to_owned(), String::new(), "ü".to_owned()] {
        notice.commands = vec![Command { purpose: "PURPOSE".to_owned(), line }];
        for message in [slack(&notice, &record()), teams(&notice, &record())] {
            assert!(!message.to_string().contains("PURPOSE"), "{message}");
        }
    }
}

#[test]
fn a_notice_of_any_size_is_within_the_limits() {
    for text in ["\"".repeat(20_000), "&".repeat(20_000), "\u{1f980}".repeat(20_000), "\\_".repeat(20_000), String::new()] {
        let notice = notice_of(&text, 200);
        check_slack(&slack(&notice, &record()));
        check_teams(&teams(&notice, &record()));
    }
}

/// A notice that says the same everywhere, so many times.
fn notice_of(text: &str, count: usize) -> Notice {
    let texts = || vec![text.to_owned(); count];
    let each = |make: &dyn Fn(String) -> Command| texts().into_iter().map(make).collect();
    Notice {
        subject: text.to_owned(),
        severity: Severity::High,
        headline: text.to_owned(),
        sentences: texts(),
        warnings: texts(),
        sections: vec![Section { title: text.to_owned(), lines: texts() }; count],
        facts: vec![Fact { label: text.to_owned(), value: text.to_owned() }; count],
        commands: each(&|purpose| Command { purpose, line: text.to_owned() }),
    }
}

/// Checks a message against Slack's rules: <https://docs.slack.dev/reference/block-kit>.
fn check_slack(message: &Value) {
    let blocks = message["blocks"].as_array().unwrap();
    assert!((1..=50).contains(&blocks.len()), "{} blocks", blocks.len());
    check_slack_text(&message["text"], 0..=3_000);
    for block in blocks {
        match block["type"].as_str().unwrap() {
            "header" => check_slack_object(&block["text"], 150),
            "section" if block.get("fields").is_some() => {
                let fields = block["fields"].as_array().unwrap();
                assert!((1..=10).contains(&fields.len()));
                for field in fields {
                    check_slack_object(field, 2_000);
                }
            }
            "section" => check_slack_object(&block["text"], 3_000),
            "context" => block["elements"].as_array().unwrap().iter().for_each(|element| check_slack_object(element, 3_000)),
            other => panic!("{other}"),
        }
    }
}

fn check_slack_object(object: &Value, limit: usize) {
    check_slack_text(&object["text"], 1..=limit);
    let text = object["text"].as_str().unwrap();
    match object["type"].as_str().unwrap() {
        "plain_text" => assert_eq!(object["emoji"], false),
        "mrkdwn" => {
            assert_eq!(object["verbatim"], true);
            let code = text.strip_prefix("```").and_then(|text| text.strip_suffix("```")).is_some_and(|code| !code.contains(['`', '\n']));
            let label = text.strip_prefix('*').and_then(|text| text.strip_suffix('*'));
            assert!(code || label.is_some_and(|label| label.chars().all(|c| c.is_alphanumeric() || " -".contains(c))), "{text}");
        }
        other => panic!("{other}"),
    }
}

fn check_slack_text(text: &Value, lengths: std::ops::RangeInclusive<usize>) {
    let text = text.as_str().unwrap();
    assert!(lengths.contains(&text.chars().count()), "{} of {lengths:?}", text.chars().count());
    assert!(!text.contains(['<', '>']), "{text}");
    let bare = text.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
    assert!(!bare.contains('&'), "{text}");
}

/// Checks a message against Teams' rules: 28 KB, and no text in an element that takes Markdown unless it is escaped.
fn check_teams(message: &Value) {
    assert!(message.to_string().len() <= 28 * 1024, "{} bytes", message.to_string().len());
    let attachment = &message["attachments"][0];
    assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
    attachment["content"]["body"].as_array().unwrap().iter().for_each(check_card_element);
}

fn check_card_element(element: &Value) {
    match element["type"].as_str().unwrap() {
        "RichTextBlock" => {
            for run in element["inlines"].as_array().unwrap() {
                assert_eq!(run["type"], "TextRun");
                check_inert(run["text"].as_str().unwrap());
            }
        }
        "FactSet" => {
            for fact in element["facts"].as_array().unwrap() {
                for text in [&fact["title"], &fact["value"]] {
                    let text = text.as_str().unwrap();
                    check_inert(text);
                    let bare = text.replace(r"\\", "").replace(r"\*", "").replace(r"\_", "").replace(r"\[", "").replace(r"\]", "");
                    let bare = bare.replace(r"\`", "").replace(r"\~", "").replace(r"\#", "").replace(r"\<", "").replace(r"\>", "");
                    assert!(!bare.contains(['*', '_', '[', ']', '`', '~', '#', '<', '>']), "{text}");
                    assert!(!text.trim_start().starts_with(['-', '+']), "{text}");
                }
            }
        }
        "Container" => element["items"].as_array().unwrap().iter().for_each(check_card_element),
        other => panic!("{other}"),
    }
}

fn check_inert(text: &str) {
    assert!(!text.contains("{{") && !text.contains("${") && !text.contains(char::is_control), "{text:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_mark_up_or_breaks_a_limit(text in r#"([<>&*_~`\[\](){}$#!|+\\"'\n\u{0}-]|[a-zé🦀@:/. ]|<!channel>|\{\{|&amp;){0,400}"#, count in 0_usize..40) {
        let (notice, record) = (notice_of(&text, count), record());
        check_slack(&slack(&notice, &record));
        check_teams(&teams(&notice, &record));
    }

    #[test]
    fn no_event_breaks_a_limit(name in r"\PC{0,600}", address in r"(\PC|[\n<>&]){0,600}") {
        let mut record = record();
        record.event.actor.session_name = Some(name.clone());
        record.event.actor.source_address = Some(address);
        record.names = KeyNames { aliases: vec![name.clone(); 5], owner: Some(name) };
        let notice = Notice::of(&record).unwrap();
        check_slack(&slack(&notice, &record));
        check_teams(&teams(&notice, &record));
        prop_assert_eq!(notice.commands.len(), 2);
    }
}
