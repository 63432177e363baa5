//! What a rule says: the attributes of a class or object, their kinds, requirements and values.

/// What a value must be, after the schema's data types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `string_t`.
    Text,
    /// `integer_t`, `long_t`.
    Integer,
    /// `boolean_t`.
    Flag,
    /// `timestamp_t`: milliseconds since 1970.
    Timestamp,
    /// `ip_t`.
    Address,
    /// `port_t`.
    Port,
    /// `url_t`.
    Url,
    /// `email_t`.
    Email,
    /// `json_t`, and `unmapped`: anything but null.
    Json,
    /// An object of the schema.
    Object(&'static str),
}

/// What is said of several attributes at once. No object or class below may have just one of several (`just_one`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Constraint {
    /// One of them is there, or more.
    AtLeastOne(&'static [&'static str]),
}

/// An enumeration: ids and captions.
pub(super) type Values = &'static [(i64, &'static str)];

/// One attribute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_list: bool,
    pub(super) is_required: bool,
    /// The profile that it belongs to.
    pub(super) profile: Option<&'static str>,
    /// What is to be used instead.
    pub(super) deprecated: Option<&'static str>,
    pub(super) values: Values,
    /// The attribute that has the caption.
    pub(super) sibling: Option<&'static str>,
}

/// Begins the rule of an attribute that may be left out.
pub(super) const fn may(name: &'static str, kind: Kind) -> Attribute {
    Attribute { name, kind, is_list: false, is_required: false, profile: None, deprecated: None, values: &[], sibling: None }
}

/// Begins the rule of an attribute that must be there.
pub(super) const fn must(name: &'static str, kind: Kind) -> Attribute {
    Attribute { is_required: true, ..may(name, kind) }
}

impl Attribute {
    pub(super) const fn list(self) -> Self {
        Self { is_list: true, ..self }
    }

    pub(super) const fn of(self, profile: &'static str) -> Self {
        Self { profile: Some(profile), ..self }
    }

    pub(super) const fn deprecated(self, instead: &'static str) -> Self {
        Self { deprecated: Some(instead), ..self }
    }

    pub(super) const fn coded(self, values: Values, sibling: &'static str) -> Self {
        Self { values, sibling: Some(sibling), ..self }
    }
}

/// An object.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    pub(super) constraint: Option<Constraint>,
    pub(super) attributes: &'static [Attribute],
}
