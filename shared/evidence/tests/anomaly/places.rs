//! Countries, where somebody knows them.

use std::net::IpAddr;

use reprieve_core::finding::ReasonKind;
use reprieve_evidence::anomaly::{Baseline, Places, Settings};

use crate::entries::{OFFICE, at, eight_weeks, entry};

/// Knows 203.0.113.0/24 to be German, and everything else to be of wherever its first octet says.
#[derive(Debug)]
struct Atlas;

impl Places for Atlas {
    fn country(&self, address: IpAddr) -> Option<String> {
        match address {
            IpAddr::V4(address) if address.octets()[0] == 203 => Some("de".to_owned()),
            IpAddr::V4(address) if address.octets()[0] == 8 => Some("no country".to_owned()),
            IpAddr::V4(_) => Some("BR".to_owned()),
            IpAddr::V6(_) => None,
        }
    }
}

fn reasons(address: &str) -> Vec<(ReasonKind, String)> {
    let mut baseline = Baseline::new(Settings { threshold: 1, ..Settings::default() });
    for event in eight_weeks() {
        baseline.learn_with(&event, &Atlas);
    }
    let event = entry(at(56, 10, 0)).from(address).0;
    let finding = baseline.score_with(&event, at(56, 10, 0), &Atlas);
    finding.map(|finding| finding.reasons.into_iter().map(|reason| (reason.kind, reason.sentence)).collect()).unwrap_or_default()
}

#[test]
fn a_new_country_is_a_reason_of_its_own() {
    let told = reasons("198.51.100.9");
    assert!(told.contains(&(ReasonKind::NewCountry, "never before from country BR".to_owned())), "{told:?}");
    assert_eq!(reasons(OFFICE), []);
}

#[test]
fn what_is_no_country_is_none() {
    for address in ["8.8.8.8", "2001:db8::1"] {
        assert!(reasons(address).iter().all(|(kind, _)| *kind != ReasonKind::NewCountry), "{address}");
    }
}

#[cfg(feature = "maxmind")]
mod maxmind {
    use std::net::IpAddr;

    use reprieve_evidence::anomaly::{MaxMindPlaces, Places};

    /// Writes a text of `MaxMind`'s data section. Source: <https://maxmind.github.io/MaxMind-DB/>.
    fn text(text: &str) -> Vec<u8> {
        let length = u8::try_from(text.len()).unwrap();
        assert!(length < 29, "longer texts have another head");
        [&[0b0100_0000 | length], text.as_bytes()].concat()
    }

    fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let head = vec![0b1110_0000 | u8::try_from(pairs.len()).unwrap()];
        pairs.iter().fold(head, |bytes, (key, value)| [bytes, text(key), value.clone()].concat())
    }

    fn number(kind: u8, value: u32) -> Vec<u8> {
        let bytes = value.to_be_bytes();
        let digits: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
        let length = u8::try_from(digits.len()).unwrap();
        // Kinds from 8 on have a second byte.
        let head = if kind < 8 { vec![kind << 5 | length] } else { vec![length, kind - 7] };
        [head, digits].concat()
    }

    /// A database in which 203.0.113.0/24 is in `country`, and nothing else is anywhere: a tree of 24 nodes, one for each bit.
    fn database(country: &str) -> Vec<u8> {
        let nodes = 24_u32;
        let prefix = u32::from_be_bytes([203, 0, 113, 0]);
        let mut tree = Vec::new();
        for depth in 0..nodes {
            let goes_right = prefix >> (31 - depth) & 1 == 1;
            let next = if depth + 1 == nodes { nodes + 16 } else { depth + 1 };
            let (left, right) = if goes_right { (nodes, next) } else { (next, nodes) };
            tree.extend(left.to_be_bytes().into_iter().skip(1).chain(right.to_be_bytes().into_iter().skip(1)));
        }
        let data = map(&[("country", map(&[("iso_code", text(country))]))]);
        let metadata = map(&[
            ("node_count", number(6, nodes)),
            ("record_size", number(5, 24)),
            ("ip_version", number(5, 4)),
            ("database_type", text("Test-Country")),
            ("languages", vec![0, 4]),
            ("binary_format_major_version", number(5, 2)),
            ("binary_format_minor_version", number(5, 0)),
            ("build_epoch", number(9, 1_780_000_000)),
            ("description", map(&[])),
        ]);
        [tree, vec![0; 16], data, b"\xab\xcd\xefMaxMind.com".to_vec(), metadata].concat()
    }

    fn country(places: &MaxMindPlaces, address: &str) -> Option<String> {
        places.country(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn a_database_of_maxminds_format_knows_countries() {
        let places = MaxMindPlaces::from_bytes(database("NZ")).unwrap();
        assert_eq!(country(&places, "203.0.113.200").as_deref(), Some("NZ"));
        assert_eq!(country(&places, "203.0.114.200"), None);
        assert_eq!(country(&places, "2001:db8::1"), None);
    }

    #[test]
    fn what_is_no_database_is_refused_in_words() {
        for bytes in [Vec::new(), b"not a database".to_vec()] {
            let error = MaxMindPlaces::from_bytes(bytes).unwrap_err().to_string();
            assert!(error.contains("GeoLite2-Country.mmdb"), "{error}");
        }
    }

    #[test]
    fn a_damaged_database_knows_nothing_and_stops_nobody() {
        let whole = database("NZ");
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 0xff;
            if let Ok(places) = MaxMindPlaces::from_bytes(bytes) {
                let known = country(&places, "203.0.113.200");
                assert!(known.is_none_or(|code| code.len() == 2), "byte {place}");
            }
        }
    }
}
