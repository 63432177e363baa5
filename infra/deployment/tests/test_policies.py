"""What becomes of packaged policies where a deployment to AWS replaces a guard."""

import argparse
import pathlib
import re
import shutil
import sys
import tempfile
import unittest
import zipfile

from fakes import ROOT

sys.path.insert(0, str(ROOT / "infra"))
from deployment import aws, calls  # noqa: E402 - found by the line above


class Policies(unittest.TestCase):
    """What was packaged with the guard that stands, and with the zip that is to replace it."""

    def check(self, standing, given, text="", folder=None, drop=(), none=False):
        """Returns the line of what changes; `text` is in each policy that is given. What stands is a list of policies, other
        bytes than a zip, or what the command line says instead of fetching it."""
        self.addCleanup(setattr, calls, "run", calls.run)
        with tempfile.TemporaryDirectory() as scratch:

            def packed(name, policies, text):
                with zipfile.ZipFile(pathlib.Path(scratch, name), "w") as archive:
                    archive.writestr("bootstrap", "")
                    for each in policies:
                        archive.writestr(each, text)
                return str(pathlib.Path(scratch, name))

            def fetch(command, **_):
                if isinstance(standing, str):
                    return 1, "", standing
                if isinstance(standing, bytes):
                    pathlib.Path(command[-1]).write_bytes(standing)
                else:
                    shutil.copy(packed("standing.zip", standing, ""), command[-1])
                return 0, "", ""

            calls.run = fetch
            zips = {} if given is None else {"guard": packed("given.zip", given, text)}
            options = argparse.Namespace(policies=folder, zips=zips, drop_policy=list(drop), no_policies=none)
            named = {"CodeBucket": "code", "CodeKey": "guard.zip"}
            guard = {"Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in named.items()]}
            return aws.check_policies(options, {"guard": guard})

    def test_policies_are_not_lost_by_a_zip_without_any(self):
        for given in (None, []):
            with self.assertRaisesRegex(calls.Wrong, "policies/two.cedar"):
                self.check(["policies/two.cedar"], given)
        self.assertIsNone(self.check([], []))

    def test_a_policy_that_is_missing_among_others_is_refused_unless_it_is_named(self):
        stands = ["policies/one.cedar", "policies/two.cedar"]
        with self.assertRaisesRegex(calls.Wrong, "given now: policies/two.cedar; package .* --drop-policy two.cedar"):
            self.check(stands, ["policies/one.cedar", "policies/three.cedar"])
        for name in ("two.cedar", "policies/two.cedar"):
            self.assertIn(" -> one.cedar; sha256 ", self.check(stands, ["policies/one.cedar"], drop=[name]))
        self.assertIn(" -> none", self.check(stands, [], none=True))
        self.assertIn(" -> none", self.check(stands, None, drop=["one.cedar", "two.cedar"]))

    def test_another_folder_than_the_one_before_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "other.cedar").write_text("", encoding="utf-8")
            with self.assertRaisesRegex(calls.Wrong, "given now: policies/one.cedar; give the folder that holds them"):
                self.check(["policies/one.cedar"], None, folder=folder)
            pathlib.Path(folder, "one.cedar").write_text("", encoding="utf-8")
            self.assertIn(" -> one.cedar, other.cedar; ", self.check(["policies/one.cedar"], None, folder=folder))

    def test_other_content_under_the_same_names_passes_and_is_said(self):
        names = ["policies/one.cedar"]
        self.assertIsNone(self.check(names, names))
        digest = "one.cedar; sha256 [0-9a-f]{16}"
        self.assertRegex(self.check(names, names, text="forbid (principal, action, resource);"), f"^Policies +{digest} -> {digest}$")

    def test_where_the_zip_that_stands_cannot_be_read_nobody_knows_and_it_has_to_be_said(self):
        for said in (
            "fatal error: An error occurred (403) when calling the HeadObject operation: Forbidden",
            "fatal error: An error occurred (404) when calling the HeadObject operation: Key does not exist",
            "download failed: s3://code/guard.zip An error occurred (AccessDenied) when calling the GetObject operation: Access Denied",
            "fatal error: An error occurred (NoSuchBucket) when calling the GetObject operation: The specified bucket does not exist",
        ):
            for given, how in ((None, "with --policies"), ([], "into the zip that is given")):
                not_known = f"is not known: its zip `s3://code/guard.zip` cannot be read .{re.escape(said)}.. .*s3:GetObject.* {how}; "
                with self.assertRaisesRegex(calls.Wrong, f"{not_known}.* say --no-policies. Nothing was deployed"):
                    self.check(said, given)
                with self.assertRaises(calls.Wrong):
                    self.check(said, given, drop=["one.cedar"])
                self.assertIn("not known -> none", self.check(said, given, none=True))
            self.assertIn("not known -> one.cedar; sha256 ", self.check(said, ["policies/one.cedar"]))

    def test_a_zip_that_could_not_be_fetched_is_not_taken_for_one_of_which_nobody_knows(self):
        for said in (
            "fatal error: Read timeout on endpoint URL: https://code-404033334444.s3.amazonaws.com/reprieve/guard-403f404.zip",
            "fatal error: An error occurred (503) when calling the HeadObject operation: Slow Down",
            "fatal error: Unable to locate credentials",
            "",
        ):
            for words in ({}, {"drop": ["one.cedar"]}, {"none": True}):
                given = ["policies/two.cedar"] if not words.get("none") else []
                with self.assertRaisesRegex(calls.Failed, f"`s3://code/guard.zip` cannot be read: {re.escape(said)}; nothing was deployed"):
                    self.check(said, given, **words)

    def test_what_stands_and_is_no_zip_is_not_taken_for_one_without_policies(self):
        with self.assertRaisesRegex(calls.Wrong, "`s3://code/guard.zip` is no zip that can be read. If there were some"):
            self.check(b"no zip", [])

    def test_zips_are_looked_for_before_anything_is_asked(self):
        account = argparse.Namespace(headline=lambda _: self.fail("it went on"))
        with tempfile.TemporaryDirectory() as folder:
            there, gone = str(pathlib.Path(folder, "guard.zip")), str(pathlib.Path(folder, "gone.zip"))
            pathlib.Path(there).touch()
            for zips, given, refusal in (
                ({"guard": there}, folder, "`--policies` and `--zip` exclude each other"),
                ({"guard": gone}, None, "gone.zip` is not a file"),
                ({"guard": there, "drill": gone}, None, "gone.zip` is not a file"),
            ):
                options = argparse.Namespace(code_bucket="code", zips=zips, policies=given)
                with self.assertRaisesRegex(calls.Wrong, refusal):
                    aws.deploy(options, account, ["guard"], {}, True, None)

    def test_what_is_given_cannot_be_meant_to_go(self):
        names = ["policies/one.cedar"]
        for words in ({"drop": ["one.cedar"]}, {"none": True}):
            with self.assertRaises(calls.Wrong):
                self.check(names, names, **words)


if __name__ == "__main__":
    unittest.main()
