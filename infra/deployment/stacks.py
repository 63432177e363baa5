"""CloudFormation stacks: what stands, what a change would do, making it, going back, and taking it away.

Every change goes through a change set that is shown first. It must not replace or remove what holds evidence, nor delete a stack
that it was not given by name.
"""

import json
import pathlib
import re
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from . import calls
from .calls import CallFailed, Failed, say

# What holds evidence: replaced, the new one would be empty, and nobody would look at the old one.
EVIDENCE = ("LedgerTable", "AuditBucket", "AuditBucketPolicy", "SealKey", "TrailBucket", "TrailBucketPolicy")
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
TEMPLATE_BYTES = 51_200
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")
PATIENCE_SECONDS = 3600


def aws(*arguments):
    """Calls the AWS command line and returns what it answered."""
    return calls.answer_of(["aws", *arguments, "--output", "json"])


def look(name):
    """Returns a stack as CloudFormation describes it, whatever its status, or None where there is none."""
    try:
        return aws("cloudformation", "describe-stacks", "--stack-name", name)["Stacks"][0]
    except CallFailed as error:
        if "does not exist" in error.said:
            return None
        raise


def describe(name):
    """As `look`; a stack that was only ever planned, or is deleted, counts as none."""
    stack = look(name)
    return None if stack and stack["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE") else stack


def describe_all(names):
    """Returns what `describe` does of each, in their order. They are asked for at once: the command line takes a second to start."""
    with ThreadPoolExecutor(max_workers=len(names)) as asking:
        return list(asking.map(describe, names))


def outputs(stack):
    """Returns the outputs of a described stack, by name."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def parameters(stack):
    """Returns the parameters of a described stack, by name."""
    return {parameter["ParameterKey"]: parameter.get("ParameterValue", "") for parameter in stack.get("Parameters", [])}


def parameters_of(template):
    """Returns the names of a template's parameters: the keys of the second level below `Parameters:`."""
    body = re.search(r"^Parameters:\n((?:(?: .*)?\n)*)", template, re.MULTILINE)
    return re.findall(r"^  ([A-Za-z0-9]+):", body[1], re.MULTILINE) if body else []


def retained(template):
    """Returns the logical ids of the resources that stay when a stack of this template is deleted."""
    names = []
    name = None
    for line in template.partition("\nResources:\n")[2].splitlines():
        if re.match(r"[A-Za-z]", line):
            break
        if found := re.match(r"  ([A-Za-z0-9]+):", line):
            name = found[1]
        elif re.match(r"    DeletionPolicy: Retain\b", line):
            names.append(name)
    return names


def check_standing(name, stack):
    """Makes sure that a stack can be changed, and says what to do where it cannot."""
    status = stack["StackStatus"]
    if status == "ROLLBACK_COMPLETE":
        raise Failed(
            f"the stack `{name}` was never complete, and CloudFormation changes no such stack. What it keeps is empty: "
            f"`aws cloudformation delete-stack --stack-name {name}`, then again"
        )
    if status.endswith("_ROLLBACK_FAILED"):
        raise Failed(f"the stack `{name}` is {status}: `aws cloudformation continue-update-rollback --stack-name {name}`, then again")
    if status.endswith("_IN_PROGRESS"):
        raise Failed(f"the stack `{name}` is {status}: somebody else is changing it. Wait, then again")
    if status in ("CREATE_FAILED", "DELETE_FAILED"):
        raise Failed(
            f"the stack `{name}` is {status}: `aws cloudformation delete-stack --stack-name {name}` once more, then again\n{why(name)}"
        )


class Unchanged(Failed):
    """A change was not made: the stack stands as it did before."""


class Plan:
    """A change set that was made and not carried out; `before` is the stack as it stands, None where there is none yet."""

    def __init__(self, stack, arn, changes, before):
        self.stack, self.arn, self.changes, self.before = stack, arn, changes, before

    def losses(self):
        """Returns what would be lost of what holds evidence."""
        return [
            f"{change['LogicalResourceId']} ({change['ResourceType']}) would be {'removed' if change['Action'] == 'Remove' else 'replaced'}"
            for change in self.changes
            if change["LogicalResourceId"] in EVIDENCE and (change["Action"] == "Remove" or change.get("Replacement") == "True")
        ]

    def show(self):
        """Prints what would change."""
        rows = [
            (change["Action"], change["LogicalResourceId"], change["ResourceType"], change.get("Replacement") or "")
            for change in self.changes
        ]
        calls.table(("ACTION", "RESOURCE", "TYPE", "REPLACED"), rows)
        for loss in self.losses():
            say(f"  WARNING: {loss}")

    def discard(self):
        """Deletes the change set, and the empty stack that a first one leaves behind."""
        aws("cloudformation", "delete-change-set", "--change-set-name", self.arn)
        if self.before is None:
            aws("cloudformation", "delete-stack", "--stack-name", self.stack)


def plan(name, template, values, code_bucket, now):
    """Makes a change set. Returns None where nothing would change.

    `template` is a template's text, `values` the parameters that are named; others keep their value, or take their default.
    """
    stack = describe(name)
    if stack:
        check_standing(name, stack)
    stands = parameters(stack) if stack else {}
    known = parameters_of(template)
    if unknown := sorted(set(values) - set(known)):
        raise calls.Wrong(f"the template of `{name}` has no parameter `{unknown[0]}`; it has {', '.join(known)}")
    chosen = []
    for parameter in known:
        if parameter in values:
            chosen.append({"ParameterKey": parameter, "ParameterValue": values[parameter]})
        elif parameter in stands:
            chosen.append({"ParameterKey": parameter, "UsePreviousValue": True})
    with tempfile.TemporaryDirectory() as folder:
        body, given = pathlib.Path(folder, "template.yaml"), pathlib.Path(folder, "parameters.json")
        body.write_text(template, encoding="utf-8")
        given.write_text(json.dumps(chosen), encoding="utf-8")
        source = ["--template-body", f"file://{body}"]
        if body.stat().st_size > TEMPLATE_BYTES:
            key = f"reprieve/templates/{name}-{now:%Y%m%dT%H%M%SZ}.yaml"
            calls.run(["aws", "s3", "cp", "--only-show-errors", str(body), f"s3://{code_bucket}/{key}"])
            _, url, _ = calls.run(["aws", "s3", "presign", f"s3://{code_bucket}/{key}"])
            source = ["--template-url", url.strip()]
        arn = aws(
            "cloudformation",
            "create-change-set",
            "--stack-name",
            name,
            "--change-set-name",
            f"reprieve-{now:%Y%m%dT%H%M%SZ}",
            "--change-set-type",
            "UPDATE" if stack else "CREATE",
            *source,
            "--parameters",
            f"file://{given}",
            "--capabilities",
            *CAPABILITIES,
        )["Id"]
    described = await_change_set(arn)
    made = Plan(name, arn, [change["ResourceChange"] for change in described.get("Changes", [])], stack)
    if described["Status"] == "CREATE_COMPLETE":
        return made
    reason = described.get("StatusReason", "")
    made.discard()
    if re.search(r"didn't contain changes|No updates are to be performed", reason):
        return None
    raise Failed(f"CloudFormation refuses the change of `{name}`: {reason}")


def await_change_set(arn):
    """Waits until a change set is made, and returns it."""
    for pause in pauses():
        described = aws("cloudformation", "describe-change-set", "--change-set-name", arn)
        if not described["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
            return described
        time.sleep(pause)
    raise Failed(f"CloudFormation has not made the change set `{arn}` within an hour")


def pauses():
    """Yields the seconds between looks: short at first, for as long as anything may take."""
    waited, pause = 0.0, 0.5
    while waited < PATIENCE_SECONDS:
        yield pause
        waited += pause
        pause = min(pause * 1.5, 10)


def carry_out(made):
    """Executes a change set and waits for its end. Returns the stack as it stands then."""
    if made.losses():
        made.discard()
        raise Unchanged(
            f"not done, because evidence would be lost: {'; '.join(made.losses())}. Deploy beside it instead, under another --stack"
        )
    try:
        aws("cloudformation", "execute-change-set", "--change-set-name", made.arn)
    except calls.CallFailed as error:
        raise Unchanged(str(error)) from error
    stack = await_end(made.stack)
    status = stack["StackStatus"] if stack else "gone"
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        return stack
    if status == "UPDATE_ROLLBACK_COMPLETE":
        raise Unchanged(
            f"the stack `{made.stack}` is {status}. CloudFormation has gone back by itself: it stands as before.\n{why(made.stack)}"
        )
    stands = "It stands neither as before nor as planned." if made.before else "Nothing of it stands."
    raise Failed(f"the stack `{made.stack}` is {status}. {stands}\n{why(made.stack)}")


def await_end(name):
    """Waits until nothing is in progress on a stack. Returns it; None where it is gone."""
    for pause in pauses():
        stack = look(name)
        if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
            return None
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            return stack
        time.sleep(pause)
    raise Failed(
        f"the stack `{name}` has not come to an end within an hour: `aws cloudformation describe-stack-events --stack-name {name}`"
    )


def why(name):
    """Returns what failed of a stack, and why, as lines."""
    events = aws("cloudformation", "describe-stack-events", "--stack-name", name)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    lines = [f"  {event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason was given')}" for event in failed[:10]]
    return "\n".join(lines) or "  CloudFormation names no resource that failed."


def original_template(name):
    """Returns the template that a stack was deployed with, as text."""
    body = aws("cloudformation", "get-template", "--stack-name", name, "--template-stage", "Original")["TemplateBody"]
    return body if isinstance(body, str) else json.dumps(body)


def remember(name, stack, code_bucket, now, deployment, undoes=None):
    """Puts the template and the parameters that a stack stands with into the bucket of the code, as the way back. Returns where it is.

    `deployment` names the deployment that is about to change it, `undoes` the one that this takes back.
    """
    state = {
        "stack": name,
        "at": at(now),
        "deployment": deployment,
        "undoes": undoes,
        "template": original_template(name),
        "parameters": parameters(stack),
    }
    place = f"s3://{code_bucket}/{way_back(name)}{now:%Y%m%dT%H%M%SZ}.json"
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "before.json")
        file.write_text(json.dumps(state), encoding="utf-8")
        calls.run(["aws", "s3", "cp", "--only-show-errors", str(file), place])
    return place


def forget(place):
    """Takes a way back away: what it was written for was not done, so that it would lead nowhere."""
    calls.run(["aws", "s3", "rm", "--only-show-errors", place])


def at(now):
    """Returns a time as deployments are named after it."""
    return f"{now:%Y-%m-%dT%H:%M:%SZ}"


def way_back(name):
    """Returns where in the bucket of the code it is remembered what a stack was before."""
    return f"reprieve/before/{name}/"


def remembered(name, code_bucket):
    """Returns what a stack was before its last change, or None."""
    listed = aws("s3api", "list-objects-v2", "--bucket", code_bucket, "--prefix", way_back(name)) or {}
    keys = sorted(item["Key"] for item in listed.get("Contents", []))
    if not keys:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "before.json")
        calls.run(["aws", "s3", "cp", "--only-show-errors", f"s3://{code_bucket}/{keys[-1]}", str(file)])
        state = json.loads(file.read_text(encoding="utf-8"))
    # Earlier releases named no deployment: all stacks that one changed were remembered at the same time.
    return {"deployment": state["at"], "undoes": None} | state


def kept(name):
    """Returns what will stay of a stack when it is deleted: (logical id, type, physical id)."""
    template = original_template(name)
    names = retained(template)
    resources = aws("cloudformation", "describe-stack-resources", "--stack-name", name)["StackResources"]
    return [
        (each["LogicalResourceId"], each["ResourceType"], each["PhysicalResourceId"])
        for each in resources
        if each["LogicalResourceId"] in names
    ]


def delete(name):
    """Deletes a stack and waits until it is gone."""
    aws("cloudformation", "delete-stack", "--stack-name", name)
    if left := await_end(name):
        raise Failed(f"the stack `{name}` is {left['StackStatus']}; what is left of it still stands:\n{why(name)}")
