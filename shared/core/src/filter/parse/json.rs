//! Reads comparisons of properties: `{ $.a.b = c && ($.d[0] > 1 || $.e NOT EXISTS) }`.

use winnow::Parser as _;
use winnow::ascii::digit1;
use winnow::combinator::peek;
use winnow::stream::Location as _;
use winnow::token::take_while;

use super::{Input, Wrong, consume, follows, is_name_character, is_word_character, next, quoted, regular, space, word_of_letters};
use crate::filter::expression::{Comparison, Expression, Glob, Number, Operand, Order, Test};
use crate::filter::selector::{Segment, Selector};

/// How deep parentheses may nest. AWS names no limit; nobody writes that many.
const DEEPEST_PARENTHESES: usize = 50;
/// "There is a limit of 2 regex for each filter pattern when creating a delimited or JSON filter pattern" (guide, "Quotas").
const MOST_REGULAR_EXPRESSIONS: usize = 2;
/// "up to one wildcard selector in a property selector, and up to three wildcard selectors in a filter pattern" (guide, "Quotas").
const MOST_WILDCARD_SELECTORS: usize = 3;

/// What the documented limits count.
#[derive(Debug, Default)]
struct Counts {
    regular_expressions: usize,
    wildcard_selectors: usize,
}

pub(super) fn json(input: &mut Input<'_>) -> Result<Expression, Wrong> {
    let start = input.current_token_start();
    consume(input, "{")?;
    let mut counts = Counts::default();
    space(input)?;
    if next(input)? == Some('}') {
        return Err(Wrong::new(start, "`{ }` compares nothing", "write a comparison, such as `{ $.eventName = DisableKey }`"));
    }
    let expression = any_of(input, 0, &mut counts)?;
    let at = input.current_token_start();
    match next(input)? {
        Some('}') => consume(input, "}")?,
        Some(')') => return Err(Wrong::new(at, "`)` closes no parenthesis", "remove it, or open one with `(` before")),
        None => return Err(Wrong::new(at, "the pattern ends without `}`", "close it with `}`")),
        Some(_) => return Err(not_joined(input)?),
    }
    space(input)?;
    let at = input.current_token_start();
    match next(input)? {
        None => Ok(expression),
        Some(character) => Err(Wrong::new(
            at,
            format!("`{character}` stands after the closing `}}`"),
            "end the pattern with `}`, and join inside with `&&` or `||`",
        )),
    }
}

/// Says what is wrong with what stands where only `&&`, `||` or an end may.
fn not_joined(input: &mut Input<'_>) -> Result<Wrong, Wrong> {
    let at = input.current_token_start();
    let word = peek(take_while(0.., |character: char| character.is_ascii_alphabetic())).parse_next(input)?;
    let instead = "join comparisons with `&&` or `||`";
    Ok(match (word.to_ascii_uppercase().as_str(), next(input)?) {
        ("AND", _) => Wrong::new(at, format!("`{word}` joins nothing"), "write `&&`"),
        ("OR", _) => Wrong::new(at, format!("`{word}` joins nothing"), "write `||`"),
        (_, Some('&')) => Wrong::new(at, "`&` joins nothing", "write `&&`"),
        (_, Some('|')) => Wrong::new(at, "`|` joins nothing", "write `||`"),
        ("", Some(character)) => Wrong::new(at, format!("`{character}` cannot stand after a comparison"), instead),
        (_, _) => Wrong::new(at, format!("`{word}` cannot stand after a comparison"), instead),
    })
}

fn any_of(input: &mut Input<'_>, depth: usize, counts: &mut Counts) -> Result<Expression, Wrong> {
    let mut parts = Vec::new();
    loop {
        match all_of(input, depth, counts)? {
            Expression::Any(nested) => parts.extend(nested),
            part @ (Expression::All(_) | Expression::Comparison(_)) => parts.push(part),
        }
        if !follows(input, "||")? {
            return Ok(single(&mut parts).unwrap_or(Expression::Any(parts)));
        }
    }
}

fn all_of(input: &mut Input<'_>, depth: usize, counts: &mut Counts) -> Result<Expression, Wrong> {
    let mut parts = Vec::new();
    loop {
        match factor(input, depth, counts)? {
            Expression::All(nested) => parts.extend(nested),
            part @ (Expression::Any(_) | Expression::Comparison(_)) => parts.push(part),
        }
        if !follows(input, "&&")? {
            return Ok(single(&mut parts).unwrap_or(Expression::All(parts)));
        }
    }
}

fn single(parts: &mut Vec<Expression>) -> Option<Expression> {
    if parts.len() == 1 { parts.pop() } else { None }
}

/// A comparison, or an expression in parentheses; and the white space around it.
fn factor(input: &mut Input<'_>, depth: usize, counts: &mut Counts) -> Result<Expression, Wrong> {
    space(input)?;
    let at = input.current_token_start();
    let expression = match next(input)? {
        Some('(') if depth == DEEPEST_PARENTHESES => {
            return Err(Wrong::new(
                at,
                format!("more than {DEEPEST_PARENTHESES} parentheses are nested"),
                "remove those that change nothing",
            ));
        }
        Some('(') => {
            consume(input, "(")?;
            let expression = any_of(input, depth + 1, counts)?;
            match next(input)? {
                Some(')') => consume(input, ")")?,
                Some('}') | None => return Err(Wrong::new(at, "a parenthesis is not closed", "close it with `)`")),
                Some(_) => return Err(not_joined(input)?),
            }
            expression
        }
        Some('$') => Expression::Comparison(comparison(input, counts)?),
        Some('!') => return Err(Wrong::new(at, "`!` negates nothing here", "compare with `!=`, or write `NOT EXISTS` after the property")),
        Some('}' | ')') | None => {
            return Err(Wrong::new(at, "a comparison is missing", "write a property and its value: `$.eventName = DisableKey`"));
        }
        Some('\u{201c}' | '\u{201d}') => {
            return Err(Wrong::new(at, "a typographic quotation mark begins no property", "write `$.` and the property's name"));
        }
        Some(character) => {
            return Err(Wrong::new(at, format!("`{character}` begins no property"), "write `$.` and the property's name: `$.eventName`"));
        }
    };
    space(input)?;
    Ok(expression)
}

fn comparison(input: &mut Input<'_>, counts: &mut Counts) -> Result<Comparison, Wrong> {
    let selector = selector(input, counts)?;
    space(input)?;
    let at = input.current_token_start();
    let symbols = peek(take_while(0.., |character: char| "=!<>~:".contains(character))).parse_next(input)?;
    if symbols.is_empty() {
        return Ok(Comparison { selector, test: keywords(input)? });
    }
    let order = match symbols {
        "=" | "!=" => None,
        "<" => Some(Order::Less),
        "<=" => Some(Order::LessOrEqual),
        ">" => Some(Order::Greater),
        ">=" => Some(Order::GreaterOrEqual),
        "==" => return Err(Wrong::new(at, "`==` is no comparison", "write one `=`")),
        "<>" => return Err(Wrong::new(at, "`<>` is no comparison", "write `!=`")),
        "=~" | "~" | "~=" => return Err(Wrong::new(at, format!("`{symbols}` is no comparison"), "write `= %regular expression%`")),
        _ => return Err(Wrong::new(at, format!("`{symbols}` is no comparison"), "write `=`, `!=`, `<`, `<=`, `>` or `>=`")),
    };
    consume(input, symbols)?;
    space(input)?;
    let value_at = input.current_token_start();
    let operand = operand(input, counts)?;
    let test = match (order, operand) {
        (None, operand) if symbols == "=" => Test::Equals(operand),
        (None, operand) => Test::Differs(operand),
        (Some(order), Operand::Number(number)) => Test::Ordered(order, number),
        (Some(_), Operand::Text(_) | Operand::Regular(_)) => {
            let what = format!("`{symbols}` compares numbers, and this is none");
            return Err(Wrong::new(value_at, what, "write a number without quotation marks, or compare with `=` or `!=`"));
        }
    };
    Ok(Comparison { selector, test })
}

/// `IS NULL`, `IS TRUE`, `IS FALSE`, `NOT EXISTS`. The guide writes them in upper case and calls patterns case sensitive.
fn keywords(input: &mut Input<'_>) -> Result<Test, Wrong> {
    let at = input.current_token_start();
    let first = word_of_letters(input)?;
    space(input)?;
    let second_at = input.current_token_start();
    let second = if first.is_empty() { "" } else { word_of_letters(input)? };
    let known = match (first, second) {
        ("IS", "NULL") => Test::IsNull,
        ("IS", "TRUE") => Test::IsTrue,
        ("IS", "FALSE") => Test::IsFalse,
        ("NOT", "EXISTS") => Test::NotExists,
        ("IS", "NOT") => return Err(Wrong::new(at, "`IS NOT` is not supported", "write `NOT EXISTS`, or compare with `!=`")),
        ("EXISTS", _) => return Err(Wrong::new(at, "`EXISTS` is not supported", "write `= *` for a property with any text or number")),
        ("IS", _) => return Err(Wrong::new(second_at, "`IS` needs `NULL`, `TRUE` or `FALSE`", "write `IS NULL`, `IS TRUE` or `IS FALSE`")),
        ("NOT", _) => return Err(Wrong::new(second_at, "`NOT` needs `EXISTS`", "write `NOT EXISTS`, or compare with `!=`")),
        (_, _) => return Err(no_comparison(first, at, next(input)?)),
    };
    Ok(known)
}

fn no_comparison(word: &str, at: usize, character: Option<char>) -> Wrong {
    match (word.to_ascii_uppercase().as_str(), character) {
        ("IS" | "NOT" | "EXISTS", _) => {
            Wrong::new(at, format!("`{word}` is not written in upper case"), format!("write `{}`", word.to_ascii_uppercase()))
        }
        ("LIKE" | "MATCHES" | "CONTAINS", _) => {
            Wrong::new(at, format!("`{word}` is no comparison"), "write `= \"*part*\"` or `= %regular expression%`")
        }
        ("", None | Some('}' | ')' | '&' | '|')) => Wrong::new(
            at,
            "a property is compared with nothing",
            "write `= value`, `IS NULL` or `NOT EXISTS` after it, or `= *` for any value",
        ),
        ("", Some(character)) => Wrong::new(
            at,
            format!("`{character}` cannot stand in a property's name, nor compare it"),
            "put a name with other characters than letters, digits, `-` and `_` in brackets: `$.['cluster.name']`",
        ),
        (_, _) => Wrong::new(
            at,
            format!("`{word}` is no comparison"),
            "write `=`, `!=`, `<`, `<=`, `>`, `>=`, `IS NULL`, `IS TRUE`, `IS FALSE` or `NOT EXISTS`",
        ),
    }
}

fn selector(input: &mut Input<'_>, counts: &mut Counts) -> Result<Selector, Wrong> {
    let start = input.current_token_start();
    consume(input, "$")?;
    let mut segments = Vec::new();
    while let Some(segment) = segment(input)? {
        segments.push(segment);
    }
    if segments.is_empty() {
        return Err(Wrong::new(start, "`$` names no property", "write `$.` and the property's name: `$.eventName`"));
    }
    let wildcards = segments.iter().filter(|segment| segment.is_wildcard()).count();
    if wildcards > 1 {
        return Err(Wrong::new(start, "a property selector has more than one wildcard", "leave one `*` in it, and name the rest"));
    }
    counts.wildcard_selectors += wildcards;
    if counts.wildcard_selectors > MOST_WILDCARD_SELECTORS {
        return Err(Wrong::new(
            start,
            format!("more than {MOST_WILDCARD_SELECTORS} property selectors have a wildcard"),
            "split the pattern into several filters",
        ));
    }
    Ok(Selector { segments })
}

fn segment(input: &mut Input<'_>) -> Result<Option<Segment>, Wrong> {
    let at = input.current_token_start();
    match next(input)? {
        Some('[') => bracket(input).map(Some),
        Some('.') => {
            consume(input, ".")?;
            let after = input.current_token_start();
            match next(input)? {
                Some('*') => consume(input, "*").map(|()| Some(Segment::AnyName)),
                Some('[') => bracket(input).and_then(|segment| match segment {
                    Segment::Name(_) => Ok(Some(segment)),
                    Segment::Index(_) | Segment::AnyName | Segment::AnyIndex => Err(Wrong::new(
                        at,
                        "a `.` stands before an element's brackets",
                        "write the brackets right after the property: `$.users[0]`",
                    )),
                }),
                Some(character) if is_name_character(character) => {
                    let name = take_while(1.., is_name_character).parse_next(input)?;
                    Ok(Some(Segment::Name(name.to_owned())))
                }
                _ => Err(Wrong::new(
                    after,
                    "a property's name is missing after `.`",
                    "write letters, digits, `-` and `_`, or `['other name']`",
                )),
            }
        }
        _ => Ok(None),
    }
}

/// `[0]`, `[*]`, `['a.b']`, `["a.b"]`.
fn bracket(input: &mut Input<'_>) -> Result<Segment, Wrong> {
    let start = input.current_token_start();
    consume(input, "[")?;
    let at = input.current_token_start();
    let segment = match next(input)? {
        Some('*') => consume(input, "*").map(|()| Segment::AnyIndex)?,
        Some(quote @ ('\'' | '"')) => Segment::Name(quoted(input, quote)?),
        Some(character) if character.is_ascii_digit() => {
            let digits: &str = digit1.parse_next(input)?;
            let index =
                digits.parse().map_err(|_| Wrong::new(at, format!("`{digits}` is too large for an element"), "count elements from 0"))?;
            Segment::Index(index)
        }
        _ => return Err(Wrong::new(at, "brackets hold no element", "write `[0]`, `[*]` or `['name']`")),
    };
    if next(input)? != Some(']') {
        return Err(Wrong::new(start, "a bracket is not closed", "close it with `]` right after the element"));
    }
    consume(input, "]")?;
    Ok(segment)
}

fn operand(input: &mut Input<'_>, counts: &mut Counts) -> Result<Operand, Wrong> {
    let at = input.current_token_start();
    match next(input)? {
        Some('"') => quoted(input, '"').map(|text| Operand::Text(Glob::new(&text))),
        Some('%') => {
            counts.regular_expressions += 1;
            if counts.regular_expressions > MOST_REGULAR_EXPRESSIONS {
                let what = format!("more than {MOST_REGULAR_EXPRESSIONS} regular expressions stand in one pattern");
                return Err(Wrong::new(at, what, "split it into several filters, or compare texts with `*`"));
            }
            regular(input).map(Operand::Regular)
        }
        Some('\'') => Err(Wrong::new(at, "single quotation marks do not enclose a text", "write double ones: `\"text\"`")),
        Some('\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}') => {
            Err(Wrong::new(at, "typographic quotation marks do not enclose a text", "write plain double ones: `\"text\"`"))
        }
        Some('}' | ')' | '&' | '|') | None => {
            Err(Wrong::new(at, "the value is missing", "write what the property must be, or `*` for anything"))
        }
        Some('$') => Err(Wrong::new(at, "a property cannot be compared with another", "write a text or a number")),
        Some(_) => word(input),
    }
}

/// A value without quotation marks: "Strings that contain types other than alphanumeric characters and the underscore symbol must be
/// placed in double quotation marks" (guide), whose own examples, and those of CIS, have `.`, `*` and signs without them.
fn word(input: &mut Input<'_>) -> Result<Operand, Wrong> {
    let at = input.current_token_start();
    let word = take_while(0.., is_word_character).parse_next(input)?;
    match next(input)? {
        Some(character) if !(character.is_whitespace() || "})&|".contains(character)) => {
            let instead = "put the whole value in double quotation marks";
            return Err(Wrong::new(
                input.current_token_start(),
                format!("`{character}` cannot stand in a value without quotation marks"),
                instead,
            ));
        }
        _ => {}
    }
    if let Some(number) = Number::new(word) {
        return Ok(Operand::Number(number));
    }
    if word.starts_with(['+', '-']) {
        return Err(Wrong::new(
            at,
            format!("`{word}` is no number"),
            "write digits after the sign, or put a text in double quotation marks",
        ));
    }
    Ok(Operand::Text(Glob::new(word)))
}
