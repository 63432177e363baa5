"""Proves what can be proven of a deployment: holds a drill, asks for coverage, and says plainly what neither of them showed.

It must not call anything proven that was not seen, nor change anything but by invoking the drill, whose key is its own.
"""

import json
import pathlib
import tempfile

from . import calls, observed, stacks
from .calls import Failed, say

# What the five paths of a drill prove, in the words of whoever deploys.
PATHS = {
    "detection": "the guard hears of a scheduled deletion",
    "cancellation": "the deletion is taken back",
    "enablement": "the key serves again",
    "notice": "the guard's notice arrives at the topic",
    "alarm": "the alarm on the trail goes off, and arrives at the topic",
}
# A drill ends within the 15 minutes of its function.
DRILL_SECONDS = 920
LISTED = 10
PROVEN, NOT_PROVEN, FAILED = 0, 3, 1


def invoke(function, payload):
    """Invokes a function and waits. Returns what it answered."""
    with tempfile.TemporaryDirectory() as folder:
        given, answered = pathlib.Path(folder, "payload.json"), pathlib.Path(folder, "answer.json")
        given.write_text(json.dumps(payload), encoding="utf-8")
        # As a file, because versions 1 and 2 of the command line read the text of --payload differently.
        called = stacks.aws(
            "lambda",
            "invoke",
            "--function-name",
            function,
            "--payload",
            f"fileb://{given}",
            "--cli-read-timeout",
            str(DRILL_SECONDS),
            str(answered),
        )
        text = answered.read_text(encoding="utf-8")
    if called.get("FunctionError"):
        raise Failed(f"the function `{function}` failed: {text[:2000]}")
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failed(f"the function `{function}` answered something that is not JSON: {text[:200]}") from error


def sweep(account, outputs, now):
    """Says how to take the first inventory without waiting for its hour."""
    payload = {
        "version": "0",
        "id": "by-hand",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": account.caller.split(":")[4],
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "region": account.region,
        "resources": [],
        "detail": {"task": "sweep"},
    }
    say("The first sweep runs within the hour and takes the inventory. To take it now:")
    say(
        f"  aws lambda invoke --function-name {outputs['SweepFunctionName']} --invocation-type Event "
        f"--cli-binary-format raw-in-base64-out --payload '{json.dumps(payload, separators=(',', ':'))}' /dev/null"
    )


def drill_lines(answer):
    """Returns what a drill showed: (proven, not proven), each as lines."""
    if not answer.get("held"):
        why = answer.get("why") or ("another drill is under way" if answer.get("under_way") else "it gave no reason")
        return [], [f"no drill was held: {why}"]
    proven, not_proven = [], []
    for path, verdict in answer.get("paths") or []:
        what = PATHS.get(path, path)
        if verdict["verdict"] == "proven":
            proven.append(f"{what}, after {verdict['ms'] / 1000:.1f} s")
        elif verdict["verdict"] == "missed":
            late = f"; it was seen after {verdict['after_ms'] / 1000:.1f} s" if "after_ms" in verdict else ""
            not_proven.append(f"{what}: MISSED within {verdict['deadline_ms'] / 1000:.0f} s{late}")
        else:
            not_proven.append(f"{what}: not watched, because {verdict.get('why', 'the drill does not say')}")
    if unseen := [PATHS[path] for path in PATHS if path not in [path for path, _ in answer.get("paths") or []]]:
        not_proven += [f"{what}: the drill does not tell of it" for what in unseen]
    return proven, not_proven


def hold_drill(account, standing):
    """Holds a drill where one stands. Returns (proven, not proven, whether it missed)."""
    if "drill" not in standing:
        return (
            [],
            ["that an incident would be answered: no drill stands here. scripts/deploy aws apply --drill, beside the monitoring"],
            False,
        )
    if stacks.parameters(standing["drill"]).get("Mode") != "enforce":
        return (
            [],
            ["that an incident would be answered: the drill observes, and only looks. Once the guard enforces: --drill --enforce"],
            False,
        )
    function = stacks.outputs(standing["drill"])["RehearseFunctionName"]
    say(f"\nA drill is held by `{function}`; that takes up to a quarter of an hour, most of it the alarm's.")
    answer = invoke(function, {"task": "rehearse"})
    proven, not_proven = drill_lines(answer)
    return proven, not_proven, answer.get("passed") is False


def coverage(options, account):
    """Asks whether every key is monitored. Returns (proven, not proven)."""
    command = [*calls.reprieve(account.root, options.reprieve), "coverage", "--json"]
    if options.regions:
        command += ["--regions", options.regions]
    facts, _ = observed.ask(command)
    count = facts["count"]
    share = f"{count['monitored']} of {count['customer_managed']} keys are monitored, up to a human who confirmed"
    reasons = {
        gap["reason"] for region in facts["regions"] for key in region["keys"] if not key["monitored"] for gap in key.get("gaps", [])
    }
    if count["monitored"] == count["customer_managed"] and count["customer_managed"]:
        return [share], []
    return [], [share, *[f"  {reason}" for reason in sorted(reasons)[:LISTED]]]


def verify(options, account, standing, _now):
    """Prints what is proven and what is not. Returns 0 where all is, 3 where something is not, 1 where a drill was missed."""
    account.headline("what is proven of what stands")
    if "guard" not in standing:
        raise calls.Wrong(f"no stack `{options.stack}` stands in {account.region}; `apply` makes one")
    proven, not_proven = [], []
    for stage, stack in standing.items():
        name, status, mode = account.stack_of(stage), stack["StackStatus"], stacks.parameters(stack).get("Mode")
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            proven.append(f"`{name}` stands as deployed" + (f", in mode {mode}" if mode else ""))
        else:
            not_proven.append(f"`{name}` is {status}")
        if mode == "observe":
            not_proven.append(f"`{name}` observes: it decides and records, and changes nothing")
    drilled, missing, has_missed = hold_drill(account, standing)
    covered, gaps = coverage(options, account)
    proven, not_proven = proven + drilled + covered, not_proven + missing + gaps
    say("\nProven:")
    for line in proven or ["nothing"]:
        say(f"  {line}")
    say("Not proven:")
    for line in not_proven or ["nothing that this looks at"]:
        say(f"  {line}")
    say("Never proven by this: that mail is read, and what AWS's own evaluation of policies makes of calls that nobody made.")
    if has_missed:
        return FAILED
    return NOT_PROVEN if not_proven else PROVEN


def exists(kind, name):
    """Asks AWS whether a resource is there; None where it is of a kind that is not asked for."""
    questions = {
        "AWS::S3::Bucket": ["s3api", "head-bucket", "--bucket", name],
        "AWS::DynamoDB::Table": ["dynamodb", "describe-table", "--table-name", name],
        "AWS::KMS::Key": ["kms", "describe-key", "--key-id", name],
    }
    if kind not in questions:
        return None
    return calls.run(["aws", *questions[kind], "--output", "json"], fails=False)[0] == 0


def still_there(resources):
    """Looks whether what had to stay is there after its stack was deleted."""
    lost = []
    for logical, kind, physical in resources:
        is_there = exists(kind, physical)
        if is_there is None:
            continue
        say(f"{logical} ({physical}): {'still there' if is_there else 'NOT FOUND'}")
        if not is_there:
            lost.append(physical)
    if lost:
        raise Failed(f"what had to stay was not found: {', '.join(lost)}. Look before anything else is done")
