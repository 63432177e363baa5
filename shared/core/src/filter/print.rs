//! The canonical text of a pattern: single spaces, no needless quotation marks or parentheses. It parses to an equal pattern.

use std::fmt::{self, Display, Formatter, Write};

use super::expression::{Comparison, Expression, Glob, Operand, Order, Test};
use super::parse::{is_name, is_word};
use super::selector::{Segment, Selector};
use super::terms::{Sign, Term, Terms};
use super::{FilterPattern, Form};

impl Display for FilterPattern {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Json(expression) => write!(out, "{{ {expression} }}"),
            Form::Terms(terms) => terms.fmt(out),
        }
    }
}

impl Display for Expression {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(parts) => joined(parts, "||", out),
            Self::All(parts) => joined(parts, "&&", out),
            Self::Comparison(comparison) => comparison.fmt(out),
        }
    }
}

/// Everything that is joined stands in parentheses, as in the patterns of the CIS benchmark.
fn joined(parts: &[Expression], operator: &str, out: &mut Formatter<'_>) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            write!(out, " {operator} ")?;
        }
        write!(out, "({part})")?;
    }
    Ok(())
}

impl Display for Comparison {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { selector, test } = self;
        match test {
            Test::Equals(operand) => write!(out, "{selector} = {operand}"),
            Test::Differs(operand) => write!(out, "{selector} != {operand}"),
            Test::Ordered(order, number) => write!(out, "{selector} {order} {}", number.text),
            Test::IsNull => write!(out, "{selector} IS NULL"),
            Test::IsTrue => write!(out, "{selector} IS TRUE"),
            Test::IsFalse => write!(out, "{selector} IS FALSE"),
            Test::NotExists => write!(out, "{selector} NOT EXISTS"),
        }
    }
}

impl Display for Order {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl Display for Operand {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(glob) => glob.fmt(out),
            Self::Number(number) => out.write_str(&number.text),
            Self::Regular(regular) => write!(out, "%{}%", regular.source),
        }
    }
}

impl Display for Glob {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let star = |open: bool| if open { "*" } else { "" };
        let after = star(self.open_after && !self.core.is_empty());
        let text = format!("{}{}{after}", star(self.open_before), self.core);
        if is_word(&text) && super::expression::Number::new(&text).is_none() { out.write_str(&text) } else { quoted(&text, '"', out) }
    }
}

impl Display for Selector {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_char('$')?;
        for segment in &self.segments {
            match segment {
                Segment::Name(name) if is_name(name) => write!(out, ".{name}")?,
                Segment::Name(name) => {
                    out.write_str(".[")?;
                    quoted(name, '\'', out)?;
                    out.write_char(']')?;
                }
                Segment::Index(index) => write!(out, "[{index}]")?,
                Segment::AnyName => out.write_str(".*")?,
                Segment::AnyIndex => out.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

impl Display for Terms {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for (index, (sign, term)) in self.terms.iter().enumerate() {
            if index > 0 {
                out.write_char(' ')?;
            }
            match sign {
                Sign::Include => {}
                Sign::Exclude => out.write_char('-')?,
                Sign::Optional => out.write_char('?')?,
            }
            term.fmt(out)?;
        }
        Ok(())
    }
}

impl Display for Term {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phrase(phrase) if is_term(phrase) => out.write_str(phrase),
            Self::Phrase(phrase) => quoted(phrase, '"', out),
            Self::Regular(regular) => write!(out, "%{}%", regular.source),
        }
    }
}

fn is_term(phrase: &str) -> bool {
    !phrase.is_empty() && phrase.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn quoted(text: &str, quote: char, out: &mut Formatter<'_>) -> fmt::Result {
    out.write_char(quote)?;
    for character in text.chars() {
        if character == quote || character == '\\' {
            out.write_char('\\')?;
        }
        out.write_char(character)?;
    }
    out.write_char(quote)
}
