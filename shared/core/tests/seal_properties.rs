//! What holds for every seal, by proptest: nothing made out of a sealed approval, or out of nothing, is ever one; no text that anybody
//! can write into a tag, a seal, a window or the configuration ends the process; and windows keep their meaning.
#![expect(clippy::unwrap_used, reason = "a test that goes another way must stop")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use p256::ecdsa::Signature;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use reprieve_core::approval::window::Window;
use reprieve_core::approval::{
    APPROVAL_TAGS, APPROVER_TAG, ApprovalSource, CHANGE_TAG, CO_APPROVER_TAG, CO_SEAL_TAG, Evidence, SEAL_TAG, SealedApproval, WINDOW_TAG,
    weigh,
};
use reprieve_core::facts::Tags;
use reprieve_core::{ApprovalKeys, KeyArn, KeyFacts, Known, Recollection, RoleArn};
use reprieve_test_support::approval::{approval_tags, co_approval_tags};
use reprieve_test_support::event::schedule;
use reprieve_test_support::world::approval_rules;
use reprieve_test_support::{Terms, approval_keys, key, sealed_approval, sealed_by_security, time};

fn the_key() -> KeyArn {
    key("mrk-1234abcd12ab34cd56ef1234567890ab")
}

fn holds(approval: &SealedApproval, key: &KeyArn) -> bool {
    let at = Some(time("2026-11-20T10:00:00Z"));
    approval.verify(key, at, &approval_keys(), ApprovalSource::SealedTags).is_ok()
}

/// Says whether the approval holds with another seal.
fn holds_under(sound: &SealedApproval, seal: &str) -> bool {
    holds(&SealedApproval { seal: seal.to_owned(), ..sound.clone() }, &the_key())
}

/// The values of an approval, to be taken apart.
type Values = [String; 5];

fn values(approval: SealedApproval) -> Values {
    let SealedApproval { change, action, window, approver, seal } = approval;
    [change, action, window, approver, seal]
}

fn approval([change, action, window, approver, seal]: Values) -> SealedApproval {
    SealedApproval { change, action, window, approver, seal }
}

/// Approvals that hold for [`the_key`], so that every refusal is the mutation's.
fn sealed() -> impl Strategy<Value = Values> {
    let change = select(vec!["CHG-1001", "a", "RFC 2350: keys", "2026-11-20"]);
    let approver = select(vec!["carol@example.com", "arn:aws:iam::111122223333:role/Approver", "CHG-1001"]);
    let window = select(vec!["2026-11-20T09:00:00Z/2026-11-20T17:00:00Z", "2026-11-20T09:00:00+05:30/2026-11-21T17:00:00-08:00"]);
    (change, select(vec!["delete", "disable"]), window, approver, any::<bool>()).prop_map(|(change, action, window, approver, security)| {
        let [change, action, window, approver] = [change, action, window, approver].map(str::to_owned);
        let terms = Terms { change, action, window, approver };
        values(if security { sealed_by_security(&the_key(), &terms) } else { sealed_approval(&the_key(), &terms) })
    })
}

/// One way to change a text, or two.
#[derive(Debug, Clone)]
enum Mutation {
    FlipBit { field: Index, at: Index, bit: u32 },
    Insert { field: Index, at: Index, character: char },
    Delete { field: Index, at: Index },
    Cut { field: Index, at: Index },
    Double { field: Index },
    OtherCase { field: Index, at: Index },
    Lookalike { field: Index, at: Index },
    Exchange { field: Index, other: Index },
    MoveAcross { field: Index, at: Index },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = || (any::<Index>(), any::<Index>());
    let odd = prop_oneof![any::<char>(), select(vec!['\n', '\r', '\0', ' ', '\u{a0}', '\u{200b}', '=', '.', '/', 'A', '1'])];
    prop_oneof![
        (place(), 0..7_u32).prop_map(|((field, at), bit)| Mutation::FlipBit { field, at, bit }),
        (place(), odd).prop_map(|((field, at), character)| Mutation::Insert { field, at, character }),
        place().prop_map(|(field, at)| Mutation::Delete { field, at }),
        place().prop_map(|(field, at)| Mutation::Cut { field, at }),
        any::<Index>().prop_map(|field| Mutation::Double { field }),
        place().prop_map(|(field, at)| Mutation::OtherCase { field, at }),
        place().prop_map(|(field, at)| Mutation::Lookalike { field, at }),
        place().prop_map(|(field, other)| Mutation::Exchange { field, other }),
        place().prop_map(|(field, at)| Mutation::MoveAcross { field, at }),
    ]
}

/// Characters that look like ASCII ones, or stand for them.
fn lookalike(character: char) -> char {
    match character {
        'a' => '\u{430}',
        'e' => '\u{435}',
        'o' => '\u{43e}',
        'c' => '\u{441}',
        'H' => '\u{397}',
        'l' => 'I',
        '0' => 'O',
        '1' => 'l',
        '-' => '\u{2010}',
        '/' => '\u{2215}',
        '.' => '\u{2024}',
        ' ' => '\u{a0}',
        // The fullwidth forms lie 0xfee0 above.
        other => char::from_u32(u32::from(other) + 0xfee0).unwrap_or('\u{fffd}'),
    }
}

fn other_case(character: char) -> char {
    if character.is_ascii_lowercase() { character.to_ascii_uppercase() } else { character.to_ascii_lowercase() }
}

/// Changes one text, character by character.
fn edit(text: &mut String, edit: impl FnOnce(&mut Vec<char>)) {
    let mut characters: Vec<char> = text.chars().collect();
    edit(&mut characters);
    *text = characters.into_iter().collect();
}

fn replace(text: &mut String, at: Index, by: impl FnOnce(char) -> char) {
    edit(text, |characters| {
        if !characters.is_empty() {
            let character = at.get_mut(characters);
            *character = by(*character);
        }
    });
}

impl Mutation {
    fn apply(&self, values: &mut Values) {
        match self {
            Self::FlipBit { field, at, bit } => {
                replace(field.get_mut(values), *at, |character| char::from_u32(u32::from(character) ^ (1 << bit)).unwrap_or('?'));
            }
            Self::Insert { field, at, character } => {
                edit(field.get_mut(values), |characters| characters.insert(at.index(characters.len() + 1), *character));
            }
            Self::Delete { field, at } => edit(field.get_mut(values), |characters| {
                if !characters.is_empty() {
                    characters.remove(at.index(characters.len()));
                }
            }),
            Self::Cut { field, at } => edit(field.get_mut(values), |characters| characters.truncate(at.index(characters.len() + 1))),
            Self::Double { field } => {
                let text = field.get_mut(values);
                *text = text.repeat(2);
            }
            Self::OtherCase { field, at } => replace(field.get_mut(values), *at, other_case),
            Self::Lookalike { field, at } => replace(field.get_mut(values), *at, lookalike),
            Self::Exchange { field, other } => values.swap(field.index(5), other.index(5)),
            Self::MoveAcross { field, at } => move_across(values, field.index(4), *at),
        }
    }
}

/// Moves the end of a value to the beginning of the next: their texts one after the other stay as they were.
fn move_across(values: &mut Values, field: usize, at: Index) {
    let Some([left, right]) = values.get_mut(field..field + 2) else { return };
    let mut end = String::new();
    edit(left, |characters| end = characters.drain(at.index(characters.len() + 1)..).collect());
    *right = end + right;
}

/// Every other way to write the same signature, and a few that are shorter or longer.
fn reencoded(signature: &[u8]) -> Vec<String> {
    let parsed = Signature::from_slice(signature).unwrap();
    let (r, s) = parsed.split_scalars();
    let der = parsed.to_der();
    let hexadecimal: String = signature.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let reversed: Vec<u8> = signature.iter().rev().copied().collect();
    vec![
        URL_SAFE_NO_PAD.encode(Signature::from_scalars(r, -s).unwrap().to_bytes()),
        URL_SAFE_NO_PAD.encode(der.as_bytes()),
        STANDARD.encode(der.as_bytes()),
        STANDARD.encode(signature),
        URL_SAFE.encode(signature),
        hexadecimal.to_uppercase(),
        hexadecimal,
        URL_SAFE_NO_PAD.encode([&[0], signature].concat()),
        URL_SAFE_NO_PAD.encode([signature, &[0]].concat()),
        URL_SAFE_NO_PAD.encode(reversed),
    ]
}

/// Text as a person, a program or an attacker would write it: a little of everything, and what an approval is made of.
fn text() -> impl Strategy<Value = String> {
    let usual = select(vec![
        "",
        "delete",
        "CHG-1",
        "carol",
        "v1",
        "v2",
        ".",
        "/",
        "test-2026",
        "2026-11-20T09:00:00Z",
        "2026-11-20T17:00:00+01:00",
        "PT2H",
        " from ",
        "\n",
        "-009999-01-02T01:59:59Z",
        "9999-12-30T22:00:00Z",
        "1d",
        "=",
        ";from=",
        ",",
    ])
    .prop_map(str::to_owned);
    let signature = vec(any::<u8>(), 64).prop_map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    let part = prop_oneof![4 => usual, 1 => any::<String>(), 1 => "[ -~]{0,40}", 1 => signature];
    vec(part, 0..6).prop_map(|parts| parts.concat())
}

/// A seal that is one by its form.
fn well_formed_seal() -> impl Strategy<Value = String> {
    let id = select(vec!["test-2026", "security-2026", "x"]);
    (id, vec(any::<u8>(), 64)).prop_map(|(id, bytes)| SealedApproval::seal_text(id, &bytes.try_into().unwrap()))
}

fn any_approval() -> impl Strategy<Value = SealedApproval> {
    ([text(), text(), text(), text()], well_formed_seal()).prop_map(|([change, action, window, approver], seal)| SealedApproval {
        change,
        action,
        window,
        approver,
        seal,
    })
}

fn any_tags() -> impl Strategy<Value = Tags> {
    let name = prop_oneof![9 => select(APPROVAL_TAGS.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
    let seals = btree_map(select(vec![SEAL_TAG.to_owned(), CO_SEAL_TAG.to_owned()]), well_formed_seal(), 0..3);
    (any::<bool>(), btree_map(name, text(), 0..8), seals).prop_map(|(sound, others, seals)| {
        let mut tags = if sound { approval_tags(&sealed_approval(&key("another"), &Terms::default())) } else { Tags::new() };
        tags.extend(others);
        tags.extend(seals);
        tags
    })
}

fn any_key() -> impl Strategy<Value = KeyArn> {
    let partition = select(vec!["aws", "aws-us-gov", "aws-cn", "aws-eusc"]);
    let region = select(vec!["eu-central-1", "eu-central-2", "us-east-1", "us-gov-west-1"]);
    let account = select(vec!["111122223333", "111122223334", "11112222333", "1111222233330"]);
    let id = prop_oneof![
        Just("mrk-1234abcd12ab34cd56ef1234567890ab".to_owned()),
        Just("mrk-1234ABCD12ab34cd56ef1234567890ab".to_owned()),
        Just("1234abcd12ab34cd56ef1234567890ab".to_owned()),
        "[A-Za-z0-9-]{1,64}",
    ];
    (partition, region, account, id)
        .prop_map(|(partition, region, account, id)| KeyArn::parse(&format!("arn:{partition}:kms:{region}:{account}:key/{id}")).unwrap())
}

/// Weighs these tags, with plain tags accepted and nobody known to have set them. Returns how many claims were made, and how many hold.
fn claims(tags: Tags, ledger: Vec<SealedApproval>, action: &str) -> (usize, usize) {
    let event = schedule(&the_key()).build();
    let mut rules = approval_rules();
    rules.approver_roles.insert(RoleArn::parse("arn:aws:iam::111122223333:role/Approver").unwrap());
    let recollection = Known::Is(Recollection { approvals: ledger, ..Recollection::default() });
    let facts = KeyFacts { tags: Known::Is(tags), recollection, tagging: Known::Absent, ..KeyFacts::default() };
    let weighed = weigh(&Evidence { event: &event, key: &the_key(), action, facts: &facts, rules: &rules });
    assert_eq!(weighed.finding.established().is_some(), weighed.claims.iter().any(|claim| claim.result.is_ok()));
    (weighed.claims.len(), weighed.claims.iter().filter(|claim| claim.result.is_ok()).count())
}

fn moment() -> impl Strategy<Value = Timestamp> {
    // The years that four digits hold.
    (-62_167_219_200_i64..253_402_207_200).prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_sealed_holds(values in sealed()) {
        prop_assert!(holds(&approval(values), &the_key()));
    }

    #[test]
    fn no_mutation_of_a_sealed_approval_holds(values in sealed(), mutations in vec(mutation(), 1..4)) {
        let mut mutated = values.clone();
        for mutation in &mutations {
            mutation.apply(&mut mutated);
        }
        prop_assume!(mutated != values);
        prop_assert!(!holds(&approval(mutated.clone()), &the_key()), "{mutated:?}");
    }

    #[test]
    fn no_change_of_the_bytes_of_a_signature_holds(values in sealed(), at in any::<Index>(), mask in 1..=u8::MAX) {
        let sound = approval(values);
        let (head, signature) = sound.seal.rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        *at.get_mut(&mut bytes) ^= mask;
        let seal = format!("{head}.{}", URL_SAFE_NO_PAD.encode(&bytes));
        prop_assert!(!holds_under(&sound, &seal), "{}", seal);
        // As a writer would: in its lower form.
        let seal = SealedApproval::seal_text(head.rsplit('.').next().unwrap(), &bytes.try_into().unwrap());
        prop_assert!(seal == sound.seal || !holds_under(&sound, &seal), "{}", seal);
    }

    #[test]
    fn a_signature_has_one_spelling(values in sealed(), which in any::<Index>()) {
        let sound = approval(values);
        let (head, signature) = sound.seal.rsplit_once('.').unwrap();
        let texts = reencoded(&URL_SAFE_NO_PAD.decode(signature).unwrap());
        let text = which.get(&texts);
        // Where the signature holds neither `-` nor `_`, the alphabets do not differ; the padding does.
        let seal = format!("{head}.{text}");
        prop_assert_ne!(&seal, &sound.seal);
        prop_assert!(!holds_under(&sound, &seal), "{}", seal);
        let without_padding = format!("{head}.{}", STANDARD_NO_PAD.encode(URL_SAFE_NO_PAD.decode(signature).unwrap()));
        prop_assert!(without_padding == sound.seal || !holds_under(&sound, &without_padding), "{}", without_padding);
    }

    #[test]
    fn an_approval_is_for_one_key(values in sealed(), other in any_key()) {
        prop_assume!(other != the_key());
        prop_assert!(!holds(&approval(values), &other), "{other}");
    }

    #[test]
    fn no_tags_make_an_approval_out_of_nothing(tags in any_tags(), action in select(vec!["delete", "disable", "replace-policy"])) {
        prop_assert_eq!(claims(tags, Vec::new(), action).1, 0);
    }

    #[test]
    fn no_ledger_makes_an_approval_out_of_nothing(written in vec(any_approval(), 0..4)) {
        prop_assert_eq!(claims(Tags::new(), written.clone(), "delete"), (written.len(), 0));
    }

    /// Whatever stands beside a sound approval, in other tags, neither breaks it nor makes a second one.
    #[test]
    fn a_sound_approval_stands_by_itself(others in btree_map("[a-zA-Z:]{1,20}", text(), 0..4), approver in text(), seal in prop_oneof![text(), well_formed_seal()]) {
        let sound = sealed_approval(&the_key(), &Terms::default());
        let mut tags = others;
        tags.extend(co_approval_tags(&SealedApproval { approver, seal, ..sound.clone() }));
        tags.extend(approval_tags(&sound));
        prop_assert_eq!(claims(tags, Vec::new(), "delete"), (2, 1));
    }

    #[test]
    fn a_tag_that_is_missing_leaves_no_approval(name in select(vec![CHANGE_TAG, WINDOW_TAG, APPROVER_TAG, SEAL_TAG]), co in any::<bool>()) {
        let mut tags = approval_tags(&sealed_approval(&the_key(), &Terms::default()));
        if co {
            tags.insert(CO_APPROVER_TAG.to_owned(), "carol@example.com".to_owned());
        }
        tags.remove(name);
        prop_assert_eq!(claims(tags, Vec::new(), "delete").1, 0);
    }

    #[test]
    fn no_text_of_the_configuration_ends_the_process(text in text()) {
        if let Ok(keys) = ApprovalKeys::parse(&text) {
            prop_assert_eq!(keys.is_empty(), keys.ids().next().is_none());
        }
    }

    #[test]
    fn a_text_is_a_window_or_is_none(text in text()) {
        for window in [Window::parse(&text), Window::parse_typed(&text)].into_iter().flatten() {
            prop_assert!(window.start < window.end);
            prop_assert!(window.length() > SignedDuration::ZERO);
            prop_assert_eq!(Window::parse(&window.to_text()), Ok(window));
        }
    }

    #[test]
    fn a_typed_window_is_sealed_as_it_was_meant(start in moment(), minutes in 1..40_000_i64, offset in -14..=14_i64) {
        let end = start.checked_add(SignedDuration::from_mins(minutes)).unwrap();
        let meant = Ok(Window { start, end });
        for typed in [
            format!("{start}/{end}"),
            format!("{minutes}m from {start}"),
            format!("PT{minutes}M from {start}"),
            format!("{start}/PT{minutes}M"),
            format!("  {start}/{end} "),
            format!("{}/{end}", start.display_with_offset(jiff::tz::Offset::from_hours(i8::try_from(offset).unwrap()).unwrap())),
        ] {
            prop_assert_eq!(&Window::parse_typed(&typed), &meant, "{}", typed);
        }
        let sealed = meant.as_ref().unwrap().to_text();
        prop_assert_eq!(&Window::parse(&sealed), &meant);
        prop_assert!(sealed.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:+-/".contains(&byte)), "a tag can hold {}", sealed);
    }
}
