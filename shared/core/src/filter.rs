//! The filter pattern language of CloudWatch Logs, as metric filters on CloudTrail records use it: read, printed and evaluated.
//!
//! Patterns of JSON log events (`{ $.eventName = DisableKey }`) and of unstructured ones (`ERROR -WARN`) are judged; patterns of
//! space-delimited ones (`[a, b]`) are refused, for a CloudTrail record is none. The language is that of the Amazon CloudWatch Logs
//! User Guide, "Filter pattern syntax for metric filters, subscription filters, filter log events, and Live Tail":
//!
//! ```text
//! pattern    = "{" any "}" / terms
//! any        = all *( "||" all )                       ; "&&" binds closer than "||", parentheses closest
//! all        = factor *( "&&" factor )
//! factor     = "(" any ")" / comparison
//! comparison = selector ( ( "=" / "!=" ) value / ( "<" / "<=" / ">" / ">=" ) number )
//!            / selector ( "IS" ( "NULL" / "TRUE" / "FALSE" ) / "NOT" "EXISTS" )
//! selector   = "$" 1*( "." name / [ "." ] "[" quoted "]" / "[" index "]" / ".*" / "[*]" )
//! value      = number / word / DQUOTE text DQUOTE / "%" regular-expression "%"
//! terms      = *( [ "-" / "?" ] ( word / DQUOTE text DQUOTE / "%" regular-expression "%" ) )
//! ```
//!
//! Where the guide is silent, the reading that catches *less* is taken, so that a filter is never believed to work where it may not;
//! each such place is named in a comment. It must not guess at what a pattern was meant to be: what the guide does not allow is an
//! error that says where and what to write instead.
//!
//! *Architecture invariant:* whether a deployed filter works is answered by evaluation against events ([`audit()`]), never
//! by comparing texts.

pub mod audit;
mod error;
mod explain;
mod expression;
mod parse;
mod print;
mod probe;
mod regular;
mod selector;
mod terms;

pub use self::audit::{Audit, KEY_EVENTS, Miss, NOT_NAMED, audit};
pub use self::error::FilterError;
pub use self::explain::{Explanation, Joined};
pub use self::probe::{Caller, Effect, Outcome, Probe, probes, probes_at};

use std::collections::BTreeSet;

use serde_json::Value;

use self::expression::Expression;
use self::terms::Terms;

/// The longest pattern, in characters: `PutMetricFilter`, `filterPattern`, in the Amazon CloudWatch Logs API Reference.
pub const LONGEST_PATTERN_CHARACTERS: usize = 1_024;

/// A filter pattern that was read.
///
/// Its `Display` is canonical: one spelling for all patterns that differ in white space, quotation marks or needless parentheses. It
/// parses to an equal pattern, but it is not the text that was deployed, and may be longer.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterPattern {
    form: Form,
}

/// The two languages that can be judged on JSON.
#[derive(Debug, Clone, PartialEq)]
enum Form {
    Json(Expression),
    Terms(Terms),
}

impl FilterPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is longer than 1,024 characters, breaks the grammar or a documented limit, or is for space-delimited log events. The
    /// error names the column.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::pattern(text).map(|form| Self { form })
    }

    /// Returns whether the pattern matches a log event that is this JSON.
    ///
    /// A pattern of terms is held against the event's text as CloudTrail writes it: without white space between the tokens.
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        match &self.form {
            Form::Json(expression) => event.is_object() && expression.matches(event),
            Form::Terms(terms) => terms.matches(&event.to_string()),
        }
    }

    /// Returns whether the pattern matches a log event with this text, JSON or not.
    #[must_use]
    pub fn matches_text(&self, event: &str) -> bool {
        match &self.form {
            Form::Json(_) => serde_json::from_str(event).is_ok_and(|event| self.matches(&event)),
            Form::Terms(terms) => terms.matches(event),
        }
    }

    /// Says whether each comparison of the pattern holds on the event, and what was found.
    #[must_use]
    pub fn explain(&self, event: &Value) -> Explanation {
        match &self.form {
            Form::Json(expression) => explain::expression(expression, event),
            Form::Terms(terms) => explain::terms(terms, &event.to_string()),
        }
    }

    /// Returns the account ids that the pattern names.
    fn accounts(&self) -> BTreeSet<String> {
        let mut accounts = BTreeSet::new();
        if let Form::Json(expression) = &self.form {
            expression.collect_accounts(&mut accounts);
        }
        accounts
    }

    /// Says why the pattern can match nothing, where that is plain from the pattern alone.
    #[must_use]
    pub fn contradiction(&self) -> Option<String> {
        match &self.form {
            Form::Json(expression) => expression.contradiction(),
            Form::Terms(terms) => terms.contradiction(),
        }
    }

    /// Returns whether the pattern compares properties of JSON (`{ ... }`) rather than searching the text of log events.
    #[must_use]
    pub fn is_json(&self) -> bool {
        match &self.form {
            Form::Json(_) => true,
            Form::Terms(_) => false,
        }
    }
}

impl std::str::FromStr for FilterPattern {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        Self::parse(text)
    }
}
