"""Says what enforcing would have done while the guard observed, out of the records that it kept, and what it would do first.

It must not change anything, nor tell of less than the records hold without saying so.
"""

import datetime
import json

from . import calls, stacks
from .calls import Failed, say

# Observing for less than this, one has not seen what happens weekly.
ENOUGH_DAYS = 7
LISTED = 20
# Exit codes of `reprieve` that come with an answer: something could not be read, or not every key is monitored.
ANSWERED = (0, 3)


def ask(command):
    """Runs `reprieve` for an answer as JSON. Returns it, and what it said beside."""
    code, output, said = calls.run(command, fails=False)
    if code not in ANSWERED:
        raise calls.CallFailed(command, said or output)
    try:
        return json.loads(output), said.strip()
    except ValueError as error:
        raise Failed(f"`{' '.join(command)}` answered something that is not JSON: {error}") from error


def days_between(earlier, now):
    """Returns the whole days since a moment as AWS writes it."""
    return (now - datetime.datetime.fromisoformat(earlier.replace("Z", "+00:00"))).days


def summary(archive, said):
    """Returns what would have been undone, as lines, of what `reprieve report --json` answered."""
    facts = archive["summary"]
    of_interest = [incident for incident in facts["incidents"] if incident["resolution"] == "only_observed"]
    humans = sum(incident["resolution"] == "human_called" for incident in facts["incidents"])
    total = facts["decisions"]["total"]
    lines = [f"{total} decisions are on record."]
    if not total:
        lines.append("None at all: either nothing happened to any key, or nothing is heard. Is a trail logging management events here?")
    if of_interest:
        lines.append(f"Enforcing would have acted on {len(of_interest)} of what they are about:")
    else:
        lines.append("Enforcing would have acted on none of what they are about.")
    for incident in of_interest[:LISTED]:
        lines += [f"  {incident['at'][:16].replace('T', ' ')}  {incident['call']} by {incident['actor']}", f"      {incident['sentence']}"]
    if len(of_interest) > LISTED:
        lines.append(f"  and {len(of_interest) - LISTED} more: `reprieve report {archive['archive']} --html report.html` lists them")
    if humans:
        lines.append(f"For {humans} more a human was called, as when enforcing: nothing could be done by itself.")
    if problems := archive["read"]["problems"]:
        lines.append(f"{problems} records could not be read, and are in no number. {said}")
    return lines


def pending(coverage):
    """Returns the keys that wait for their deletion, as lines: what the first sweep asks about."""
    keys = [
        key for region in coverage["regions"] for key in region["keys"] if key["state"] in ("PendingDeletion", "PendingReplicaDeletion")
    ]
    if not keys:
        return ["No key waits for its deletion now."]
    lines = [f"{len(keys)} keys wait for their deletion now. The first sweep takes back each that no approval covers:"]
    lines += [f"  {', '.join(key['aliases']) or key['arn']}" for key in keys[:LISTED]]
    return lines + ([f"  and {len(keys) - LISTED} more"] if len(keys) > LISTED else [])


def lockouts(coverage):
    """Returns the keys whose policies shut the guard out, as lines: there it could only raise the alarm."""
    locked = coverage.get("lockouts", [])
    if not locked:
        return []
    lines = [f"{len(locked)} keys would not let the guard act, and it could only call a human:"]
    return lines + [f"  {lockout['key']}: {lockout['reason']}" for lockout in locked[:LISTED]]


def report(options, account, guard):
    """Prints what enforcing would have done in this account and Region."""
    bucket = stacks.outputs(guard)["AuditBucketName"]
    reprieve = calls.reprieve(account.root, options.reprieve)
    command = [*reprieve, "report", f"s3://{bucket}", "--json"]
    if options.since:
        command += ["--from", options.since]
    say(f"\nWhat enforcing would have done, by the records in {bucket}")
    for line in summary(*ask(command)):
        say(f"  {line}")
    # `reprieve coverage` counts what observes as not monitored; of its answer the keys are of use here.
    try:
        coverage, _ = ask([*reprieve, "coverage", "--json"])
    except Failed as error:
        say(f"  Not known: which keys wait for their deletion, and which would not let the guard act. {error}")
    else:
        for line in [*pending(coverage), *lockouts(coverage)]:
            say(f"  {line}")
    days = days_between(guard["CreationTime"], options.now)
    if days < ENOUGH_DAYS:
        say(f"  The guard has stood for {days} days: what happens weekly, it may not have seen yet.")
    say(f"  As a page: reprieve report s3://{bucket} --html report.html")
