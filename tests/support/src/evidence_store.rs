//! An archive in memory that writes each object once, and a signer of seals. Tests set when an object was written, take what an archive
//! never lets go, and end the process at any call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use reprieve_engine::{CallError, Clock as _, EvidenceStore, SealSigner, StoredObject};

use crate::{FakeClock, let_others_go, locked};

#[derive(Debug, Clone)]
struct Kept {
    bytes: Vec<u8>,
    modified: Timestamp,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Kept>,
    calls: usize,
    /// The call at which the process ends, and whether the call still takes effect.
    end: Option<(usize, bool)>,
    /// What another process writes just before this one writes an object of this name.
    rival: Option<(String, Vec<u8>)>,
    listed: Vec<String>,
}

/// An archive in memory. Clones show the same objects.
#[derive(Debug, Clone)]
pub struct FakeEvidenceStore {
    state: Arc<Mutex<State>>,
    clock: FakeClock,
}

impl FakeEvidenceStore {
    /// Makes an empty archive that stamps what is written with the second of this clock, as S3 does.
    #[must_use]
    pub fn new(clock: FakeClock) -> Self {
        Self { state: Arc::default(), clock }
    }

    /// Puts an object there that was written at this time, over whatever is there.
    pub fn place(&self, name: &str, bytes: impl Into<Vec<u8>>, modified: Timestamp) {
        locked(&self.state).objects.insert(name.to_owned(), Kept { bytes: bytes.into(), modified });
    }

    /// Takes an object away.
    pub fn remove(&self, name: &str) -> Option<Vec<u8>> {
        locked(&self.state).objects.remove(name).map(|kept| kept.bytes)
    }

    /// Returns everything that is there, by name.
    #[must_use]
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        locked(&self.state).objects.iter().map(|(name, kept)| (name.clone(), kept.bytes.clone())).collect()
    }

    /// Ends the process at this call, from 1: after it took effect, or before. It never comes back from it.
    pub fn end_at(&self, call: usize, after: bool) {
        let mut state = locked(&self.state);
        state.end = Some((state.calls + call, after));
    }

    /// Starts the process again.
    pub fn go_on(&self) {
        locked(&self.state).end = None;
    }

    /// Lets another process write an object just before this one writes it.
    pub fn rival(&self, name: &str, bytes: Vec<u8>) {
        locked(&self.state).rival = Some((name.to_owned(), bytes));
    }

    /// Returns the prefixes that were listed.
    #[must_use]
    pub fn listed(&self) -> Vec<String> {
        locked(&self.state).listed.clone()
    }

    async fn call<T>(&self, effect: impl FnOnce(&mut State) -> T) -> T {
        let_others_go().await;
        let (end, mut effect) = {
            let mut state = locked(&self.state);
            state.calls += 1;
            (state.end.filter(|(call, _)| *call == state.calls), Some(effect))
        };
        if matches!(end, Some((_, false))) {
            std::future::pending::<()>().await;
        }
        let answer = effect.take().map(|effect| effect(&mut locked(&self.state)));
        if matches!(end, Some((_, true))) {
            std::future::pending::<()>().await;
        }
        answer.expect("the effect is taken once")
    }
}

impl EvidenceStore for FakeEvidenceStore {
    async fn put_once(&self, name: &str, _content_type: &str, bytes: &[u8]) -> Result<bool, CallError> {
        let modified = Timestamp::from_second(self.clock.now().as_second()).expect("a whole second is within the calendar");
        let (name, bytes) = (name.to_owned(), bytes.to_vec());
        let put = move |state: &mut State| {
            if let Some((_, bytes)) = state.rival.take_if(|(rival, _)| *rival == name) {
                state.objects.insert(name.clone(), Kept { bytes, modified });
            }
            let is_new = !state.objects.contains_key(&name);
            state.objects.entry(name).or_insert(Kept { bytes, modified });
            is_new
        };
        Ok(self.call(put).await)
    }

    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CallError> {
        let name = name.to_owned();
        Ok(self.call(move |state| state.objects.get(&name).map(|kept| kept.bytes.clone())).await)
    }

    async fn list(&self, prefix: &str) -> Result<Vec<StoredObject>, CallError> {
        let prefix = prefix.to_owned();
        let list = move |state: &mut State| {
            state.listed.push(prefix.clone());
            let below = state.objects.iter().filter(|(name, _)| name.starts_with(&prefix));
            let object = |(name, kept): (&String, &Kept)| StoredObject {
                name: name.clone(),
                modified: kept.modified,
                size_bytes: kept.bytes.len() as u64,
            };
            below.map(object).collect()
        };
        Ok(self.call(list).await)
    }
}

/// A signer of seals with a key of its own. Nobody else has a reason to know it: it is made of one byte.
#[derive(Debug, Clone)]
pub struct FakeSealSigner {
    key: SigningKey,
    key_id: String,
}

impl FakeSealSigner {
    /// Makes a signer; another byte makes another key.
    #[must_use]
    pub fn new(secret: u8) -> Self {
        let key = SigningKey::from_slice(&[secret.max(1); 32]).expect("such a number lies within the curve's order");
        Self { key, key_id: format!("arn:aws:kms:eu-central-1:111122223333:key/seal-{secret}") }
    }

    /// Returns the public key as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.key.verifying_key().to_public_key_pem(LineEnding::LF).expect("a public key has a PEM form")
    }

    /// Signs a text, in DER.
    #[must_use]
    pub fn signature(&self, text: &[u8]) -> Vec<u8> {
        let signature: Signature = self.key.sign(text);
        signature.to_der().as_bytes().to_vec()
    }
}

impl SealSigner for FakeSealSigner {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    async fn sign(&self, text: &[u8]) -> Result<Vec<u8>, CallError> {
        let_others_go().await;
        Ok(self.signature(text))
    }

    async fn public_key_pem(&self) -> Result<String, CallError> {
        Ok(self.pem())
    }
}
