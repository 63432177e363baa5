//! What keys do: elliptic keys really sign and verify; the others wrap and encrypt with a key of their own that stands for them.
//!
//! Must not wrap with anything but the version's own secret: what another version wrapped does not come open.

use p256::ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use p256::ecdsa::{Signature, SigningKey};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Makes a secret: 32 bytes by chance that are a private scalar too.
pub(super) fn new_secret() -> [u8; 32] {
    loop {
        let mut digest = Sha256::new();
        for _ in 0..3 {
            digest.update(Uuid::new_v4().as_bytes());
        }
        let secret: [u8; 32] = digest.finalize().into();
        if SigningKey::from_slice(&secret).is_ok() {
            return secret;
        }
    }
}

/// The coordinates of an elliptic key's public point.
pub(super) fn point(secret: &[u8; 32]) -> Option<(Vec<u8>, Vec<u8>)> {
    let key = SigningKey::from_slice(secret).ok()?;
    let bytes = key.verifying_key().to_sec1_bytes();
    let (x, y) = (bytes.get(1..33)?, bytes.get(33..65)?);
    Some((x.to_vec(), y.to_vec()))
}

/// Signs a digest of 32 bytes; the signature is r and s, 64 bytes, as JSON Web Signatures have it.
pub(super) fn sign(secret: &[u8; 32], digest: &[u8]) -> Option<Vec<u8>> {
    let signature: Signature = SigningKey::from_slice(secret).ok()?.sign_prehash(digest).ok()?;
    Some(signature.to_bytes().to_vec())
}

/// Says whether a signature is of this digest and by this key.
pub(super) fn verify(secret: &[u8; 32], digest: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (SigningKey::from_slice(secret), Signature::from_slice(signature)) else { return false };
    key.verifying_key().verify_prehash(digest, &signature).is_ok()
}

/// Wraps or encrypts: a nonce by chance and what AES-GCM makes of the plain bytes.
pub(super) fn seal(secret: &[u8; 32], plain: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, secret).ok()?);
    let chance = Uuid::new_v4();
    let nonce = chance.as_bytes().get(..NONCE_LEN)?;
    let mut bytes = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::try_assume_unique_for_key(nonce).ok()?, Aad::empty(), &mut bytes).ok()?;
    Some([nonce, &bytes].concat())
}

/// Opens what [`seal`] made with the same secret.
pub(super) fn open(secret: &[u8; 32], sealed: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, secret).ok()?);
    let (nonce, bytes) = sealed.split_at_checked(NONCE_LEN)?;
    let mut bytes = bytes.to_vec();
    let plain = key.open_in_place(Nonce::try_assume_unique_for_key(nonce).ok()?, Aad::empty(), &mut bytes).ok()?;
    Some(plain.to_vec())
}

/// Bytes that stand for the modulus of an RSA key: as long as it, always the same for a secret, and no product of primes.
pub(super) fn modulus(secret: &[u8; 32], size_bits: u32) -> Vec<u8> {
    let count = usize::try_from(size_bits / 8).unwrap_or(256);
    let block = |number: usize| Sha256::digest([secret.as_slice(), &number.to_be_bytes()].concat());
    let mut bytes: Vec<u8> = (0..count.div_ceil(32)).flat_map(|number| block(number).to_vec()).take(count).collect();
    if let Some(first) = bytes.first_mut() {
        *first |= 0x80;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_version_wraps_it_alone_unwraps() {
        let (one, other) = (new_secret(), new_secret());
        let sealed = seal(&one, b"data key").unwrap();
        assert_eq!(open(&one, &sealed).as_deref(), Some(b"data key".as_slice()));
        assert_eq!(open(&other, &sealed), None);
    }

    #[test]
    fn a_signature_is_of_its_digest_and_its_key() {
        let (one, other) = (new_secret(), new_secret());
        let digest = Sha256::digest(b"a change");
        let signature = sign(&one, &digest).unwrap();
        assert!(verify(&one, &digest, &signature));
        assert!(!verify(&other, &digest, &signature));
        assert!(!verify(&one, &Sha256::digest(b"another"), &signature));
    }
}
