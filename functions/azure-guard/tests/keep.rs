//! How the evidence on Azure is sealed: after the key was changed, the chain goes on under the new one.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use azure_guard::Seals;
use reprieve_engine::{Sealed, Sealer, SealingError};
use reprieve_evidence::layout;
use reprieve_evidence::seal::{Seal, SealKeys};
use reprieve_test_support::{FakeClock, FakeEvidenceStore, FakeSealSigner, finish, time};

/// An archive into which something was written, and who seals it.
struct Archive {
    clock: FakeClock,
    store: FakeEvidenceStore,
}

impl Archive {
    fn new() -> Self {
        let clock = FakeClock::at(time("2026-11-21T08:30:00Z"));
        let store = FakeEvidenceStore::new(clock.clone());
        store.place("audit/decisions/year=2026/month=11/day=21/a.json", *b"{}", time("2026-11-21T06:10:00Z"));
        Self { clock, store }
    }

    /// Seals as the handler does, under a key, with these public keys as those of before.
    fn seal(&self, secret: u8, former_keys: SealKeys) -> Result<Sealed, SealingError> {
        let seals = Seals { archive: "https://evidence.blob.core.windows.net/audit".to_owned(), key: None, former_keys };
        let sealer = Sealer::new(self.store.clone(), FakeSealSigner::new(secret), self.clock.clone(), seals.settings());
        finish(sealer.seal()).unwrap()
    }

    fn seals(&self) -> Vec<Seal> {
        let files = self.store.objects();
        files.iter().filter(|(name, _)| name.starts_with(layout::SEALS)).filter_map(|(_, bytes)| Seal::parse(bytes).ok()).collect()
    }
}

fn public_key(secret: u8) -> SealKeys {
    SealKeys::parse(&FakeSealSigner::new(secret).pem()).unwrap()
}

/// P112: a seal by a key that nobody named is not followed.
#[test]
fn a_new_key_stops_where_the_former_one_is_not_known() {
    let archive = Archive::new();
    archive.seal(1, SealKeys::default()).unwrap();
    archive.clock.set(time("2026-11-21T10:30:00Z"));
    assert!(matches!(archive.seal(2, SealKeys::default()), Err(SealingError::Chain { .. })));
}

/// P112 and P113: seals under former keys verify, and the next is chained to them, however often the key was changed.
#[test]
fn seals_made_under_former_keys_verify_and_are_chained_to() {
    let archive = Archive::new();
    let first = archive.seal(1, SealKeys::default()).unwrap();
    archive.clock.set(time("2026-11-21T10:30:00Z"));
    assert_eq!(archive.seal(2, public_key(1)).unwrap().from, first.until);
    archive.clock.set(time("2026-11-21T12:30:00Z"));
    let mut former = public_key(1);
    former.extend(public_key(2));
    archive.seal(3, former.clone()).unwrap();

    let mut all = former;
    all.extend(public_key(3));
    let mut seals = archive.seals();
    seals.sort_by_key(|seal| seal.head.sequence);
    assert!(seals.iter().all(|seal| seal.verify(&all).is_ok()));
    assert_eq!(seals.iter().filter(|seal| seal.verify(&public_key(3)).is_ok()).count(), 2, "the last two hours are under the last key");
    let is_chained = |pair: &[Seal]| matches!(pair, [one, next] if next.head.previous == Some(one.hash()));
    assert!(seals.len() > 4 && seals.windows(2).all(is_chained));
}
