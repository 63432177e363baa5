//! Regular expressions between percent signs: the subset that CloudWatch Logs supports, checked character by character and translated.
//!
//! "Supported regular expressions (regex) syntax" of the guide: letters, digits and `: _ # = @ / ; , -`, a space as its examples have
//! it, and `^ $ ? [ ] { } | \ * + .`; no parentheses, no multi-byte characters. What the engine behind it would understand besides is
//! refused or taken literally, never passed on.

use std::iter::Peekable;
use std::str::CharIndices;

use regex::{Regex, RegexBuilder};

/// How large the compiled expression may grow, in bytes: `a{999}` repeated would take more memory than a function has.
const COMPILED_BYTES: usize = 1 << 20;

/// A regular expression, equal to others by its source.
#[derive(Debug, Clone)]
pub(super) struct Regular {
    pub(super) source: String,
    compiled: Regex,
}

impl PartialEq for Regular {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

/// What is wrong with an expression, and at which byte of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsupported {
    pub(super) at: usize,
    pub(super) what: String,
    pub(super) instead: String,
}

impl Regular {
    /// Checks, translates and compiles an expression, its percent signs taken off.
    pub(super) fn new(source: &str) -> Result<Self, Unsupported> {
        if source.is_empty() {
            return Err(unsupported(0, "a regular expression between `%` and `%` is empty", "write what must be found, such as `%Key%`"));
        }
        let mut translation = Translation { out: String::with_capacity(source.len() + 8), rest: source.char_indices().peekable() };
        translation.whole()?;
        let invalid = |error: &regex::Error| {
            if matches!(error, regex::Error::CompiledTooBig(_)) {
                return unsupported(0, "the regular expression grows too large", "repeat less");
            }
            let reason = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            unsupported(0, format!("`%{source}%` is no regular expression: {reason}"), "correct it, or compare a text with `*`")
        };
        let compiled = RegexBuilder::new(&translation.out).size_limit(COMPILED_BYTES).build().map_err(|error| invalid(&error))?;
        Ok(Self { source: source.to_owned(), compiled })
    }

    /// Returns whether the expression is found anywhere in the text.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }
}

fn unsupported(at: usize, what: impl Into<String>, instead: impl Into<String>) -> Unsupported {
    Unsupported { at, what: what.into(), instead: instead.into() }
}

struct Translation<'a> {
    out: String,
    rest: Peekable<CharIndices<'a>>,
}

impl Translation<'_> {
    fn whole(&mut self) -> Result<(), Unsupported> {
        let mut repeatable = false;
        while let Some((at, character)) = self.rest.next() {
            match character {
                '\\' => self.escape(at)?,
                '[' => self.class(at)?,
                '{' if repeatable => self.repetition(at)?,
                '{' => return Err(unsupported(at, "`{` repeats nothing", "put what is repeated before it, or write `\\{`")),
                // Alone they are literal, in this engine and in others.
                ']' | '}' => self.literal(character),
                '^' | '$' | '?' | '|' | '*' | '+' | '.' => self.out.push(character),
                _ if is_plain(character) => self.literal(character),
                _ => return Err(foreign(at, character)),
            }
            repeatable = !matches!(character, '^' | '|' | '?' | '*' | '+' | '{');
        }
        Ok(())
    }

    /// `\d`, `\[`, `\x3A`.
    fn escape(&mut self, at: usize) -> Result<(), Unsupported> {
        let Some((_, character)) = self.rest.next() else {
            return Err(unsupported(at, "`\\` escapes nothing", "write `\\\\` for a backslash"));
        };
        match character {
            'd' => self.out.push_str("[0-9]"),
            'D' => self.out.push_str("[^0-9]"),
            's' => self.out.push_str("[\\t\\n\\r ]"),
            'S' => self.out.push_str("[^\\t\\n\\r ]"),
            'w' => self.out.push_str("[0-9A-Z_a-z]"),
            'W' => self.out.push_str("[^0-9A-Z_a-z]"),
            'x' => self.code(at)?,
            // Escaping what means nothing special changes nothing.
            '^' | '$' | '?' | '[' | ']' | '{' | '}' | '|' | '\\' | '*' | '+' | '.' => self.literal(character),
            _ if is_plain(character) && !character.is_ascii_alphanumeric() => self.literal(character),
            _ => {
                let what = format!("`\\{character}` is not supported");
                return Err(unsupported(
                    at,
                    what,
                    "use `\\d \\D \\s \\S \\w \\W`, an escaped operator, or `\\xhh` for any other character",
                ));
            }
        }
        Ok(())
    }

    /// `\x3A`: a character of ASCII by its code.
    fn code(&mut self, at: usize) -> Result<(), Unsupported> {
        let mut code = 0;
        for _ in 0..2 {
            let digit = self.rest.next().and_then(|(_, character)| character.to_digit(16));
            let Some(digit) = digit else {
                return Err(unsupported(at, "`\\x` needs two hexadecimal digits", "write a code of ASCII, such as `\\x28` for `(`"));
            };
            code = code * 16 + digit;
        }
        match char::from_u32(code).filter(char::is_ascii) {
            Some(character) => self.literal(character),
            None => return Err(unsupported(at, "the code after `\\x` is not one of ASCII", "write `\\x00` to `\\x7F`")),
        }
        Ok(())
    }

    /// `[abcx-z]`, `[^c]`. A bracket inside is literal, so that no nested class or set operation of the engine can arise.
    fn class(&mut self, start: usize) -> Result<(), Unsupported> {
        self.out.push('[');
        if self.rest.next_if(|(_, character)| *character == '^').is_some() {
            self.out.push('^');
        }
        let mut empty = true;
        while let Some((at, character)) = self.rest.next() {
            match character {
                ']' if empty => return Err(unsupported(at, "a character class is empty", "write the characters between `[` and `]`")),
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => self.escape(at)?,
                // A range, unless there is nothing to range over.
                '-' if !empty && self.rest.peek().is_some_and(|(_, next)| !matches!(next, '-' | ']' | '\\' | '[')) => self.out.push('-'),
                '^' | '$' | '?' | '[' | '{' | '}' | '|' | '*' | '+' | '.' => self.literal(character),
                _ if is_plain(character) => self.literal(character),
                _ => return Err(foreign(at, character)),
            }
            empty = false;
        }
        Err(unsupported(start, "a character class is not closed", "end it with `]`, or write `\\[` for a bracket"))
    }

    /// `{3,5}`, `{3}`, `{3,}`, `{,5}`: "Either m or n can be omitted" (guide).
    fn repetition(&mut self, start: usize) -> Result<(), Unsupported> {
        let mut bounds = String::new();
        loop {
            match self.rest.next() {
                Some((_, '}')) => break,
                Some((_, ' ')) => {}
                Some((_, character)) if character == ',' || character.is_ascii_digit() => bounds.push(character),
                Some(_) | None => return Err(repetition_error(start)),
            }
        }
        let (least, most) = bounds.split_once(',').unwrap_or((&bounds, &bounds));
        if bounds.is_empty() || bounds == "," || most.contains(',') {
            return Err(repetition_error(start));
        }
        let least = if least.is_empty() { "0" } else { least };
        if let (Ok(least), Ok(most)) = (least.parse::<u32>(), most.parse::<u32>())
            && least > most
        {
            return Err(unsupported(
                start,
                format!("`{{{bounds}}}` repeats at least {least} and at most {most} times"),
                "swap the numbers",
            ));
        }
        for part in ["{", least, ",", most, "}"] {
            self.out.push_str(part);
        }
        Ok(())
    }

    fn literal(&mut self, character: char) {
        self.out.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }
}

fn repetition_error(at: usize) -> Unsupported {
    unsupported(at, "`{` begins no repetition", "write `{2}`, `{2,}`, `{,5}` or `{2,5}`, or `\\{` for a brace")
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || ":_#=@/;,- ".contains(character)
}

fn foreign(at: usize, character: char) -> Unsupported {
    let what = format!("`{character}` is not supported in a regular expression");
    let instead = if character.is_ascii() {
        format!("write `\\x{:02X}`", u32::from(character))
    } else {
        "match it with `.` or compare a text in double quotation marks".to_owned()
    };
    unsupported(at, what, instead)
}
