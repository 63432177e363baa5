//! Conditions, in three values: a condition whose key shows only when the call is made is unknown, and says so.
//!
//! Sources: "IAM JSON policy elements: Condition operators" and "Multivalued context keys" in the IAM User Guide.

use super::document::Condition;
use super::pattern;
use super::question::{Question, Value, unknown};

/// Whether something holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    Unknown(String),
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

impl Truth {
    /// What does not hold decides; then what is unknown.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Unknown(reason), _) | (_, Self::Unknown(reason)) => Self::Unknown(reason),
            (Self::True, Self::True) => Self::True,
        }
    }

    /// What holds decides; then what is unknown.
    pub(super) fn any(truths: impl Iterator<Item = Self>) -> Self {
        truths.fold(Self::False, |all, truth| all.negated().and(truth.negated()).negated())
    }

    pub(super) fn negated(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown(reason) => Self::Unknown(reason),
        }
    }
}

/// Says whether all conditions hold.
pub(super) fn all_hold(conditions: &[Condition], question: &Question<'_>) -> Truth {
    conditions.iter().fold(Truth::True, |all, condition| all.and(holds(condition, question)))
}

/// How many of the request's values a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    One,
    All,
    Any,
}

/// What two values are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Text,
    TextIgnoringCase,
    Like,
    Arn,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy)]
struct Operator {
    comparison: Comparison,
    is_negated: bool,
}

/// Dates and IP addresses are left out: what they are compared with shows only when the call is made.
fn operator(name: &str) -> Option<Operator> {
    let (comparison, is_negated) = match name.to_ascii_lowercase().as_str() {
        "stringequals" | "binaryequals" => (Comparison::Text, false),
        "stringnotequals" => (Comparison::Text, true),
        "stringequalsignorecase" | "bool" => (Comparison::TextIgnoringCase, false),
        "stringnotequalsignorecase" => (Comparison::TextIgnoringCase, true),
        "stringlike" => (Comparison::Like, false),
        "stringnotlike" => (Comparison::Like, true),
        "arnequals" | "arnlike" => (Comparison::Arn, false),
        "arnnotequals" | "arnnotlike" => (Comparison::Arn, true),
        "numericequals" => (Comparison::Equal, false),
        "numericnotequals" => (Comparison::Equal, true),
        "numericlessthan" => (Comparison::Less, false),
        "numericlessthanequals" => (Comparison::LessOrEqual, false),
        "numericgreaterthan" => (Comparison::Greater, false),
        "numericgreaterthanequals" => (Comparison::GreaterOrEqual, false),
        _ => return None,
    };
    Some(Operator { comparison, is_negated })
}

fn holds(condition: &Condition, question: &Question<'_>) -> Truth {
    let (of, name) = match condition.operator.split_once(':') {
        Some((set, name)) if set.eq_ignore_ascii_case("ForAllValues") => (Of::All, name),
        Some((set, name)) if set.eq_ignore_ascii_case("ForAnyValue") => (Of::Any, name),
        Some(_) | None => (Of::One, condition.operator.as_str()),
    };
    let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
    let value = question.value_of(&condition.key);
    if name.eq_ignore_ascii_case("Null") {
        return null_check(condition, &value);
    }
    match (operator(name), value) {
        (_, Value::Unknown) => Truth::Unknown(unknown(&condition.key)),
        (Some(operator), Value::Absent) => absent(of, operator, if_exists),
        (Some(operator), Value::Is(value)) => present(operator, &condition.values, &value, question),
        (None, Value::Absent) if if_exists => Truth::True,
        (None, Value::Absent | Value::Is(_)) => {
            Truth::Unknown(format!("the condition operator `{}` cannot be evaluated before the call", condition.operator))
        }
    }
}

/// Over no values, `ForAllValues` holds and `ForAnyValue` does not, whatever is asked of them.
fn absent(of: Of, operator: Operator, if_exists: bool) -> Truth {
    match of {
        Of::All => Truth::True,
        Of::Any => Truth::False,
        Of::One => Truth::from(if_exists || operator.is_negated),
    }
}

/// The request's value is always one here, of which all the set operators ask the same.
fn present(operator: Operator, values: &[String], value: &str, question: &Question<'_>) -> Truth {
    let matched = Truth::any(values.iter().map(|wanted| match question.filled(wanted) {
        Ok(wanted) => compare(operator.comparison, &wanted, value),
        Err(reason) => Truth::Unknown(reason),
    }));
    if operator.is_negated { matched.negated() } else { matched }
}

fn compare(comparison: Comparison, wanted: &str, value: &str) -> Truth {
    let by_number = |holds: fn(&f64, &f64) -> bool| match (value.parse(), wanted.parse()) {
        (Ok(value), Ok(wanted)) => Truth::from(holds(&value, &wanted)),
        (Err(_), _) | (_, Err(_)) => Truth::Unknown(format!("`{value}` and `{wanted}` are not both numbers")),
    };
    match comparison {
        Comparison::Text => Truth::from(wanted == value),
        Comparison::TextIgnoringCase => Truth::from(wanted.eq_ignore_ascii_case(value)),
        Comparison::Like => Truth::from(pattern::matches(wanted, value)),
        Comparison::Arn => Truth::from(pattern::matches_arn(wanted, value)),
        Comparison::Equal => by_number(PartialEq::eq),
        Comparison::Less => by_number(PartialOrd::lt),
        Comparison::LessOrEqual => by_number(PartialOrd::le),
        Comparison::Greater => by_number(PartialOrd::gt),
        Comparison::GreaterOrEqual => by_number(PartialOrd::ge),
    }
}

fn null_check(condition: &Condition, value: &Value<'_>) -> Truth {
    let is_absent = match value {
        Value::Is(_) => "false",
        Value::Absent => "true",
        Value::Unknown => return Truth::Unknown(format!("whether the call carries `{}` is not known before it", condition.key)),
    };
    Truth::from(condition.values.iter().any(|wanted| wanted.eq_ignore_ascii_case(is_absent)))
}
