//! What a call on Azure acted on. An id that cannot be read is kept as a name, which nobody acts on.

use reprieve_core::Target;
use reprieve_core::azure::ResourceId;

use crate::error::shorten;
use crate::fields::Oddities;

/// Returns the first of these fields that holds the id of a resource; else the first that holds anything, as a name.
pub(super) fn of_fields(fields: [(String, Option<String>); 2], odd: &mut Oddities) -> Target {
    let mut named = None;
    for (field, text) in fields {
        let Some(text) = text else { continue };
        if let Ok(id) = ResourceId::parse(&text) {
            return Target::Azure(id);
        }
        odd.note(field, format!("is not the id of a resource: `{}`", shorten(&text)));
        named.get_or_insert_with(|| shorten(&text));
    }
    named.map_or(Target::Unnamed, Target::Named)
}
