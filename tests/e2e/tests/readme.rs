//! Runs every command of `README.md` as a reader does who copies them one after another, and holds what is printed against what the
//! page shows.
//!
//! A command runs as it stands, unless [`OTHERWISE`] says otherwise and why. What a release build would have compiled, the tests have
//! compiled already: a stand-in for `cargo` hands that out, and says what it was asked for. No cloud but the local one is reached: a
//! stand-in for `aws` answers for an account in which nothing is deployed.

#[path = "readme/home.rs"]
mod home;

use anyhow::{Context as _, Result, ensure};
use reprieve_e2e::azure::scenario::AZURE;
use reprieve_e2e::page::{self, Block, blocks, find_in_order, squeezed};
use reprieve_e2e::scenario::demonstrated;
use reprieve_e2e::stage::approval_keys::ApprovalKeys;
use reprieve_e2e::stage::{Setting, Stage};

use self::home::Home;

const README: &str = include_str!("../../../README.md");

/// The sections that hold commands, each with a test below.
const SECTIONS: [&str; 5] = ["Try it", "Package and deploy it", "Use it", "Prove what happened", "Where things are"];

/// How a command is run, where it is not run as it stands.
enum Otherwise {
    /// With more arguments, which make it shorter: what is left out, these tests show.
    With(&'static str, &'static str),
    /// By somebody else: the file, and the line in it.
    By(&'static str, &'static str),
}

/// By whole commands.
const OTHERWISE: [(&str, Otherwise); 2] = [
    (
        "scripts/demo",
        Otherwise::With("--only unapproved-deletion --only azure-vault-deleted", "tests/e2e/tests/scenarios.rs and azure.rs play all"),
    ),
    // These tests are a part of it.
    ("scripts/test", Otherwise::By(".ci/run", "CI=true scripts/test")),
];

/// Commands that end with another exit code than 0, by how they begin: they find what they are asked for.
const CODES: [(&str, &str); 2] = [("reprieve filter audit", "3"), ("reprieve coverage", "3")];

/// Who acts, by how a command begins: an approver, somebody who may revoke, somebody who may look.
const ACTORS: [(&str, &str); 5] = [
    ("reprieve approve ", "alice"),
    ("reprieve approvals ", "alice"),
    ("reprieve revoke ", "sam"),
    ("reprieve monitoring plan ", "pat"),
    ("reprieve coverage ", "pat"),
];

/// P149
#[test]
fn every_command_stands_in_a_section_that_is_run() -> Result<()> {
    let all = blocks(README);
    ensure!(all.len() >= 8, "only {} blocks of commands were found", all.len());
    for block in &all {
        ensure!(SECTIONS.contains(&block.heading.as_str()), "nothing runs the commands under `{}`, line {}", block.heading, block.line);
    }
    for section in SECTIONS {
        ensure!(all.iter().any(|block| block.heading == section), "`{section}` holds no commands any more");
    }
    // A block of another kind would be shown as commands, and run by nobody.
    let fences = README.lines().filter(|line| line.starts_with("```") && *line != "```");
    for fence in fences {
        ensure!(matches!(fence, "```sh" | "```text"), "`{fence}` is neither commands (`sh`) nor what they print (`text`)");
    }
    for (command, otherwise) in &OTHERWISE {
        ensure!(all.iter().any(|block| block.each().iter().any(|line| bare(line) == *command)), "`{command}` is no command of the page");
        match otherwise {
            Otherwise::With(_, why) => ensure!(!why.is_empty(), "`{command}`: why?"),
            Otherwise::By(file, line) => {
                let text = std::fs::read_to_string(home::checkout().join(file)).with_context(|| format!("`{file}` cannot be read"))?;
                ensure!(text.lines().any(|found| found.trim() == *line), "`{file}` does not run `{line}`");
            }
        }
    }
    Ok(())
}

#[test]
fn what_is_tried_first_does_what_the_page_says() -> Result<()> {
    let home = Home::make("try")?;
    check("Try it", &home, &[], |block, printed| if has(block, "scripts/demo") { ends_as_promised(block, printed) } else { Ok(()) })
}

#[test]
fn what_is_used_every_day_does_what_the_page_says() -> Result<()> {
    let home = Home::make("use")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let stage = runtime.block_on(Stage::set(Setting::of_mode("enforce")?))?;
    runtime.block_on(home.hand_out(&stage))?;
    // Names that the page makes up, and those of the stage.
    let names = [
        ("alias/reprieve-approval", ApprovalKeys::alias_of("alice").context("alice has no approval key")?.to_owned()),
        ("reprieve-ledger", stage.outputs.named("LedgerTableName")?.to_owned()),
        ("arn:aws:sns:us-east-1:111122223333:security", stage.outputs.named("NoticeTopicArn")?.to_owned()),
    ];
    let names: Vec<(&str, &str)> = names.iter().map(|(name, meant)| (*name, meant.as_str())).collect();
    let checked = check("Use it", &home, &names, |_, _| Ok(()));
    stage.strike();
    checked
}

#[test]
fn what_happened_is_proven_as_the_page_says() -> Result<()> {
    check("Prove what happened", &Home::make("prove")?, &[], |_, _| Ok(()))
}

#[test]
fn a_package_and_a_dry_deployment_do_what_the_page_says() -> Result<()> {
    let home = Home::make("deploy")?;
    check("Package and deploy it", &home, &[], |_, _| Ok(()))?;
    home.planned_and_changed_nothing()
}

/// Runs the commands of a section, and holds their exit codes and what they print against the page.
fn check(section: &str, home: &Home, names: &[(&str, &str)], further: impl Fn(&Block, &str) -> Result<()>) -> Result<()> {
    let blocks: Vec<Block> = blocks(README).into_iter().filter(|block| block.heading == section).collect();
    let commands: Vec<Vec<String>> = blocks.iter().map(Block::each).collect();
    let scripts: Vec<String> = commands.iter().flatten().map(|command| script(command, names)).collect();
    let mut printed = page::run(&scripts, &mut home.shell()?)?.into_iter();
    for (block, commands) in blocks.iter().zip(&commands) {
        let mut text = String::new();
        for command in commands {
            let ended = printed.next().context("a command was not run")?;
            let expected = CODES.iter().find(|(begin, _)| command.starts_with(begin)).map_or("0", |(_, code)| code);
            ensure!(ended.code == expected, "README.md, line {}: `{command}` ends with {}:\n{}", block.line, ended.code, ended.text);
            text.push_str(&ended.text);
        }
        let is_of_the_demo = has(block, "scripts/demo");
        // Of the demo, other scenarios are shown than are played here.
        let promised = block.promised.iter().filter(|_| !is_of_the_demo).map(String::as_str);
        find_in_order(promised, &text).with_context(|| format!("README.md, line {}", block.line))?;
        further(block, &text)?;
    }
    Ok(())
}

/// Writes a command as it is run.
fn script(command: &str, names: &[(&str, &str)]) -> String {
    let as_on_the_stage = names.iter().fold(command.to_owned(), |command, (name, meant)| command.replace(name, meant));
    let run = match OTHERWISE.iter().find(|(whole, _)| *whole == bare(command)) {
        Some((whole, Otherwise::With(more, _))) => format!("{whole} {more}"),
        Some((_, Otherwise::By(..))) => "true".to_owned(),
        None => as_on_the_stage,
    };
    let actor = ACTORS.iter().find(|(begin, _)| command.starts_with(begin)).map(|(_, name)| name);
    actor.map_or_else(|| run.clone(), |name| format!("(. target/demo/people/{name}.env; {run}\n)"))
}

/// Returns a command without the remark behind it.
fn bare(command: &str) -> &str {
    command.split_once("  #").map_or(command, |(command, _)| command).trim_end()
}

fn has(block: &Block, command: &str) -> bool {
    block.each().iter().any(|line| bare(line) == command)
}

/// Holds the scenarios that the page shows against those that there are, and those that were played against how they ended.
fn ends_as_promised(block: &Block, printed: &str) -> Result<()> {
    let known: Vec<(&str, &str)> = demonstrated()
        .map(|scenario| (scenario.title, scenario.expected))
        .chain(AZURE.iter().map(|scenario| (scenario.title, scenario.expected)))
        .collect();
    let mut shown = 0;
    for pair in block.promised.windows(2) {
        let [title, end] = pair else { continue };
        let Some(title) = title.strip_prefix("✔ ") else { continue };
        let (_, expected) = known.iter().find(|(known, _)| *known == title).with_context(|| format!("there is no scenario `{title}`"))?;
        let promised = end.split(" · ").next().unwrap_or_default().trim();
        ensure!(promised == *expected, "`{title}` ends with `{expected}`, and the page says `{promised}`");
        shown += 1;
    }
    ensure!(shown >= 4, "only {shown} scenarios are shown");
    let printed = squeezed(printed);
    for words in [
        "unapproved deletion Enabled Enabled ✔",
        "vault deleted back, with its roles back, with its roles ✔",
        "2 of 2 scenarios ended as promised",
    ] {
        ensure!(printed.contains(words), "`{words}` is not printed:\n{printed}");
    }
    Ok(())
}
