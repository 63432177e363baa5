//! What a JSON pattern says, and whether a log event is so.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Number as JsonNumber, Value};

use super::regular::Regular;
use super::selector::Selector;

/// How many digits an account id has.
const ACCOUNT_DIGITS: usize = 12;

/// Comparisons, joined. `Any` and `All` hold at least two, and never one of their own kind: the reader joins those.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Any(Vec<Expression>),
    All(Vec<Expression>),
    Comparison(Comparison),
}

/// One property, and what it must be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comparison {
    pub(super) selector: Selector,
    pub(super) test: Test,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Equals(Operand),
    Differs(Operand),
    Ordered(Order, Number),
    IsNull,
    IsTrue,
    IsFalse,
    NotExists,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Text(Glob),
    Number(Number),
    Regular(Regular),
}

/// A text that may be open at its ends. Upper and lower case differ.
///
/// `*Event` matches `PutEvent` and `GetEvent`, `Event*` matches `EventId` and `EventName`, and `Ev*ent` "will only match the actual
/// string": Amazon CloudWatch Logs User Guide, "Filter and Pattern Syntax", revision of 2021. Later revisions no longer say what an
/// asterisk inside does; literal is the reading that catches less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob {
    /// Neither begins nor ends with an asterisk.
    pub(super) core: String,
    pub(super) open_before: bool,
    pub(super) open_after: bool,
}

/// A number without quotation marks, and its spelling: an account id is compared as text, for it is text in the event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    pub(super) text: String,
    pub(super) value: f64,
    /// The value where it is a plain integer: beyond 2^53 floating-point numbers would be equal that are not.
    pub(super) integer: Option<i128>,
}

impl Expression {
    pub(super) fn matches(&self, event: &Value) -> bool {
        match self {
            Self::Any(parts) => parts.iter().any(|part| part.matches(event)),
            Self::All(parts) => parts.iter().all(|part| part.matches(event)),
            Self::Comparison(comparison) => comparison.matches(event),
        }
    }
}

impl Expression {
    /// Says which comparisons exclude each other, where the whole then never holds.
    pub(super) fn contradiction(&self) -> Option<String> {
        match self {
            Self::Comparison(_) => None,
            Self::Any(parts) => parts.iter().map(Self::contradiction).collect::<Option<Vec<_>>>()?.into_iter().next(),
            Self::All(parts) => parts.iter().find_map(Self::contradiction).or_else(|| exclusion(parts)),
        }
    }

    pub(super) fn collect_accounts(&self, accounts: &mut BTreeSet<String>) {
        match self {
            Self::Any(parts) | Self::All(parts) => parts.iter().for_each(|part| part.collect_accounts(accounts)),
            Self::Comparison(Comparison { test: Test::Equals(operand), .. }) => {
                let text = match operand {
                    Operand::Text(glob) => &glob.core,
                    Operand::Number(number) => &number.text,
                    Operand::Regular(regular) => &regular.source,
                };
                let parts = text.split(|character: char| !character.is_ascii_digit());
                accounts.extend(parts.filter(|digits| digits.len() == ACCOUNT_DIGITS).map(str::to_owned));
            }
            Self::Comparison(_) => {}
        }
    }
}

/// Two comparisons that must both hold, of one property, which exclude each other.
fn exclusion(parts: &[Expression]) -> Option<String> {
    let comparisons = || parts.iter().filter_map(Expression::as_comparison);
    comparisons().enumerate().find_map(|(index, first)| comparisons().skip(index + 1).find_map(|second| first.excludes(second)))
}

impl Expression {
    fn as_comparison(&self) -> Option<&Comparison> {
        match self {
            Self::Comparison(comparison) => Some(comparison),
            Self::Any(_) | Self::All(_) => None,
        }
    }
}

impl Comparison {
    fn excludes(&self, other: &Self) -> Option<String> {
        let Self { selector, .. } = self;
        // A selector with a wildcard selects several values, of which each comparison may mean another.
        if *selector != other.selector || selector.has_wildcard() {
            return None;
        }
        let (one, two) = (self.test.exact()?, other.test.exact()?);
        (one != two).then(|| format!("`{selector}` cannot be `{one}` and `{two}` at once"))
    }

    pub(super) fn matches(&self, event: &Value) -> bool {
        match &self.test {
            // `!=` on an absent property is not met, as on an object or an array: "both {$.users = 1} and {$.users != 1} will fail to
            // match a log event where users is an array" (guide, "JSON Special Considerations"). The console's pattern test says the
            // same of an absent one: <https://github.com/DataBiosphere/azul/issues/5884>. With a wildcard, one selected value that
            // differs is enough; the guide does not say.
            Test::Equals(operand) => self.selector.any(event, &mut |value| operand.equals(value) == Some(true)),
            Test::Differs(operand) => self.selector.any(event, &mut |value| operand.equals(value) == Some(false)),
            Test::Ordered(order, number) => self.selector.any(event, &mut |value| number.is_met(*order, value)),
            Test::IsNull => self.selector.any(event, &mut Value::is_null),
            Test::IsTrue => self.selector.any(event, &mut |value| value.as_bool() == Some(true)),
            Test::IsFalse => self.selector.any(event, &mut |value| value.as_bool() == Some(false)),
            // A property that is null exists: "This will only be true if specified object does not exist in log data" (guide).
            Test::NotExists => self.selector.is_absent(event),
        }
    }
}

impl Test {
    /// Returns the one value that passes, as text.
    fn exact(&self) -> Option<&str> {
        match self {
            Self::Equals(Operand::Text(Glob { core, open_before: false, open_after: false })) => Some(core),
            // Of numbers several spellings are equal.
            Self::Equals(Operand::Text(_) | Operand::Number(_) | Operand::Regular(_)) | Self::Differs(_) | Self::Ordered(..) => None,
            Self::IsNull => Some("NULL"),
            Self::IsTrue => Some("TRUE"),
            Self::IsFalse => Some("FALSE"),
            Self::NotExists => Some("absent"),
        }
    }
}

impl Operand {
    /// Returns whether the value equals the operand. `None` where it can neither equal nor differ.
    ///
    /// "The SELECTOR must point to a value node (string or number)" (guide). Of null and booleans the guide says only that `IS` matches
    /// them, so `=` and `!=` do not.
    fn equals(&self, value: &Value) -> Option<bool> {
        match value {
            Value::String(text) => Some(self.equals_text(text)),
            Value::Number(number) => Some(self.equals_number(number)),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn equals_text(&self, text: &str) -> bool {
        match self {
            Self::Text(glob) => glob.matches(text),
            Self::Number(number) => number.text == text,
            Self::Regular(regular) => regular.matches(text),
        }
    }

    fn equals_number(&self, value: &JsonNumber) -> bool {
        match self {
            // "Use the asterisk as a wild card to match numbers" (guide): their text is compared.
            Self::Text(glob) => glob.matches(&value.to_string()),
            Self::Number(number) => number.compare(value) == Some(Ordering::Equal),
            Self::Regular(regular) => regular.matches(&value.to_string()),
        }
    }
}

impl Glob {
    /// Returns the glob of a text, its quotation marks and escapes taken off.
    pub(super) fn new(text: &str) -> Self {
        let after_start = text.trim_start_matches('*');
        let core = after_start.trim_end_matches('*');
        Self { core: core.to_owned(), open_before: after_start.len() < text.len(), open_after: core.len() < after_start.len() }.normal()
    }

    /// Nothing but asterisks is open at both ends.
    fn normal(mut self) -> Self {
        self.open_after |= self.core.is_empty() && self.open_before;
        self
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match (self.open_before, self.open_after) {
            (false, false) => text == self.core,
            (true, false) => text.ends_with(&self.core),
            (false, true) => text.starts_with(&self.core),
            (true, true) => text.contains(&self.core),
        }
    }
}

impl Number {
    /// Reads a number: integer or decimal, with a sign or none, with an exponent or none. `None` where the text is another word.
    pub(super) fn new(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (mantissa, exponent) =
            unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
        let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(whole, fraction)| (whole, Some(fraction)));
        let are_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let exponent_is_right = exponent.is_none_or(|exponent| are_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
        let mantissa_is_right = (are_digits(whole) || whole.is_empty() && fraction.is_some()) && fraction.is_none_or(are_digits);
        if !(mantissa_is_right && exponent_is_right) {
            return None;
        }
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        Some(Self { text: text.to_owned(), value, integer: text.parse().ok() })
    }

    fn compare(&self, other: &JsonNumber) -> Option<Ordering> {
        match (other.as_i128(), self.integer) {
            (Some(other), Some(integer)) => Some(other.cmp(&integer)),
            (_, _) => other.as_f64()?.partial_cmp(&self.value),
        }
    }

    /// A number inside a string has no order: the guide compares numbers only.
    fn is_met(&self, order: Order, value: &Value) -> bool {
        let Value::Number(value) = value else { return false };
        let Some(found) = self.compare(value) else { return false };
        match order {
            Order::Less => found.is_lt(),
            Order::LessOrEqual => found.is_le(),
            Order::Greater => found.is_gt(),
            Order::GreaterOrEqual => found.is_ge(),
        }
    }
}
