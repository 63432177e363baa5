//! Judges whatever stands in an account as a resource policy: nothing ends the process, a statement that denies everybody everything is
//! stronger than whatever stands beside it, and what says nothing of a request allows it nothing.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use reprieve_core::resource_policy::{Principal, Request, Verdict, verdict};
use serde_json::{Value, json};

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const ROLE: &str = "arn:aws:iam::111122223333:role/reprieve-guard";
const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/reprieve-guard/session";

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    for principal in [
        Principal::Aws { arn: ROLE, account: "111122223333" },
        Principal::Aws { arn: SESSION, account: "111122223333" },
        Principal::Service("cloudwatch.amazonaws.com"),
    ] {
        for action in ["kms:CancelKeyDeletion", "kms:EnableKey", "sns:Publish"] {
            let context = BTreeMap::from([("aws:SourceAccount", "111122223333"), ("kms:ViaService", "s3.eu-central-1.amazonaws.com")]);
            judged(&text, &Request { principal, action, resource: KEY, context });
        }
    }
});

fn judged(text: &str, request: &Request<'_>) {
    let said = verdict(text, request);
    assert_eq!(verdict(text, request), said);
    if matches!(said, Verdict::Unclear(_)) {
        return;
    }
    let document: Value = serde_json::from_str(text).expect("what is clear is JSON");
    let statements = document.get("Statement").cloned().unwrap_or_else(|| json!([]));
    let mut list = statements.as_array().cloned().unwrap_or_else(|| vec![statements]);
    list.push(json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}));
    let with = |statements: &[Value]| {
        let mut document = document.clone();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("Statement".to_owned(), json!(statements));
        }
        document.to_string()
    };
    assert!(matches!(verdict(&with(&list), request), Verdict::Denied(_)), "{said:?} beside a denial of everything: {text}");
    list.reverse();
    assert!(matches!(verdict(&with(&list), request), Verdict::Denied(_)), "{said:?} after a denial of everything: {text}");
    assert_eq!(verdict(&with(&[]), request), Verdict::NotAllowed, "{text}");
}
