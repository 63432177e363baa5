//! TLS for all clients: rustls with ring, and Mozilla's roots bundled as parsed trust anchors.
//!
//! *Architecture invariant:* nothing here reads certificates from the system: what is trusted depends on the release alone.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};

/// Says why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS: the crypto provider offers neither TLS 1.3 nor TLS 1.2")]
pub struct TlsError(#[source] rustls::Error);

/// Makes the TLS configuration of all clients: TLS 1.3 or 1.2, bundled roots, no client certificate.
///
/// # Errors
/// When the crypto provider offers no usable protocol version.
pub(crate) fn config() -> Result<ClientConfig, TlsError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bundled_roots_hold_those_that_google_uses() {
        // https://pki.goog/repository/
        let names: Vec<_> = webpki_roots::TLS_SERVER_ROOTS.iter().map(|anchor| anchor.subject.as_ref().to_vec()).collect();
        for root in ["GTS Root R1", "GTS Root R4"] {
            assert!(names.iter().any(|name| name.windows(root.len()).any(|window| window == root.as_bytes())), "{root}");
        }
        assert!(super::config().is_ok());
    }
}
