//! Least privilege, proven: every role of every shipped stack is deployed on local clouds that enforce IAM, everything that it may do is
//! played, and what it may do is held against what it did, both ways. Then actions are taken away, and scenarios have to fail.
//!
//! `cargo test -p reprieve-e2e --test privilege -- --ignored` takes every action away that the guard's role has, one by one, which takes
//! a quarter of an hour and more.

#![expect(clippy::print_stdout, reason = "the tables are for whoever reads the log")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use reprieve_e2e::azure::scenario::AZURE;
use reprieve_e2e::azure::stage::{AzureSetting, AzureStage};
use reprieve_e2e::privilege::exceptions::UNDEPLOYED;
use reprieve_e2e::privilege::play::{everything, of_all, proof_of};
use reprieve_e2e::privilege::without::Without;
use reprieve_e2e::privilege::{EXCEPTIONS, Proof, azure, exceptions, roles_of, statements, table};
use reprieve_e2e::scenario::{ALL, BROKEN_RULES, ROTATION_OFF, STRICT_RULES, STRICTER_RULES, Scenario, UNUSABLE_POLICIES};
use reprieve_e2e::stage::evidence::log_file;
use reprieve_e2e::stage::package;
use reprieve_e2e::stage::sdk::Endpoint;
use reprieve_e2e::stage::stack::{self, ARCHITECTURE};
use reprieve_e2e::stage::{HouseRules, Setting, Stage};
use reprieve_localcloud::{LocalCloud, Options};
use serde_json::json;

/// How long a replay may take.
const REPLAY_WAIT: Duration = Duration::from_mins(3);

async fn stage(house_rules: HouseRules) -> Result<Stage> {
    Stage::set(Setting { house_rules, ..Setting::of_mode("enforce")? }).await
}

/// Plays on a stage and returns the proof; what did not end as promised is an error, since a scenario that fails shows nothing.
async fn played(house_rules: HouseRules, play: impl AsyncFnOnce(&Stage) -> Result<Vec<String>>) -> Result<Proof> {
    let stage = stage(house_rules).await?;
    let problems = play(&stage).await;
    let proof = proof_of(&stage).await;
    stage.strike();
    let (problems, proof) = (problems?, proof?);
    ensure!(problems.is_empty(), "{}\n{}", problems.join("\n"), table::written(&proof, EXCEPTIONS));
    Ok(proof)
}

/// On AWS, what the roles may do is what they did, both ways, but for reasoned exceptions.
/// P143
async fn aws() -> Result<()> {
    let plain = played(HouseRules::NONE, async |stage| everything(stage).await).await?;
    let strict = played(STRICT_RULES, async |stage| Ok(of_all(stage, [STRICTER_RULES]).await)).await?;
    let by_name = played(BROKEN_RULES, async |stage| Ok(of_all(stage, [UNUSABLE_POLICIES]).await)).await?;
    let proof = plain.and(strict).and(by_name).and(replayed().await?);
    println!("{}", table::written(&proof, EXCEPTIONS));
    let mut faults = proof.faults(EXCEPTIONS);
    // What is deployed nowhere could hold anything.
    let deployed: BTreeSet<(&str, &str, &str)> = proof
        .roles
        .iter()
        .flat_map(|role| role.role.grants.iter().map(|grant| (role.role.template, role.role.id.as_str(), grant.statement.as_str())))
        .collect();
    for (template, role, sid) in &statements::shipped()? {
        let is_deployed = deployed.contains(&(*template, role.as_str(), sid.as_str()));
        let is_excepted = UNDEPLOYED.iter().any(|each| each.template == *template && each.role == role && each.statement == sid);
        if is_deployed == is_excepted {
            faults.push(format!("{template} {role}: `{sid}` is {}", if is_deployed { "deployed after all" } else { "deployed nowhere" }));
        }
    }
    for exception in EXCEPTIONS.iter().filter(|each| !deployed.contains(&(each.template, each.role, each.statement))) {
        faults.push(format!("{} {}: there is no `{}` to except from", exception.template, exception.role, exception.statement));
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

/// Deploys the replay as it is shipped, and lets it read an archive.
async fn replayed() -> Result<Proof> {
    let cloud = LocalCloud::start(Options { enforce_iam: true, ..Options::default() }).await?;
    let config = Endpoint::new(cloud.endpoint_url(), "us-east-1").root_config();
    let s3 = aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
    for bucket in ["organisation-logs", "replay-code"] {
        s3.create_bucket().bucket(bucket).send().await.with_context(|| format!("`{bucket}` cannot be made"))?;
    }
    let code = package::package(&package::find_beside("aws-replay-archive", "aws-replay-archive")?)?;
    s3.put_object().bucket("replay-code").key("code").body(code.into()).send().await.context("the code cannot be put")?;
    let parameters = [
        ("CodeBucket", "replay-code"),
        ("CodeKey", "code"),
        ("Architecture", ARCHITECTURE),
        ("LogsBucket", "organisation-logs"),
        ("LogsPrefix", "AWSLogs/"),
        ("MaxConcurrency", "4"),
    ];
    let outputs = stack::deploy_replay(&config, &parameters).await?;
    let folder = tempfile::tempdir()?;
    for number in 0..20 {
        let day = format!("111122223333/CloudTrail/us-east-1/2026/07/{:02}", number % 5 + 1);
        std::fs::create_dir_all(folder.path().join(&day))?;
        let record = json!({
            "eventVersion": "1.11", "eventID": format!("00000000-0000-4000-8000-{number:012}"), "eventTime": "2026-07-01T10:00:00Z",
            "eventSource": "kms.amazonaws.com", "eventName": "DisableKey", "awsRegion": "us-east-1", "recipientAccountId": "111122223333",
            "requestParameters": { "keyId": "1234abcd-12ab-34cd-56ef-1234567890ab" },
        });
        let name = format!("111122223333_CloudTrail_us-east-1_{number:05}.json.gz");
        std::fs::write(folder.path().join(day).join(name), log_file(&[record])?)?;
    }
    cloud.fill_bucket("organisation-logs", "AWSLogs/", folder.path()).await?;
    let states = aws_sdk_sfn::Client::new(&config);
    let run = states.start_execution().state_machine_arn(outputs.named("StateMachineArn")?).name("proof").input(json!({}).to_string());
    let run = run.send().await.context("the run cannot be started")?.execution_arn;
    let give_up_at = Instant::now() + REPLAY_WAIT;
    let ended = loop {
        let described = states.describe_execution().execution_arn(&run).send().await.context("the run cannot be looked at")?;
        if described.status.as_str() != "RUNNING" || Instant::now() > give_up_at {
            break described;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    read_what_is_gone(&config, outputs.named("ReadFunctionName")?).await?;
    let proof = Proof::of(roles_of(&config).await?, &cloud.iam_decisions().await?, &cloud.calls());
    cloud.stop();
    let why = format!("{}: {}", ended.error().unwrap_or_default(), ended.cause().unwrap_or_default());
    ensure!(ended.status.as_str() == "SUCCEEDED", "the replay is {}: {why}\n{}", ended.status, table::written(&proof, EXCEPTIONS));
    Ok(proof)
}

/// Lets the function read a file that was listed and is gone: it is told so, and not that it may not.
async fn read_what_is_gone(config: &aws_types::SdkConfig, function: &str) -> Result<()> {
    let batch = json!({
        "BatchInput": { "run": "gone", "bucket": "organisation-logs", "prefix": "AWSLogs/" },
        "Items": [{ "Key": "AWSLogs/111122223333/CloudTrail/us-east-1/2026/07/01/gone.json.gz", "Size": 100 }],
    });
    let lambda = aws_sdk_lambda::Client::new(config);
    let answer = lambda.invoke().function_name(function).payload(serde_json::to_vec(&batch)?.into()).send().await?;
    let text = answer.payload().map(|payload| String::from_utf8_lossy(payload.as_ref()).into_owned()).unwrap_or_default();
    ensure!(answer.function_error().is_none(), "a file that is gone ends the batch: {text}");
    Ok(())
}

/// In Azure, what the guard's roles may do is what it did, both ways, but for reasoned exceptions.
async fn in_azure() -> Result<()> {
    let setting = AzureSetting { mode: "enforce", role_propagation: Duration::from_millis(300) };
    let stage = AzureStage::set(setting).await.context("the stage could not be set")?;
    let mut problems = Vec::new();
    for scenario in AZURE {
        let report = scenario.play(&stage).await;
        if !report.ok {
            problems.push(format!("{}: expected `{}`, observed `{}`", scenario.name, report.expected, report.observed));
        }
    }
    // No scenario seals: the timer does.
    let sealed = stage.host.run_timer("SealEvidence").await;
    if let Err(error) = &sealed.outcome {
        problems.push(format!("SealEvidence failed: {error:?}"));
    }
    let roles = BTreeMap::from([
        ("5c0ffee5-0000-4000-8000-000000000000", "subscription.json"),
        ("5c0ffee5-0000-4000-8000-000000000001", "guard.json"),
        ("5c0ffee5-0000-4000-8000-000000000009", "evidence.json"),
        ("5c0ffee5-0000-4000-8000-00000000000a", "seals.json"),
    ]);
    let decisions = stage.sandbox.rbac_decisions();
    let proof = azure::AzureProof::of(&azure::granted()?, &decisions, &stage.guard_object_id, &roles);
    stage.strike().await;
    println!("{}", proof.written(azure::EXCEPTIONS));
    problems.extend(proof.faults(azure::EXCEPTIONS));
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

/// Every exception says where it can be seen that the grant is needed.
fn reasons_hold() -> Result<()> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let reasons = EXCEPTIONS.iter().chain(UNDEPLOYED).map(|each| (each.statement, each.why, each.shown));
    let reasons = reasons.chain(azure::EXCEPTIONS.iter().map(|each| (each.template, each.why, each.shown)));
    for (what, why, shown) in reasons {
        ensure!(!why.is_empty(), "`{what}` has no reason");
        match shown {
            exceptions::Shown::Documented(page) => ensure!(page.starts_with("https://"), "`{what}` names no page: `{page}`"),
            exceptions::Shown::Source(file, text) | exceptions::Shown::Script(file, text) => {
                let source = std::fs::read_to_string(root.join(file)).with_context(|| format!("`{what}`: `{file}` cannot be read"))?;
                ensure!(source.contains(text), "`{what}`: `{file}` does not say `{text}`");
            }
        }
    }
    Ok(())
}

/// An action of the guard's role, and the scenario that cannot do without it.
type Need = (&'static str, &'static str);

/// A handful for every run; [`NEEDS`] for all.
const SOME_NEEDS: [Need; 4] = [
    ("kms:EnableKey", "unapproved-deletion"),
    ("kms:CancelKeyDeletion", "unapproved-deletion"),
    ("dynamodb:PutItem", "disable-key"),
    ("cloudtrail:LookupEvents", "plain-tags-of-change-manager"),
];

/// Each action that the guard's role has on a plain stage, and the scenario that shows what is lost without it.
const NEEDS: [Need; 20] = [
    ("kms:DescribeKey", "unapproved-deletion"),
    ("kms:GetKeyRotationStatus", "rotation-off"),
    ("kms:ListResourceTags", "approved-deletion"),
    ("kms:ListAliases", "unapproved-deletion"),
    ("kms:ListKeys", "lost-event"),
    ("cloudtrail:LookupEvents", "plain-tags-of-change-manager"),
    ("kms:CancelKeyDeletion", "unapproved-deletion"),
    ("kms:EnableKey", "disable-key"),
    ("kms:EnableKeyRotation", "rotation-off"),
    ("dynamodb:PutItem", "disable-key"),
    ("dynamodb:Query", "disable-key"),
    ("dynamodb:UpdateItem", "disable-key"),
    ("s3:PutObject", "disable-key"),
    ("s3:PutObjectRetention", "disable-key"),
    ("sns:Publish", "disable-key"),
    ("sqs:ReceiveMessage", "disable-key"),
    ("sqs:GetQueueAttributes", "disable-key"),
    ("sqs:DeleteMessage", "disable-key"),
    ("logs:CreateLogStream", "disable-key"),
    ("logs:PutLogEvents", "disable-key"),
];

fn scenario(name: &str) -> Result<Scenario> {
    let mut all = ALL.into_iter().chain([ROTATION_OFF]);
    all.find(|scenario| scenario.name == name).with_context(|| format!("there is no scenario `{name}`"))
}

/// Takes actions from the guard's role, one at a time, and demands that something fails each time: the scenario itself, or the proof,
/// by what IAM refused.
async fn taken_away(needs: &[Need]) -> Result<()> {
    let stage = stage(HouseRules::NONE).await?;
    let root = stage.endpoint.root_config();
    let roles = roles_of(&root).await?;
    let guard = roles.iter().find(|role| role.id == "RemediatorRole").context("the guard has no role")?.clone();
    let mut unnoticed = Vec::new();
    for (action, name) in needs {
        let before = Instant::now();
        let without = Without::the(action, &guard.name, &root).await?;
        stage.cloud.forget_iam_decisions().await?;
        let report = scenario(name)?.play(&stage).await;
        // What comes late is looked at too: a message is deleted, and a line logged, after the answer.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let decisions = stage.cloud.iam_decisions().await?;
        let refused: u64 = decisions
            .iter()
            .filter(|decision| !decision.is_allowed && !decision.is_borrowed && decision.role() == guard.name && decision.action == *action)
            .map(|decision| decision.count)
            .sum();
        without.give_back().await?;
        let noticed = match (report.ok, refused) {
            (false, _) => format!("the scenario fails: {}", report.problems.first().map_or("", |first| first.lines().next().unwrap_or(""))),
            (true, 0) => "NOTHING FAILS".to_owned(),
            (true, count) => format!("the scenario ends well, and the proof fails: refused {count} times"),
        };
        println!("  {action:<28} {name:<30} {:>5.1} s  {}", before.elapsed().as_secs_f32(), noticed.chars().take(150).collect::<String>());
        if report.ok && refused == 0 {
            unnoticed.push(*action);
        }
        drain(&stage).await;
    }
    let missing: Vec<&str> = if needs.len() == NEEDS.len() {
        let granted = guard.grants.iter().map(|grant| grant.action.as_str());
        granted.filter(|action| !needs.iter().any(|(need, _)| need == action)).collect()
    } else {
        Vec::new()
    };
    stage.strike();
    ensure!(unnoticed.is_empty(), "without these nothing fails: {unnoticed:?}");
    ensure!(missing.is_empty(), "these were not taken away: {missing:?}");
    Ok(())
}

/// Lets the guard answer what it could not: events come back after a while, and must not reach into the next attempt.
async fn drain(stage: &Stage) {
    let give_up_at = Instant::now() + Duration::from_secs(40);
    while Instant::now() < give_up_at {
        let waits = stage.is_waiting().await.unwrap_or(true);
        if !waits {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn trial<F>(name: &'static str, test: impl FnOnce() -> F + Send + 'static) -> Trial
where
    F: Future<Output = Result<()>>,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(test()).map_err(|error| Failed::from(format!("{error:#}")))
    })
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Each has clouds of its own, and this machine is one.
    arguments.test_threads = Some(1);
    let trials = vec![
        trial("every_grant_is_used_and_whatever_is_used_is_granted", aws),
        trial("every_action_in_azure_is_used_and_whatever_is_used_is_granted", in_azure),
        trial("every_exception_is_shown_to_be_needed", async || reasons_hold()),
        trial("a_guard_that_lacks_an_action_fails", async || taken_away(&SOME_NEEDS).await),
        trial("a_guard_that_lacks_any_action_fails", async || taken_away(&NEEDS).await).with_ignored_flag(true),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}
