//! What is read has limits of size, depth and number. What is beyond one is named, costs nothing beside it, and is quoted in short.

use reprieve_wire::audit::{Parsed, parse};
use reprieve_wire::azure::{Kind, parse_all};
use reprieve_wire::google::{Delivered, Headers, parse_delivery};
use reprieve_wire::log_notice::{RecordingInvocation, parse_recording_invocation};
use reprieve_wire::{Invocation, azure, parse_invocation, parse_record, parse_text};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn record() -> Value {
    json!({
        "eventName": "ScheduleKeyDeletion", "eventSource": "kms.amazonaws.com", "eventTime": "2026-11-20T10:00:00Z", "eventID": "event-1",
        "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": {"keyId": KEY, "pendingWindowInDays": 7}
    })
}

fn nested(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

/// Threat E12: in a batch of any size, what cannot be read is reported by its own id, and the rest is read.
/// P142
#[test]
fn of_a_batch_of_any_size_only_what_cannot_be_read_comes_again() {
    let message = |number: usize| {
        let body = match number % 100 {
            0 => nested(10_000),
            1 => "x".repeat(300_000),
            _ => record().to_string(),
        };
        json!({"messageId": format!("m-{number}"), "eventSource": "aws:sqs", "body": body})
    };
    let batch = json!({"Records": (0..2_000).map(message).collect::<Vec<_>>()});
    let Ok(Invocation::Batch(messages)) = parse_invocation(&batch) else { unreachable!("it is a batch") };
    assert_eq!(messages.len(), 2_000);
    for (number, message) in messages.iter().enumerate() {
        assert_eq!((message.id.as_str(), message.sighting.is_ok()), (format!("m-{number}").as_str(), number % 100 > 1), "{number}");
    }
    let Ok(RecordingInvocation::Batch(messages)) = parse_recording_invocation(&batch) else { unreachable!("it is a batch") };
    assert_eq!(messages.iter().filter(|message| message.files.is_err()).count(), 2_000, "none of them is a notice of a log file");
}

/// Threat E12: JSON nests 128 deep at most, in whatever carries it.
#[test]
fn json_that_nests_deeper_than_128_is_named_and_the_next_is_read() {
    let deep = format!("{{\"eventName\":\"DisableKey\",\"requestParameters\":{}}}", nested(200));
    let text = format!("{deep}\n{}\n", record());
    let lines = parse_text(&text);
    assert_eq!(lines.iter().map(|line| (line.line, line.parsed.is_ok())).collect::<Vec<_>>(), [(1, false), (2, true)]);
    assert!(lines[0].parsed.as_ref().unwrap_err().to_string().contains("recursion limit exceeded"), "{:?}", lines[0]);
    assert!(parse_delivery(Headers::default(), deep.as_bytes()).is_err());
    assert!(azure::parse_invocation(deep.as_bytes()).is_err());
}

/// Threat Z5: a request of the host beyond the limit is refused before it is read.
#[test]
fn a_request_beyond_100_mib_is_refused() {
    let mut body = vec![b' '; 100 * 1024 * 1024];
    body.extend(b"{}");
    let error = azure::parse_invocation(&body).unwrap_err();
    assert_eq!(error.to_string(), "expected a request of at most 100 MiB, found `104857602 bytes`");
}

/// Threat Z5: a text within a text beyond the limit fails alone.
#[test]
fn a_text_in_a_text_beyond_20_mib_fails_alone() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(20 * 1024 * 1024));
    let body = json!({"Data": {"events": [long, {"operationName": "Microsoft.KeyVault/vaults/delete", "resourceId": "/subscriptions/x"}]}});
    let Kind::Events(items) = azure::parse_invocation(body.to_string().as_bytes()).unwrap().kind else { unreachable!("they are events") };
    assert_eq!(items.iter().map(|item| item.event.is_ok()).collect::<Vec<_>>(), [false, true]);
    assert!(items[0].event.as_ref().unwrap_err().to_string().contains("a JSON text of at most 20 MiB"));
}

/// Threat Z5: no more than 20,000 items are read of one input, and the last says that there are more.
#[test]
fn of_more_than_20_000_items_the_last_says_so() {
    let parsed = parse_all(&json!(vec![json!({"operationName": "x"}); 25_000]));
    assert_eq!(parsed.len(), 20_001);
    let last = parsed.last().unwrap().event.as_ref().unwrap_err().to_string();
    assert!(last.contains("at most 20000 events at once; the rest is not read"), "{last}");
}

/// Threat G8: envelopes of Google are opened four times.
#[test]
fn an_entry_in_more_than_four_envelopes_is_none() {
    let entry = json!({"protoPayload": {"serviceName": "cloudkms.googleapis.com", "methodName": "Decrypt"}});
    for (envelopes, is_found) in [(0, true), (1, true), (3, true), (4, false), (100, false)] {
        let body = (0..envelopes).fold(entry.clone(), |inner, _| json!({"data": inner})).to_string();
        let delivered = parse_delivery(Headers::default(), body.as_bytes());
        assert_eq!(matches!(delivered, Ok(Delivered::Entry(_))), is_found, "{envelopes}: {delivered:?}");
    }
}

/// Threat R2: of a list in an entry 64 items are kept, and of a text so much that an archive stays small.
#[test]
fn an_entry_keeps_so_much_of_a_list_and_of_a_text() {
    let mut long = record();
    long["userAgent"] = json!("u".repeat(900_000));
    long["requestParameters"]["encryptionContext"] = (0..5_000).map(|number| (format!("k{number}"), json!("v"))).collect();
    long["requestParameters"]["description"] = json!("d".repeat(900_000));
    let Ok(Parsed::Entry(entry)) = parse(&long) else { unreachable!("it is an entry") };
    let named = entry.request.keys().filter(|name| name.contains("encryptionContext")).count();
    assert!(named <= 64, "{named} items");
    let longest = entry.request.values().chain(entry.response.values()).map(|value| value.chars().count()).max().unwrap_or_default();
    assert!(longest <= 513, "{longest} characters");
}

/// Threat O2: an error quotes 80 characters of the input, on one line.
#[test]
fn an_error_quotes_80_characters() {
    let error = parse_record(&json!({"no name": format!("a\nb{}", "x".repeat(100_000))})).unwrap_err().to_string();
    assert!(error.chars().count() < 250 && !error.contains('\n'), "{error}");
}
