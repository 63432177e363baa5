//! The threat model cites tests that exist, says of every threat what shows it or what is left, and states the limits that the code has.
#![expect(clippy::panic, reason = "a failed read fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reprieve_semantics::repository_path;

const PAGE: &str = "shared/docs/threat-model.md";
const ATTACKERS: [&str; 10] = [
    "key admin",
    "tag rights",
    "event write",
    "log write",
    "function invoke",
    "ledger write",
    "audit-bucket write",
    "own role",
    "approver's machine",
    "anybody",
];
const BOUNDARIES: [&str; 9] = ["E", "A", "L", "B", "R", "P", "O", "Z", "G"];
/// Not a boundary, but what lies behind all of them.
const OWN_ROLES: &str = "W";

fn read(relative: &str) -> String {
    std::fs::read_to_string(repository_path(relative)).unwrap_or_else(|error| panic!("`{relative}` cannot be read: {error}"))
}

/// A threat.
struct Row {
    id: String,
    stride: String,
    attacker: String,
    stopped_by: String,
    shown_by: String,
}

impl Row {
    /// Returns the part before the digits: the boundary.
    fn boundary(&self) -> &str {
        self.id.trim_end_matches(|letter: char| letter.is_ascii_digit())
    }

    /// Returns everything that it cites as a proof.
    fn citations(&self) -> Vec<Citation> {
        let spans = |cell: &str| cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect::<Vec<_>>();
        let shown = spans(&self.shown_by).into_iter().filter_map(|span| Citation::of(&span));
        let stopped = spans(&self.stopped_by).into_iter().filter_map(|span| Citation::of(&span));
        shown.chain(stopped).collect()
    }

    fn says_what_is_left(&self) -> bool {
        ["**Not mitigated**", "**Accepted**"].iter().any(|words| {
            // The words alone are no reason.
            self.shown_by.split(words).nth(1).is_some_and(|reason| reason.trim().len() >= 30)
        })
    }
}

/// What a row cites.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Citation {
    /// `file.rs::test`, or `file.py::function`.
    Function { file: String, name: String },
    /// `scenario NAME`.
    Scenario(String),
    /// `scp: "SAYS"`.
    ServiceControlPolicy(String),
}

impl Citation {
    fn of(span: &str) -> Option<Self> {
        if let Some(name) = span.strip_prefix("scenario ") {
            return Some(Self::Scenario(name.to_owned()));
        }
        if let Some(says) = span.strip_prefix("scp: ") {
            return Some(Self::ServiceControlPolicy(says.trim_matches('"').to_owned()));
        }
        let (file, name) = span.split_once("::")?;
        let is_file = Path::new(file).extension().is_some_and(|extension| extension == "rs" || extension == "py");
        is_file.then(|| Self::Function { file: file.to_owned(), name: name.to_owned() })
    }

    /// Says why it proves nothing, where it does not.
    fn fault(&self) -> Option<String> {
        match self {
            Self::Function { file, name } => {
                let Ok(source) = std::fs::read_to_string(repository_path(file)) else {
                    return Some(format!("there is no `{file}`"));
                };
                let exists = if Path::new(file).extension().is_some_and(|extension| extension == "py") {
                    source.contains(&format!("\ndef {name}("))
                } else {
                    has_test(&source, name)
                };
                (!exists).then(|| format!("`{file}` has no test `{name}`"))
            }
            Self::Scenario(name) => (!scenarios().contains(name)).then(|| format!("there is no scenario `{name}`")),
            Self::ServiceControlPolicy(says) => {
                let cases = read("infra/aws/scp/cases.json");
                (!cases.contains(&format!("\"says\": \"{says}\"")))
                    .then(|| format!("no case of the service control policies says `{says}`"))
            }
        }
    }
}

/// Says whether a source has a function of this name that is marked as a test.
fn has_test(source: &str, name: &str) -> bool {
    let Some((before, _)) = source.split_once(&format!("fn {name}(")) else { return false };
    let marked = ["#[test]", "#[tokio::test"].iter().filter_map(|mark| before.rfind(mark)).max();
    // No other function lies between the mark and the name.
    marked.and_then(|at| before.get(at..)).is_some_and(|between| !between.contains("fn "))
}

/// Returns the names of the scenarios that are played.
fn scenarios() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    visit(&repository_path("tests/e2e/src"), &mut |_, source| {
        for marker in ["name: \"", "scenario!(\""] {
            names.extend(source.split(marker).skip(1).filter_map(|rest| rest.split('"').next().map(ToOwned::to_owned)));
        }
    });
    names
}

fn visit(folder: &Path, act: &mut impl FnMut(&Path, &str)) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("`{}` cannot be read: {error}", folder.display()));
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.ends_with("target") {
            visit(&path, act);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && let Ok(source) = std::fs::read_to_string(&path)
        {
            act(&path, &source);
        }
    }
}

/// Returns the rows of the tables of threats.
fn rows() -> Vec<Row> {
    let page = read(PAGE);
    let cells = |line: &str| line.trim().trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows = page.lines().filter(|line| line.starts_with("| ")).map(cells);
    rows.filter_map(|cells| match cells.as_slice() {
        [id, stride, attacker, _, stopped_by, shown_by] if id.ends_with(|last: char| last.is_ascii_digit()) => Some(Row {
            id: id.clone(),
            stride: stride.clone(),
            attacker: attacker.clone(),
            stopped_by: stopped_by.clone(),
            shown_by: shown_by.clone(),
        }),
        _ => None,
    })
    .collect()
}

#[test]
fn every_threat_has_a_test_or_says_what_is_left() {
    let rows = rows();
    assert!(rows.len() >= 90, "only {} threats were read", rows.len());
    let open: Vec<&str> =
        rows.iter().filter(|row| row.citations().is_empty() && !row.says_what_is_left()).map(|row| row.id.as_str()).collect();
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn a_threat_that_is_said_to_be_stopped_has_a_test_among_what_shows_it() {
    for row in rows().iter().filter(|row| !row.says_what_is_left()) {
        let proofs = row.citations().into_iter().filter(|citation| !matches!(citation, Citation::ServiceControlPolicy(_)));
        assert!(proofs.count() > 0, "`{}` rests on service control policies alone: say what is left without them", row.id);
    }
}

#[test]
fn every_test_that_is_cited_exists() {
    let citations: BTreeSet<Citation> = rows().iter().flat_map(Row::citations).collect();
    assert!(citations.len() >= 120, "only {} citations were read", citations.len());
    let faults: Vec<String> = citations.iter().filter_map(Citation::fault).collect();
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn every_span_that_shows_a_threat_is_understood() {
    for row in rows() {
        for span in row.shown_by.split('`').skip(1).step_by(2).filter(|span| span.contains("::") && !span.starts_with("scp:")) {
            assert!(Citation::of(span).is_some(), "`{}`: `{span}` cites nothing that can be looked for", row.id);
        }
    }
}

#[test]
fn ids_are_numbered_within_their_boundary_and_never_twice() {
    let mut numbers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for row in rows() {
        let boundary = row.boundary().to_owned();
        let number = row.id.get(boundary.len()..).and_then(|digits| digits.parse::<usize>().ok());
        numbers.entry(boundary).or_default().extend(number);
    }
    for (boundary, numbers) in &numbers {
        assert!(BOUNDARIES.contains(&boundary.as_str()) || boundary == OWN_ROLES, "there is no boundary `{boundary}`");
        assert_eq!(numbers, &(1..=numbers.len()).collect::<Vec<_>>(), "`{boundary}`");
    }
    assert_eq!(numbers.len(), BOUNDARIES.len() + 1, "every boundary has threats");
}

#[test]
fn every_attacker_and_every_kind_of_threat_is_thought_of() {
    let rows = rows();
    for row in &rows {
        assert!(ATTACKERS.contains(&row.attacker.as_str()), "`{}`: there is no attacker `{}`", row.id, row.attacker);
        assert!(["S", "T", "R", "I", "D", "E"].contains(&row.stride.as_str()), "`{}`: `{}` is no letter of STRIDE", row.id, row.stride);
    }
    for attacker in ATTACKERS {
        assert!(rows.iter().any(|row| row.attacker == attacker), "nothing is said of `{attacker}`");
    }
    for letter in ["S", "T", "R", "I", "D", "E"] {
        assert!(rows.iter().filter(|row| row.stride == letter).count() >= 4, "next to nothing is said of `{letter}`");
    }
}

#[test]
fn limits_are_those_of_the_code() {
    let page = read(PAGE);
    let table = page.split("## Limits of what is read").nth(1).and_then(|part| part.split("\n## ").next()).unwrap_or_default();
    let mut seen = 0;
    for line in table.lines().filter(|line| line.starts_with("| ") && line.contains(".rs: ")) {
        let cells: Vec<&str> = line.trim().trim_matches('|').split(" | ").collect();
        let [_, limits, places, _, shown_by] = cells.as_slice() else { panic!("a limit has five cells: {line}") };
        let proofs: Vec<Citation> = shown_by.split('`').skip(1).step_by(2).filter_map(Citation::of).collect();
        assert!(!proofs.is_empty(), "nothing shows what comes of what is beyond a limit: {line}");
        let faults: Vec<String> = proofs.iter().filter_map(Citation::fault).collect();
        assert_eq!(faults, Vec::<String>::new());
        let limits: Vec<&str> = limits.split('`').skip(1).step_by(2).collect();
        let places: Vec<&str> = places.split('`').skip(1).step_by(2).collect();
        for (index, place) in places.iter().enumerate() {
            seen += 1;
            let (file, name) = place.split_once(": ").unwrap_or_else(|| panic!("`{place}` is not `file: NAME`"));
            let limit = limits.get(index).or(limits.first()).unwrap_or_else(|| panic!("`{place}` has no limit"));
            let source = read(file);
            let declared = source.split(&format!("const {name}: ")).nth(1).and_then(|rest| rest.split(';').next());
            let value = declared.and_then(|declared| declared.split_once(" = ")).map(|(_, value)| value);
            assert_eq!(value, Some(*limit), "`{name}` in `{file}`");
        }
    }
    assert!(seen >= 30, "only {seen} limits were read");
}

/// Returns what stands between the parentheses of a macro that begins here, without its texts.
fn arguments(after_parenthesis: &str) -> String {
    let mut depth = 1_usize;
    let mut is_text = false;
    let mut is_escaped = false;
    let mut arguments = String::new();
    for letter in after_parenthesis.chars() {
        match (is_text, letter) {
            (true, _) if is_escaped => is_escaped = false,
            (true, '\\') => is_escaped = true,
            (_, '"') => is_text = !is_text,
            (false, '(') => depth += 1,
            (false, ')') => depth -= 1,
            (true | false, _) => {}
        }
        if depth == 0 {
            break;
        }
        if !is_text {
            arguments.push(letter);
        }
    }
    arguments
}

/// Says whether a value of this name stands among the fields, and not one of its parts (`name.part`).
fn names_whole(fields: &str, name: &str) -> bool {
    let is_of_a_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let lower = fields.to_ascii_lowercase();
    lower.match_indices(name).any(|(at, _)| {
        let before = lower.get(..at).unwrap_or_default();
        let after = lower.get(at + name.len()..).unwrap_or_default();
        !before.ends_with(is_of_a_name) && !after.starts_with(is_of_a_name) && !after.starts_with('.')
    })
}

#[test]
fn a_whole_value_is_told_from_its_parts() {
    assert!(names_whole("?event, id", "?event") && names_whole("id = %token", "token"));
    assert!(!names_whole("%event.id, ?event_id", "?event") && !names_whole("headers.id, mytoken, tokens", "token"));
}

/// Threat O2: fields of the log are chosen one by one, and none is what came in as a whole, or lets somebody call.
#[test]
fn no_line_of_the_log_holds_a_payload_or_a_token() {
    const NEVER: [&str; 10] =
        ["payload", "body", "token", "secret", "password", "authorization", "headers", "credential", "credentials", "webhook"];
    let mut lines = 0;
    let mut faults = Vec::new();
    for folder in ["shared", "functions"] {
        visit(&repository_path(folder), &mut |path, source| {
            let path = path.display().to_string();
            let shown = path.rsplit("../../").next().unwrap_or_default();
            if shown.contains("tests") || shown.starts_with("functions/cli/") {
                return;
            }
            for level in ["error", "warn", "info", "debug", "trace"] {
                for rest in source.split(&format!("tracing::{level}!(")).skip(1) {
                    lines += 1;
                    let fields = arguments(rest);
                    let named = NEVER.into_iter().filter(|word| names_whole(&fields, word));
                    // `?event` would write all of it, where `%event.id` names it.
                    let whole = ["event", "record", "delivery", "sighting", "invocation", "item"]
                        .into_iter()
                        .filter(|name| ["?", "%"].iter().any(|sigil| names_whole(&fields, &format!("{sigil}{name}"))));
                    faults.extend(named.chain(whole).map(|name| format!("{shown}: `{name}` in `{}`", fields.trim())));
                }
            }
        });
    }
    assert!(lines >= 50, "only {lines} lines of the log were found");
    assert_eq!(faults, Vec::<String>::new());
}

/// Threat Z4: nobody but the Functions host on the same machine reaches the handler.
#[test]
fn the_handler_of_azure_listens_on_this_machine_alone() {
    let source = read("functions/azure-guard/src/main.rs");
    let binds: Vec<&str> = source.split("::bind(").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert_eq!(binds, ["(Ipv4Addr::LOCALHOST, port"]);
}
