//! `reprieve replay` as its users run it, over a month of CloudTrail that is written here: the summary, JSON, parts, the page, Ctrl-C.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that goes another way must stop")]

#[path = "report/browser.rs"]
mod browser;
#[path = "replay/scene.rs"]
mod scene;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use reprieve_core::approval::SealedApproval;
use serde_json::{Value, json};

use scene::{ATTACK, FIRST, SECOND, file_of, gz, key, records};

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reprieve"));
    command.env_remove("CLICOLOR_FORCE").env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").env("AWS_EC2_METADATA_DISABLED", "true");
    command.current_dir(folder).arg("replay");
    command
}

fn replay(folder: &Path, arguments: &[&str]) -> Output {
    command(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A text in one line, however it was wrapped.
fn line(bytes: &[u8]) -> String {
    text(bytes).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The answer as bytes; everything must have been read.
fn answer(folder: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = replay(folder, &[arguments, &["--json", "-"]].concat());
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    output.stdout
}

fn value(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|error| unreachable!("`{}`: {error}", text(bytes)))
}

fn logs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    scene::write(folder.path(), &records());
    folder
}

/// What does not say how the same events were divided into files.
fn of_events(answer: &[u8]) -> Value {
    let mut value = value(answer);
    for field in ["files", "records", "bytes", "bytes_read"] {
        value.as_object_mut().unwrap().remove(field).unwrap();
    }
    value
}

/// The verdict on what was done to a key first.
fn verdict(answer: &Value, number: u32) -> &str {
    let of_key = |decided: &&Value| decided["key"] == json!(key(number));
    answer["decisions"].as_array().unwrap().iter().find(of_key).unwrap()["verdict"].as_str().unwrap()
}

#[test]
fn what_would_have_been_done_is_told_on_a_terminal_of_80_columns() {
    let folder = logs();
    let output = replay(folder.path(), &["AWSLogs"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "there is no terminal to show progress on");
    let shown = text(&output.stdout);
    assert!(!shown.contains('\u{1b}'), "a name steers the terminal: {shown:?}");
    let too_long: Vec<&str> = shown.lines().filter(|line| line.chars().count() > 80).collect();
    assert_eq!(too_long, Vec::<&str>::new());
    // How fast it was, and how well it packs, differs from build to build.
    let varies = |line: &&str| ["Bytes ", "Took "].iter().any(|name| line.starts_with(name));
    let timeless: Vec<&str> = shown.lines().filter(|line| !varies(line)).collect();
    assert_eq!(timeless.len() + 2, shown.lines().count(), "{shown}");
    insta::assert_snapshot!("replay_text", timeless.join("\n"));
}

#[test]
fn the_answer_is_json_with_what_scripts_need() {
    let folder = logs();
    let answer = value(&answer(folder.path(), &["AWSLogs"]));
    let all = records();
    assert_eq!(answer["records"], json!(all.len()));
    assert_eq!(answer["unique_events"], json!(all.len()));
    assert_eq!(answer["errors"], json!(0));
    assert!(answer["bytes"].as_u64().unwrap() > answer["bytes_read"].as_u64().unwrap(), "{answer}");
    let keys: Vec<&str> = answer["keys"].as_array().unwrap().iter().map(|key| key["key"].as_str().unwrap()).collect();
    let mut expected: Vec<String> = (1..=6).map(key).collect();
    expected.sort();
    assert_eq!(keys, expected, "a key that was used alone is none that was acted on");
    for (number, expected) in
        [(1, "would_restore"), (2, "would_restore"), (3, "would_restore"), (4, "would_restore"), (5, "refused"), (6, "would_restore")]
    {
        assert_eq!(verdict(&answer, number), expected, "key {number}");
    }
    let kpis = &answer["kpis"];
    assert_eq!((&kpis["undone_by_people"], &kpis["lost"], &kpis["open"]), (&json!(2), &json!(2), &json!(1)), "{kpis}");
    assert_eq!(kpis["false_positive_rate"], json!(0.5), "{kpis}");
}

/// P128
#[test]
fn events_that_come_twice_and_in_any_order_give_the_same_answer() {
    let (once, twice) = (logs(), tempfile::tempdir().unwrap());
    let mut shuffled = records();
    shuffled.extend(records());
    // Neither by time nor by file: an order that looks drawn by lot, and is the same every time.
    shuffled.sort_by_key(|record| record["eventID"].as_str().unwrap().bytes().rev().collect::<Vec<_>>());
    let (first, second) = shuffled.split_at(shuffled.len() / 3);
    fs::write(twice.path().join("b.json"), file_of(first)).unwrap();
    fs::write(twice.path().join("a.json.gz"), gz(&file_of(second))).unwrap();
    let [once, twice] = [&once, &twice].map(|folder| answer(folder.path(), &["."]));
    assert_eq!(value(&twice)["records"], json!(2 * records().len()));
    assert_eq!(of_events(&once), of_events(&twice));
}

#[test]
fn a_file_that_is_named_twice_is_read_once_and_threads_change_nothing() {
    let folder = logs();
    let once = answer(folder.path(), &["AWSLogs"]);
    assert_eq!(answer(folder.path(), &["AWSLogs", "./AWSLogs", "AWSLogs/111122223333/.."]), once);
    assert_eq!(answer(folder.path(), &["AWSLogs", "--threads", "7"]), answer(folder.path(), &["AWSLogs", "--threads", "1"]));
}

/// P129
#[test]
fn what_cannot_be_read_is_named_with_file_and_record_and_the_rest_is_replayed() {
    let folder = logs();
    let logs = folder.path().join("AWSLogs");
    let whole = answer(folder.path(), &["AWSLogs"]);
    let packed = gz(&file_of(&records()));
    fs::write(logs.join("torn.json.gz"), packed.get(..packed.len() / 2).unwrap()).unwrap();
    fs::write(logs.join("zstd.json"), [0x28, 0xb5, 0x2f, 0xfd, 0, 0]).unwrap();
    let lines: Vec<String> = records().iter().map(Value::to_string).collect();
    let broken = lines[1].get(..lines[1].len() / 2).unwrap();
    fs::write(logs.join("broken.jsonl"), format!("{}\n{broken}\n{}\n", lines[0], lines[2])).unwrap();
    let output = replay(folder.path(), &["AWSLogs", "--json", "-"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let told = line(&output.stderr);
    for words in ["`torn.json.gz`: the file breaks off", "`zstd.json`: the file is packed with Zstandard", "`broken.jsonl`, record 2: "] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let answer = value(&output.stdout);
    assert!(answer["errors"].as_u64().unwrap() >= 3, "{answer}");
    for field in ["keys", "decisions", "kpis", "acts"] {
        assert_eq!(answer[field], value(&whole)[field], "{field}");
    }
    let summary = replay(folder.path(), &["AWSLogs"]);
    assert_eq!(summary.status.code(), Some(3));
    assert!(line(&summary.stdout).contains(" errors "), "{}", text(&summary.stdout));
}

/// P128
#[test]
fn a_part_that_was_saved_gives_the_same_answer_to_the_byte_and_parts_merge() {
    let folder = logs();
    let whole = answer(folder.path(), &["AWSLogs", "--save", "whole.part"]);
    assert_eq!(answer(folder.path(), &["whole.part"]), whole);
    let [first, second] = [FIRST, SECOND].map(|account| format!("AWSLogs/{account}"));
    answer(folder.path(), &[&first, "--save", "first.part"]);
    // Its name tells nothing: its bytes do.
    answer(folder.path(), &[&second, "--save", "second.bin"]);
    let merged = answer(folder.path(), &["second.bin", "first.part"]);
    assert_eq!(value(&merged), value(&whole));
    assert_eq!(merged, whole);
    assert_eq!(answer(folder.path(), &[&second, "first.part"]), whole, "logs and parts");
}

#[test]
fn a_folder_of_parts_is_read_and_one_beside_logs_is_not() {
    let folder = logs();
    let whole = answer(folder.path(), &["AWSLogs", "--save", "AWSLogs/whole.part"]);
    assert_eq!(answer(folder.path(), &["AWSLogs"]), whole, "what was read is not read again with the logs");
    fs::create_dir(folder.path().join("parts")).unwrap();
    fs::rename(folder.path().join("AWSLogs/whole.part"), folder.path().join("parts/whole.part")).unwrap();
    assert_eq!(answer(folder.path(), &["parts"]), whole);
    fs::write(folder.path().join("parts/torn.part"), [0x1f, 0x8b, 8, 0]).unwrap();
    let output = replay(folder.path(), &["parts", "--json", "-"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(line(&output.stderr).contains("`torn.part`: these 4 bytes are no part"), "{}", text(&output.stderr));
    assert_eq!(value(&output.stdout)["keys"], value(&whole)["keys"]);
}

#[test]
fn period_account_and_region_select_what_is_decided_on() {
    let folder = logs();
    let keys = |arguments: &[&str]| {
        let answer = value(&answer(folder.path(), &[&["AWSLogs"], arguments].concat()));
        let keys = answer["decisions"].as_array().unwrap().iter().filter_map(|decided| decided["key"].as_str());
        let mut keys: Vec<u32> = keys.map(|arn| (1..=6).find(|number| key(*number) == arn).unwrap()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    };
    assert_eq!(keys(&["--from", "2026-11-03", "--to", "2026-11-05"]), [2, 3], "the last day is all of it");
    assert_eq!(keys(&["--from", "2026-11-03T09:31:00Z", "--to", "2026-11-05T22:00:00Z"]), Vec::<u32>::new());
    assert_eq!(keys(&["--account", SECOND]), [3, 6]);
    assert_eq!(keys(&["--region", "eu-central-1", "--region", "eu-west-1"]), [1, 2, 4, 5]);
    assert_eq!(keys(&["--region", "eu-west-1", "--account", SECOND]), Vec::<u32>::new());
}

/// What `--approval-keys` takes, and the approval of a deletion sealed with it.
fn approval(number: u32) -> (String, SealedApproval) {
    let signer = SigningKey::from_slice(&[7; 32]).unwrap();
    let public = STANDARD.encode(signer.verifying_key().to_public_key_der().unwrap().as_bytes());
    let mut approval = SealedApproval {
        change: "CHG-1".to_owned(),
        action: "delete".to_owned(),
        window: "2026-11-16T00:00:00Z/2026-11-17T00:00:00Z".to_owned(),
        approver: "carol@example.com".to_owned(),
        seal: String::new(),
    };
    let signature: Signature = signer.sign(approval.canonical_text(&key(number)).as_bytes());
    approval.seal = SealedApproval::seal_text("approver-1", &signature.to_bytes().into());
    (format!("approver-1={public}"), approval)
}

#[test]
fn an_approval_that_the_ledger_held_turns_the_verdict_and_a_revocation_turns_it_back() {
    let folder = logs();
    let (keys, approval) = approval(6);
    let revocation = json!({"change": "CHG-1", "by": "dana", "at": "2026-11-16T01:00:00Z"});
    for (revocations, expected) in [(json!([]), "approved"), (json!([revocation]), "would_restore")] {
        let ledger = json!({ key(6): { "approvals": [approval], "revocations": revocations } });
        fs::write(folder.path().join("approvals.json"), ledger.to_string()).unwrap();
        let answer = value(&answer(folder.path(), &["AWSLogs", "--approvals", "approvals.json", "--approval-keys", &keys]));
        assert_eq!(verdict(&answer, 6), expected);
        assert_eq!(verdict(&answer, 2), "would_restore", "it is of one key alone");
    }
}

#[test]
fn a_policy_of_ones_own_decides() {
    let folder = logs();
    let policy = "@id(\"team\") permit (principal, action, resource is Reprieve::Key) when { resource.account == \"444455556666\" };";
    fs::write(folder.path().join("mine.cedar"), policy).unwrap();
    for option in ["--policy", "--policies"] {
        let output = replay(folder.path(), &["AWSLogs", option, "mine.cedar", "--json", "-"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let answer = value(&output.stdout);
        assert_eq!((verdict(&answer, 3), verdict(&answer, 1)), ("approved", "would_restore"));
    }
}

/// Starts a replay of a pipe that never ends, and returns it with a thread that writes events into it until nobody reads.
fn of_a_pipe(folder: &Path, arguments: &[&str]) -> (Child, std::thread::JoinHandle<()>, std::sync::mpsc::Receiver<()>) {
    let pipe = folder.join("pipe.jsonl");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let child = command(folder).arg("pipe.jsonl").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (begun, is_begun) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        let mut pipe = fs::OpenOptions::new().write(true).open(pipe).unwrap();
        let mut lines = records().iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n";
        let mut written = 0;
        while pipe.write_all(lines.as_bytes()).is_ok() {
            // More than a pipe and the reader's windows hold: what came first was read.
            written += lines.len();
            if written > 8 * 1024 * 1024 {
                begun.send(()).ok();
            }
            lines = format!("{}\n", json!({"eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventID": "x".repeat(30_000)}));
        }
    });
    (child, writer, is_begun)
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

/// Waits for a process that must end.
fn output_of(mut child: Child) -> Output {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_mins(1) {
            child.kill().unwrap();
            unreachable!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

/// P129
#[test]
fn ctrl_c_ends_with_the_answer_of_what_was_read_marked_as_partial() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--html", "page.html", "--json", "answer.json", "--save", "all.part"];
    let (child, writer, is_begun) = of_a_pipe(folder.path(), &arguments);
    is_begun.recv_timeout(Duration::from_mins(1)).unwrap();
    interrupt(&child);
    let output = output_of(child);
    writer.join().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let (shown, told) = (line(&output.stdout), line(&output.stderr));
    assert!(shown.starts_with("stopped by Ctrl-C: 0 of 1 file were read, and of 1 the beginning."), "{shown}");
    assert!(shown.contains("As far as was read, in"), "{shown}");
    assert!(told.contains("reprieve: stopped by Ctrl-C: 0 of 1 file"), "{told}");
    let answer = value(&fs::read(folder.path().join("answer.json")).unwrap());
    assert_eq!(verdict(&answer, 1), "would_restore");
    assert_eq!((&answer["errors"], &answer["problems"]), (&json!(0), &json!([])), "to be stopped is no error of the logs");
    assert!(answer["records"].as_u64().unwrap() >= records().len() as u64, "{}", answer["records"]);
    assert!(fs::read_to_string(folder.path().join("page.html")).unwrap().contains("This is a partial answer: stopped by Ctrl-C"));
    assert!(!folder.path().join("all.part").exists(), "a part must be of whole files");
    assert!(told.contains("`all.part` is not written"), "{told}");
}

#[test]
fn what_was_unusual_is_found_on_demand_and_nothing_is_left_behind() {
    let (folder, temporary) = (logs(), tempfile::tempdir().unwrap());
    let run = |arguments: &[&str]| {
        let output = command(folder.path()).env("TMPDIR", temporary.path()).arg("AWSLogs").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "the temporary folder is removed");
        output.stdout
    };
    let answer = value(&run(&["--anomalies", "--json", "-"]));
    let anomalies = answer["anomalies"].as_array().unwrap();
    assert!(!anomalies.is_empty(), "somebody who never did, from where nobody ever was");
    assert!(anomalies.iter().all(|anomaly| anomaly["principal"].as_str().unwrap().ends_with("user/mallory")), "{anomalies:?}");
    assert_eq!(value(&run(&["--json", "-"])).get("anomalies"), None);
    let shown = text(&run(&["--anomalies"]));
    assert!(shown.contains("Anomalies, the highest score first"), "{shown}");
    assert_eq!(value(&run(&["--anomalies", "--json", "-", "--to", "2026-11-23"]))["anomalies"], json!([]), "outside of the period");
}

/// The page of the scene.
fn page(folder: &Path) -> String {
    let output = replay(folder, &["AWSLogs", "--anomalies", "--html", "page.html", "--quiet"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "", "with --quiet nothing is printed");
    fs::read_to_string(folder.join("page.html")).unwrap()
}

/// P136
#[test]
fn the_page_needs_nothing_else_and_escapes_everything() {
    let folder = logs();
    let page = page(folder.path());
    for part in ["http://", "https://", "src=\"", "@import", "url(", "<script", "<img", "</title></svg><", "xmlns"] {
        assert!(!page.contains(part), "the page holds `{part}`");
    }
    assert!(page.contains("&lt;script&gt;") || page.contains("&#60;script&#62;"), "the attack is told, as text: {ATTACK}");
    for words in [
        "11 acts on 6 keys; Reprieve would have undone 5 and woken a human for 2.",
        "False positives: 50.0 %",
        "Keys in danger",
        "What Reprieve would cost here",
        "Anomalies",
        "left out 1 file: a digest of CloudTrail",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("partial answer"));
}

#[test]
fn the_page_draws_in_a_browser_light_dark_narrow_and_calls_nobody() {
    let folder = logs();
    browser::assert_drawn_everywhere(&page(folder.path()), folder.path(), 2);
}

#[test]
fn the_story_of_a_key_is_told_in_order_with_decisions_states_and_uses() {
    let folder = logs();
    let output = replay(folder.path(), &["AWSLogs", "--explain", &key(1)]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert!(shown.lines().all(|line| line.chars().count() <= 80 || line.contains("arn:")), "{shown}");
    insta::assert_snapshot!("replay_story", shown);
    let used = line(&replay(folder.path(), &["AWSLogs", "--explain", key(7).rsplit('/').next().unwrap()]).stdout);
    assert!(used.contains("140 events in 31 files."), "{used}");
    assert!(used.contains("Decrypt by mallory, 40 times"), "{used}");
    let attack = text(&replay(folder.path(), &["AWSLogs", "--explain", &key(4)]).stdout);
    assert!(!attack.contains('\u{1b}'), "a name steers the terminal: {attack:?}");
}

#[test]
fn a_story_is_json_and_one_of_a_key_that_no_log_names_says_so() {
    let folder = logs();
    let output = replay(folder.path(), &["AWSLogs", "--explain", &key(2), "--json", "-"]);
    let story = value(&output.stdout);
    let calls: Vec<&str> = story["chapters"].as_array().unwrap().iter().map(|chapter| chapter["call"].as_str().unwrap()).collect();
    assert_eq!((calls, &story["chapters"][0]["decision"]["verdict"]), (vec!["ScheduleKeyDeletion", "DeleteKey"], &json!("would_restore")));
    let none = replay(folder.path(), &["AWSLogs", "--explain", "alias/nothing"]);
    assert_eq!(none.status.code(), Some(0), "{}", text(&none.stderr));
    assert!(text(&none.stdout).contains("The logs know no key alias/nothing"), "{}", text(&none.stdout));
}

#[test]
fn what_cannot_be_used_is_refused_with_what_to_do() {
    let folder = logs();
    let empty = folder.path().join("nothing");
    fs::create_dir(&empty).unwrap();
    let file = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    file("bad.cedar", "permit (principal");
    file("list.json", "[]");
    answer(folder.path(), &["AWSLogs", "--save", "all.part"]);
    for (arguments, words) in [
        (vec![], "<PATH>"),
        (vec!["nowhere"], "`nowhere` cannot be read"),
        (vec!["nothing"], "`nothing` holds no log files"),
        (vec!["AWSLogs", "--from", "2026-11-02", "--to", "2026-11-01"], "give --from before --to"),
        (vec!["AWSLogs", "--from", "last week"], "write a day such as 2026-11-21"),
        (vec!["AWSLogs", "--policy", "bad.cedar"], "bad.cedar"),
        (vec!["AWSLogs", "--approvals", "list.json"], "the approvals `list.json` cannot be used"),
        (vec!["AWSLogs", "--approval-keys", "x"], "the approval key `x` is not"),
        (vec!["AWSLogs", "--json", "nowhere/answer.json"], "`nowhere/answer.json` cannot be written"),
        (vec!["all.part", "--anomalies"], "name the log files for --anomalies"),
        (vec!["all.part", "--explain", "x"], "name the log files for --explain"),
        (vec!["AWSLogs", "--explain", "x", "--account", "111122223333"], "`--account <ID>`"),
        (vec!["AWSLogs", "--explain", "x", "--region", "eu-central-1"], "`--region <REGION>`"),
        (vec!["s3://"], "`s3://` names no bucket"),
    ] {
        let output = replay(folder.path(), &arguments);
        let told = line(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(words), "{arguments:?}: {told}");
    }
}
