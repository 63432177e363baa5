"""Deploys Reprieve into one account and Region of AWS: plan, apply, verify, report, upgrade, rollback, uninstall.

It must not create buckets, choose an account, enforce where nothing was observed unless it is told so by name, or delete evidence.
"""

import os
import pathlib
import re
import tempfile

from . import calls, observed, policies, proof, release, stacks
from .calls import Failed, Wrong, say

# In this order they are deployed, and in the other taken away: each takes outputs of the guard, and the evidence of the monitoring.
STAGES = ("guard", "monitoring", "evidence", "drill", "replay")
FUNCTIONS = {
    "guard": "aws-cancel-key-deletion",
    "monitoring": "aws-provision-monitoring",
    "evidence": "aws-record-key-events",
    "drill": "aws-rehearse-incident",
    "replay": "aws-replay-archive",
}
WITH_A_MODE = ("guard", "monitoring", "drill")
# What the guard's outputs say for another stack's parameters: the parameter, and the output.
FROM_GUARD = {
    "monitoring": {"AuditBucket": "AuditBucketName"}
    | {
        name: name
        for name in (
            "AuditRetentionDays",
            "NoticeTopicArn",
            "QueueArn",
            "DeadLetterQueueArn",
            "MetricsNamespace",
            "KeyApiCallRuleName",
            "KeyServiceEventRuleName",
            "KeyNativeEventRuleName",
            "RegionOptOutRuleName",
            "EventFunctionName",
            "SweepFunctionName",
        )
    },
    "evidence": {"AuditBucket": "AuditBucketName"} | {name: name for name in ("AuditRetentionDays", "NoticeTopicArn", "MetricsNamespace")},
    "drill": {"AuditBucket": "AuditBucketName", "LedgerTable": "LedgerTableName"}
    | {name: name for name in ("AuditRetentionDays", "NoticeTopicArn", "MetricsNamespace")},
}
# Of these, what is set by hand at the guard. An organisation hands it on as it is set there: an export cannot change while it is imported.
SET_AT_THE_GUARD = ("AuditRetentionDays", "MetricsNamespace")
# What S3 says of an object that is not there, or that may not be read. Anything else, such as a timeout, says nothing of it.
NOT_THERE = r"\((404|NoSuchKey|NoSuchBucket)\)|Not Found"
NOT_TO_BE_READ = rf"{NOT_THERE}|\((403|AccessDenied)\)|Forbidden"
# What follows from options and outputs, and is not to be set by hand.
DERIVED = {"CodeBucket", "CodeKey", "Architecture"}
# What ends with each stack, and what it costs to keep what stays. List prices of us-east-1; `reprieve cost` has them with sources.
ENDS = {
    "guard": "nobody takes back the deletion or the disabling of a key here any more; what is pending runs on to its date",
    "monitoring": "nobody mends trail, filters and alarms; those that stand go on",
    "evidence": "log files are not recorded and nothing is sealed any more; what is sealed stays verifiable",
    "drill": "nobody proves weekly that all of it works",
    "replay": "archives are replayed with `reprieve replay` alone",
}
COSTS = {
    "AWS::S3::Bucket": "$0.023 a GB and month",
    "AWS::DynamoDB::Table": "$0.25 a GB and month",
    "AWS::KMS::Key": "$1 a month",
}


class Account:
    """The account and Region that the `aws` command is set to, and the stacks there."""

    def __init__(self, options, root):
        self.options, self.root = options, root
        calls.need("aws", "install the AWS command line")
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if not region:
            region = calls.run(["aws", "configure", "get", "region"], fails=False)[1].strip()
        if not region:
            raise Wrong("no Region is configured; set AWS_REGION")
        self.region = region
        os.environ.update(AWS_REGION=region, AWS_DEFAULT_REGION=region, AWS_PAGER="")
        self.caller = stacks.aws("sts", "get-caller-identity")["Arn"]

    def stack_of(self, stage):
        return self.options.stack if stage == "guard" else f"{self.options.stack}-{stage}"

    def standing(self, stages=STAGES):
        """Returns the stacks that stand, as CloudFormation describes them, by stage."""
        found = stacks.describe_all([self.stack_of(stage) for stage in stages])
        return {stage: stack for stage, stack in zip(stages, found, strict=True) if stack}

    def template(self, stage):
        return (self.root / "infra" / "aws" / f"{stage}.yaml").read_text(encoding="utf-8")

    def headline(self, what):
        say(f"Account and caller  {self.caller}")
        say(f"Region              {self.region}")
        say(f"What                {what}")


def to_deploy(options):
    """Returns the stages that a deployment is about, in order: those named, and the guard unless it is the replay alone."""
    if set(options.stages) == {"replay"}:
        return ["replay"]
    return [stage for stage in STAGES if stage == "guard" or stage in options.stages]


def with_sources(stages):
    """Returns the stages that are deployed, and those beside them whose outputs they take: all that is asked for, and no more."""
    return [stage for stage in STAGES if stage in stages or (stage == "monitoring" and "evidence" in stages)]


def of_those_standing(options, account, standing):
    """Returns the stages that stand and are meant, in order: those named, or all."""
    if not standing:
        raise Wrong(f"no stack `{options.stack}` stands in {account.region}; `apply` makes one")
    named = [stage for stage in STAGES if stage in options.stages]
    if missing := [stage for stage in named if stage not in standing]:
        raise Wrong(f"the stack `{account.stack_of(missing[0])}` does not stand in {account.region}")
    return named or [stage for stage in STAGES if stage in standing]


def values_by_stage(options, stages):
    """Returns the parameters that were set by hand, by stage."""
    values = {stage: {} for stage in STAGES}
    for assignment in options.set:
        found = re.fullmatch(r"(?:(monitoring|evidence|drill|replay)\.)?([A-Za-z][A-Za-z0-9]*)=(.*)", assignment, re.DOTALL)
        if not found:
            raise Wrong(f"`--set {assignment}` is not NAME=VALUE")
        stage, name, value = found[1] or "guard", found[2], found[3]
        if name in DERIVED | set(FROM_GUARD.get(stage, {})):
            raise Wrong(f"`--set {assignment}`: that parameter follows from other options, or from the guard's outputs")
        if stage not in stages:
            raise Wrong(f"`--set {assignment}` is for the {stage}, which is not deployed now")
        values[stage][name] = value
    for stage in STAGES:
        if options.zips.get(stage) and stage not in stages:
            raise Wrong(f"a zip of the {stage} was given, which is not deployed now")
    return values


def check_zips(options):
    """Refuses zips that are not there, and policies beside a zip that is there already."""
    if options.policies and options.zips.get("guard"):
        raise Wrong("`--policies` and `--zip` exclude each other: policies go into a zip while it is built")
    if missing := [file for file in options.zips.values() if file and not pathlib.Path(file).is_file()]:
        raise Wrong(f"`{missing[0]}` is not a file")


def build(options, account, stages):
    """Returns the zip of each stage: those given, the others built now."""
    zips = {stage: pathlib.Path(path) for stage, path in options.zips.items() if path and stage in stages}
    to_build = [stage for stage in stages if stage not in zips]
    if not to_build:
        return zips
    command = [str(account.root / "scripts" / "package"), "--arch", options.arch, "--no-sbom"]
    for stage in to_build:
        command += ["--function", FUNCTIONS[stage]]
        zips[stage] = account.root / "target" / "package" / f"{FUNCTIONS[stage]}-{options.arch}.zip"
    if options.policies:
        command += ["--policies", options.policies]
    if calls.run_openly(command) != 0:
        raise Failed("the zips could not be built (see above); nothing was deployed")
    return zips


def packaged_at(place):
    """Returns the policies in a zip that was deployed, or None where it is gone, or may not be read, and why nobody knows them."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "guard.zip")
        code, _, said = calls.run(["aws", "s3", "cp", "--only-show-errors", place, str(file)], fails=False)
        if code != 0 and not re.search(NOT_TO_BE_READ, said):
            raise Failed(f"`{place}` cannot be read: {said.strip()}; nothing was deployed")
        if code != 0:
            what = f"its zip `{place}` cannot be read ({said.strip()})"
            return None, f"{what}. If you may not read it (s3:GetObject), get that right, and run this again"
        try:
            return release.policies_in(file), None
        except release.Refused:
            return None, f"its zip `{place}` is no zip that can be read"


def check_policies(options, standing):
    """Refuses to lose policies of the guard that stands. Returns a line of what changes, or None."""
    stands = stacks.parameters(standing["guard"]) if "guard" in standing else None
    return check_policies_at(options, f"s3://{stands['CodeBucket']}/{stands['CodeKey']}" if stands else None)


def check_policies_at(options, place):
    """Refuses to lose policies: one that is in the zip that stands, or may be, is given again, or named. Returns a line of what changes.

    `place` is where that zip is, None where no guard stands.
    """
    given = options.zips.get("guard")
    now = policies.given(options.policies, given)
    policies.refuse_contradictions(options, now)
    if not place:
        return None
    how = policies.IN_THE_ZIP if given else policies.AS_A_FOLDER
    before, why = packaged_at(place)
    if before is None:
        return policies.check_unknown(options, why, now, how)
    return policies.check(options, policies.told(before), now, how)


def architecture(standing):
    """Returns the processor that what stands was built for, or the usual one where nothing stands."""
    built_for = [stacks.parameters(stack).get("Architecture") for stack in standing.values()]
    return next(filter(None, built_for), "arm64")


def upload(options, stage, zip_file):
    """Puts a zip into the bucket of the code, named after its content: CloudFormation updates a function only where the name changes."""
    key = f"reprieve/{FUNCTIONS[stage]}-{options.arch}-{release.digest(zip_file)}.zip"
    calls.run(["aws", "s3", "cp", "--only-show-errors", str(zip_file), f"s3://{options.code_bucket}/{key}"])
    return {"CodeBucket": options.code_bucket, "CodeKey": key, "Architecture": options.arch}


def derive(account, stage, standing):
    """Returns the parameters of a stage that follow from what stands. None where the guard does not stand yet."""
    if stage not in FROM_GUARD:
        return {}
    if "guard" not in standing:
        return None
    given = stacks.outputs(standing["guard"])
    if missing := [output for output in FROM_GUARD[stage].values() if output not in given]:
        raise Failed(f"the stack `{account.stack_of('guard')}` has no output `{missing[0]}`; deploy its current template first")
    return {parameter: given[output] for parameter, output in FROM_GUARD[stage].items()}


def trail_bucket(by_hand, standing):
    """Returns the bucket that the monitoring made, for the evidence, unless another was named by hand, now or before."""
    if "TrailBucket" in by_hand or "evidence" in standing:
        return {}
    if "monitoring" in standing and (bucket := stacks.outputs(standing["monitoring"]).get("TrailBucketName")):
        return {"TrailBucket": bucket}
    raise Wrong("the monitoring made no bucket for a trail; name yours with --set evidence.TrailBucket=BUCKET")


def enforcing(options, account, stages, standing):
    """Returns the stages that --enforce turns, once it was shown what enforcing would have done."""
    turned = [stage for stage in stages if stage in WITH_A_MODE]
    for stage in turned:
        if stage not in standing:
            raise Wrong(
                f"`--enforce`: the stack `{account.stack_of(stage)}` does not stand, and a first deployment observes. Deploy without "
                "--enforce, and look at `scripts/deploy aws report` after a week or two; or say --set Mode=enforce, if you know"
            )
    observing = [stage for stage in turned if stacks.parameters(standing[stage]).get("Mode") == "observe"]
    if "guard" in observing:
        observed.report(options, account, standing["guard"])
    if "drill" in observing:
        say("The drill will schedule the deletion of a key that it makes for itself, every six days, and watch it come back.")
    if "monitoring" in observing:
        say("The monitoring will make and mend trail, filters and alarms; its own plan (task `plan`) says which.")
    return turned


def deploy(options, account, stages, standing, only_show, now):
    """Plans each stage, shows it, asks, and carries it out. `standing` is what stands, and then what stands afterwards."""
    if not options.code_bucket:
        raise Wrong("--code-bucket is missing: a bucket in this Region for the zips")
    check_zips(options)
    values = values_by_stage(options, stages)
    options.arch = options.arch or architecture(standing)
    changed = check_policies(options, standing) if "guard" in stages else None
    account.headline(f"{'plan of' if only_show else 'deployment of'} {', '.join(account.stack_of(stage) for stage in stages)}")
    if changed:
        say(changed)
    if options.enforce:
        for stage in enforcing(options, account, stages, standing):
            values[stage]["Mode"] = "enforce"
    zips = build(options, account, stages)
    for stage in stages:
        name = account.stack_of(stage)
        say(f"\n== {name}, from infra/aws/{stage}.yaml")
        derived = derive(account, stage, standing)
        if derived is None:
            say(f"  Not shown: it takes outputs of the stack `{account.stack_of('guard')}`, which does not stand yet.")
            continue
        if stage == "evidence":
            if only_show and "monitoring" in stages and "monitoring" not in standing:
                say(f"  Not shown: it takes an output of the stack `{account.stack_of('monitoring')}`, which does not stand yet.")
                continue
            derived |= trail_bucket(values[stage], standing)
        derived |= upload(options, stage, zips[stage])
        made = stacks.plan(name, account.template(stage), values[stage] | derived, options.code_bucket, now)
        if made is None:
            say("  Nothing changes.")
            continue
        made.show()
        tell_mode(values[stage], made.before)
        if only_show:
            made.discard()
            continue
        standing[stage] = carry_out(made, options, now)
    if only_show:
        say("\nNothing was changed; the change sets are discarded, the zips are uploaded.")


def tell_mode(values, standing):
    """Says where the mode changes."""
    before = stacks.parameters(standing).get("Mode") if standing else None
    after = values.get("Mode")
    if after and after != before:
        say(f"  Mode: {before or 'the default, observe'} -> {after}")


def carry_out(made, options, now, deployment=None, undoes=None):
    """Asks, remembers the way back, and carries a plan out. Returns the stack as it stands then."""
    try:
        calls.agree(f"Carry these {len(made.changes)} changes of `{made.stack}` out?", options.yes)
    except calls.Declined:
        made.discard()
        raise
    place = None
    if made.before:
        place = stacks.remember(made.stack, made.before, options.code_bucket, now, deployment or stacks.at(now), undoes)
    try:
        stack = stacks.carry_out(made)
    except stacks.Unchanged:
        if place:
            stacks.forget(place)
        raise
    calls.table(("OUTPUT", "VALUE"), sorted(stacks.outputs(stack).items()))
    return stack


def plan(options, account, now):
    """Shows what `apply` would change."""
    stages = to_deploy(options)
    deploy(options, account, stages, account.standing(with_sources(stages)), True, now)


def apply(options, account, now):
    """Deploys what was asked for, and says what comes next."""
    stages = to_deploy(options)
    standing = account.standing(with_sources(stages))
    deploy(options, account, stages, standing, False, now)
    say()
    if "replay" in stages:
        machine = stacks.outputs(standing["replay"])["StateMachineArn"]
        say("A replay of last quarter, for example; what it costs is in infra/aws/README.md:")
        say(f'  aws stepfunctions start-execution --state-machine-arn {machine} --input \'{{"from":"2026-07-01","to":"2026-09-30"}}\'')
    if "guard" in stages:
        proof.sweep(account, stacks.outputs(standing["guard"]), now)
        say("Whoever was subscribed to the notice topic must confirm; until then `reprieve coverage` counts the monitoring as a gap.")
        say(f"What is proven of it: {again(options, 'verify')}")


def again(options, verb):
    """Returns the command line of another verb for the same stacks."""
    stack = "" if options.stack == "reprieve" else f" --stack {options.stack}"
    return f"scripts/deploy aws {verb}{stack}"


def upgrade(options, account, now):
    """Deploys the current release over what stands; parameters that are not named keep their value."""
    standing = account.standing()
    deploy(options, account, of_those_standing(options, account, standing), standing, False, now)
    say(f"\nThe way back: {again(options, 'rollback')} --code-bucket {options.code_bucket}")
    say(f"What is proven of it: {again(options, 'verify')}")


def to_undo(remembered, now):
    """Returns which deployment is taken back, and the name of the one that does so.

    What one deployment changed goes back together; a stack that it left alone was changed by an earlier one. A rollback that ended before
    all of them had gone back goes on.
    """
    last = max(remembered, key=lambda before: before["at"])
    if last["undoes"] in [before["deployment"] for before in remembered]:
        return last["undoes"], last["deployment"]
    return last["deployment"], stacks.at(now)


def rollback(options, account, now):
    """Goes back to what stood before the last change: template, code and parameters."""
    if not options.code_bucket:
        raise Wrong("--code-bucket is missing: the bucket that the last change was made with remembers what was before")
    stages = of_those_standing(options, account, account.standing())
    account.headline(f"back to what stood before the last deployment, of {', '.join(account.stack_of(stage) for stage in stages)}")
    remembered = {stage: stacks.remembered(account.stack_of(stage), options.code_bucket) for stage in stages}
    if not any(remembered.values()):
        raise Wrong(
            f"s3://{options.code_bucket}/reprieve/before/ remembers nothing of these stacks: they were never changed with this bucket"
        )
    undone, deployment = to_undo([before for before in remembered.values() if before], now)
    for stage in stages:
        name, before = account.stack_of(stage), remembered[stage]
        if before and before["undoes"] == undone:
            say(f"\n== {name}: it has gone back already, at {before['at']}")
            continue
        if before is None or before["deployment"] != undone:
            say(f"\n== {name}: the deployment of {undone} did not change it; it stays as it is")
            continue
        say(f"\n== {name}, as it stood until {before['at']}")
        made = stacks.plan(name, before["template"], before["parameters"], options.code_bucket, now)
        if made is None:
            say("  Nothing changes.")
            continue
        made.show()
        tell_mode(before["parameters"], made.before)
        carry_out(made, options, now, deployment, undone)
    say(f"\nTo go forward again: the same command. What is proven of it: {again(options, 'verify')}")


def verify(options, account, now):
    """Says what is proven of what stands."""
    return proof.verify(options, account, account.standing(), now)


def report(options, account, _now):
    """Says what enforcing would have done while it observed."""
    standing = account.standing(("guard",))
    if "guard" not in standing:
        raise Wrong(f"no stack `{options.stack}` stands in {account.region}")
    observed.report(options, account, standing["guard"])


def uninstall(options, account, _now):
    """Takes stacks away, and says what stays, what that costs, and what is not protected any more."""
    standing = account.standing()
    stages = list(reversed(of_those_standing(options, account, standing)))
    left_behind = [stage for stage in standing if stage not in stages and stage in FROM_GUARD]
    if "guard" in stages and left_behind:
        raise Wrong(f"the guard cannot go before the {left_behind[0]}, which takes its outputs; name both, or none for all")
    account.headline(f"the end of {', '.join(account.stack_of(stage) for stage in stages)}")
    stays = {stage: stacks.kept(account.stack_of(stage)) for stage in stages}
    say("\nNot protected any more:")
    for stage in stages:
        say(f"  {account.stack_of(stage)}: {ENDS[stage]}")
    say("\nWhat stays, because it holds evidence or something of yours depends on it:")
    calls.table(
        ("RESOURCE", "TYPE", "NAME", "COSTS"),
        [(logical, kind, physical, COSTS.get(kind, "")) for stage in stages for logical, kind, physical in stays[stage]],
    )
    if "drill" in stages:
        say("  The drill's key stays too, at $1 a month: schedule its deletion by hand, with an approval while the guard runs.")
    if "monitoring" in stages:
        say("  So do trail, log group, metric filters and control alarms that it provisioned: `reprieve cost` says what they cost.")
    say("  Records cannot be deleted before their retention ends, by nobody. Approval keys are stacks of their own, and stay.")
    say("  Before: `reprieve verify`, and keep the public key, the hash of the last seal, and a copy of the archive.")
    calls.agree_by_name("\nThis stops what protects keys here.", options.stack, options.yes)
    for stage in stages:
        stacks.delete(account.stack_of(stage))
        say(f"{account.stack_of(stage)} is gone.")
    proof.still_there([each for stage in stages for each in stays[stage]])


VERBS = {"plan": plan, "apply": apply, "verify": verify, "report": report, "upgrade": upgrade, "rollback": rollback, "uninstall": uninstall}


def main(options, root, now):
    """Does what was asked for. Returns the exit code."""
    return VERBS[options.verb](options, Account(options, root), now) or 0
