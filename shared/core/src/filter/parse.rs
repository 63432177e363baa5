//! Reads patterns with winnow. Each decision is made on the next character, so that an error stands where the writer went wrong.
//!
//! It must not recurse without a bound: a pattern is whatever stands in somebody's account.

mod json;

use winnow::Parser as _;
use winnow::ascii::multispace0;
use winnow::combinator::{opt, peek};
use winnow::error::ParserError;
use winnow::stream::{LocatingSlice, Location as _};
use winnow::token::{any, literal, take_till, take_while};

use super::regular::Regular;
use super::terms::{Sign, Term, Terms};
use super::{FilterError, Form, LONGEST_PATTERN_CHARACTERS};

type Input<'a> = LocatingSlice<&'a str>;

/// An error at a byte of the pattern.
#[derive(Debug)]
struct Wrong {
    at: usize,
    what: String,
    instead: String,
}

impl Wrong {
    fn new(at: usize, what: impl Into<String>, instead: impl Into<String>) -> Self {
        Self { at, what: what.into(), instead: instead.into() }
    }
}

impl<'a> ParserError<Input<'a>> for Wrong {
    type Inner = Self;

    /// Every place that can fail says itself what is wrong; this is for the probing by `opt`, whose errors are dropped.
    fn from_input(input: &Input<'a>) -> Self {
        Self::new(input.current_token_start(), "this is not understood", "see the guide's filter pattern syntax")
    }

    fn into_inner(self) -> Result<Self, Self> {
        Ok(self)
    }
}

/// Reads a whole pattern.
pub(super) fn pattern(text: &str) -> Result<Form, FilterError> {
    let length = text.chars().count();
    if length > LONGEST_PATTERN_CHARACTERS {
        return Err(FilterError {
            column: LONGEST_PATTERN_CHARACTERS + 1,
            what: format!("the pattern has {length} characters, and CloudWatch Logs takes at most {LONGEST_PATTERN_CHARACTERS}"),
            instead: "split it into several filters".to_owned(),
        });
    }
    let mut input = LocatingSlice::new(text);
    whole(&mut input).map_err(|Wrong { at, what, instead }| FilterError {
        column: text.get(..at).unwrap_or(text).chars().count() + 1,
        what,
        instead,
    })
}

fn whole(input: &mut Input<'_>) -> Result<Form, Wrong> {
    space(input)?;
    match next(input)? {
        Some('{') => json::json(input).map(Form::Json),
        Some('[') => Err(Wrong::new(
            input.current_token_start(),
            "`[` begins a pattern for space-delimited log events, and CloudTrail records are JSON, on which it cannot be judged",
            "compare properties: `{ $.eventName = DisableKey }`",
        )),
        _ => terms(input).map(Form::Terms),
    }
}

// --- Terms -----------------------------------------------------------------------------------------------------------

fn terms(input: &mut Input<'_>) -> Result<Terms, Wrong> {
    let mut terms = Vec::new();
    loop {
        space(input)?;
        let Some(character) = next(input)? else { return Ok(Terms { terms }) };
        let sign = match character {
            '-' => consume(input, "-").map(|()| Sign::Exclude)?,
            '?' => consume(input, "?").map(|()| Sign::Optional)?,
            _ => Sign::Include,
        };
        terms.push((sign, term(input)?));
        let at = input.current_token_start();
        match next(input)? {
            Some(character) if !character.is_whitespace() => return Err(outside_of_quotes(at, character)),
            _ => {}
        }
    }
}

fn term(input: &mut Input<'_>) -> Result<Term, Wrong> {
    let at = input.current_token_start();
    match next(input)? {
        Some('"') => quoted(input, '"').map(Term::Phrase),
        Some('%') => regular(input).map(Term::Regular),
        Some(character) if is_term_character(character) => {
            take_while(1.., is_term_character).map(|word: &str| Term::Phrase(word.to_owned())).parse_next(input)
        }
        Some(character) if !character.is_whitespace() => Err(outside_of_quotes(at, character)),
        _ => Err(Wrong::new(at, "a sign stands before no term", "write the term right after `-` or `?`")),
    }
}

fn outside_of_quotes(at: usize, character: char) -> Wrong {
    let instead = match character {
        '$' | '}' | ')' | '(' | '=' | '&' | '|' => {
            "to compare properties, enclose the whole pattern in `{` and `}`; to search for a text, put it in double quotation marks"
        }
        _ => "put a term with other characters than letters, digits and `_` in double quotation marks",
    };
    Wrong::new(at, format!("`{character}` cannot stand in a term"), instead)
}

// --- Both ------------------------------------------------------------------------------------------------------------

/// A text in quotation marks. `\"` is a quotation mark and `\\` a backslash; any other backslash is itself. The guide names no escapes.
fn quoted(input: &mut Input<'_>, quote: char) -> Result<String, Wrong> {
    let start = input.current_token_start();
    any.void().parse_next(input)?;
    let mut text = String::new();
    loop {
        let plain = take_till(0.., |character| character == quote || character == '\\').parse_next(input)?;
        text.push_str(plain);
        match opt(any).parse_next(input)? {
            None => return Err(Wrong::new(start, "a quotation mark is not closed", format!("close it with `{quote}`"))),
            Some('\\') => match opt(any).parse_next(input)? {
                Some(escaped) if escaped == quote || escaped == '\\' => text.push(escaped),
                Some(other) => text.extend(['\\', other]),
                None => {}
            },
            Some(_) => return Ok(text),
        }
    }
}

fn regular(input: &mut Input<'_>) -> Result<Regular, Wrong> {
    let start = input.current_token_start();
    consume(input, "%")?;
    let source = take_till(0.., '%').parse_next(input)?;
    if opt(literal("%")).parse_next(input)?.is_none() {
        return Err(Wrong::new(start, "a regular expression is not closed", "close it with `%`"));
    }
    Regular::new(source).map_err(|error| Wrong::new(start + 1 + error.at, error.what, error.instead))
}

fn space(input: &mut Input<'_>) -> Result<(), Wrong> {
    multispace0.void().parse_next(input)
}

/// Returns the next character, and leaves it there.
fn next(input: &mut Input<'_>) -> Result<Option<char>, Wrong> {
    peek(opt(any)).parse_next(input)
}

/// Reads what is known to follow.
fn consume(input: &mut Input<'_>, text: &str) -> Result<(), Wrong> {
    literal(text).void().parse_next(input)
}

/// Reads the operator if it follows.
fn follows(input: &mut Input<'_>, operator: &str) -> Result<bool, Wrong> {
    opt(literal(operator)).map(|found: Option<&str>| found.is_some()).parse_next(input)
}

fn word_of_letters<'a>(input: &mut Input<'a>) -> Result<&'a str, Wrong> {
    take_while(0.., |character: char| character.is_ascii_alphabetic()).parse_next(input)
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-' || character == '_'
}

fn is_word_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_.*+-".contains(character)
}

fn is_term_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Returns whether a property's name needs no brackets.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_character)
}

/// Returns whether a value needs no quotation marks.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(['+', '-']) && text.chars().all(is_word_character)
}
