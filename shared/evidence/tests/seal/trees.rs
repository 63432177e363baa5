//! Trees: the known answers of RFC 6962, and one root by whichever way.

use proptest::prelude::*;
use reprieve_evidence::seal::{Frontier, Hash, SealedObject, Tree, is_included, records};
use sha2::Digest as _;

use crate::archive::gz;

fn frontier(leaves: &[Vec<u8>]) -> Frontier {
    leaves.iter().fold(Frontier::default(), |mut frontier, leaf| {
        frontier.push(Frontier::leaf().chain_update(leaf));
        frontier
    })
}

/// The leaves and roots that Certificate Transparency's own implementations are tested with.
#[test]
fn roots_are_those_of_certificate_transparency() {
    let leaves: Vec<Vec<u8>> = vec![
        vec![],
        vec![0x00],
        vec![0x10],
        vec![0x20, 0x21],
        vec![0x30, 0x31],
        vec![0x40, 0x41, 0x42, 0x43],
        vec![0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        (0x60..=0x6f).collect(),
    ];
    let known = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (count, root) in known.iter().enumerate() {
        let root = Hash::parse(root).unwrap();
        assert_eq!((Tree::of(&leaves[..count]).root(), frontier(&leaves[..count]).root()), (root, root), "{count} leaves");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_path_leads_to_the_root_from_its_own_leaf_alone(
        leaves in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 1..70),
        at in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        bit in 0_usize..256,
    ) {
        let (tree, count) = (Tree::of(&leaves), leaves.len() as u64);
        let (root, index) = (tree.root(), at.index(leaves.len()));
        prop_assert_eq!(frontier(&leaves).root(), root);
        let path = tree.path(index as u64).unwrap();
        prop_assert!(is_included(root, count, &leaves[index], index as u64, &path));
        prop_assert!(tree.path(count).is_none());
        let elsewhere = other.index(leaves.len());
        if leaves[elsewhere] != leaves[index] {
            prop_assert!(!is_included(root, count, &leaves[elsewhere], index as u64, &path));
        }
        let mut bytes = *root.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!is_included(Hash::from(bytes), count, &leaves[index], index as u64, &path));
        let longer: Vec<Hash> = path.iter().copied().chain([root]).collect();
        prop_assert!(!is_included(root, count, &leaves[index], index as u64, &longer));
        for impossible in [count, u64::MAX] {
            prop_assert!(!is_included(root, count, &leaves[index], impossible, &path));
            prop_assert!(!is_included(root, u64::MAX, &leaves[index], impossible, &path));
        }
    }

    #[test]
    fn records_are_the_lines_however_they_end(lines in proptest::collection::vec("[a-z]{0,9}", 0..40), is_ended in any::<bool>()) {
        let mut text = lines.join("\n");
        if is_ended && !lines.is_empty() {
            text.push('\n');
        }
        let expected: Vec<Vec<u8>> = {
            let mut parts: Vec<Vec<u8>> = text.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            if parts.last().is_some_and(Vec::is_empty) {
                parts.pop();
            }
            parts
        };
        let bytes = gz(text.as_bytes());
        let object = SealedObject::measure("audit/x.json.gz", &bytes);
        prop_assert_eq!(&records("audit/x.json.gz", &bytes), &expected);
        prop_assert_eq!(object.records, expected.len() as u64);
        prop_assert_eq!(object.records_root, (!expected.is_empty()).then(|| Tree::of(&expected).root()));
    }
}

#[test]
fn what_cannot_be_inflated_is_sealed_without_records() {
    for bytes in [b"no gzip".to_vec(), [gz(b"{}\n"), b"rest".to_vec()].concat(), gz(b"{}\n")[..12].to_vec()] {
        let object = SealedObject::measure("audit/x.json.gz", &bytes);
        assert_eq!((object.records, object.records_root, records("audit/x.json.gz", &bytes)), (0, None, Vec::new()));
    }
    let two_members = [gz(b"{\"a\":1}\n{\"b\""), gz(b":2}\n")].concat();
    assert_eq!(records("audit/x.json.gz", &two_members), [b"{\"a\":1}".to_vec(), b"{\"b\":2}".to_vec()]);
}
