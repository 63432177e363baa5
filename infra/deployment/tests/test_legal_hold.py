"""scripts/legal-hold against a fake `aws s3api`: what is shown of holds, and what is not claimed."""

import subprocess
import unittest

from fakes import ROOT, ScriptCase

INTENT, OUTCOME = "audit/decisions/year=2026/month=11/day=21/e-1.intent.json", "audit/decisions/year=2026/month=11/day=21/e-1.outcome.1.json"


class LegalHold(ScriptCase):
    def setUp(self):
        super().setUp()
        self.provide("aws", "fake_s3api")
        self.change(objects={INTENT: "ON", OUTCOME: None, "audit/decisions/year=2026/month=11/day=21/e-2.intent.json": None})

    def run_script(self, *words):
        environment = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "FAKE_STATE": str(self.state)}
        command = [str(ROOT / "scripts" / "legal-hold"), "--bucket", "audit", "--event", "e-1", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def test_what_was_never_held_is_shown_as_off(self):
        code, said, errors = self.run_script("--show")
        self.assertEqual((code, errors), (0, ""))
        self.assertIn(f"ON  locked until 2027-11-21T00:00:00+00:00  {INTENT}", said)
        self.assertIn(f"OFF  locked until 2027-11-21T00:00:00+00:00  {OUTCOME}", said)
        self.assertNotIn("e-2", said)

    def test_a_hold_that_could_not_be_read_is_not_shown_as_off(self):
        for refused in ("AccessDenied", "SlowDown", "NoSuchKey"):
            with self.subTest(refused=refused):
                self.change(errors={f"get-object-legal-hold {INTENT}": refused})
                code, said, errors = self.run_script("--show")
                self.assertEqual(code, 1)
                self.assertIn(f"UNKNOWN  locked until 2027-11-21T00:00:00+00:00  {INTENT}", said)
                self.assertIn(f"OFF  locked until 2027-11-21T00:00:00+00:00  {OUTCOME}", said)
                self.assertIn(f"({refused})", errors)
                self.assertIn(INTENT, errors)

    def test_a_retention_that_could_not_be_read_does_not_hide_the_others(self):
        self.change(errors={f"get-object-retention {INTENT}": "AccessDenied"})
        code, said, errors = self.run_script("--show")
        self.assertEqual(code, 1)
        self.assertIn(f"ON  locked until UNKNOWN  {INTENT}", said)
        self.assertIn(OUTCOME, said)
        self.assertIn("(AccessDenied)", errors)

    def test_holding_and_letting_go_are_shown(self):
        for act, shown in (("--on", "ON"), ("--off", "OFF")):
            self.assertEqual(self.run_script(act, "--yes")[0], 0)
            code, said, _ = self.run_script("--show")
            self.assertEqual((code, [line.split()[0] for line in said.splitlines()]), (0, [shown, shown]))


if __name__ == "__main__":
    unittest.main()
