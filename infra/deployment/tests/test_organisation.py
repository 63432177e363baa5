"""StackSets for an organisation: the whole script against a fake `aws` that keeps state."""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest
import zipfile

from fakes import ROOT, ScriptCase

sys.path.insert(0, str(ROOT / "infra"))
from deployment import aws, calls, organisation  # noqa: E402 - found by the line above
from deployment.rollout import STAGES, Configuration  # noqa: E402 - likewise

CONFIG = {
    "units": ["ou-abcd-11111111"],
    "regions": ["eu-central-1", "us-east-1"],
    "homeRegion": "eu-central-1",
    "codeBucketPrefix": "code",
    "stages": ["guard", "monitoring", "drill"],
    "mode": "observe",
    "accounts": {},
    "parameters": {"guard": {"NoticeEmail": "security@example.com"}},
}


class Organisation(ScriptCase):
    def setUp(self):
        super().setUp()
        self.provide("aws", "fake_aws")
        self.zips = []
        for stage in ("guard", "monitoring", "drill"):
            option = "--zip" if stage == "guard" else f"--{stage}-zip"
            self.zips += [option, self.packed(f"{stage}.zip", stage)]

    def packed(self, name, code, *policies):
        """Makes a zip. Returns its path."""
        with zipfile.ZipFile(self.folder / name, "w") as archive:
            archive.writestr("bootstrap", code)
            for policy in policies:
                archive.writestr(f"policies/{policy}.cedar", "")
        return str(self.folder / name)

    def deploy(self, verb, *words, typed="", **changes):
        config = self.write("organisation.json", CONFIG | changes)
        return self.run_deploy(
            "organisation", verb, "--config", config, *words, *(self.zips if verb in ("plan", "apply") else []), typed=typed
        )

    def modes(self, stage):
        """Returns the mode with which each stack runs."""
        return {place: runs["Mode"] for place, runs in self.seen()["sets"][f"reprieve-{stage}"]["stacks"].items()}

    def assert_all_current(self):
        """Each stack runs with the StackSet's code, in each Region, and the status says so."""
        for name, one in self.seen()["sets"].items():
            places = {f"{account} {region}" for account, regions in one["instances"].items() for region in regions}
            self.assertEqual(set(one["stacks"]), places, name)
            self.assertEqual({runs["CodeKey"] for runs in one["stacks"].values()}, {one["given"]["CodeKey"]}, name)
        code, said, _ = self.deploy("status")
        self.assertEqual(code, 0, said)
        self.assertEqual(len([line for line in said.splitlines() if " CURRENT " in line]), 8, said)

    def status_modes(self, stage):
        """Returns the mode of each stack as the status says."""
        rows = [line.split() for line in self.deploy("status")[1].splitlines() if line.split()[:1] == [f"reprieve-{stage}"]]
        return {f"{row[1]} {row[2]}": row[4] for row in rows}

    def test_a_plan_changes_nothing(self):
        code, said, errors = self.deploy("plan")
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("ou-abcd-11111111: eu-central-1, us-east-1", said)
        self.assertNotIn("sets", [name for name, value in self.seen().items() if value])
        self.assertNotIn("objects", [name for name, value in self.seen().items() if value])

    def test_the_guard_stands_in_each_region_and_the_monitoring_at_home(self):
        code, said, errors = self.deploy("apply", "--yes")
        self.assertEqual((code, errors), (0, ""), said)
        sets = self.seen()["sets"]
        self.assertEqual(list(sets["reprieve-guard"]["instances"]), ["111122223333", "222233334444"])
        for regions in sets["reprieve-guard"]["instances"].values():
            self.assertEqual(sorted(regions), ["eu-central-1", "us-east-1"])
        for stage in ("monitoring", "drill"):
            for regions in sets[f"reprieve-{stage}"]["instances"].values():
                self.assertEqual(list(regions), ["eu-central-1"])

    def test_a_first_deployment_observes_everywhere(self):
        self.deploy("apply", "--yes")
        for stage in ("guard", "monitoring", "drill"):
            self.assertEqual(set(self.modes(stage).values()), {"observe"})

    def test_each_region_has_its_own_copy_of_the_code(self):
        self.deploy("apply", "--yes")
        guards = [name for name in self.seen()["objects"] if "aws-cancel-key-deletion" in name]
        self.assertEqual(sorted(name.split("/")[2] for name in guards), ["code-eu-central-1", "code-us-east-1"])
        self.assertEqual(self.seen()["sets"]["reprieve-guard"]["given"]["CodeKey"], guards[0].split("/", 3)[3])

    def test_an_account_enforces_while_the_others_observe(self):
        self.deploy("apply", "--yes")
        code, said, errors = self.deploy("apply", "--yes", accounts={"111122223333": {"mode": "enforce"}})
        self.assertEqual((code, errors), (0, ""), said)
        self.assertEqual(
            self.modes("guard"),
            {
                "111122223333 eu-central-1": "enforce",
                "111122223333 us-east-1": "enforce",
                "222233334444 eu-central-1": "observe",
                "222233334444 us-east-1": "observe",
            },
        )

    def test_taking_an_account_out_of_the_list_takes_its_mode_back(self):
        self.deploy("apply", "--yes", accounts={"111122223333": {"mode": "enforce"}})
        self.assertIn("enforce", self.modes("guard").values())
        self.deploy("apply", "--yes")
        self.assertEqual(set(self.modes("guard").values()), {"observe"})

    def test_applying_twice_changes_nothing_the_second_time(self):
        self.deploy("apply", "--yes", accounts={"111122223333": {"mode": "enforce"}})
        before = self.seen()["sets"]
        code, said, _ = self.deploy("apply", "--yes", accounts={"111122223333": {"mode": "enforce"}})
        self.assertEqual(code, 0)
        self.assertIn("Nothing changes.", said)
        self.assertEqual(self.seen()["sets"], before)

    def test_new_code_updates_every_stack_and_keeps_the_modes(self):
        self.deploy("apply", "--yes", accounts={"111122223333": {"mode": "enforce"}})
        self.packed("guard.zip", "a newer zip of the guard")
        code, said, errors = self.deploy("apply", "--yes", accounts={"111122223333": {"mode": "enforce"}})
        self.assertEqual((code, errors), (0, ""), said)
        self.assertIn("update every stack: CodeKey", said)
        self.assertEqual(self.modes("guard")["111122223333 us-east-1"], "enforce")

    def test_what_is_set_at_the_guard_is_set_at_the_others_too(self):
        self.deploy("apply", "--yes")
        parameters = {"guard": {"AuditRetentionDays": 730, "MetricsNamespace": "Keys"}}
        code, said, errors = self.deploy("apply", "--yes", parameters=parameters)
        self.assertEqual((code, errors), (0, ""), said)
        for name, one in self.seen()["sets"].items():
            values = {(runs["AuditRetentionDays"], runs["MetricsNamespace"]) for runs in one["stacks"].values()}
            self.assertEqual(values, {("730", "Keys")}, name)
        self.assertIn("Nothing changes.", self.deploy("plan", parameters=parameters)[1])
        code, _, errors = self.deploy("plan", parameters={"drill": {"AuditRetentionDays": 30}})
        self.assertEqual(code, 2)
        self.assertIn("`AuditRetentionDays` follows from other settings", errors)

    def test_a_unit_that_is_added_gets_its_stacks(self):
        self.deploy("apply", "--yes")
        self.deploy("apply", "--yes", units=["ou-abcd-11111111", "ou-abcd-22222222"])
        self.assertIn("333344445555", self.seen()["sets"]["reprieve-guard"]["instances"])

    def test_a_unit_without_accounts_is_a_target_once(self):
        units = ["ou-abcd-11111111", "ou-abcd-33333333"]
        self.deploy("apply", "--yes", units=units)
        code, said, _ = self.deploy("plan", units=units)
        self.assertEqual(code, 0)
        self.assertIn("Nothing changes.", said)

    def test_a_region_that_is_left_out_stays_and_is_told(self):
        self.deploy("apply", "--yes")
        code, said, _ = self.deploy("plan", regions=["eu-central-1"])
        self.assertEqual(code, 0)
        self.assertIn("Left as it is: reprieve-guard stands in ou-abcd-11111111, us-east-1", said)
        self.deploy("apply", "--yes", regions=["eu-central-1"])
        self.assertIn("us-east-1", self.seen()["sets"]["reprieve-guard"]["instances"]["111122223333"])

    def test_new_accounts_get_the_guard_before_what_imports_from_it(self):
        self.deploy("apply", "--yes")
        sets = self.seen()["sets"]
        self.assertEqual(sets["reprieve-guard"]["auto"], {"Enabled": True, "RetainStacksOnAccountRemoval": True})
        self.assertEqual(
            sets["reprieve-monitoring"]["auto"]["DependsOn"], ["arn:aws:cloudformation:eu-central-1:999988887777:stackset/reprieve-guard:1"]
        )

    def test_an_account_that_fails_is_named_and_the_same_command_goes_on(self):
        self.change(failing="222233334444")
        code, _, errors = self.deploy("apply", "--yes")
        self.assertEqual(code, 1)
        self.assertIn("222233334444 eu-central-1: FAILED: no more roles", errors)
        code, said, _ = self.deploy("status")
        self.assertEqual(code, 1)
        self.assertIn("OUTDATED", said)
        self.change(failing=None)
        self.packed("guard.zip", "a mended zip")
        code, said, errors = self.deploy("apply", "--yes")
        self.assertEqual((code, errors), (0, ""), said)
        self.assertEqual(self.deploy("status")[0], 0)

    def test_after_a_failed_creation_the_same_command_makes_everything_current(self):
        self.change(failing="222233334444")
        self.assertEqual(self.deploy("apply", "--yes")[0], 1)
        self.assertEqual(list(self.seen()["sets"]["reprieve-guard"]["stacks"]), ["111122223333 eu-central-1"])
        self.change(failing=None)
        code, said, errors = self.deploy("apply", "--yes")
        self.assertEqual((code, errors), (0, ""), said)
        self.assertIn("update stacks that are not current", said)
        self.assertIn("222233334444: eu-central-1, us-east-1", said)
        self.assert_all_current()
        self.assertIn("Nothing changes.", self.deploy("plan")[1])

    def test_after_a_failed_update_the_same_command_makes_everything_current_and_keeps_the_modes(self):
        accounts = {"111122223333": {"mode": "enforce"}}
        self.deploy("apply", "--yes", accounts=accounts)
        self.change(failing="222233334444")
        self.packed("guard.zip", "a newer zip of the guard")
        self.assertEqual(self.deploy("apply", "--yes", accounts=accounts)[0], 1)
        self.change(failing=None)
        code, said, errors = self.deploy("apply", "--yes", accounts=accounts)
        self.assertEqual((code, errors), (0, ""), said)
        self.assert_all_current()
        self.assertEqual(self.modes("guard")["111122223333 us-east-1"], "enforce")
        self.assertEqual(self.modes("guard")["222233334444 us-east-1"], "observe")

    def test_a_mode_that_failed_halfway_is_not_known_until_it_is_set_or_taken_back(self):
        self.deploy("apply", "--yes")
        self.change(failing="222233334444")
        self.assertEqual(self.deploy("apply", "--yes", accounts={"222233334444": {"mode": "enforce"}})[0], 1)
        self.assertIn("not known", self.deploy("status")[1])
        self.change(failing=None)
        code, said, errors = self.deploy("apply", "--yes")
        self.assertEqual((code, errors), (0, ""), said)
        self.assert_all_current()
        self.assertEqual(set(self.modes("guard").values()), {"observe"})

    def test_what_no_update_reaches_is_told_and_no_step_tries(self):
        self.deploy("apply", "--yes")
        sets = self.seen()["sets"]
        sets["reprieve-guard"]["instances"]["222233334444"]["us-east-1"]["Status"] = "INOPERABLE"
        self.change(sets=sets)
        code, said, _ = self.deploy("apply", "--yes")
        self.assertEqual(code, 0)
        self.assertIn("Left as it is: reprieve-guard in 222233334444, us-east-1 is INOPERABLE", said)
        self.assertIn("`delete-stack-instances` with `--retain-stacks`", said)
        self.assertNotIn("not current", said)

    def test_an_account_keeps_its_mode_in_a_region_that_is_added(self):
        accounts = {"111122223333": {"mode": "enforce"}}
        self.deploy("apply", "--yes", accounts=accounts, regions=["eu-central-1"])
        code, said, errors = self.deploy("apply", "--yes", accounts=accounts)
        self.assertEqual((code, errors), (0, ""), said)
        self.assertIn("111122223333: us-east-1", said)
        modes = self.modes("guard")
        self.assertEqual((modes["111122223333 eu-central-1"], modes["111122223333 us-east-1"]), ("enforce", "enforce"))
        self.assertEqual(modes["222233334444 us-east-1"], "observe")
        self.assertEqual(self.status_modes("guard"), modes)
        self.assertIn("Nothing changes.", self.deploy("plan", accounts=accounts)[1])

    def test_a_mode_remembered_for_an_account_means_each_region_where_it_stands(self):
        accounts, memory = {"111122223333": {"mode": "enforce"}}, "s3://code-eu-central-1/reprieve/organisation.json"
        self.deploy("apply", "--yes", accounts=accounts, regions=["eu-central-1"])
        formerly = {stage: {"111122223333": "enforce", "999900001111": "enforce"} for stage in ("guard", "monitoring", "drill")}
        self.change(objects=self.seen()["objects"] | {memory: json.dumps(formerly)})
        code, said, errors = self.deploy("apply", "--yes", accounts=accounts)
        self.assertEqual((code, errors), (0, ""), said)
        self.assertEqual(self.modes("guard")["111122223333 us-east-1"], "enforce")
        self.assertEqual(self.status_modes("guard"), self.modes("guard"))
        remembered = json.loads(self.seen()["objects"][memory])
        self.assertEqual(remembered["guard"], {"111122223333": {"eu-central-1": "enforce", "us-east-1": "enforce"}})
        self.assertEqual(remembered["drill"], {"111122223333": {"eu-central-1": "enforce"}})

    def test_the_status_names_each_account_region_and_mode(self):
        self.deploy("apply", "--yes", accounts={"111122223333": {"mode": "enforce"}})
        code, said, _ = self.deploy("status")
        self.assertEqual(code, 0)
        rows = [line.split() for line in said.splitlines() if "reprieve-guard" in line]
        self.assertIn(["reprieve-guard", "111122223333", "us-east-1", "CURRENT", "enforce"], rows)
        self.assertIn(["reprieve-guard", "222233334444", "us-east-1", "CURRENT", "observe"], rows)

    def test_policies_are_not_lost_by_a_zip_without_them_unless_they_are_named(self):
        self.packed("guard.zip", "guard", "one", "two")
        self.deploy("apply", "--yes")
        before = self.seen()
        self.packed("guard.zip", "a newer guard", "one")
        for verb in ("plan", "apply"):
            code, _, errors = self.deploy(verb, "--yes")
            self.assertEqual(code, 2)
            self.assertIn("not among those given now: policies/two.cedar; package them into the zip that is given", errors)
            self.assertEqual({**self.seen(), "calls": None}, {**before, "calls": None})
        code, said, errors = self.deploy("apply", "--drop-policy", "two.cedar", "--yes")
        self.assertEqual((code, errors), (0, ""), said)
        self.assertIn(" -> one.cedar; sha256 ", said)
        self.packed("guard.zip", "a newer guard")
        self.assertEqual(self.deploy("apply", "--yes")[0], 2)
        self.assertEqual(self.deploy("apply", "--no-policies", "--yes")[0], 0)
        self.assertNotIn("Policies   ", self.deploy("plan")[1])

    def test_where_the_zip_that_stands_cannot_be_read_nobody_knows_and_it_has_to_be_said(self):
        self.deploy("apply", "--yes")
        zip_file = f"s3://code-eu-central-1/{self.seen()['sets']['reprieve-guard']['given']['CodeKey']}"
        forbidden = "fatal error: An error occurred (403) when calling the HeadObject operation: Forbidden"
        self.change(failing_copies={zip_file: forbidden})
        code, _, errors = self.deploy("plan")
        self.assertEqual(code, 2)
        self.assertIn("whether policies were packaged with the guard that stands is not known", errors)
        self.assertIn("(403)", errors)
        code, said, errors = self.deploy("plan", "--no-policies")
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("not known -> none", said)

    def test_modes_that_could_not_be_fetched_are_not_taken_for_none(self):
        self.deploy("apply", "--yes", accounts={"111122223333": {"mode": "enforce"}})
        timeout = "fatal error: Read timeout on endpoint URL: https://code-404033334444.s3.amazonaws.com/reprieve/organisation.json"
        self.change(failing_copies={"s3://code-eu-central-1/reprieve/organisation.json": timeout})
        code, _, errors = self.deploy("apply", "--yes")
        self.assertEqual(code, 1)
        self.assertIn("organisation.json` cannot be read: fatal error: Read timeout", errors)
        self.assertEqual(self.modes("guard")["111122223333 us-east-1"], "enforce")

    def test_zips_are_looked_for_before_aws_is_asked(self):
        folder = self.folder / "policies"
        folder.mkdir()
        (folder / "one.cedar").touch()
        for words, refusal in (
            (["--policies", str(folder)], "`--policies` and `--zip` exclude each other"),
            (["--zip", str(self.folder / "gone.zip")], "gone.zip` is not a file"),
            (["--drill-zip", str(self.folder / "gone.zip")], "gone.zip` is not a file"),
        ):
            config = self.write("organisation.json", CONFIG)
            code, _, errors = self.run_deploy("organisation", "plan", "--config", config, *self.zips, *words)
            self.assertEqual(code, 2, errors)
            self.assertIn(refusal, errors)
            self.assertFalse(self.state.exists())

    def test_policies_are_packaged_into_the_zips_that_are_built(self):
        commands = []
        self.addCleanup(setattr, calls, "run_openly", calls.run_openly)
        calls.run_openly = lambda command: commands.append(command) or 1
        configuration = argparse.Namespace(stages=["guard"])
        for folder in ("some/policies", None):
            options = argparse.Namespace(zips={"guard": None}, policies=folder, arch="arm64")
            with self.assertRaisesRegex(calls.Failed, "the zips could not be built"):
                organisation.zips(options, ROOT, configuration)
        given, none = commands
        self.assertEqual(given[0], str(ROOT / "scripts" / "package"))
        self.assertEqual(given[-2:], ["--policies", "some/policies"])
        self.assertNotIn("--policies", none)

    def test_saying_no_changes_nothing(self):
        code, _, errors = self.deploy("apply", typed="n\n")
        self.assertEqual(code, 4)
        self.assertIn("nothing more was changed", errors)
        self.assertFalse(self.seen().get("sets"))

    def test_uninstalling_asks_for_the_name_and_says_what_stays(self):
        self.deploy("apply", "--yes")
        code, said, _ = self.deploy("uninstall", typed="y\n")
        self.assertEqual(code, 4)
        self.assertTrue(self.seen()["sets"])
        code, said, errors = self.deploy("uninstall", typed="reprieve\n")
        self.assertEqual((code, errors), (0, ""), said)
        self.assertIn("Not protected any more: 2 accounts", said)
        self.assertIn("ledger table", said)
        self.assertEqual(self.seen()["sets"], {})

    def test_what_is_wrong_in_the_configuration_is_named_before_aws_is_asked(self):
        for changes, named in (
            ({"units": ["company"]}, "`company` is no organisational unit"),
            ({"homeRegion": "eu-west-1"}, "`eu-west-1` is not among `regions`"),
            ({"accounts": {"1": {"mode": "enforce"}}}, "`1` is no account id"),
            ({"accounts": {"111122223333": {"mode": "on"}}}, "the mode `on` is not known"),
            ({"accounts": {"111122223333": {"regions": []}}}, "takes `mode` alone"),
            ({"stages": ["monitoring"]}, "leaves out the guard"),
            ({"parameters": {"guard": {"Mode": "enforce"}}}, "`Mode` follows from other settings"),
            ({"operation": {"failureTolerancePercentage": 101}}, "is no percentage"),
            ({"region": []}, "`region` is not known"),
        ):
            code, _, errors = self.deploy("plan", **changes)
            self.assertEqual(code, 2, errors)
            self.assertIn(named, errors)
            self.assertFalse(self.state.exists() and self.seen().get("sets"))

    def test_the_file_that_ships_lets_nobody_enforce(self):
        configuration = Configuration(ROOT / "infra" / "aws" / "stackset.example.json")
        self.assertEqual((configuration.mode, configuration.modes), ("observe", {}))

    def test_whoever_enforces_is_told_how_to_ask_what_that_would_have_done(self):
        code, said, errors = self.deploy("apply", "--yes", accounts={"111122223333": {"mode": "enforce"}})
        self.assertEqual((code, errors), (0, ""), said)
        self.assertIn("scripts/deploy aws report --stack STACK, where STACK begins with `StackSet-reprieve-guard-`", said)

    def test_a_parameter_that_no_template_has_is_refused(self):
        code, _, errors = self.deploy("plan", parameters={"guard": {"NoticeMail": "a@example.com"}})
        self.assertEqual(code, 2)
        self.assertIn("the template has no `NoticeMail`", errors)


class Templates(unittest.TestCase):
    def test_the_templates_say_what_those_they_are_made_of_say(self):
        try:
            import samtranslator  # noqa: F401 - only whether it is there
        except ImportError:
            self.skipTest("aws-sam-translator is not installed here: NOBODY LOOKED whether infra/aws/stackset-*.json are current")
        sys.path.insert(0, str(ROOT / "infra" / "aws"))
        import stackset

        self.assertEqual(stackset.main(["--check"]), 0)

    def test_no_template_has_a_transform_or_exceeds_a_call(self):
        for stage in ("guard", "monitoring", "drill"):
            template = json.loads((ROOT / "infra" / "aws" / f"stackset-{stage}.json").read_text(encoding="utf-8"))
            self.assertNotIn("Transform", template)
            self.assertNotIn("AWS::Serverless", json.dumps(template))
            self.assertLess(len(json.dumps(template, separators=(",", ":"))), 51_200, stage)

    def test_the_templates_pass_cfn_lint(self):
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        linter = cache / "reprieve" / "lint-venv" / "bin" / "cfn-lint"
        if not linter.is_file():
            self.skipTest("scripts/lint-templates has not run here: NOBODY LOOKED whether infra/aws/stackset-*.json pass cfn-lint")
        files = sorted((ROOT / "infra" / "aws").glob("stackset-*.json"))
        self.assertEqual(len(files), 3)
        done = subprocess.run([linter, "--non-zero-exit-code", "warning", "--", *files], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_what_is_imported_is_exported_by_the_guard(self):
        guard = json.loads((ROOT / "infra/aws/stackset-guard.json").read_text(encoding="utf-8"))
        exported = {output["Export"]["Name"] for output in guard["Outputs"].values()}
        imported = set()
        for stage in ("monitoring", "drill"):
            text = (ROOT / "infra" / "aws" / f"stackset-{stage}.json").read_text(encoding="utf-8")
            imported |= set(re.findall(r'"Fn::ImportValue": "([^"]+)"', text))
        self.assertGreater(len(imported), 10)
        self.assertLessEqual(imported, exported)

    def test_what_is_set_at_the_guard_can_change_because_no_stack_imports_it(self):
        read = {stage: (ROOT / "infra" / "aws" / f"stackset-{stage}.json").read_text(encoding="utf-8") for stage in STAGES}
        for name in aws.SET_AT_THE_GUARD:
            parameter = {stage: json.loads(text)["Parameters"][name] for stage, text in read.items()}
            for stage in ("monitoring", "drill"):
                self.assertNotIn(f'"reprieve-{name}"', read[stage])
                # Where nobody sets it, each has the guard's.
                self.assertEqual(parameter[stage]["Default"], parameter["guard"]["Default"], stage)
            # Stacks of a former release import it until they are updated, after the guard's.
            self.assertIn(f'"reprieve-{name}"', read["guard"])

    def test_roles_are_named_as_the_service_control_policies_exempt_them(self):
        for stage, role in (
            ("guard", "StackSet-reprieve-RemediatorRole-"),
            ("monitoring", "StackSet-reprieve-monitoring-ProvisionRole-"),
            ("drill", "StackSet-reprieve-drill-RehearseRole-"),
        ):
            text = (ROOT / "infra" / "aws" / f"stackset-{stage}.json").read_text(encoding="utf-8")
            self.assertIn(f'"Fn::Sub": "{role}${{AWS::Region}}"', text)


if __name__ == "__main__":
    unittest.main()
