"""What the deployment to AWS decides by itself: what a drill proved, what observing showed, what an update may not replace.

The whole script is run against a local cloud by tests/e2e/tests/deployment.rs.
"""

import argparse
import contextlib
import datetime
import io
import json
import pathlib
import re
import subprocess
import sys
import unittest

from fakes import ROOT

sys.path.insert(0, str(ROOT / "infra"))
from deployment import aws, calls, observed, proof, stacks  # noqa: E402 - found by the line above


def template(stage):
    return (ROOT / "infra" / "aws" / f"{stage}.yaml").read_text(encoding="utf-8")


def run(*words):
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "deploy"), *words],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/nowhere", "HOME": "/nowhere"},
    )


class Drills(unittest.TestCase):
    def test_what_was_seen_is_proven_and_what_was_missed_is_not(self):
        answer = {
            "held": True,
            "passed": False,
            "paths": [
                ["detection", {"verdict": "proven", "ms": 1400}],
                ["cancellation", {"verdict": "proven", "ms": 2000}],
                ["enablement", {"verdict": "missed", "deadline_ms": 120000, "after_ms": 130500}],
                ["notice", {"verdict": "missed", "deadline_ms": 120000}],
                ["alarm", {"verdict": "not_watched", "why": "no alarm is named", "asked_for": False}],
            ],
        }
        proven, not_proven = proof.drill_lines(answer)
        self.assertEqual(proven, ["the guard hears of a scheduled deletion, after 1.4 s", "the deletion is taken back, after 2.0 s"])
        self.assertEqual(
            not_proven,
            [
                "the key serves again: MISSED within 120 s; it was seen after 130.5 s",
                "the guard's notice arrives at the topic: MISSED within 120 s",
                "the alarm on the trail goes off, and arrives at the topic: not watched, because no alarm is named",
            ],
        )

    def test_a_path_that_a_drill_does_not_tell_of_is_not_proven(self):
        proven, not_proven = proof.drill_lines({"held": True, "passed": True, "paths": [["detection", {"verdict": "proven", "ms": 1}]]})
        self.assertEqual((len(proven), len(not_proven)), (1, 4))

    def test_a_drill_that_was_not_held_proves_nothing(self):
        for answer, why in (
            ({"held": False, "why": "the key is not ours"}, "the key is not ours"),
            ({"held": False, "under_way": "drill.1"}, "under way"),
            ({}, "no reason"),
        ):
            proven, not_proven = proof.drill_lines(answer)
            self.assertEqual(proven, [])
            self.assertIn(why, not_proven[0])

    def test_every_path_of_the_product_is_known(self):
        source = (ROOT / "shared" / "core" / "src" / "drill" / "path.rs").read_text(encoding="utf-8")
        variants = re.findall(r"^    ([A-Z][a-z]+),$", source.partition("pub enum Path {")[2].partition("}")[0], re.MULTILINE)
        self.assertEqual(sorted(variant.lower() for variant in variants), sorted(proof.PATHS))


class Observing(unittest.TestCase):
    def archive(self, incidents, total=None, problems=0):
        return {
            "archive": "s3://audit",
            "read": {"problems": problems},
            "summary": {"decisions": {"total": len(incidents) if total is None else total}, "incidents": incidents},
        }

    def incident(self, resolution="only_observed", sentence="it was scheduled for deletion"):
        return {
            "at": "2026-11-20T10:15:00Z",
            "call": "ScheduleKeyDeletion",
            "actor": "mallory",
            "resolution": resolution,
            "sentence": sentence,
        }

    def test_what_was_only_observed_is_told_and_nothing_else(self):
        lines = "\n".join(
            observed.summary(self.archive([self.incident(), self.incident("stood", "it passed"), self.incident("human_called")]), "")
        )
        self.assertIn("3 decisions are on record", lines)
        self.assertIn("acted on 1 of", lines)
        self.assertIn("2026-11-20 10:15  ScheduleKeyDeletion by mallory", lines)
        self.assertNotIn("it passed", lines)
        self.assertIn("For 1 more a human was called", lines)

    def test_what_is_not_listed_is_counted(self):
        lines = "\n".join(observed.summary(self.archive([self.incident()] * 25), ""))
        self.assertIn("acted on 25 of", lines)
        self.assertIn("and 5 more", lines)

    def test_an_archive_without_decisions_asks_whether_anything_is_heard(self):
        self.assertIn("Is a trail logging", "\n".join(observed.summary(self.archive([]), "")))

    def test_records_that_could_not_be_read_are_told(self):
        self.assertIn("4 records could not be read", "\n".join(observed.summary(self.archive([], 1, 4), "")))

    def test_keys_that_wait_for_deletion_are_named(self):
        keys = [
            {"arn": "arn:1", "aliases": ["alias/payments"], "state": "PendingDeletion"},
            {"arn": "arn:2", "aliases": [], "state": "Enabled"},
            {"arn": "arn:3", "aliases": [], "state": "PendingReplicaDeletion"},
        ]
        lines = observed.pending({"regions": [{"keys": keys}]})
        self.assertEqual(lines[1:], ["  alias/payments", "  arn:3"])
        self.assertEqual(observed.pending({"regions": []}), ["No key waits for its deletion now."])


class Templates(unittest.TestCase):
    def test_what_stays_is_read_out_of_the_templates(self):
        self.assertEqual(stacks.retained(template("guard")), ["LedgerTable", "AuditBucket", "AuditBucketPolicy"])
        self.assertIn("SealKey", stacks.retained(template("evidence")))
        self.assertEqual(stacks.retained(template("drill")), [])

    def test_what_holds_evidence_is_what_stays(self):
        stays = {name for stage in aws.STAGES for name in stacks.retained(template(stage))}
        self.assertLessEqual(set(stacks.EVIDENCE), stays)
        # A role and results stay too, and hold none.
        self.assertEqual(stays - set(stacks.EVIDENCE), {"TrailLogRole", "ResultsBucket", "ResultsBucketPolicy"})

    def test_what_is_derived_is_a_parameter_there_and_an_output_of_the_guard(self):
        outputs = set(re.findall(r"^  ([A-Za-z]+): \{", template("guard").partition("\nOutputs:\n")[2], re.MULTILINE))
        for stage, derived in aws.FROM_GUARD.items():
            self.assertLessEqual(set(derived), set(stacks.parameters_of(template(stage))), stage)
            self.assertLessEqual(set(derived.values()), outputs, stage)

    def test_a_stage_has_a_mode_or_not_as_its_template_says(self):
        for stage in aws.STAGES:
            self.assertEqual("Mode" in stacks.parameters_of(template(stage)), stage in aws.WITH_A_MODE, stage)

    def test_terraform_hands_over_the_same_outputs(self):
        module = (ROOT / "infra" / "terraform" / "main.tf").read_text(encoding="utf-8")
        for stage, derived in aws.FROM_GUARD.items():
            body = module.partition(f'resource "aws_cloudformation_stack" "{stage}"')[2].partition("\nresource ")[0]
            handed = dict(re.findall(r'^\s+([A-Za-z]+)\s+= local\.guard\["([A-Za-z]+)"\]$', body, re.MULTILINE))
            self.assertEqual(handed, derived, stage)


class Losses(unittest.TestCase):
    def plan(self, name, action, replacement):
        change = {"LogicalResourceId": name, "ResourceType": "AWS::X", "Action": action, "Replacement": replacement}
        return stacks.Plan("reprieve", "arn", [change], {"StackStatus": "CREATE_COMPLETE"})

    def test_replacing_or_removing_evidence_is_a_loss(self):
        self.assertEqual(self.plan("LedgerTable", "Modify", "True").losses(), ["LedgerTable (AWS::X) would be replaced"])
        self.assertEqual(self.plan("SealKey", "Remove", None).losses(), ["SealKey (AWS::X) would be removed"])

    def test_changing_it_in_place_is_none(self):
        self.assertEqual(self.plan("AuditBucket", "Modify", "False").losses(), [])
        self.assertEqual(self.plan("EventFunction", "Modify", "True").losses(), [])

    def test_a_plan_with_losses_is_not_carried_out(self):
        asked = []
        self.addCleanup(setattr, stacks, "aws", stacks.aws)
        stacks.aws = lambda *words: asked.append(words[1])
        with self.assertRaisesRegex(calls.Failed, "evidence would be lost"):
            stacks.carry_out(self.plan("LedgerTable", "Remove", None))
        self.assertEqual(asked, ["delete-change-set"])


class Standing(unittest.TestCase):
    """Stacks as CloudFormation would tell of them: by name, one status after another; the last for ever."""

    def setUp(self):
        for module, name in ((stacks, "aws"), (stacks, "why"), (stacks.time, "sleep")):
            self.addCleanup(setattr, module, name, getattr(module, name))
        stacks.aws, stacks.why, stacks.time.sleep = self.answer, lambda name: f"why of {name}", lambda seconds: None
        self.statuses, self.asked = {}, []

    def answer(self, _service, verb, *words):
        self.asked.append(verb)
        if verb != "describe-stacks":
            return {}
        name = words[1]
        statuses = self.statuses.get(name, ["none"])
        status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
        if status == "none":
            raise calls.CallFailed(["aws"], f"Stack with id {name} does not exist")
        return {"Stacks": [{"StackName": name, "StackStatus": status}]}

    def plan(self, before):
        return stacks.Plan("reprieve", "arn", [], before)

    def test_all_are_found_in_their_order_but_those_that_are_none(self):
        self.statuses = {"a": ["UPDATE_COMPLETE"], "b": ["REVIEW_IN_PROGRESS"], "d": ["ROLLBACK_COMPLETE"], "e": ["DELETE_COMPLETE"]}
        found = [stack and stack["StackName"] for stack in stacks.describe_all(["d", "b", "a", "c", "e"])]
        self.assertEqual(found, ["d", None, "a", None, None])

    def test_what_cannot_be_asked_for_is_not_taken_for_none(self):
        def refuse(*_words):
            raise calls.CallFailed(["aws"], "AccessDenied")

        stacks.aws = refuse
        with self.assertRaisesRegex(calls.Failed, "AccessDenied"):
            stacks.describe_all(["a", "b"])

    def test_a_change_is_waited_for_and_what_stands_then_returned(self):
        self.statuses = {"reprieve": ["REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]}
        self.assertEqual(stacks.carry_out(self.plan(None))["StackStatus"], "CREATE_COMPLETE")
        self.assertEqual(self.asked, ["execute-change-set", *["describe-stacks"] * 3])

    def test_a_change_that_failed_says_how_things_stand(self):
        for before, status, stands in (
            (None, "ROLLBACK_COMPLETE", "Nothing of it stands"),
            (None, "none", "Nothing of it stands"),
            ({"StackStatus": "CREATE_COMPLETE"}, "UPDATE_ROLLBACK_COMPLETE", "it stands as before"),
        ):
            self.statuses = {"reprieve": [status]}
            with self.assertRaisesRegex(calls.Failed, f"{stands}(.|\n)*why of reprieve"):
                stacks.carry_out(self.plan(before))

    def test_what_is_known_not_to_have_changed_is_told_apart(self):
        before = {"StackStatus": "CREATE_COMPLETE"}
        for status, is_unchanged in (("UPDATE_ROLLBACK_COMPLETE", True), ("UPDATE_ROLLBACK_FAILED", False), ("none", False)):
            self.statuses = {"reprieve": [status]}
            with self.assertRaises(calls.Failed) as raised:
                stacks.carry_out(self.plan(before))
            self.assertEqual(isinstance(raised.exception, stacks.Unchanged), is_unchanged, status)

        def throttled(_service, verb, *_words):
            raise calls.CallFailed(["aws", verb], "Throttling")

        stacks.aws = throttled
        with self.assertRaisesRegex(stacks.Unchanged, "Throttling"):
            stacks.carry_out(self.plan(before))

    def test_a_stack_is_gone_once_nothing_is_told_of_it(self):
        for end in ("none", "DELETE_COMPLETE"):
            self.statuses = {"reprieve": ["DELETE_IN_PROGRESS", end]}
            stacks.delete("reprieve")
        self.statuses = {"reprieve": ["DELETE_IN_PROGRESS", "DELETE_FAILED"]}
        with self.assertRaisesRegex(calls.Failed, "is DELETE_FAILED"):
            stacks.delete("reprieve")

    def test_a_plan_that_is_discarded_takes_a_first_stack_with_it(self):
        self.plan(None).discard()
        self.assertEqual(self.asked, ["delete-change-set", "delete-stack"])
        self.asked.clear()
        self.plan({"StackStatus": "CREATE_COMPLETE"}).discard()
        self.assertEqual(self.asked, ["delete-change-set"])

    def test_parameters_follow_from_what_stands(self):
        account = argparse.Namespace(stack_of=lambda stage: f"reprieve-{stage}")
        given = {"AuditBucketName": "audit", "LedgerTableName": "t", "AuditRetentionDays": "365", "NoticeTopicArn": "n", "MetricsNamespace": "m"}
        guard = {"Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in given.items()]}
        self.assertEqual(aws.derive(account, "drill", {"guard": guard})["AuditBucket"], "audit")
        self.assertEqual(aws.derive(account, "replay", {}), {})
        self.assertIsNone(aws.derive(account, "drill", {}))
        with self.assertRaisesRegex(calls.Failed, "has no output `QueueArn`"):
            aws.derive(account, "monitoring", {"guard": guard})
        monitoring = {"Outputs": [{"OutputKey": "TrailBucketName", "OutputValue": "logs"}]}
        self.assertEqual(aws.trail_bucket({}, {"monitoring": monitoring}), {"TrailBucket": "logs"})
        self.assertEqual(aws.trail_bucket({}, {"monitoring": monitoring, "evidence": {}}), {})
        self.assertEqual(aws.trail_bucket({"TrailBucket": "mine"}, {}), {})
        with self.assertRaises(calls.Wrong):
            aws.trail_bucket({}, {})


class Rollback(unittest.TestCase):
    """Two stacks, each with a version as its only parameter; what is in the bucket of the code is a list for each."""

    def setUp(self):
        for name in ("plan", "carry_out", "remember", "remembered", "forget"):
            self.addCleanup(setattr, stacks, name, getattr(stacks, name))
            setattr(stacks, name, getattr(self, name))
        self.addCleanup(setattr, calls, "agree", calls.agree)
        calls.agree = lambda question, _yes: self.agree(question)
        self.versions = {"reprieve": 1, "reprieve-monitoring": 1}
        self.written = {name: [] for name in self.versions}
        self.hour, self.fails, self.declined = 0, set(), set()

    def agree(self, question):
        if any(f"`{name}`" in question for name in self.declined):
            raise calls.Declined

    def plan(self, name, _template, values, _bucket, _now):
        if values["Version"] == str(self.versions[name]):
            return None
        before = {"Parameters": [{"ParameterKey": "Version", "ParameterValue": str(self.versions[name])}]}
        made = stacks.Plan(name, "arn", [], before)
        made.wanted, made.discard = int(values["Version"]), lambda: None
        return made

    def carry_out(self, made):
        if made.stack in self.fails:
            raise stacks.Unchanged("Throttling")
        self.versions[made.stack] = made.wanted
        return {}

    def remember(self, name, stack, _bucket, now, deployment, undoes=None):
        self.written[name].append(
            {"at": stacks.at(now), "deployment": deployment, "undoes": undoes, "template": "", "parameters": stacks.parameters(stack)}
        )
        return name

    def forget(self, name):
        self.written[name].pop()

    def remembered(self, name, _bucket):
        return self.written[name][-1] if self.written[name] else None

    def now(self):
        self.hour += 1
        return datetime.datetime(2026, 11, 20, self.hour, tzinfo=datetime.UTC)

    def account(self):
        return argparse.Namespace(
            region="eu-central-1",
            stack_of=lambda stage: "reprieve" if stage == "guard" else f"reprieve-{stage}",
            standing=lambda: {"guard": {}, "monitoring": {}},
            headline=lambda what: None,
        )

    def deploy(self, version, *names):
        now = self.now()
        for name in names or self.versions:
            made = self.plan(name, "", {"Version": str(version)}, "", now)
            with contextlib.suppress(calls.Failed, calls.Declined):
                aws.carry_out(made, argparse.Namespace(yes=True, code_bucket="code"), now)

    def rollback(self, *stages):
        options = argparse.Namespace(stack="reprieve", stages=stages, code_bucket="code", yes=True)
        with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(calls.Failed, calls.Declined):
            aws.rollback(options, self.account(), self.now())
        return said.getvalue()

    def both(self):
        return self.versions["reprieve"], self.versions["reprieve-monitoring"]

    def test_what_one_deployment_changed_goes_back_together_and_forward_again(self):
        self.deploy(2)
        self.rollback()
        self.assertEqual(self.both(), (1, 1))
        self.rollback()
        self.assertEqual(self.both(), (2, 2))

    def test_a_stack_that_the_deployment_left_alone_stays(self):
        self.deploy(2)
        self.deploy(3, "reprieve")
        self.assertIn("did not change it", self.rollback())
        self.assertEqual(self.both(), (2, 2))

    def test_a_rollback_that_broke_off_goes_on(self):
        for way in ("fails", "declined"):
            self.setUp()
            self.deploy(2)
            getattr(self, way).add("reprieve-monitoring")
            self.rollback()
            self.assertEqual(self.both(), (1, 2), way)
            getattr(self, way).clear()
            self.assertIn("has gone back already", self.rollback())
            self.assertEqual(self.both(), (1, 1), way)
            self.rollback()
            self.assertEqual(self.both(), (2, 2), "what went back in two steps goes forward in one")

    def test_a_deployment_that_failed_is_none_to_go_back_from(self):
        self.deploy(2)
        self.fails.add("reprieve")
        self.deploy(3, "reprieve")
        self.fails.clear()
        self.rollback()
        self.assertEqual(self.both(), (1, 1))


class Remembered(unittest.TestCase):
    def test_what_an_earlier_release_remembered_is_read(self):
        earlier = {"stack": "reprieve", "at": "2026-11-20T01:00:00Z", "template": "t", "parameters": {}}
        for module, name in ((stacks, "aws"), (calls, "run")):
            self.addCleanup(setattr, module, name, getattr(module, name))
        stacks.aws = lambda *_words: {"Contents": [{"Key": "reprieve/before/reprieve/1.json"}]}
        calls.run = lambda command: pathlib.Path(command[-1]).write_text(json.dumps(earlier), encoding="utf-8")
        self.assertEqual(stacks.remembered("reprieve", "code"), earlier | {"deployment": earlier["at"], "undoes": None})


class Options(unittest.TestCase):
    def test_the_stages_meant_are_those_named_and_the_guard_or_those_that_stand(self):
        def options(*stages):
            return argparse.Namespace(stages=list(stages), stack="reprieve")

        account = argparse.Namespace(stack_of=lambda stage: f"reprieve-{stage}", region="eu-west-1")
        self.assertEqual(aws.to_deploy(options()), ["guard"])
        self.assertEqual(aws.to_deploy(options("drill", "monitoring")), ["guard", "monitoring", "drill"])
        self.assertEqual(aws.to_deploy(options("replay", "replay")), ["replay"])
        self.assertEqual(aws.with_sources(["guard"]), ["guard"])
        self.assertEqual(aws.with_sources(["guard", "evidence", "drill"]), ["guard", "monitoring", "evidence", "drill"])
        standing = {"drill": {}, "guard": {}}
        self.assertEqual(aws.of_those_standing(options(), account, standing), ["guard", "drill"])
        self.assertEqual(aws.of_those_standing(options("drill"), account, standing), ["drill"])
        for wrong, stands in ((options("replay"), standing), (options(), {})):
            with self.assertRaises(calls.Wrong):
                aws.of_those_standing(wrong, account, stands)

    def values(self, *assignments, stages=("guard",)):
        return aws.values_by_stage(argparse.Namespace(set=list(assignments), zips={}), stages)

    def test_parameters_go_to_their_stack(self):
        values = self.values("NoticeEmail=a=b", "drill.DrillAlias=alias/x", stages=("guard", "drill"))
        self.assertEqual((values["guard"], values["drill"]), ({"NoticeEmail": "a=b"}, {"DrillAlias": "alias/x"}))

    def test_what_stands_keeps_its_processor(self):
        guard = {"Parameters": [{"ParameterKey": "Architecture", "ParameterValue": "x86_64"}]}
        self.assertEqual(aws.architecture({"guard": guard, "monitoring": {}}), "x86_64")
        self.assertEqual(aws.architecture({}), "arm64")

    def test_what_follows_from_others_is_not_set_by_hand(self):
        for assignment in ("CodeKey=x", "monitoring.QueueArn=x", "drill.LedgerTable=x", "Mode", "monitoring.Mode=enforce"):
            with self.assertRaises(calls.Wrong):
                self.values(assignment, stages=("guard", "drill"))

    def test_what_is_wrong_ends_with_two_and_without_the_clouds_command_line_too(self):
        for words in (
            ("aws", "plan"),
            ("aws", "fly"),
            ("azure", "plan", "--parameters", "/nowhere", "--group", "g"),
            ("organisation", "plan", "--config", "/nowhere"),
            ("aws", "plan", "--bucket", "x"),
        ):
            done = run(*words)
            self.assertEqual(done.returncode, 2, (words, done.stderr))
            self.assertNotIn("Traceback", done.stderr)

    def test_the_help_of_each_says_how_to_begin(self):
        for cloud in ("aws", "organisation", "azure"):
            done = run(cloud, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("the first time, by copying", done.stdout)


if __name__ == "__main__":
    unittest.main()
