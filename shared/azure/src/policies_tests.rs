//! The policy source against a container that changes: when it is read, what bridges a fault, and that all else fails closed.

use std::sync::{Arc, Mutex as StdMutex};

use jiff::ToSpan as _;
use reprieve_core::Policy;
use reprieve_engine::PolicySource as _;

use super::*;
use crate::blobs::StorageAccount;
use crate::scripted::{Scripted, ScriptedHttp, empty};
use reprieve_test_support::TestClock;

const FIRST: &str = r#"@id("first") @because("it is the first") permit (principal, action, resource) when { context has approval };"#;
const SECOND: &str = r#"@id("second") @because("it is the second") forbid (principal, action, resource);"#;
const INVALID: &str = r#"@id("first") permit (principal, action, resource) when { context.nonsense };"#;

/// What the container holds from now on, or the status and code with which it refuses.
#[derive(Debug, Clone)]
enum Holds {
    Blobs(Vec<(&'static str, &'static str)>),
    Refuses(u16, &'static str),
}

const MISSING: Holds = Holds::Refuses(404, "ContainerNotFound");
const DENIED: Holds = Holds::Refuses(403, "AuthorizationPermissionMismatch");
const THROTTLED: Holds = Holds::Refuses(503, "ServerBusy");
const BROKEN: Holds = Holds::Refuses(500, "InternalError");

fn one(text: &'static str) -> Holds {
    Holds::Blobs(vec![("one.cedar", text)])
}

impl Holds {
    fn answer(&self, line: &str) -> Scripted {
        match self {
            Self::Refuses(status, code) => empty(*status).with("x-ms-error-code", *code),
            Self::Blobs(blobs) if line.contains("comp=list") => {
                let blobs = blobs.iter().map(|(name, _)| format!("<Blob><Name>{name}</Name></Blob>")).collect::<Vec<_>>().concat();
                let body = format!("<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker/></EnumerationResults>");
                Scripted::Answer(200, vec![("content-type", "application/xml".into())], body)
            }
            Self::Blobs(blobs) => match blobs.iter().find(|(name, _)| line.ends_with(&format!("/{name}"))) {
                None => empty(404).with("x-ms-error-code", "BlobNotFound"),
                Some((_, text)) => {
                    let range = format!("bytes 0-{}/{}", text.len() - 1, text.len());
                    Scripted::Answer(206, vec![("content-range", range), ("etag", "\"1\"".into())], (*text).to_owned())
                }
            },
        }
    }
}

#[derive(Clone)]
struct Container(Arc<StdMutex<Holds>>);

impl Container {
    fn holding(holds: Holds) -> Self {
        Self(Arc::new(StdMutex::new(holds)))
    }

    fn now_holds(&self, holds: Holds) {
        *self.0.lock().unwrap() = holds;
    }

    fn http(&self) -> Arc<ScriptedHttp> {
        let container = self.clone();
        ScriptedHttp::answering(move |line| container.0.lock().unwrap().answer(line))
    }
}

fn clock() -> TestClock {
    TestClock::at("2026-01-02T12:00:00Z")
}

fn store(http: &Arc<ScriptedHttp>) -> BlobStore {
    BlobStore::new(&http.connection(), &StorageAccount::parse("streprieve").unwrap(), "reprieve-policies").unwrap()
}

fn file(name: &str, text: &str) -> PolicyFile {
    PolicyFile { name: name.to_owned(), text: text.to_owned() }
}

fn source<C: Clock + Clone>(http: &Arc<ScriptedHttp>, clock: &C) -> BlobPolicySource<C> {
    policies(Ok(Vec::new()), Some(store(http)), clock.clone())
}

/// The ids of the user's policies, in one line, or why nothing is permitted.
fn users(policy: &Arc<Policy>) -> Result<String, String> {
    if let Some(reason) = policy.closed_reason() {
        return Err(reason.to_string());
    }
    let summaries = policy.summaries().unwrap();
    Ok(summaries.into_iter().filter(|policy| policy.file.is_some()).map(|policy| policy.id).collect::<Vec<_>>().join(", "))
}

#[tokio::test]
async fn without_a_container_the_policies_are_those_that_were_shipped_or_deployed() {
    let shipped = policies(Ok(Vec::new()), None, clock());
    assert_eq!(users(&shipped.current().await).as_deref(), Ok(""));
    let bundled = policies(Ok(vec![file("policies/first.cedar", FIRST)]), None, clock());
    assert_eq!(users(&bundled.current().await).as_deref(), Ok("first"));
    assert!(Arc::ptr_eq(&bundled.current().await, &bundled.current().await));
}

#[tokio::test]
async fn files_that_are_not_valid_permit_nothing() {
    let source = policies(Ok(vec![file("policies/first.cedar", "permit (")]), None, clock());
    let reason = users(&source.current().await).unwrap_err();
    assert!(reason.contains("deployed with the function") && reason.contains("`policies/first.cedar`"), "{reason}");

    let http = Container::holding(one(FIRST)).http();
    let unread = Err(PolicyError::Closed("`policies` cannot be read".to_owned()));
    let source = policies(unread, Some(store(&http)), clock());
    assert_eq!(users(&source.current().await), Err("`policies` cannot be read".to_owned()));
    assert_eq!(http.lines(), [""; 0], "and no container is asked");
}

#[tokio::test]
async fn every_cedar_blob_stands_beside_the_files() {
    for (blobs, expected) in [
        (vec![("a.cedar", SECOND)], Ok("first, second")),
        (vec![("A.CEDAR", SECOND), ("read.me", "no policy")], Ok("first, second")),
        (vec![("a.cedar", FIRST)], Err("`first`")),
        (vec![("a.cedar", SECOND), ("b.cedar", "permit (")], Err("cannot be read: `b.cedar`")),
        (vec![("read.me", "no policy")], Err("there is no blob `*.cedar` in it")),
        (vec![], Err("there is no blob `*.cedar` in it")),
    ] {
        let http = Container::holding(Holds::Blobs(blobs.clone())).http();
        let source = policies(Ok(vec![file("policies/first.cedar", FIRST)]), Some(store(&http)), clock());
        match (users(&source.current().await), expected) {
            (Ok(ids), Ok(expected)) => assert_eq!(ids, expected, "{blobs:?}"),
            (Err(reason), Err(expected)) => assert!(reason.contains(expected), "{reason}"),
            (actual, expected) => panic!("{actual:?}, not {expected:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn policies_that_cannot_be_had_permit_nothing_and_say_what_to_do() {
    for (holds, what, advice) in [
        (MISSING, "`ContainerNotFound`", "write the policies to the container"),
        (DENIED, "access denied", "`Storage Blob Data Reader`"),
        (THROTTLED, "throttled", "tried again soon"),
        (BROKEN, "no usable answer", "tried again soon"),
        (one("permit ("), "cannot be read", "`reprieve policy check`"),
        (one(INVALID), "do not fit the schema", "`reprieve policy check`"),
    ] {
        let container = Container::holding(holds.clone());
        let (http, clock) = (container.http(), clock());
        let source = source(&http, &clock);
        let reason = users(&source.current().await).unwrap_err();
        assert!(reason.starts_with("the policies in the container `reprieve-policies` cannot be used: "), "{reason}");
        assert!(reason.contains(what) && reason.contains(advice), "{holds:?}: {reason}");
        container.now_holds(one(FIRST));
        clock.pass(29.seconds());
        users(&source.current().await).unwrap_err();
        clock.pass(1.second());
        assert_eq!(users(&source.current().await).as_deref(), Ok("first"), "mended after {holds:?}");
    }
}
