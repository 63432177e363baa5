//! A sandbox of Google Cloud for tests: Cloud KMS, its audit log, Cloud Storage and the metadata server, as far as the guard uses them.
//!
//! It follows the published documents (<https://cloudkms.googleapis.com/$discovery/rest?version=v1>): the states of versions, what each
//! call may do in which, and Google's errors. It keeps state and never scripts answers; faults are injected by the name of a call.
//! It is not Google: keys that sign do, but nothing here encrypts, no permission is checked beyond the token, and logs are there at once.
#![expect(clippy::must_use_candidate, reason = "a test plays a part and may not care for every answer")]

mod asymmetric;
mod http;
mod kms;
mod log;
mod permissions;
mod server;
mod state;
mod storage;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use self::http::{Reply, get, post};
pub use self::state::OWN_ACCOUNT;
use self::state::{Fault, State};

/// A running sandbox; it ends when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    state: Arc<Mutex<State>>,
    url: String,
    server: JoinHandle<()>,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Sandbox {
    /// Starts one on a free port of this machine.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(Mutex::new(State::default()));
        let router = server::router(Arc::clone(&state));
        let server = tokio::spawn(async move {
            // The sandbox is dropped with its test; then there is nobody to tell.
            axum::serve(listener, router).await.ok();
        });
        Ok(Self { state, url, server })
    }

    /// Returns where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a key (`projects/P/locations/L/keyRings/R/cryptoKeys/K`) with one enabled version, and returns the version's name.
    pub fn make_key(&self, key: &str) -> String {
        self.state().make_key(key)
    }

    /// Makes a key that signs (`EC_SIGN_P256_SHA256`), or another version of it, and returns the version's name.
    pub fn make_signing_key(&self, key: &str) -> String {
        self.state().make_signing_key(key)
    }

    /// Returns the public half of a version that signs, as PEM, whatever its state.
    pub fn public_key_pem(&self, version: &str) -> Option<String> {
        self.state().signers.get(version).and_then(asymmetric::pem)
    }

    /// Lets time pass: everything that was written so far was written so much earlier.
    pub fn let_pass(&self, time: SignedDuration) {
        self.state().let_pass(time);
    }

    /// Takes an object away, which nobody may.
    pub fn remove(&self, bucket: &str, name: &str) {
        self.state().objects.remove(&(bucket.to_owned(), name.to_owned()));
    }

    /// Labels a key, in place of all labels that it has.
    pub fn label(&self, key: &str, labels: &BTreeMap<String, String>) {
        self.state().label(key, labels);
    }

    /// Gives a project its number, by which its versions can be called ([`Self::call_as`]) as well as by its id.
    pub fn number_project(&self, id: &str, number: &str) {
        self.state().numbers.insert(number.to_owned(), id.to_owned());
    }

    /// Calls Cloud KMS as somebody: `DestroyCryptoKeyVersion`, `RestoreCryptoKeyVersion`, `Enable` or `Disable`. Returns the entry that
    /// the call left in the audit log, whether or not it succeeded.
    pub fn call_as(&self, who: &str, call: &str, version: &str) -> Value {
        let mut state = self.state();
        let (method, request) = match call {
            "Enable" | "Disable" => {
                let word = if call == "Enable" { "ENABLED" } else { "DISABLED" };
                ("UpdateCryptoKeyVersion", json!({"cryptoKeyVersion": {"name": version, "state": word}, "updateMask": "state"}))
            }
            method => (method, json!({ "name": version })),
        };
        let answer = state.change(who, method, version, &request);
        drop(answer);
        state.log.last().cloned().unwrap_or(Value::Null)
    }

    /// Returns the state of a version.
    pub fn version_state(&self, version: &str) -> Option<String> {
        self.state().versions.get(version).map(|version| version.state.clone())
    }

    /// Sets the state of a version, as time and Google do.
    pub fn set_version_state(&self, version: &str, word: &str) {
        if let Some(version) = self.state().versions.get_mut(version) {
            word.clone_into(&mut version.state);
        }
    }

    /// Takes the entries of the audit log away, as a log that is late.
    pub fn forget_log(&self) {
        self.state().log.clear();
    }

    /// Lets every list of entries begin with an empty page and a token, as Google does where a search takes long.
    pub fn slow_log_down(&self) {
        self.state().is_log_slow = true;
    }

    /// Lets every list of entries end with a token, as if there were always more to search.
    pub fn let_log_never_end(&self) {
        self.state().is_log_endless = true;
    }

    /// Answers the next `times` calls of this name (`RestoreCryptoKeyVersion`, `GetCryptoKey`, `InsertObject`, ...) with this status.
    pub fn fail(&self, call: &str, status: u16, times: usize) {
        self.fail_after(0, call, status, times);
    }

    /// As [`Self::fail`], once so many calls of this name were answered as ever.
    pub fn fail_after(&self, passing: usize, call: &str, status: u16, times: usize) {
        self.state().faults.push(Fault { call: call.to_owned(), passing, status, times });
    }

    /// Returns the calls that were made over HTTP, by name, in their order.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// Returns the objects of a bucket.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let of_bucket = state.objects.iter().filter(|((name, _), _)| name == bucket);
        of_bucket.map(|((_, name), object)| (name.clone(), object.bytes.to_vec())).collect()
    }
}
