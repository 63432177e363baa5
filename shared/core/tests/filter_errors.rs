//! Wrong patterns: each is refused at the place where it goes wrong, with words that say what to write instead.

use reprieve_core::filter::FilterPattern;

/// A pattern, the column of the error, and what is said.
const WRONG: [(&str, usize, &str); 52] = [
    ("{ }", 1, "`{ }` compares nothing"),
    ("{ $.a = 1", 10, "ends without `}`; close it"),
    ("{ $.a = 1 } x", 13, "`x` stands after the closing `}`"),
    ("{ ($.a = 1 }", 3, "a parenthesis is not closed"),
    ("{ $.a = 1) }", 10, "`)` closes no parenthesis"),
    ("{ $.a == 1 }", 7, "`==` is no comparison; write one `=`"),
    ("{ $.a <> 1 }", 7, "write `!=`"),
    ("{ $.a =~ b }", 7, "write `= %regular expression%`"),
    ("{ $.a := b }", 7, "`:=` is no comparison"),
    ("{ $.a = }", 9, "the value is missing"),
    ("{ $.a }", 7, "a property is compared with nothing"),
    ("{ $.a = 'b' }", 9, "single quotation marks do not enclose a text; write double ones"),
    ("{ $.a = \u{201c}b\u{201d} }", 9, "typographic quotation marks"),
    ("{ $.a = \"b }", 9, "a quotation mark is not closed"),
    ("{ $.a = b & $.c = d }", 11, "`&` joins nothing; write `&&`"),
    ("{ $.a = b | $.c = d }", 11, "`|` joins nothing; write `||`"),
    ("{ $.a = b AND $.c = d }", 11, "`AND` joins nothing; write `&&`"),
    ("{ $.a = b or $.c = d }", 11, "`or` joins nothing; write `||`"),
    ("{ $.a = b $.c = d }", 11, "`$` cannot stand after a comparison; join comparisons"),
    ("{ $.a = b && }", 14, "a comparison is missing"),
    ("{ && $.a = b }", 3, "`&` begins no property"),
    ("{ !($.a = b) }", 3, "`!` negates nothing here"),
    ("{ eventName = b }", 3, "`e` begins no property; write `$.`"),
    ("{ $eventName = b }", 3, "`$` names no property"),
    ("{ $. = b }", 5, "a property's name is missing after `.`"),
    ("{ $.a:b = c }", 6, "`:` is no comparison"),
    ("{ $.a/b = c }", 6, "put a name with other characters"),
    ("{ $.a[x] = c }", 7, "brackets hold no element"),
    ("{ $.a[0 = c }", 6, "a bracket is not closed"),
    ("{ $.a[99999999999999999999] = c }", 7, "is too large for an element"),
    ("{ $.a.[0] = c }", 6, "a `.` stands before an element's brackets"),
    ("{ $.*.b[*] = c }", 3, "more than one wildcard"),
    ("{ $.a.* = 1 && $.b.* = 1 && $.c.* = 1 && $.d.* = 1 }", 42, "more than 3 property selectors have a wildcard"),
    ("{ $.a IS NOT NULL }", 7, "`IS NOT` is not supported; write `NOT EXISTS`"),
    ("{ $.a EXISTS }", 7, "`EXISTS` is not supported"),
    ("{ $.a IS 1 }", 10, "`IS` needs `NULL`, `TRUE` or `FALSE`"),
    ("{ $.a NOT NULL }", 11, "`NOT` needs `EXISTS`"),
    ("{ $.a is null }", 7, "`is` is not written in upper case; write `IS`"),
    ("{ $.a LIKE b }", 7, "`LIKE` is no comparison"),
    ("{ $.a > b }", 9, "`>` compares numbers, and this is none"),
    ("{ $.a = -b }", 9, "`-b` is no number"),
    ("{ $.a = arn:aws:x }", 12, "`:` cannot stand in a value without quotation marks; put the whole value in double"),
    ("{ $.a = $.b }", 9, "a property cannot be compared with another"),
    ("{ $.a = %b }", 9, "a regular expression is not closed"),
    ("{ $.a = %% }", 10, "is empty"),
    ("{ $.a = %something!% }", 19, "`!` is not supported in a regular expression; write `\\x21`"),
    ("{ $.a = %(b)% }", 10, "`(` is not supported in a regular expression; write `\\x28`"),
    ("{ $.a = %\u{e9}% }", 10, "is not supported in a regular expression; match it with `.`"),
    ("{ $.a = %[b% }", 10, "a character class is not closed"),
    ("{ $.a = %b\\bc% }", 11, "`\\b` is not supported"),
    ("{ $.a = %b% && $.c = %d% && $.e = %f% }", 35, "more than 2 regular expressions"),
    ("[ip, user, ...]", 1, "space-delimited log events, and CloudTrail records are JSON"),
];

/// The same, of patterns of terms.
const WRONG_TERMS: [(&str, usize, &str); 6] = [
    ("$.eventName = DisableKey", 1, "enclose the whole pattern in `{` and `}`"),
    ("ERROR - WARN", 8, "a sign stands before no term"),
    ("kms.amazonaws.com", 4, "`.` cannot stand in a term; put a term with other characters"),
    ("\"ERROR", 1, "a quotation mark is not closed"),
    ("?%a", 2, "a regular expression is not closed"),
    ("ERROR\"WARN\"", 6, "cannot stand in a term"),
];

#[test]
fn a_wrong_pattern_is_refused_where_it_goes_wrong() {
    for (pattern, column, words) in WRONG.into_iter().chain(WRONG_TERMS) {
        let error = FilterPattern::parse(pattern).map_or_else(|error| error, |parsed| unreachable!("`{pattern}` is read as `{parsed}`"));
        assert_eq!(error.column, column, "`{pattern}`: {error}");
        assert!(error.to_string().contains(words), "`{pattern}`: {error}");
    }
}

#[test]
fn columns_count_characters_and_not_bytes() {
    let error = FilterPattern::parse("{ $.a = \"\u{e9}\u{e9}\u{e9}\" $.b = 1 }").map_or_else(|error| error.column, |_| 0);
    assert_eq!(error, 15);
}

#[test]
fn the_longest_pattern_has_1024_characters() {
    let of_length = |length: usize| format!("{{ $.a = \"{}\" }}", "\u{e9}".repeat(length - 12));
    assert!(FilterPattern::parse(&of_length(1_024)).is_ok());
    let error = FilterPattern::parse(&of_length(1_025)).map_or_else(|error| error.to_string(), |_| String::new());
    assert!(error.starts_with("column 1025: the pattern has 1025 characters"), "{error}");
}

#[test]
fn parentheses_may_nest_fifty_deep() {
    let nested = |depth: usize| format!("{{ {}$.a = 1{} }}", "(".repeat(depth), ")".repeat(depth));
    assert!(FilterPattern::parse(&nested(50)).is_ok());
    let error = FilterPattern::parse(&nested(500)).map_or_else(|error| error.to_string(), |_| String::new());
    assert!(error.starts_with("column 53: more than 50 parentheses are nested"), "{error}");
}

#[test]
fn a_regular_expression_may_not_grow_without_bound() {
    let error = FilterPattern::parse("%a{999}{999}{999}%").map_or_else(|error| error.to_string(), |_| String::new());
    assert!(error.contains("grows too large") || error.contains("repeats nothing"), "{error}");
}
