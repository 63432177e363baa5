//! Whether a key may be touched: by its tags, by the drill's own inventory, by everything else that can be seen of it. Any doubt forbids.
//!
//! The third check, the condition in the drill's own IAM policy, is not made here: the provider makes it at the call.

use super::{DRILL_TAG, DRILL_TAG_VALUE, DrillAlias, DrillPlace, MANAGED_BY, WAITING_DAYS};
use crate::approval::APPROVAL_TAGS;
use crate::facts::{INCIDENT_HOLD_TAG, KeyDescription, KeyState, Known, Tags};
use crate::id::KeyArn;
use crate::monitoring::MANAGED_BY_TAG;

/// The spec of the key that the drill makes.
const SPEC: &str = "SYMMETRIC_DEFAULT";

/// Its usage.
const USAGE: &str = "ENCRYPT_DECRYPT";

/// What kind of key the provider says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPortrait {
    /// `KeySpec`, such as `SYMMETRIC_DEFAULT`.
    pub spec: String,
    /// `KeyUsage`, such as `ENCRYPT_DECRYPT`.
    pub usage: String,
    /// `MultiRegion`.
    pub multi_region: bool,
}

/// Everything that was seen of the key behind the drill's alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The key that the alias points to.
    pub key: KeyArn,
    /// The key that the drill noted when it made it.
    pub inventory: Option<KeyArn>,
    /// Its state.
    pub description: Known<KeyDescription>,
    /// Its kind.
    pub portrait: Known<KeyPortrait>,
    /// Its tags.
    pub tags: Known<Tags>,
    /// All aliases that point to it.
    pub aliases: Known<Vec<String>>,
    /// How many grants it has.
    pub grants: Known<usize>,
}

/// The permission to schedule the deletion of one key, once. Only [`may_touch`] makes it, and nothing copies it.
#[must_use = "a clearance that is not used was not needed"]
#[derive(Debug)]
pub struct Cleared {
    key: KeyArn,
}

impl Cleared {
    /// Returns the key.
    #[must_use]
    pub const fn key(&self) -> &KeyArn {
        &self.key
    }

    /// Returns the waiting period, in days. There is no other.
    #[must_use]
    pub const fn waiting_days(&self) -> u32 {
        WAITING_DAYS
    }
}

/// A reason not to touch a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// The inventory holds no key.
    #[error("the alias points to `{key}`, and the drill's inventory knows of no key that it made")]
    NotInInventory {
        /// The key behind the alias.
        key: KeyArn,
    },
    /// The inventory holds another key.
    #[error("the alias points to `{key}`, but the key that the drill made is `{made}`: somebody moved the alias")]
    NotOurs {
        /// The key behind the alias.
        key: KeyArn,
        /// The key in the inventory.
        made: KeyArn,
    },
    /// It is not here.
    #[error("`{key}` is not a key of account {account} in {region}")]
    Elsewhere {
        /// The key.
        key: KeyArn,
        /// Our account.
        account: String,
        /// Our Region.
        region: String,
    },
    /// A tag that it must have is missing, or has another value.
    #[error("the tag `{tag}` is {}, not `{expected}`", found.as_ref().map_or_else(|| "missing".to_owned(), |found| format!("`{found}`")))]
    Tag {
        /// The tag.
        tag: &'static str,
        /// The value that it must have.
        expected: &'static str,
        /// The value that it has.
        found: Option<String>,
    },
    /// It bears a tag by which the guard would let the deletion stand.
    #[error("it bears the tag `{tag}`, which can make the guard let the deletion stand")]
    LetsItStand {
        /// The tag.
        tag: String,
    },
    /// Something about it could not be read.
    #[error("{what} could not be read: {reason}")]
    Unreadable {
        /// What.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The drill's alias is not among those that point to it.
    #[error("the alias `{alias}` is not listed among its aliases")]
    AliasNotListed {
        /// The drill's alias.
        alias: String,
    },
    /// Another alias points to it, so others may use it.
    #[error("another alias points to it too: `{alias}`")]
    OtherAlias {
        /// The other alias.
        alias: String,
    },
    /// It is not of the kind that the drill makes.
    #[error("it is {what}, and the drill makes no such key")]
    OfAnotherKind {
        /// What it is.
        what: String,
    },
    /// Somebody was granted its use.
    #[error("it has {grants} grant(s): somebody uses it")]
    Granted {
        /// How many.
        grants: usize,
    },
    /// It is not enabled, so a drill would not find it as it leaves it.
    #[error("its state is {}, not Enabled", state.as_str())]
    NotEnabled {
        /// Its state.
        state: KeyState,
    },
}

/// Says whether the deletion of the key may be scheduled.
///
/// # Errors
/// Every doubt, not only the first.
pub fn may_touch(evidence: Evidence, alias: &DrillAlias, place: &DrillPlace) -> Result<Cleared, Vec<Doubt>> {
    let mut doubts = Vec::new();
    let key = &evidence.key;
    match &evidence.inventory {
        Some(made) if made == key => {}
        Some(made) => doubts.push(Doubt::NotOurs { key: key.clone(), made: made.clone() }),
        None => doubts.push(Doubt::NotInInventory { key: key.clone() }),
    }
    if key.account() != place.account || key.region() != place.region {
        let (account, region) = (place.account.to_string(), place.region.to_string());
        doubts.push(Doubt::Elsewhere { key: key.clone(), account, region });
    }
    doubts.extend(doubts_of(&evidence.tags, "its tags", tag_doubts));
    doubts.extend(doubts_of(&evidence.aliases, "its aliases", |aliases| alias_doubts(aliases, alias)));
    doubts.extend(doubts_of(&evidence.portrait, "its kind", |portrait| kind_doubts(key, portrait)));
    doubts.extend(doubts_of(&evidence.description, "its state", state_doubts));
    doubts.extend(doubts_of(&evidence.grants, "its grants", |grants| match *grants {
        0 => Vec::new(),
        grants => vec![Doubt::Granted { grants }],
    }));
    if doubts.is_empty() { Ok(Cleared { key: evidence.key }) } else { Err(doubts) }
}

fn doubts_of<T>(known: &Known<T>, what: &'static str, judge: impl FnOnce(&T) -> Vec<Doubt>) -> Vec<Doubt> {
    match known {
        Known::Is(value) => judge(value),
        Known::Absent => vec![Doubt::Unreadable { what, reason: "the provider says that it does not exist".to_owned() }],
        Known::Unreadable(reason) => vec![Doubt::Unreadable { what, reason: reason.clone() }],
    }
}

fn tag_doubts(tags: &Tags) -> Vec<Doubt> {
    let needed = [(DRILL_TAG, DRILL_TAG_VALUE), (MANAGED_BY_TAG, MANAGED_BY)];
    let wrong = needed.into_iter().filter(|(tag, value)| tags.get(*tag).map(String::as_str) != Some(*value));
    let wrong = wrong.map(|(tag, expected)| Doubt::Tag { tag, expected, found: tags.get(tag).cloned() });
    let lets_stand = tags.keys().filter(|tag| *tag == INCIDENT_HOLD_TAG || APPROVAL_TAGS.contains(&tag.as_str()));
    wrong.chain(lets_stand.map(|tag| Doubt::LetsItStand { tag: tag.clone() })).collect()
}

fn alias_doubts(aliases: &[String], own: &DrillAlias) -> Vec<Doubt> {
    let missing = !aliases.iter().any(|alias| alias == own.as_str());
    let missing = missing.then(|| Doubt::AliasNotListed { alias: own.to_string() });
    let others = aliases.iter().filter(|alias| *alias != own.as_str()).map(|alias| Doubt::OtherAlias { alias: alias.clone() });
    missing.into_iter().chain(others).collect()
}

fn kind_doubts(key: &KeyArn, portrait: &KeyPortrait) -> Vec<Doubt> {
    let KeyPortrait { spec, usage, multi_region } = portrait;
    of_another_kind([
        (*multi_region || key.is_multi_region(), "a multi-Region key".to_owned()),
        (spec != SPEC, format!("of the spec `{spec}`")),
        (usage != USAGE, format!("for the usage `{usage}`")),
    ])
}

fn state_doubts(description: &KeyDescription) -> Vec<Doubt> {
    let mut doubts = of_another_kind([
        (description.aws_managed, "managed by AWS".to_owned()),
        (description.imported_material, "one with imported material".to_owned()),
        (description.key_store.is_some(), "in a custom key store".to_owned()),
    ]);
    if description.state != KeyState::Enabled || description.deletion_is_pending() {
        doubts.push(Doubt::NotEnabled { state: description.state.clone() });
    }
    doubts
}

fn of_another_kind<const N: usize>(kinds: [(bool, String); N]) -> Vec<Doubt> {
    kinds.into_iter().filter(|(is, _)| *is).map(|(_, what)| Doubt::OfAnotherKind { what }).collect()
}

#[cfg(test)]
#[path = "clearance_tests.rs"]
mod tests;
