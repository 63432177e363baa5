"""The deployment to Azure: the whole script against a fake `az` that keeps state."""

import json
import unittest
import zipfile

from fakes import ScriptCase

HOME = "00000000-0000-0000-0000-000000000001"
OTHER = "00000000-0000-0000-0000-000000000002"
POLICIES_TAG = "reprieve-packaged-policies"
RECORD = {
    "at": "2026-11-20T10:15:00Z",
    "call": "vaults/delete",
    "actor": "mallory",
    "resolution": "only_observed",
    "sentence": "vault `payments` was deleted: recover it",
}


class Azure(ScriptCase):
    def setUp(self):
        super().setUp()
        self.provide("az", "fake_az")
        self.zip = self.packed("guard.zip")
        self.reprieve = str(self.provide("reprieve", "fake_reprieve"))
        self.parameters = {"subscriptions": {"value": [HOME, OTHER]}}

    def packed(self, name, **policies):
        with zipfile.ZipFile(self.folder / name, "w") as archive:
            archive.writestr("host.json", "{}")
            for policy, text in policies.items():
                archive.writestr(f"policies/{policy}.cedar", text)
        return str(self.folder / name)

    def tag(self):
        """What the group's tag says of packaged policies."""
        return self.seen()["groups"][f"{HOME}/reprieve"].get("tags", {}).get(POLICIES_TAG)

    def deploy(self, verb, *words, typed=""):
        file = self.write("parameters.json", {"parameters": self.parameters})
        extra = ["--zip", self.zip] if self.zip and verb in ("plan", "apply", "upgrade") else []
        return self.run_deploy("azure", verb, "--parameters", file, "--group", "reprieve", *extra, *words, typed=typed)

    def first(self):
        code, said, errors = self.deploy("apply", "--location", "westeurope", "--yes")
        self.assertEqual((code, errors), (0, ""), said)
        return said

    def deployed(self, template, subscription=HOME):
        for key, made in self.seen()["deployments"].items():
            if key.startswith(subscription) and key.endswith(f"/reprieve-{template}"):
                return made["properties"]["given"]
        return None

    def test_a_plan_changes_nothing(self):
        code, said, errors = self.deploy("plan", "--location", "westeurope")
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("would be made in westeurope", said)
        self.assertFalse([call for call in self.seen()["calls"] if "create" in call or "config-zip" in call])

    def test_a_plan_of_what_stands_shows_every_template(self):
        self.first()
        before = self.seen()
        code, said, _ = self.deploy("plan")
        self.assertEqual(code, 0)
        for template in ("evidence", "seals", "guard", "subscription", "events", "alerts"):
            self.assertIn(f"what-if of reprieve-{template}", said)
        after = self.seen()
        self.assertEqual({**before, "calls": None}, {**after, "calls": None})

    def test_a_first_deployment_observes_and_the_outputs_reach_the_others(self):
        self.first()
        self.assertEqual(self.deployed("guard")["mode"], "observe")
        self.assertEqual(self.deployed("seals")["guardPrincipalId"], "guard-principal")
        self.assertEqual(self.deployed("guard")["sealKey"], "/sealKeyUrl")
        for subscription in (HOME, OTHER):
            self.assertEqual(self.deployed("subscription", subscription)["guardPrincipalId"], "guard-principal")
            self.assertEqual(self.deployed("events", subscription)["functionAppId"], "/functionAppId")

    def test_who_is_told_of_alerts_is_told_of_dead_letters(self):
        self.first()
        for subscription in (HOME, OTHER):
            for template in ("alerts", "events"):
                self.assertEqual(self.deployed(template, subscription)["actionGroupId"], "/actionGroupId", template)

    def test_each_deployment_is_asked_about_after_it_was_shown(self):
        code, said, _ = self.deploy("apply", "--location", "westeurope", typed="y\ny\nn\n")
        self.assertEqual(code, 4)
        self.assertIn("what-if of reprieve-seals", said)
        self.assertIsNotNone(self.deployed("evidence"))
        self.assertIsNone(self.deployed("seals"))

    def test_enforcing_where_nothing_stands_is_refused(self):
        code, _, errors = self.deploy("apply", "--location", "westeurope", "--enforce", "--yes")
        self.assertEqual(code, 2)
        self.assertIn("a first deployment observes", errors)
        self.assertFalse(self.seen().get("deployments"))

    def test_enforcing_shows_first_what_it_would_have_done(self):
        self.first()
        self.change(records={"audit/decisions/1.json": json.dumps(RECORD)})
        code, said, errors = self.deploy("apply", "--enforce", "--yes")
        self.assertEqual((code, errors), (0, ""), said)
        self.assertLess(said.index("vault `payments` was deleted: recover it"), said.index("what-if of reprieve-guard"))
        self.assertIn("observe -> enforce", said)
        self.assertEqual(self.deployed("guard")["mode"], "enforce")
        self.assertEqual(self.deployed("subscription", OTHER)["mode"], "enforce")

    def test_an_upgrade_keeps_the_mode(self):
        self.first()
        self.deploy("apply", "--enforce", "--yes")
        self.parameters["mode"] = {"value": "observe"}
        code, said, errors = self.deploy("upgrade", "--yes")
        self.assertEqual((code, errors), (0, ""), said)
        self.assertEqual(self.deployed("guard")["mode"], "enforce")

    def test_stepping_back_is_said(self):
        self.first()
        self.deploy("apply", "--enforce", "--yes")
        code, said, _ = self.deploy("apply", "--mode", "observe", "--yes")
        self.assertEqual(code, 0)
        self.assertIn("enforce -> observe", said)
        self.assertEqual(self.deployed("guard")["mode"], "observe")

    def test_what_azure_refuses_is_told_as_it_is(self):
        self.change(refuses="subscription")
        code, _, errors = self.deploy("apply", "--location", "westeurope", "--yes")
        self.assertEqual(code, 1)
        self.assertIn("the client may not write role assignments", errors)

    def enforced_and_then_failed(self):
        """A guard enforces; its next deployment fails, and replaces the outputs of the one before."""
        self.first()
        self.deploy("apply", "--enforce", "--yes")
        self.change(refuses="guard")
        self.assertEqual(self.deploy("upgrade", "--yes")[0], 1)
        self.change(refuses=None)

    def test_after_a_failed_deployment_the_mode_is_asked_for_and_nothing_is_deployed(self):
        self.enforced_and_then_failed()
        before = self.seen()["deployments"]
        for verb in ("upgrade", "apply", "plan"):
            with self.subTest(verb=verb):
                code, _, errors = self.deploy(verb, *(["--yes"] if verb != "plan" else []))
                self.assertEqual(code, 2)
                self.assertIn("the last deployment of guard.json in the group `reprieve` is Failed", errors)
                self.assertIn("--mode enforce", errors)
                self.assertEqual(self.seen()["deployments"], before)

    def test_a_mode_in_the_file_does_not_answer_what_the_guard_had(self):
        self.enforced_and_then_failed()
        self.parameters["mode"] = {"value": "observe"}
        code, _, errors = self.deploy("apply", "--yes")
        self.assertEqual(code, 2)
        self.assertIn("Name the mode", errors)

    def test_after_a_failed_deployment_a_mode_that_is_named_goes_on(self):
        for verb, words in (("upgrade", ["--mode", "enforce"]), ("apply", ["--enforce"])):
            with self.subTest(verb=verb):
                self.state.unlink(missing_ok=True)
                self.enforced_and_then_failed()
                code, said, errors = self.deploy(verb, *words, "--yes")
                self.assertEqual((code, errors), (0, ""), said)
                self.assertIn("not known -> enforce", said)
                self.assertEqual(self.deployed("guard")["mode"], "enforce")

    def test_policies_are_not_lost_by_a_zip_without_any(self):
        self.zip = self.packed("with.zip", one="permit (principal, action, resource);", two="")
        self.first()
        self.assertRegex(self.tag(), r"^one\.cedar, two\.cedar; sha256 [0-9a-f]{16}$")
        self.zip, before = self.packed("without.zip"), self.seen()
        for verb in ("upgrade", "apply", "plan"):
            with self.subTest(verb=verb):
                code, _, errors = self.deploy(verb, *(["--yes"] if verb != "plan" else []))
                self.assertEqual(code, 2)
                self.assertIn("was packaged with policies (one.cedar, two.cedar; sha256", errors)
                self.assertIn("package them into the zip that is given", errors)
                self.assertEqual({**self.seen(), "calls": None}, {**before, "calls": None})

    def test_policies_that_are_given_again_or_meant_to_go_are_remembered_so(self):
        self.zip = self.packed("with.zip", one="permit (principal, action, resource);")
        self.first()
        first = self.tag()
        self.zip = self.packed("other.zip", one="forbid (principal, action, resource);")
        code, said, errors = self.deploy("upgrade", "--yes")
        self.assertEqual((code, errors), (0, ""), said)
        self.assertTrue(self.tag().startswith("one.cedar; sha256 ") and self.tag() != first, self.tag())
        self.assertIn(f"Policies            {first} -> {self.tag()}\n", said)
        self.assertNotIn("Policies   ", self.deploy("plan")[1], "the same ones are told as changed")
        self.zip = self.packed("without.zip")
        code, said, errors = self.deploy("upgrade", "--no-policies", "--yes")
        self.assertEqual((code, errors), (0, ""), said)
        self.assertEqual(self.tag(), "none")
        self.assertEqual(self.deploy("upgrade", "--yes")[0], 0)

    def test_a_policy_that_is_missing_among_others_is_refused_unless_it_is_named(self):
        self.zip = self.packed("with.zip", one="", two="")
        self.first()
        before = self.seen()
        (self.folder / "wrong").mkdir()
        self.write("wrong/other.cedar", "")
        other = self.packed("other.zip", one="", three="")
        self.zip = None
        for verb in ("upgrade", "apply", "plan"):
            for words, missing in (
                (["--zip", other], "policies/two.cedar; package them into the zip that is given"),
                (["--policies", str(self.folder / "wrong")], "policies/one.cedar, policies/two.cedar; give the folder that holds them"),
            ):
                with self.subTest(verb=verb, words=words):
                    code, _, errors = self.deploy(verb, *words, *(["--yes"] if verb != "plan" else []))
                    self.assertEqual(code, 2)
                    self.assertIn(f"not among those given now: {missing}", errors)
                    self.assertIn("--drop-policy two.cedar", errors)
                    self.assertEqual({**self.seen(), "calls": None}, {**before, "calls": None})
        self.zip = other
        code, said, errors = self.deploy("upgrade", "--drop-policy", "two.cedar", "--yes")
        self.assertEqual((code, errors), (0, ""), said)
        self.assertTrue(self.tag().startswith("one.cedar, three.cedar; sha256 "), self.tag())

    def test_a_policy_that_is_given_and_meant_to_go_is_refused(self):
        self.zip = self.packed("with.zip", one="")
        code, _, errors = self.deploy("apply", "--location", "westeurope", "--drop-policy", "one.cedar", "--yes")
        self.assertEqual(code, 2)
        self.assertIn("`--drop-policy one.cedar`: that policy is among those that are given now", errors)

    def test_names_that_are_too_long_for_one_tag_go_on_in_the_next(self):
        many = {f"policy-{number}-with-a-name-of-some-length": "" for number in range(20)}
        self.zip = self.packed("many.zip", **many)
        self.first()
        self.zip = self.packed("fewer.zip", **{name: "" for name in many if "-7-" not in name})
        code, _, errors = self.deploy("upgrade", "--yes")
        self.assertEqual(code, 2)
        self.assertIn("not among those given now: policies/policy-7-with-a-name-of-some-length.cedar; package", errors)
        self.zip = self.packed("one.zip", one="")
        self.assertEqual(self.deploy("upgrade", *[f"--drop-policy={name}.cedar" for name in many], "--yes")[0], 0)
        # The tags that the longer line went on in are still there, and say nothing any more.
        self.assertEqual(self.deploy("upgrade", "--yes")[0], 0)

    def test_policies_whose_names_were_cut_off_are_not_lost(self):
        self.zip = self.packed("with.zip", one="", two="")
        self.first()
        groups = self.seen()["groups"]
        groups[f"{HOME}/reprieve"]["tags"][POLICIES_TAG] = "one.cedar,"
        self.change(groups=groups)
        self.zip = self.packed("fewer.zip", one="")
        code, _, errors = self.deploy("upgrade", "--yes")
        self.assertEqual(code, 2)
        self.assertIn("not all of their names are known", errors)
        self.assertIn(f"Remove the tag `{POLICIES_TAG}` and give all policies", errors)
        self.assertEqual(self.tag(), "one.cedar,")
        groups = self.seen()["groups"]
        del groups[f"{HOME}/reprieve"]["tags"][POLICIES_TAG]
        self.change(groups=groups)
        self.zip = self.packed("all.zip", one="", two="")
        self.assertEqual(self.deploy("upgrade", "--yes")[0], 0)
        self.assertIn("one.cedar, two.cedar; sha256 ", self.tag())

    def test_a_guard_that_the_history_forgot_is_found_by_its_function_app(self):
        self.zip = self.packed("with.zip", one="")
        self.first()
        state = self.seen()
        state["groups"][f"{HOME}/reprieve"].pop("tags")
        state["deployments"] = {key: made for key, made in state["deployments"].items() if not key.endswith("/reprieve-guard")}
        self.change(**state)
        self.zip = self.packed("without.zip")
        for verb in ("upgrade", "apply", "plan"):
            with self.subTest(verb=verb):
                words = ["--yes"] if verb != "plan" else []
                code, _, errors = self.deploy(verb, *words)
                self.assertEqual(code, 2)
                self.assertIn("holds the function app `fn-reprieve`, and its history no deployment of guard.json", errors)
                self.assertIn("Name the mode", errors)
                code, _, errors = self.deploy(verb, "--mode", "enforce", *words)
                self.assertEqual(code, 2)
                self.assertIn("whether policies were packaged with the guard that stands is not known", errors)
                self.assertIsNone(self.tag())
        code, said, errors = self.deploy("upgrade", "--mode", "enforce", "--no-policies", "--yes")
        self.assertEqual((code, errors), (0, ""), said)
        self.assertIn("not known -> none", said)
        self.assertEqual((self.tag(), self.deployed("guard")["mode"]), ("none", "enforce"))

    def test_where_nobody_knows_of_policies_it_has_to_be_said(self):
        self.first()
        self.assertEqual(self.tag(), "none")
        groups = self.seen()["groups"]
        groups[f"{HOME}/reprieve"].pop("tags")
        self.change(groups=groups)
        code, _, errors = self.deploy("upgrade", "--yes")
        self.assertEqual(code, 2)
        self.assertIn("whether policies were packaged with the guard that stands is not known", errors)
        self.assertEqual(self.deploy("upgrade", "--no-policies", "--yes")[0], 0)
        self.assertEqual(self.tag(), "none")

    def test_policies_that_may_still_stand_are_remembered_when_code_cannot_be_put(self):
        self.zip = self.packed("with.zip", one="")
        self.first()
        self.change(refuses="code")
        self.zip = self.packed("without.zip")
        self.assertEqual(self.deploy("upgrade", "--no-policies", "--yes")[0], 1)
        self.assertTrue(self.tag().startswith("one.cedar"), self.tag())

    def test_no_policies_and_a_zip_that_holds_some_exclude_each_other(self):
        self.zip = self.packed("with.zip", one="")
        code, _, errors = self.deploy("apply", "--location", "westeurope", "--no-policies", "--yes")
        self.assertEqual(code, 2)
        self.assertIn("`--no-policies` excludes", errors)

    def test_a_zip_that_is_none_is_refused(self):
        self.zip = self.write("guard.zip", "the zip")
        code, _, errors = self.deploy("apply", "--location", "westeurope", "--yes")
        self.assertEqual(code, 2)
        self.assertIn("is no zip that can be read", errors)
        self.assertFalse(self.state.exists())

    def test_verify_does_not_take_a_failed_deployment_for_proven(self):
        self.enforced_and_then_failed()
        code, said, errors = self.deploy("verify")
        self.assertEqual((code, errors), (3, ""), said)
        proven, not_proven = said.split("Not proven:")
        self.assertNotIn("guard.json", proven)
        self.assertNotIn("no guard stands", proven)
        self.assertIn("guard.json: its last deployment Failed", not_proven)
        self.assertIn("nobody looked", not_proven)
        self.assertIn(f"{OTHER}: the guard has its role", proven)

    def test_uninstalling_after_a_failed_deployment_takes_what_it_knows_and_names_the_rest(self):
        self.enforced_and_then_failed()
        code, said, errors = self.deploy("uninstall", typed="reprieve\n")
        self.assertEqual((code, errors), (0, ""), said)
        state = self.seen()
        self.assertEqual((state["topics"], state["roles"]), ({}, []))
        self.assertIn("fn-reprieve", state["apps"])
        self.assertIn("az functionapp delete", said)
        self.assertIn("The function app is still there", said)

    def test_uninstalling_without_knowing_the_evidence_changes_nothing(self):
        self.first()
        self.change(refuses="evidence")
        self.assertEqual(self.deploy("upgrade", "--yes")[0], 1)
        before = self.seen()
        code, _, errors = self.deploy("uninstall", typed="reprieve\n")
        self.assertEqual(code, 2)
        self.assertIn("the last deployment of evidence.json", errors)
        self.assertEqual({**before, "calls": None}, {**self.seen(), "calls": None})

    def test_verify_says_what_is_proven_and_that_no_drill_is(self):
        self.first()
        code, said, errors = self.deploy("verify")
        self.assertEqual((code, errors), (3, ""), said)
        proven, not_proven = said.split("Not proven:")
        self.assertIn("functions are there", proven)
        self.assertIn(f"{OTHER}: the guard has its role", proven)
        self.assertIn("there is no drill for Azure", not_proven)
        self.assertIn("the guard observes", not_proven)

    def test_verify_names_what_is_missing(self):
        self.first()
        self.change(
            topics={HOME: [{"name": "key-vaults", "provisioningState": "Failed"}]},
            roles=[],
            apps={"fn-reprieve": {"state": "Stopped", "functions": ["Sweep"]}},
        )
        _, said, _ = self.deploy("verify")
        not_proven = said.split("Not proven:")[1]
        for missing in (
            f"{HOME}: key-vaults not provisioned",
            f"{OTHER}: no event subscription is there",
            f"{HOME}: the guard has no role",
            "is Stopped",
            "functions are missing: ",
        ):
            self.assertIn(missing, not_proven)

    def test_uninstalling_leaves_the_evidence_and_says_what_ends(self):
        self.first()
        code, said, _ = self.deploy("uninstall", typed="no\n")
        self.assertEqual(code, 4)
        self.assertIn("fn-reprieve", self.seen()["apps"])
        code, said, errors = self.deploy("uninstall", typed="reprieve\n")
        self.assertEqual((code, errors), (0, ""), said)
        state = self.seen()
        self.assertEqual((state["apps"], state["topics"], state["roles"]), ({}, {}, []))
        self.assertIn("/storage/streprieve", state["storage"])
        self.assertIn("streprieve: still there", said)
        self.assertIn("Not protected any more", said)
        forbidden = [call for call in state["calls"] if call.startswith(("lock", "group delete", "keyvault", "storage account delete"))]
        self.assertEqual(forbidden, [])

    def test_a_parameter_that_no_template_has_is_refused(self):
        self.parameters["modus"] = {"value": "enforce"}
        code, _, errors = self.deploy("plan", "--location", "westeurope")
        self.assertEqual(code, 2)
        self.assertIn("no template has a parameter `modus`", errors)

    def test_log_storage_that_is_no_storage_account_is_refused(self):
        self.parameters["logStorageId"] = {"value": "examplelogs"}
        code, _, errors = self.deploy("plan", "--location", "westeurope")
        self.assertEqual(code, 2)
        self.assertIn("is not the resource id of a storage account", errors)


if __name__ == "__main__":
    unittest.main()
