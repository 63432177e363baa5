//! Forged seals: signatures of other people, in other forms, under other ids and at other times.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use p256::ecdsa::Signature;
use reprieve_core::ApprovalKeys;
use reprieve_core::approval::SEAL_TAG;
use reprieve_test_support::approval::{approval_key_text_with, sealed_by_attacker};
use reprieve_test_support::{Terms, sealed_approval};

use crate::scene::{Forgery, Scene, forgery, the_key};

const BROKEN: &str = "the seal does not belong to these values";
const ENCODING: &str = "the seal's signature is not base64url without padding";

pub(crate) fn rows() -> Vec<Forgery> {
    [signatures(), encodings(), forms(), keys()].into_iter().flatten().collect()
}

fn signed(name: &'static str, reason: &'static str, forge: impl FnOnce(Vec<u8>) -> String) -> Forgery {
    forgery(name, reason, Scene::sealed(), |scene| {
        let text = forge(scene.signature());
        scene.set_signature(&text);
    })
}

/// The other signature of the same text: `n - s` in place of `s`.
fn twin(bytes: &[u8]) -> Signature {
    let signature = Signature::from_slice(bytes).unwrap();
    let (r, s) = signature.split_scalars();
    Signature::from_scalars(r, -s).unwrap()
}

fn signatures() -> Vec<Forgery> {
    vec![
        forgery("another signer under a known id", BROKEN, Scene::sealed(), |scene| {
            scene.approve(&sealed_by_attacker(&the_key(), &Terms::default()));
        }),
        signed("one bit of the signature flipped", BROKEN, |mut bytes| {
            *bytes.last_mut().unwrap() ^= 1;
            URL_SAFE_NO_PAD.encode(bytes)
        }),
        signed("r and s swapped", BROKEN, |bytes| {
            let (r, s) = bytes.split_at(32);
            let swapped = Signature::from_slice(&[s, r].concat()).unwrap();
            URL_SAFE_NO_PAD.encode(swapped.normalize_s().to_bytes())
        }),
        signed("the twin of the signature", "has its `s` in the upper half", |bytes| URL_SAFE_NO_PAD.encode(twin(&bytes).to_bytes())),
        signed("all zeros", "a number of it is out of range", |bytes| URL_SAFE_NO_PAD.encode(vec![0; bytes.len()])),
        signed("all ones", "a number of it is out of range", |bytes| URL_SAFE_NO_PAD.encode(vec![255; bytes.len()])),
        signed("r that is zero", "a number of it is out of range", |mut bytes| {
            bytes.iter_mut().take(32).for_each(|byte| *byte = 0);
            URL_SAFE_NO_PAD.encode(bytes)
        }),
        signed("s that is zero", "a number of it is out of range", |mut bytes| {
            bytes.iter_mut().skip(32).for_each(|byte| *byte = 0);
            URL_SAFE_NO_PAD.encode(bytes)
        }),
    ]
}

fn encodings() -> Vec<Forgery> {
    vec![
        signed("a signature cut short", "the seal's signature has 63 bytes", |mut bytes| {
            bytes.truncate(63);
            URL_SAFE_NO_PAD.encode(bytes)
        }),
        signed("a signature with a byte too many", "the seal's signature has 65 bytes", |mut bytes| {
            bytes.push(0);
            URL_SAFE_NO_PAD.encode(bytes)
        }),
        signed("no signature", "is not of the form `v1.KEY-ID.SIGNATURE`", |_| String::new()),
        // Two integers with their tags and lengths; an `r` whose first bit is set takes a byte more.
        signed("a signature in DER", "the seal's signature has 71 bytes", |bytes| {
            URL_SAFE_NO_PAD.encode(Signature::from_slice(&bytes).unwrap().to_der().as_bytes())
        }),
        signed("a signature in lower-case hexadecimal", "the seal's signature has 96 bytes", |bytes| {
            bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
        }),
        signed("base64url with padding", ENCODING, |bytes| URL_SAFE.encode(bytes)),
        signed("the alphabet of standard base64", ENCODING, |bytes| {
            let text = STANDARD_NO_PAD.encode(bytes);
            assert!(text.contains(['+', '/']), "the two alphabets differ in this signature");
            text
        }),
        signed("bits that say nothing in the last character", ENCODING, |bytes| {
            let text = URL_SAFE_NO_PAD.encode(bytes);
            // 64 bytes leave four bits of the last character unused: it is one of `AQgw`.
            let last = text.chars().last().unwrap();
            let next = char::from(u8::try_from(last).unwrap() + 1);
            format!("{}{next}", text.strip_suffix(last).unwrap())
        }),
    ]
}

fn forms() -> Vec<Forgery> {
    const FORM: &str = "is not of the form `v1.KEY-ID.SIGNATURE`";
    let seal = |name, reason, forge: fn(String) -> String| {
        forgery(name, reason, Scene::sealed(), |scene| {
            let seal = sealed_approval(&the_key(), &Terms::default()).seal;
            scene.set(SEAL_TAG, &forge(seal));
        })
    };
    vec![
        seal("version 2", "the seal is of version `v2`", |seal| seal.replacen("v1", "v2", 1)),
        seal("a capital V", "the seal is of version `V1`", |seal| seal.replacen("v1", "V1", 1)),
        seal("a version of another scheme", "the seal is of version `none`", |seal| seal.replacen("v1", "none", 1)),
        seal("no version", FORM, |seal| seal.replacen("v1", "", 1)),
        seal("no key id", FORM, |seal| seal.replacen("test-2026", "", 1)),
        seal("a key id that is none", FORM, |seal| seal.replacen("test-2026", "test 2026", 1)),
        seal("a part too many", FORM, |seal| format!("{seal}.{seal}")),
        seal("a part too few", FORM, |_| "v1.test-2026".to_owned()),
        seal("an empty seal", "the value of `reprieve:seal` is empty", |_| String::new()),
        seal("a space in front of the seal", "the value of `reprieve:seal` begins or ends with a space", |seal| format!(" {seal}")),
        seal("a dot that is none", "(U+2024): an approval is written in ASCII", |seal| seal.replace('.', "\u{2024}")),
        seal("a seal that no tag can hold", "the value of `reprieve:seal` is longer than 256 characters", |seal| seal + &"A".repeat(256)),
        seal("a key id that is not configured", "made with the key `attacker-1`, which is not among", |seal| {
            seal.replacen("test-2026", "attacker-1", 1)
        }),
        seal("the id of another approval key", BROKEN, |seal| seal.replacen("test-2026", "security-2026", 1)),
    ]
}

fn keys() -> Vec<Forgery> {
    let configured =
        |name, reason, keys: &str| forgery(name, reason, Scene::sealed(), |scene| scene.rules.keys = ApprovalKeys::parse(keys).unwrap());
    vec![
        configured("no approval key configured", "made with the key `test-2026`, which is not among", ""),
        configured(
            "a key that seals from a second later on",
            "the key `test-2026` seals only what happens from 2026-11-20T10:00:01Z on",
            &approval_key_text_with(";from=2026-11-20T10:00:01Z"),
        ),
        configured(
            "a key that was retired at that moment",
            "the key `test-2026` was retired: it seals only what happened before 2026-11-20T10:00:00Z",
            &approval_key_text_with(";until=2026-11-20T10:00:00Z"),
        ),
    ]
}
