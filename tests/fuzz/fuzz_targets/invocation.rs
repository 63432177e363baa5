//! Reads whatever the functions on AWS are invoked with: nothing ends the process, each message of a batch is answered for by its own id,
//! what is wrong is said in short, and the address that answers go to is never shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reprieve_wire::custom_resource::{ANSWER_LIMIT_BYTES, parse_custom_resource_request};
use reprieve_wire::log_notice::{RecordingInvocation, parse_recording_invocation};
use reprieve_wire::{AnswerStatus, CustomResourceAnswer, Invocation, ReplyTo, WireError, parse_invocation, parse_monitoring_invocation};
use serde_json::{Value, json};

/// The longest sentence about an input that cannot be read.
const LONGEST_ERROR_CHARACTERS: usize = 500;

fuzz_target!(|input: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(input) else { return };
    let messages = value.get("Records").and_then(Value::as_array);
    let ids: Vec<&str> =
        messages.into_iter().flatten().map(|message| message.get("messageId").and_then(Value::as_str).unwrap_or_default()).collect();
    match parse_invocation(&value) {
        Ok(Invocation::Batch(messages)) => {
            assert_eq!(messages.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), ids);
            messages.iter().filter_map(|message| message.sighting.as_ref().err()).for_each(is_short);
        }
        Ok(Invocation::Single(_)) => {}
        Err(error) => is_short(&error),
    }
    match parse_recording_invocation(&value) {
        Ok(RecordingInvocation::Batch(messages)) => {
            assert_eq!(messages.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), ids);
            messages.iter().filter_map(|message| message.files.as_ref().err()).for_each(is_short);
        }
        Ok(RecordingInvocation::Files(files)) => assert!(files.iter().all(|file| file.key.ends_with(file.name()))),
        Ok(RecordingInvocation::Seal(_)) => {}
        Err(error) => is_short(&error),
    }
    if let Err(error) = parse_monitoring_invocation(&value) {
        is_short(&error);
    }
    answers_are_for_who_asked(&value);
});

fn is_short(error: &WireError) {
    let said = error.to_string();
    assert!(said.chars().count() <= LONGEST_ERROR_CHARACTERS, "{} characters: {said}", said.chars().count());
    assert!(!said.contains(char::is_control), "{said:?}");
}

fn answers_are_for_who_asked(payload: &Value) {
    let shown;
    let reply_to = match parse_custom_resource_request(payload) {
        Ok(request) => {
            shown = format!("{:?}", request.reply_to);
            Some(request.reply_to)
        }
        Err(unreadable) => {
            is_short(&unreadable.error);
            shown = format!("{unreadable} {:?}", unreadable.reply_to);
            unreadable.reply_to.map(|reply_to| *reply_to)
        }
    };
    let Some(reply_to) = reply_to else { return };
    // A URL of one word stands in other texts by chance.
    if reply_to.url.as_str().starts_with("https://") && !is_elsewhere(payload, reply_to.url.as_str()) {
        assert!(!shown.contains(reply_to.url.as_str()), "{shown}");
    }
    fits(&reply_to);
}

/// Says whether a text stands in another field than that of the address.
fn is_elsewhere(payload: &Value, url: &str) -> bool {
    let mut others = payload.clone();
    if let Some(fields) = others.as_object_mut() {
        fields.remove("ResponseURL");
    }
    others.to_string().contains(url)
}

fn fits(reply_to: &ReplyTo) {
    let long = "\"\\\u{1}ä".repeat(3_000);
    let physical_resource_id = reply_to.physical_resource_id.clone().unwrap_or_else(|| "id".to_owned());
    let answer = CustomResourceAnswer {
        status: AnswerStatus::Failed,
        reason: long.clone(),
        physical_resource_id,
        data: [("A".to_owned(), long)].into(),
    };
    let document = answer.document(reply_to);
    let said: Value = serde_json::from_str(&document).expect("an answer is JSON");
    assert_eq!((said["RequestId"].as_str(), said["StackId"].as_str()), (Some(&*reply_to.request_id), Some(&*reply_to.stack_id)));
    // What CloudFormation itself said is repeated whole, whatever its length.
    let repeated = json!([reply_to.stack_id, reply_to.request_id, reply_to.logical_resource_id, answer.physical_resource_id]).to_string();
    assert!(document.len() <= ANSWER_LIMIT_BYTES || repeated.len() > ANSWER_LIMIT_BYTES / 2, "{} bytes", document.len());
}
