//! Random patterns on random events: what is printed means what was read, the judgement is that of a naive reference, and nothing that
//! anybody can write ends the process.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop, and says where")]

use proptest::prelude::*;
use reprieve_core::filter::FilterPattern;
use serde_json::{Value, json};

/// A pattern as the reference understands it.
#[derive(Debug, Clone)]
enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Test(Vec<Step>, Check),
}

#[derive(Debug, Clone)]
enum Step {
    Name(&'static str),
    Index(usize),
    AnyName,
    AnyIndex,
}

#[derive(Debug, Clone)]
enum Check {
    /// A text with an asterisk before, after, both or none; and whether it is `!=`.
    Text {
        text: &'static str,
        before: bool,
        after: bool,
        quoted: bool,
        differs: bool,
    },
    /// A number, and how it is compared.
    Number(i32, &'static str),
    /// `^text`, and whether it is `!=`.
    Begins(&'static str, bool),
    Null,
    True,
    False,
    NotExists,
}

// --- The reference ---------------------------------------------------------------------------------------------------

fn holds(node: &Node, event: &Value) -> bool {
    match node {
        Node::Any(nodes) => nodes.iter().any(|node| holds(node, event)),
        Node::All(nodes) => nodes.iter().all(|node| holds(node, event)),
        Node::Test(path, check) => {
            let mut found = vec![event];
            for step in path {
                found = found.into_iter().flat_map(|value| children(step, value)).collect();
            }
            if matches!(check, Check::NotExists) { found.is_empty() } else { found.into_iter().any(|value| passes(check, value)) }
        }
    }
}

fn children<'a>(step: &Step, value: &'a Value) -> Vec<&'a Value> {
    match (step, value) {
        (Step::Name(name), Value::Object(fields)) => fields.get(*name).into_iter().collect(),
        (Step::Index(index), Value::Array(items)) => items.get(*index).into_iter().collect(),
        (Step::AnyName, Value::Object(fields)) => fields.values().collect(),
        (Step::AnyIndex, Value::Array(items)) => items.iter().collect(),
        _ => Vec::new(),
    }
}

fn passes(check: &Check, value: &Value) -> bool {
    let text = match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    match check {
        Check::Text { text: pattern, before, after, differs, .. } => text.is_some_and(|text| {
            let places = (0..=text.len()).filter(|start| text.get(*start..).is_some_and(|rest| rest.starts_with(pattern)));
            let equal = places.into_iter().any(|start| (*before || start == 0) && (*after || start + pattern.len() == text.len()));
            equal != *differs
        }),
        Check::Number(number, operator) => match (value, *operator) {
            (Value::Number(value), operator) => {
                let (value, number) = (value.as_f64().unwrap(), f64::from(*number));
                match operator {
                    "=" => (value - number).abs() < f64::EPSILON,
                    "!=" => (value - number).abs() >= f64::EPSILON,
                    "<" => value < number,
                    "<=" => value <= number,
                    ">" => value > number,
                    _ => value >= number,
                }
            }
            (Value::String(text), "=") => *text == number.to_string(),
            (Value::String(text), "!=") => *text != number.to_string(),
            _ => false,
        },
        Check::Begins(start, differs) => text.is_some_and(|text| text.starts_with(start) != *differs),
        Check::Null => value.is_null(),
        Check::True => *value == json!(true),
        Check::False => *value == json!(false),
        Check::NotExists => false,
    }
}

// --- Its text --------------------------------------------------------------------------------------------------------

/// Writes a pattern; `spaces` decides where white space stands and where parentheses that change nothing.
fn write(node: &Node, spaces: &mut impl Iterator<Item = bool>) -> String {
    let mut space = || if spaces.next().unwrap_or_default() { " " } else { "" };
    match node {
        Node::Any(nodes) | Node::All(nodes) => {
            let operator = if matches!(node, Node::Any(_)) { "||" } else { "&&" };
            let (before, after) = (space(), space());
            let parts: Vec<String> = nodes.iter().map(|node| format!("({before}{}{after})", write(node, spaces))).collect();
            parts.join(&format!("{after}{operator}{before}"))
        }
        Node::Test(path, check) => {
            let path: String = path.iter().map(write_step).collect();
            let (before, after) = (space(), space());
            match check {
                Check::Text { text, before: open_before, after: open_after, quoted, differs } => {
                    let star = |open: &bool| if *open { "*" } else { "" };
                    let text = format!("{}{text}{}", star(open_before), star(open_after));
                    let text = if *quoted || text.is_empty() { format!("\"{text}\"") } else { text };
                    format!("${path}{before}{}{after}{text}", equality(*differs))
                }
                Check::Number(number, operator) => format!("${path}{before}{operator}{after}{number}"),
                Check::Begins(start, differs) => format!("${path}{before}{}{after}%^{start}%", equality(*differs)),
                Check::Null => format!("${path} IS{before} NULL"),
                Check::True => format!("${path} IS{before} TRUE"),
                Check::False => format!("${path} IS{before} FALSE"),
                Check::NotExists => format!("${path} NOT{before} EXISTS"),
            }
        }
    }
}

fn equality(differs: bool) -> &'static str {
    if differs { "!=" } else { "=" }
}

fn write_step(step: &Step) -> String {
    match step {
        Step::Name("a.b") => ".['a.b']".to_owned(),
        Step::Name(name) => format!(".{name}"),
        Step::Index(index) => format!("[{index}]"),
        Step::AnyName => ".*".to_owned(),
        Step::AnyIndex => "[*]".to_owned(),
    }
}

// --- Strategies ------------------------------------------------------------------------------------------------------

const NAMES: [&str; 4] = ["a", "b", "c-d", "a.b"];
const TEXTS: [&str; 7] = ["", "x", "xy", "yx", "1", "X", "x*y"];

fn paths() -> impl Strategy<Value = Vec<Step>> {
    let plain = prop_oneof![3 => prop::sample::select(&NAMES[..]).prop_map(Step::Name), 1 => (0_usize..2).prop_map(Step::Index)];
    let first = prop::sample::select(&NAMES[..]).prop_map(Step::Name);
    let last = prop_oneof![6 => Just(None), 1 => Just(Some(Step::AnyName)), 1 => Just(Some(Step::AnyIndex))];
    (first, prop::collection::vec(plain, 0..2), last)
        .prop_map(|(first, middle, last)| [first].into_iter().chain(middle).chain(last).collect())
}

fn checks() -> impl Strategy<Value = Check> {
    let text =
        (prop::sample::select(&TEXTS[1..]), any::<(bool, bool, bool, bool)>()).prop_map(|(text, (before, after, quoted, differs))| {
            // Without quotation marks and asterisks `1` would be a number.
            let quoted = quoted || text == "1";
            Check::Text { text, before, after, quoted, differs }
        });
    let operators: &'static [&'static str] = &["=", "!=", "<", "<=", ">", ">="];
    prop_oneof![
        6 => text,
        3 => (-2..3, prop::sample::select(operators)).prop_map(|(number, operator)| Check::Number(number, operator)),
        1 => (prop::sample::select(&["x", "y", "1"][..]), any::<bool>()).prop_map(|(start, differs)| Check::Begins(start, differs)),
        4 => prop_oneof![Just(Check::Null), Just(Check::True), Just(Check::False), Just(Check::NotExists)],
    ]
}

fn nodes() -> impl Strategy<Value = Node> {
    let test = (paths(), checks()).prop_map(|(path, check)| Node::Test(path, check));
    test.prop_recursive(3, 8, 3, |inner| {
        let several = prop::collection::vec(inner, 2..4);
        prop_oneof![several.clone().prop_map(Node::Any), several.prop_map(Node::All)]
    })
}

fn events() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..3).prop_map(Value::from),
        Just(json!(0.5)),
        prop::sample::select(&TEXTS[..]).prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(2, 8, 3, |inner| {
        let fields = prop::collection::btree_map(prop::sample::select(&NAMES[..]), inner.clone(), 0..4);
        prop_oneof![prop::collection::vec(inner, 0..3).prop_map(Value::from), fields.prop_map(|fields| json!(fields))]
    });
    prop::collection::btree_map(prop::sample::select(&NAMES[..]), value, 0..5).prop_map(|fields| json!(fields))
}

/// Parses, unless the documented quotas forbid it.
fn parsed(text: &str) -> Option<FilterPattern> {
    match FilterPattern::parse(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let over_quota = error.to_string().contains("more than 2 regular") || error.to_string().contains("more than 3 property");
            assert!(over_quota, "`{text}`: {error}");
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_pattern_is_judged_as_the_reference_judges_it(
        node in nodes(), spaces in prop::collection::vec(any::<bool>(), 0..40), events in prop::collection::vec(events(), 1..6)
    ) {
        let text = format!("{{{}}}", write(&node, &mut spaces.into_iter()));
        let Some(pattern) = parsed(&text) else { return Ok(()) };
        for event in &events {
            prop_assert_eq!(pattern.matches(event), holds(&node, event), "`{}` on {}", text, event);
            prop_assert_eq!(pattern.explain(event).matches, pattern.matches(event), "`{}` on {}", text, event);
        }
    }

    #[test]
    fn what_is_printed_is_read_as_the_same(node in nodes(), spaces in prop::collection::vec(any::<bool>(), 0..40)) {
        let text = format!("{{{}}}", write(&node, &mut spaces.into_iter()));
        let Some(pattern) = parsed(&text) else { return Ok(()) };
        let printed = pattern.to_string();
        prop_assume!(printed.chars().count() <= 1_024);
        let again = FilterPattern::parse(&printed);
        prop_assert_eq!(again.as_ref().ok(), Some(&pattern), "`{}` is printed as `{}`", text, printed);
        prop_assert_eq!(again.unwrap().to_string(), printed);
    }

    /// A contradiction is only claimed where nothing matches.
    #[test]
    fn what_contradicts_itself_matches_nothing(node in nodes(), events in prop::collection::vec(events(), 1..8)) {
        let text = format!("{{{}}}", write(&node, &mut std::iter::empty()));
        let Some(pattern) = parsed(&text) else { return Ok(()) };
        if pattern.contradiction().is_some() {
            prop_assert!(events.iter().all(|event| !pattern.matches(event)), "`{}`", text);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[ -~\u{e9}]{0,60}", event in events()) {
        for text in [text.clone(), format!("{{ $.a = {text} }}"), format!("{{{text}}}"), format!("%{text}%"), format!("\"{text}\"")] {
            match FilterPattern::parse(&text) {
                Ok(pattern) => {
                    let _judged = pattern.matches(&event);
                    let printed = pattern.to_string();
                    prop_assert_eq!(FilterPattern::parse(&printed).ok(), Some(pattern), "`{}` is printed as `{}`", text, printed);
                }
                Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "`{}`: {}", text, error),
            }
        }
    }
}
