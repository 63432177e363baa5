//! Why a pattern matches an event, or not: each comparison, and the value that was found.

use serde::Serialize;
use serde_json::Value;

use super::expression::{Comparison, Expression, Operand, Test};
use super::terms::{Sign, Term, Terms};

/// How many selected values are shown of a selector with a wildcard.
const SHOWN_VALUES: usize = 3;
/// How many characters are shown of a long value.
const SHOWN_CHARACTERS: usize = 80;

/// What is said where a text differs in case alone.
pub(super) const CASE_DIFFERS: &str = ", and upper and lower case differ";

/// A part of a pattern, and whether it holds on an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether the part holds.
    pub matches: bool,
    /// The part, in canonical text.
    pub pattern: String,
    /// How the parts below are joined; nothing where the part is one comparison or term.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined: Option<Joined>,
    /// What the event holds there, for people: `"DisableKey"`, `no such property`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// The parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Explanation>,
}

/// How parts are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Joined {
    /// All must hold: `&&`, and terms side by side.
    All,
    /// One must hold: `||`, and terms with `?`.
    Any,
}

pub(super) fn expression(expression: &Expression, event: &Value) -> Explanation {
    if !event.is_object() {
        let found = Some(format!("{}, and a pattern of properties matches objects only", shown(event)));
        return Explanation { matches: false, pattern: expression.to_string(), joined: None, found, parts: Vec::new() };
    }
    part(expression, event)
}

fn part(expression: &Expression, event: &Value) -> Explanation {
    let (joined, parts) = match expression {
        Expression::Any(parts) => (Joined::Any, parts),
        Expression::All(parts) => (Joined::All, parts),
        Expression::Comparison(comparison) => return of_comparison(comparison, event),
    };
    Explanation {
        matches: expression.matches(event),
        pattern: expression.to_string(),
        joined: Some(joined),
        found: None,
        parts: parts.iter().map(|expression| part(expression, event)).collect(),
    }
}

fn of_comparison(comparison: &Comparison, event: &Value) -> Explanation {
    let mut values = Vec::new();
    comparison.selector.any(event, &mut |value| {
        values.push(shown(value));
        values.len() == SHOWN_VALUES
    });
    let matches = comparison.matches(event);
    let mut found = if values.is_empty() { "no such property".to_owned() } else { values.join(", ") };
    if let (false, Some(note)) = (matches, note(comparison, event)) {
        found.push_str(note);
    }
    Explanation { matches, pattern: comparison.to_string(), joined: None, found: Some(found), parts: Vec::new() }
}

/// Says why a comparison fails that looks as if it should hold.
fn note(comparison: &Comparison, event: &Value) -> Option<&'static str> {
    if comparison.selector.is_absent(event) {
        return matches!(comparison.test, Test::Differs(_)).then_some(", and `!=` needs one: add `|| ... NOT EXISTS`");
    }
    let selects = |is: fn(&Value) -> bool| comparison.selector.any(event, &mut |value| is(value));
    match &comparison.test {
        Test::Equals(_) | Test::Differs(_) if selects(|value| value.is_object() || value.is_array()) => {
            Some(", and an array or object is never compared: name an element or a property of it")
        }
        Test::Equals(_) | Test::Differs(_) if selects(Value::is_boolean) => Some(", which `IS TRUE` and `IS FALSE` compare"),
        Test::Equals(_) | Test::Differs(_) if selects(Value::is_null) => Some(", which `IS NULL` compares"),
        Test::Ordered(..) if selects(Value::is_string) => Some(", which is no number"),
        Test::Equals(Operand::Text(glob)) if selects_other_case(comparison, &glob.core, event) => Some(CASE_DIFFERS),
        Test::IsTrue | Test::IsFalse if selects(Value::is_string) => Some(", which is a text and no boolean"),
        Test::Equals(_) | Test::Differs(_) | Test::Ordered(..) | Test::IsNull | Test::IsTrue | Test::IsFalse | Test::NotExists => None,
    }
}

fn selects_other_case(comparison: &Comparison, core: &str, event: &Value) -> bool {
    comparison.selector.any(event, &mut |value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(core)))
}

pub(super) fn terms(terms: &Terms, text: &str) -> Explanation {
    let optional_count = !terms.only_optional();
    let parts = terms.terms.iter().map(|(sign, term)| of_term(*sign, term, optional_count, text)).collect();
    let joined = Some(if terms.only_optional() { Joined::Any } else { Joined::All });
    Explanation { matches: terms.matches(text), pattern: terms.to_string(), joined, found: None, parts }
}

fn of_term(sign: Sign, term: &Term, optional_ignored: bool, text: &str) -> Explanation {
    let is_in = term.is_in(text);
    let (matches, pattern) = match sign {
        Sign::Include => (is_in, term.to_string()),
        Sign::Exclude => (!is_in, format!("-{term}")),
        Sign::Optional => (is_in || optional_ignored, format!("?{term}")),
    };
    let found = match (sign, is_in) {
        (Sign::Optional, _) if optional_ignored => "ignored: terms with `?` count only where no others stand",
        (Sign::Include | Sign::Exclude | Sign::Optional, true) => "in the text",
        (Sign::Include | Sign::Exclude | Sign::Optional, false) => "not in the text",
    };
    Explanation { matches, pattern, joined: None, found: Some(found.to_owned()), parts: Vec::new() }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => shortened(&value.to_string()),
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= SHOWN_CHARACTERS {
        return text.to_owned();
    }
    text.chars().take(SHOWN_CHARACTERS).chain("...".chars()).collect()
}
