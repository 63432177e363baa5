//! The certificates of the stub, and the one change to the function that lets it trust them.
//!
//! The function trusts the roots bundled with it and no others, and nothing can configure that. So the released binary is measured with
//! the public key of one bundled root, byte for byte, replaced by that of the bench's own authority, which bears that root's name: the
//! code, the number of roots and the work of a handshake stay as they are. The changed copy lives in a temporary folder.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The root whose place the bench's authority takes: one that AWS uses, with a key on the same curve as ours.
const ROOT: &str = "Amazon Root CA 3";

/// An authority, and a server's certificate by it.
pub(crate) struct Authority {
    key: KeyPair,
    /// What others are told to trust.
    pub(crate) pem: String,
    /// The same, for the floor.
    pub(crate) der: CertificateDer<'static>,
    /// What the stub speaks TLS with.
    pub(crate) server: Arc<ServerConfig>,
}

impl Authority {
    /// Makes an authority with the name of the root, and the certificate of `127.0.0.1`.
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key on P-256");
        let mut params = CertificateParams::default();
        // By default it has a name of rcgen's.
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in [(DnType::CountryName, "US"), (DnType::OrganizationName, "Amazon"), (DnType::CommonName, ROOT)] {
            params.distinguished_name.push(kind, DnValue::PrintableString(value.try_into().expect("a printable name")));
        }
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).expect("a certificate");

        let leaf_key = KeyPair::generate().expect("a key on P-256");
        let mut leaf = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).expect("names");
        leaf.use_authority_key_identifier_extension = true;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = leaf.signed_by(&leaf_key, &Issuer::from_params(&params, &key)).expect("a certificate");

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("TLS 1.3 and 1.2");
        let private = PrivateKeyDer::Pkcs8(leaf_key.serialize_der().into());
        let server = server.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], private).expect("a certificate with its key");
        Self { key, pem: pem(certificate.der()), der: certificate.der().clone(), server: Arc::new(server) }
    }

    /// Writes the function's binary to `to`, with the root's key replaced.
    pub(crate) fn adopt(&self, binary: &Path, to: &Path) {
        let anchor = webpki_roots::TLS_SERVER_ROOTS.iter().find(|anchor| contains(&anchor.subject, ROOT.as_bytes()));
        let anchor = anchor.expect("the bundled roots hold the root");
        assert!(contains(&self.der, &anchor.subject), "the authority's name is not written as the root's is");
        let theirs: &[u8] = &anchor.subject_public_key_info;
        let ours = self.key.subject_public_key_info();
        // A trust anchor holds the key without the outermost tag and length.
        let ours = &ours[2..];
        assert_eq!(ours.len(), theirs.len(), "the keys are not of one form");
        let mut bytes = std::fs::read(binary).expect("the function was built");
        let places: Vec<usize> = places_of(&bytes, theirs).collect();
        assert!(!places.is_empty(), "`{}` bundles no `{ROOT}`", binary.display());
        for place in places {
            bytes[place..place + ours.len()].copy_from_slice(ours);
        }
        std::fs::write(to, bytes).expect("room for a copy of the function");
        let mode = std::fs::metadata(binary).expect("the function was built").permissions();
        std::fs::set_permissions(to, mode).expect("the copy is ours");
    }
}

fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    places_of(text, part).next().is_some()
}

fn places_of<'a>(text: &'a [u8], part: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    text.windows(part.len()).enumerate().filter(move |(_, window)| *window == part).map(|(place, _)| place)
}
