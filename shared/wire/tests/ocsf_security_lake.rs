//! Our events beside Amazon Security Lake's of the same records, field by field: equal, or a difference that we mean.
//!
//! Security Lake's published pairs are of OCSF 1.0.0-rc.2; ours are of 1.8.0. Every difference that occurs is on the list, and every one
//! on the list occurs. What they leave null counts as left out.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot be set up must stop, and says where")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use reprieve_core::Target;
use reprieve_core::audit::{AuditEvent, Operation};
use reprieve_test_support::ocsf::violations;
use reprieve_wire::audit::{Parsed, parse};
use reprieve_wire::ocsf::audit_json;
use reprieve_wire::parse_record;
use serde_json::Value;

/// What becomes of a field of theirs.
enum Way {
    /// The same value stands elsewhere in ours: at one of these.
    Moved(&'static [&'static str]),
    /// It stands at the same place with another value, or with none where there is none.
    Recoded,
    /// It is left out.
    LeftOut,
    /// They have none.
    Added,
}

use Way::{Added, LeftOut, Moved, Recoded};

/// The deliberate differences: the field, `[]` for any element; what becomes of it; why.
const DIFFERENCES: &[(&str, Way, &str)] = &[
    ("metadata.version", Recoded, "1.8.0 instead of 1.0.0-rc.2"),
    ("metadata.product.version", LeftOut, "theirs is the version of the record's format, which decides nothing after parsing"),
    ("metadata.product.feature.name", LeftOut, "every record that is ours is a management event, or the service tells"),
    ("metadata.correlation_uid", Added, "joins an entry with the finding and the decision about it"),
    ("metadata.event_code", Added, "the call's name, where 1.8.0 looks for a code of the source"),
    ("metadata.log_name", Added, "1.8.0 has a field for the log"),
    ("metadata.log_provider", Added, "1.8.0 has a field for who wrote the log"),
    ("metadata.loggers[].name", Added, "names Reprieve in the chain of custody"),
    ("metadata.loggers[].product.name", Added, "names Reprieve in the chain of custody"),
    ("metadata.loggers[].product.vendor_name", Added, "names Reprieve in the chain of custody"),
    ("metadata.loggers[].product.version", Added, "names Reprieve in the chain of custody"),
    ("metadata.original_event_uid", Added, "since 1.5.0 the source's own id has a field of its own"),
    ("metadata.original_time", Added, "the time to the last digit that the log has"),
    ("class_uid", Recoded, "API Activity for every call; they have classes for accounts and logins, and API Activity was 3005"),
    ("class_name", Recoded, "API Activity for every call"),
    ("category_uid", Recoded, "API Activity moved to the category Application Activity (6)"),
    ("category_name", Recoded, "API Activity moved to the category Application Activity"),
    ("activity_id", Recoded, "by what the call does, not by activities of accounts and logins"),
    ("activity_name", Recoded, "where it is 99, the call's own name instead of the word Other"),
    ("type_uid", Recoded, "follows the class and the activity"),
    ("type_name", Recoded, "follows the class and the activity"),
    ("status_id", Recoded, "a call without an error succeeded; they leave logins without a result as 0"),
    ("status", Recoded, "a call without an error succeeded; they say Other"),
    ("status_code", Added, "1.8.0 keeps the source's error code here too"),
    ("status_detail", Added, "1.8.0 keeps the source's error message here too"),
    ("severity_id", Recoded, "a refused call is low (2), a loss or a change of access more than for the record"),
    ("severity", Recoded, "follows `severity_id`"),
    ("message", Added, "one sentence for people"),
    ("cloud.account.uid", Added, "the account, where 1.8.0 has it"),
    ("cloud.account.type", Added, "the account, where 1.8.0 has it"),
    ("cloud.account.type_id", Added, "the account, where 1.8.0 has it"),
    ("cloud.cloud_partition", Added, "GovCloud and China are other clouds"),
    ("api.version", LeftOut, "the version of a service's API says nothing about a key"),
    ("api.request.uid", Recoded, "theirs is two quotation marks where the record has no request's id; ours is then left out"),
    ("api.request.data", Added, "parameters, by an allow-list"),
    ("api.response.message", LeftOut, "1.8.0 has a field for an error's message"),
    ("api.response.error_message", Added, "an error's message, without the names and numbers that callers write into it"),
    ("actor.user.uid", Recoded, "the ARN, which policies and people know, where there is one; they have the principal's id"),
    ("actor.user.uuid", Moved(&["actor.user.uid"]), "1.8.0 has no `uuid` of a user"),
    ("actor.user.name", Added, "a session's name, where the role's user has none"),
    ("actor.user.display_name", Added, "how the caller is named in sentences"),
    ("actor.user.type", Recoded, "the caption of `type_id`, as 1.8.0 asks"),
    ("actor.user.type_id", Added, "1.8.0 has numbers for kinds of users"),
    ("actor.user.account_uid", Moved(&["actor.user.account.uid"]), "1.8.0 has an object for accounts"),
    ("actor.user.account.type", Added, "1.8.0 has an object for accounts"),
    ("actor.user.account.type_id", Added, "1.8.0 has an object for accounts"),
    (
        "actor.user.credential_uid",
        Moved(&["actor.session.credential_uid", "actor.user.programmatic_credentials[0].uid"]),
        "deprecated since 1.6.0; a session's key stands in the session",
    ),
    ("actor.user.programmatic_credentials[].type", Added, "1.8.0 has an object for keys"),
    ("actor.session.mfa", Moved(&["actor.session.is_mfa"]), "renamed since"),
    ("actor.session.uid", Added, "the session's name"),
    ("actor.invoked_by", Moved(&["actor.app_name"]), "deprecated since 1.2.0"),
    ("src_endpoint.domain", Moved(&["src_endpoint.svc_name"]), "the name of a service is no domain"),
    ("dst_endpoint.svc_name", LeftOut, "a console's address is no service; logins are not ours"),
    ("mfa", LeftOut, "of logins, which are not ours"),
    ("user.name", LeftOut, "of the classes for accounts and logins"),
    ("user.uid", LeftOut, "of the classes for accounts and logins"),
    ("user.uuid", LeftOut, "of the classes for accounts and logins"),
    ("resources[].uid", Added, "what the call was about"),
    ("resources[].type", Added, "what the call was about"),
    ("resources[].region", Added, "what the call was about"),
    ("resources[].cloud_partition", Added, "what the call was about"),
    ("resources[].role", Added, "what the call was about"),
    ("resources[].role_id", Added, "what the call was about"),
    ("resources[].owner.account.uid", Added, "the account of what the call was about"),
    ("resources[].owner.account.type", Added, "the account of what the call was about"),
    ("resources[].owner.account.type_id", Added, "the account of what the call was about"),
    ("observables[].name", Added, "what is worth searching for"),
    ("observables[].type", Added, "what is worth searching for"),
    ("observables[].type_id", Added, "what is worth searching for"),
    ("observables[].value", Added, "what is worth searching for"),
    ("unmapped", Recoded, "the whole entry, from which it is read back; they keep what they did not map"),
];

/// What each side fills by its own list of names: compared as one field.
const WHOLE: [&str; 2] = ["unmapped", "api.request.data"];

/// Fields in one row, by path; nulls left out.
fn flat(event: &Value) -> BTreeMap<String, Value> {
    fn walk(path: &str, value: &Value, fields: &mut BTreeMap<String, Value>) {
        match value {
            Value::Null => {}
            Value::Object(object) if !WHOLE.contains(&path) => {
                for (name, value) in object {
                    walk(&if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, value, fields);
                }
            }
            Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| walk(&format!("{path}[{index}]"), item, fields)),
            Value::Object(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => drop(fields.insert(path.to_owned(), value.clone())),
        }
    }
    let mut fields = BTreeMap::new();
    walk("", event, &mut fields);
    fields
}

/// `loggers[0].name` as the list writes it: `loggers[].name`.
fn of_any_element(path: &str) -> String {
    let parts = path.split('[').map(|part| part.split_once(']').map_or_else(|| part.to_owned(), |(_, rest)| format!("]{rest}")));
    parts.collect::<Vec<_>>().join("[")
}

/// An entry about any call: who called, and with what, is read as of a call of ours.
fn entry(record: &Value) -> AuditEvent {
    if let Ok(Parsed::Entry(entry)) = parse(record) {
        return *entry;
    }
    let event = parse_record(record).unwrap();
    let mut disguised = record.clone();
    disguised["eventSource"] = "kms.amazonaws.com".into();
    disguised["requestParameters"] = Value::Null;
    let Ok(Parsed::Entry(entry)) = parse(&disguised) else { unreachable!("`{}` of KMS", event.name) };
    AuditEvent { event: reprieve_core::Event { target: Target::Unnamed, ..event }, operation: Operation::Other, asset: None, ..*entry }
}

/// Compares one pair; returns the paths of the list that occurred, and what is on no list.
fn compare(theirs: &Value, ours: &Value, occurred: &mut BTreeSet<&'static str>) -> Vec<String> {
    let (theirs, ours) = (flat(theirs), flat(ours));
    let mut moved_to = BTreeSet::<&str>::new();
    let mut strange = Vec::new();
    let rule = |path: &str| DIFFERENCES.iter().find(|(listed, _, _)| *listed == of_any_element(path));
    for (path, value) in &theirs {
        let mine = ours.get(path);
        if mine == Some(value) {
            continue;
        }
        match rule(path) {
            Some((listed, Moved(places), _)) => {
                let place = places.iter().find(|place| ours.get(**place) == Some(value));
                // An empty text is none.
                if place.is_none() && value != "" {
                    strange.push(format!("{path}: {value} stands at none of {places:?}"));
                }
                moved_to.extend(place.copied());
                occurred.insert(listed);
            }
            Some((listed, Recoded, _)) => drop(occurred.insert(listed)),
            Some((listed, LeftOut, _)) if mine.is_none() => drop(occurred.insert(listed)),
            Some(_) | None => strange.push(format!("{path}: theirs {value}, ours {mine:?}")),
        }
    }
    for (path, value) in ours.iter().filter(|(path, _)| !theirs.contains_key(*path) && !moved_to.contains(path.as_str())) {
        match rule(path) {
            Some((listed, Added, _)) => drop(occurred.insert(listed)),
            Some(_) | None => strange.push(format!("{path}: only ours, {value}")),
        }
    }
    strange
}

fn pairs(corpus: &Path) -> Vec<(Value, Value)> {
    let text = std::fs::read_to_string(corpus.join("ocsf/security-lake-cloudtrail-1.0.0-rc.2-pairs.jsonl")).unwrap();
    let pairs = text.lines().map(|line| {
        let pair: Value = serde_json::from_str(line).unwrap();
        let raw = pair.pointer("/raw/Records/0").unwrap_or(&pair["raw"]).clone();
        (raw, pair["ocsf"].clone())
    });
    pairs.collect()
}

/// P106
#[test]
fn every_difference_from_security_lake_is_meant() {
    let Some(corpus) = std::env::var_os("REPRIEVE_CORPUS").map(PathBuf::from) else {
        let _written =
            std::io::Write::write_all(&mut std::io::stderr(), b"skipped: REPRIEVE_CORPUS is not set to the folder of published events\n");
        return;
    };
    let pairs = pairs(&corpus);
    assert_eq!(pairs.len(), 21);
    let (mut occurred, mut strange) = (BTreeSet::new(), Vec::new());
    for (raw, theirs) in &pairs {
        let ours = audit_json(&entry(raw));
        assert_eq!(violations(&ours), Vec::<String>::new());
        strange.extend(compare(theirs, &ours, &mut occurred).into_iter().map(|line| format!("{}: {line}", raw["eventName"])));
    }
    let _written = std::io::Write::write_all(&mut std::io::stderr(), table().as_bytes());
    assert!(strange.is_empty(), "differences on no list:\n{}", strange.join("\n"));
    let unused: Vec<&str> = DIFFERENCES.iter().map(|(path, _, _)| *path).filter(|path| !occurred.contains(path)).collect();
    assert!(unused.is_empty(), "listed, and never seen: {unused:?}");
}

#[test]
fn the_list_of_differences_is_in_the_documentation() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/audit-records.md")).unwrap();
    let table = table();
    assert!(page.contains(&table), "`shared/docs/audit-records.md` must hold this table:\n{table}");
}

/// The list, as a table of Markdown.
fn table() -> String {
    let mut lines = vec!["| field | in ours | why |".to_owned(), "|---|---|---|".to_owned()];
    for (path, way, why) in DIFFERENCES {
        let way = match way {
            Moved(places) => format!("at {}", places.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(" or ")),
            Recoded => "another value, or none".to_owned(),
            LeftOut => "left out".to_owned(),
            Added => "added".to_owned(),
        };
        lines.push(format!("| `{path}` | {way} | {why} |"));
    }
    lines.join("\n")
}
