//! What the bytes tell is what a JSON parser says: which records are chosen, and which are the same.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::fmt::Write as _;

use proptest::prelude::*;
use reprieve_scan::{Needles, Scanner};
use reprieve_wire::audit::{NEEDLES, Parsed};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

/// Whether a call is wanted, as replay wants few.
fn is_wanted(source: &[u8], name: &[u8]) -> bool {
    source == b"kms.amazonaws.com" && matches!(name, b"DisableKey" | b"ScheduleKeyDeletion")
}

/// What was seen in a text: the wanted entries, by service, call and id; the digests; how many records were parsed.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    entries: Vec<(String, String, String)>,
    digests: Vec<u64>,
    candidates: u64,
}

fn seen(scanner: &Scanner, text: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let scan = scanner.scan_with_identities(
        text,
        |digest| seen.digests.push(digest),
        |entry| {
            let Ok(Parsed::Entry(entry)) = entry.parsed else { return };
            let event = entry.event;
            if is_wanted(event.source.as_bytes(), event.name.as_bytes()) {
                seen.entries.push((event.source.clone(), event.name.clone(), event.id.to_string()));
            }
        },
    );
    seen.candidates = scan.counts.candidates;
    seen
}

fn fast() -> Scanner {
    Scanner::new(Needles::new(NEEDLES).only(|source, name, _| is_wanted(source, name)))
}

/// Says as well whose calls are wanted, as replay does.
fn faster() -> Scanner {
    Scanner::new(Needles::new(NEEDLES).of_services(&["kms.amazonaws.com", "aws.kms"]).only(|source, name, _| is_wanted(source, name)))
}

/// Parses every record.
fn slow() -> Scanner {
    Scanner::new(Needles::new(&[]))
}

/// The digest of a record by its id, as a parser finds it; `None` where it has none.
fn digest_by_parsing(record: &str) -> Option<u64> {
    let value: Value = serde_json::from_str(record).unwrap();
    let of = |value: &Value| value.get("eventID").and_then(Value::as_str).filter(|id| !id.is_empty()).map(|id| xxh3_64(id.as_bytes()));
    of(&value).or_else(|| of(value.get("detail")?)).or_else(|| of(&serde_json::from_str(value.get("CloudTrailEvent")?.as_str()?).ok()?))
}

/// A JSON text of a string, some letters of it written as `\u`: each for which `escaped` has a set bit.
fn text(string: &str, escaped: u32) -> String {
    let mut written = String::from("\"");
    for (index, character) in string.chars().enumerate() {
        if escaped >> (index % 32) & 1 == 1 && u32::from(character) < 0x1_0000 {
            write!(written, "\\u{:04x}", u32::from(character)).unwrap();
        } else {
            let alone = serde_json::to_string(&character.to_string()).unwrap();
            written.push_str(alone.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap());
        }
    }
    written.push('"');
    written
}

/// Mostly no letters are escaped.
fn escapes() -> impl Strategy<Value = u32> {
    prop_oneof![12 => Just(0), 1 => any::<u32>(), 1 => (0_u32..16).prop_map(|bit| 1 << bit)]
}

/// A `{` that begins a line begins a record, for who splits lines: within a record it never does.
fn blank() -> impl Strategy<Value = &'static str> {
    prop_oneof![12 => Just(""), 1 => Just(" "), 1 => Just("\n    "), 1 => Just("\t\r\n ")]
}

fn services() -> impl Strategy<Value = String> {
    prop_oneof![Just("kms.amazonaws.com"), Just("sts.amazonaws.com"), Just("s3.amazonaws.com"), Just("kms\"eventID")]
        .prop_map(str::to_owned)
}

fn calls() -> impl Strategy<Value = String> {
    prop_oneof![Just("DisableKey"), Just("ScheduleKeyDeletion"), Just("Decrypt"), Just("eventName"), Just("")].prop_map(str::to_owned)
}

fn ids() -> impl Strategy<Value = String> {
    prop_oneof![6 => "[0-9a-f]{8}-[0-9a-f]{4}", 1 => Just(String::new()), 1 => Just("eventID".to_owned()), 1 => Just("a\\\"b".to_owned())]
}

/// Values that look like what is looked for, and are not.
fn lookalikes() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(json!("eventID").to_string()),
        Just(json!("x\"eventID").to_string()),
        Just(json!("\"eventSource\":\"kms.amazonaws.com\",\"eventName\":\"DisableKey\",\"eventID\":\"inside\"").to_string()),
        Just(r#"{"eventSource":"kms.amazonaws.com","eventName":"DisableKey","eventID":"inside"}"#.to_owned()),
        Just(r#"[{"Records":[{"eventSource":"kms.amazonaws.com","eventName":"DisableKey","eventID":"inside"}]},"eventID",{}]"#.to_owned()),
        Just(r#"{"a":[{"b":"}{][","eventID":"deep"}],"c":"\\"}"#.to_owned()),
        Just(r#""\\\"{\\u0041\"eventID""#.to_owned()),
        Just("null".to_owned()),
        Just("-1.5e3".to_owned()),
        Just("[]".to_owned()),
    ]
}

/// A field, written.
fn fields() -> impl Strategy<Value = String> {
    let name = |name: &'static str| escapes().prop_map(move |escaped| text(name, escaped));
    let value = |values: BoxedStrategy<String>| (values, escapes()).prop_map(|(value, escaped)| text(&value, escaped));
    let odd = prop_oneof![Just("null".to_owned()), Just("7".to_owned()), Just(r#"{"eventID":"x"}"#.to_owned())];
    let or_odd = move |values: BoxedStrategy<String>| prop_oneof![15 => value(values), 1 => odd.clone()];
    let field = prop_oneof![
        4 => (name("eventSource"), or_odd(services().boxed())),
        4 => (name("eventName"), or_odd(calls().boxed())),
        4 => (name("eventID"), or_odd(ids().boxed())),
        1 => (name("sharedEventID"), value(ids().boxed())),
        1 => (name("requestID"), value(ids().boxed())),
        1 => (name("x\"eventID"), value(ids().boxed())),
        1 => (name("x\"eventName"), value(calls().boxed())),
        1 => (name("detail"), lookalikes()),
        4 => (name("requestParameters"), lookalikes()),
        2 => (name("errorMessage"), lookalikes()),
        1 => ("[a-z\\\\{}\\[\\]\", ]{0,70}".prop_map(|long| text(&long, 0)), lookalikes()),
    ];
    (field, blank(), blank(), blank()).prop_map(|((name, value), before, after, end)| format!("{name}{before}:{after}{value}{end}"))
}

/// A record of `CloudTrail` as it is delivered.
fn plain() -> impl Strategy<Value = String> {
    (services(), calls(), ids(), lookalikes(), lookalikes()).prop_map(|(source, name, id, request, other)| {
        let [source, name, id] = [source, name, id].map(|value| text(&value, 0));
        format!(
            r#"{{"eventVersion":"1.10","userIdentity":{{"type":"Root"}},"eventTime":"2026-11-20T09:00:00Z","eventSource":{source},"eventName":{name},"requestParameters":{request},"responseElements":{other},"eventID":{id},"eventType":"AwsApiCall"}}"#
        )
    })
}

/// Records: as they are delivered; of any fields in any order, once or more often; in an envelope; in an answer of `lookup-events`.
fn records() -> impl Strategy<Value = String> {
    let any_fields =
        (proptest::collection::vec(fields(), 0..9), blank()).prop_map(|(fields, blank)| format!("{{{blank}{}}}", fields.join(",")));
    let own = prop_oneof![plain(), any_fields];
    prop_oneof![
        6 => own.clone(),
        1 => own.clone().prop_map(|record| format!(r#"{{"version":"0","id":"e-1","detail-type":"AWS API Call via CloudTrail","source":"aws.kms","time":"2026-11-20T09:00:00Z","detail":{record}}}"#)),
        1 => own.prop_map(|record| format!(r#"{{"EventId":"e-1","EventName":"DisableKey","CloudTrailEvent":{}}}"#, json!(record))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// P131
    #[test]
    fn what_bytes_choose_and_tell_apart_is_what_parsing_does(
        records in proptest::collection::vec(records(), 1..6),
        is_list in any::<bool>(),
        shift in 0_usize..70,
    ) {
        for record in &records {
            prop_assert!(serde_json::from_str::<Value>(record).is_ok(), "the test writes JSON: {record}");
        }
        // Every place in a block of 64 bytes comes to be a border.
        let blanks = " ".repeat(shift);
        let written = if is_list { format!("{{\"Records\":[{blanks}{}]}}", records.join(",")) } else { format!("{blanks}{}", records.join("\u{1e}")) };
        let (by_bytes, by_parsing) = (seen(&fast(), written.as_bytes()), seen(&slow(), written.as_bytes()));
        prop_assert_eq!(&by_bytes.entries, &by_parsing.entries, "{}", written);
        prop_assert_eq!(&by_bytes.digests, &by_parsing.digests, "{}", written);
        prop_assert_eq!(&seen(&faster(), written.as_bytes()).entries, &by_parsing.entries, "{}", written);
        prop_assert_eq!(by_bytes.digests.len(), records.len(), "{}", written);
        for (record, digest) in records.iter().zip(&by_bytes.digests) {
            if let Some(expected) = digest_by_parsing(record) {
                prop_assert_eq!(*digest, expected, "{}", record);
            }
        }
    }

    #[test]
    fn a_record_is_the_same_however_it_is_written(record in records()) {
        let value: Value = serde_json::from_str(&record).unwrap();
        let forms = [record.clone(), value.to_string(), serde_json::to_string_pretty(&value).unwrap(), reversed(&value)];
        let digests = forms.map(|form| seen(&fast(), form.as_bytes()).digests);
        for digest in &digests {
            prop_assert_eq!(digest, &digests[0], "{}", record);
        }
    }
}

/// P131
#[test]
fn a_record_whose_own_call_has_no_name_is_read_for_the_one_inside() {
    let inside = r#"{"eventSource":"kms.amazonaws.com","eventName":"DisableKey","eventID":"inside"}"#;
    let record = format!(r#"{{"eventSource":"kms.amazonaws.com","eventName":"","detail":{inside}}}"#);
    let (by_bytes, by_parsing) = (seen(&fast(), record.as_bytes()), seen(&slow(), record.as_bytes()));
    assert_eq!(by_bytes.entries, by_parsing.entries);
    assert_eq!(by_bytes.entries.len(), 1);
}

/// Writes a value with the fields of all objects in the opposite order.
fn reversed(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().rev().map(|(name, value)| format!("{}:{}", json!(name), reversed(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(reversed).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

#[test]
fn a_record_is_the_same_in_the_log_the_envelope_and_the_answer() {
    let record = r#"{"eventSource":"kms.amazonaws.com","eventName":"DisableKey","eventID":"e-7"}"#;
    let envelope = format!(r#"{{"id":"other","detail-type":"x","detail":{record}}}"#);
    let answer = json!({"EventId": "e-7", "CloudTrailEvent": record}).to_string();
    let digests = seen(&fast(), format!("{record}\n{envelope}\n{answer}\n").as_bytes()).digests;
    assert_eq!(digests, [xxh3_64(b"e-7"); 3]);
}

#[test]
fn records_without_an_id_are_told_apart_by_what_they_hold() {
    let one = r#"{"operationName":"KeyGet","time":"2026-11-20T09:00:00Z","a":{"b":1,"c":"\u00e4"}}"#;
    let same = "{ \"time\": \"2026-11-20T09:00:00Z\",\t\"a\": {\"c\": \"\u{e4}\", \"b\": 1}, \"operationName\": \"KeyGet\" }";
    let other = one.replace("09:00:00", "09:00:01");
    let digests = seen(&fast(), format!("{one}\u{1e}{same}\u{1e}{other}").as_bytes()).digests;
    assert_eq!(digests.len(), 3);
    assert!(digests[0] == digests[1] && digests[0] != digests[2], "{digests:?}");
}

#[test]
fn what_is_written_as_clouds_write_it_is_not_parsed_to_be_told_apart() {
    let record = |id: usize| {
        format!(
            r#"{{"eventVersion":"1.10","userIdentity":{{"userName":"eventID"}},"eventSource":"kms.amazonaws.com","eventName":"Decrypt","errorMessage":"a \"quoted\" word","requestParameters":{{"p":"{{\"a\":\"\u0026\"}}"}},"eventID":"e-{id}","resources":[{{"eventID":"no"}}]}}"#
        )
    };
    let text = (0..50).map(record).collect::<Vec<_>>().join("\n");
    let seen = seen(&fast(), text.as_bytes());
    let expected: Vec<u64> = (0..50).map(|id| xxh3_64(format!("e-{id}").as_bytes())).collect();
    assert_eq!((seen.candidates, seen.digests), (0, expected));
}

#[test]
fn what_is_no_record_has_no_digest_and_what_it_swallowed_has() {
    let record = |id: usize| format!(r#"{{"eventSource":"kms.amazonaws.com","eventName":"DisableKey","eventID":"e-{id}"}}"#);
    let swallowing = format!("{}\ngarbage\n{{\"eventSource\":\"kms.amazonaws.com\",\"list\":[\n{}\n{}\n", record(1), record(2), record(3));
    let digests = seen(&fast(), swallowing.as_bytes()).digests;
    for id in 1..=3 {
        assert!(digests.contains(&xxh3_64(format!("e-{id}").as_bytes())), "{id} in {digests:?}");
    }
}
