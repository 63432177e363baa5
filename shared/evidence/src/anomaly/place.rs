//! In which country an address is, where somebody knows.
//!
//! *Architecture invariant:* no file is opened here; whoever has a database brings its bytes.

use std::net::IpAddr;

/// Knows countries of addresses.
pub trait Places: std::fmt::Debug + Send + Sync {
    /// Returns the country of an address, by its code of two letters; `None` where it is not known.
    fn country(&self, address: IpAddr) -> Option<String>;
}

/// Knows no country: what is used without a database.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPlaces;

impl Places for NoPlaces {
    fn country(&self, _: IpAddr) -> Option<String> {
        None
    }
}

/// Returns a country's code in capitals; `None` for what is no code, which a damaged database may hold.
pub(super) fn country_code(text: &str) -> Option<String> {
    let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_code.then(|| text.to_ascii_uppercase())
}

#[cfg(feature = "maxmind")]
pub use maxmind::{MaxMindError, MaxMindPlaces};

#[cfg(feature = "maxmind")]
mod maxmind {
    use std::net::IpAddr;

    use maxminddb::{PathElement, Reader};

    use super::{Places, country_code};

    /// Why a database of countries cannot be used.
    #[derive(Debug, thiserror::Error)]
    #[error("the database of countries cannot be read: give a file in MaxMind's format with countries, such as GeoLite2-Country.mmdb")]
    pub struct MaxMindError(#[source] maxminddb::MaxMindDbError);

    /// A database in `MaxMind`'s format, such as `GeoLite2-Country`: city databases hold countries too.
    pub struct MaxMindPlaces(Reader<Vec<u8>>);

    impl std::fmt::Debug for MaxMindPlaces {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_tuple("MaxMindPlaces").field(&self.0.metadata().database_type).finish()
        }
    }

    impl MaxMindPlaces {
        /// Reads a database from the bytes of its file.
        ///
        /// # Errors
        /// When the bytes are none.
        pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, MaxMindError> {
            Reader::from_source(bytes).map(Self).map_err(MaxMindError)
        }
    }

    impl Places for MaxMindPlaces {
        /// Where an entry of the database is damaged, its addresses have no country.
        fn country(&self, address: IpAddr) -> Option<String> {
            let path = [PathElement::Key("country"), PathElement::Key("iso_code")];
            let code: Option<&str> = self.0.lookup(address).ok()?.decode_path(&path).ok()?;
            country_code(code?)
        }
    }
}
