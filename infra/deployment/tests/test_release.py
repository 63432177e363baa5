"""The files of a release: the same files give the same zip, to the byte, and what is unpacked is what Lambda and Azure take."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

from fakes import ROOT

sys.path.insert(0, str(ROOT / "infra"))
from deployment import release  # noqa: E402 - found by the line above


class Release(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def file(self, name, data=b"", mode=0o644, time=None):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(mode)
        if time:
            os.utime(path, (time, time))
        return path

    def binary(self, folder, **others):
        return self.file(f"{folder}/aws-guard", bytes(range(256)) * 400, **others)

    def policies(self, folder, names=("b.cedar", "a.cedar"), **others):
        for name in names:
            self.file(f"{folder}/{name}", f"// {name}".encode(), **others)
        return self.folder / folder

    def test_the_same_program_gives_the_same_zip_wherever_and_whenever_it_is_made(self):
        one = self.binary("here", time=1_000_000_000)
        other = self.binary("elsewhere/deep", mode=0o700, time=1_700_000_000)
        first = release.aws_files(one, self.policies("p1", time=1_000_000_000))
        second = release.aws_files(other, self.policies("p2", names=("a.cedar", "b.cedar"), mode=0o600))
        release.write_zip(self.folder / "1.zip", first)
        release.write_zip(self.folder / "2.zip", dict(reversed(second.items())))
        self.assertEqual((self.folder / "1.zip").read_bytes(), (self.folder / "2.zip").read_bytes())

    def test_another_program_gives_another_zip(self):
        release.write_zip(self.folder / "1.zip", release.aws_files(self.binary("here")))
        release.write_zip(self.folder / "2.zip", release.aws_files(self.file("changed", b"other")))
        self.assertNotEqual(release.digest(self.folder / "1.zip"), release.digest(self.folder / "2.zip"))

    def test_the_program_may_be_run_and_policies_may_be_read(self):
        release.write_zip(self.folder / "1.zip", release.aws_files(self.binary("here", mode=0o600), self.policies("p", mode=0o600)))
        with zipfile.ZipFile(self.folder / "1.zip") as archive:
            modes = {entry.filename: oct(entry.external_attr >> 16) for entry in archive.infolist()}
            self.assertEqual(archive.testzip(), None)
            self.assertEqual({entry.date_time for entry in archive.infolist()}, {(1980, 1, 1, 0, 0, 0)})
        self.assertEqual(modes, {"bootstrap": "0o100755", "policies/a.cedar": "0o100644", "policies/b.cedar": "0o100644"})

    def test_a_folder_without_policies_is_refused(self):
        with self.assertRaisesRegex(release.Refused, "holds no"):
            release.aws_files(self.binary("here"), self.folder / "here")

    def test_nothing_leaves_the_folder_that_the_zip_is_unpacked_into(self):
        for name in ("../bootstrap", "/etc/bootstrap"):
            with self.assertRaises(release.Refused):
                release.write_zip(self.folder / "1.zip", {name: (self.binary("here"), release.PROGRAM)})

    def test_the_zip_for_azure_holds_what_the_functions_host_asks_for(self):
        source = ROOT / "functions" / "azure-guard"
        release.write_zip(self.folder / "azure.zip", release.azure_files(source, self.binary("here")))
        with zipfile.ZipFile(self.folder / "azure.zip") as archive:
            names = archive.namelist()
            host = json.loads(archive.read("host.json"))
        functions = [file.parent.name for file in source.glob("*/function.json")]
        self.assertGreaterEqual(len(functions), 9)
        for function in functions:
            self.assertIn(f"{function}/function.json", names)
        self.assertIn(os.path.normpath(host["customHandler"]["description"]["defaultExecutablePath"]), names)

    def test_the_sums_are_read_by_sha256sum(self):
        for name in ("a.zip", "b.zip"):
            release.write_zip(self.folder / name, release.aws_files(self.binary("here")))
        lines = release.write_sums(self.folder)
        self.assertEqual([line.split("  ")[1] for line in lines], ["a.zip", "b.zip"])
        if shutil.which("sha256sum"):
            checked = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=self.folder, capture_output=True, text=True, check=False)
            self.assertEqual(checked.returncode, 0, checked.stderr)
        self.file("a.zip", b"altered")
        self.assertNotEqual(release.digest(self.folder / "a.zip"), lines[0].split("  ")[0])

    def test_a_list_of_parts_does_not_tell_where_or_when_it_was_made(self):
        def bill(root, serial, order):
            parts = [{"bom-ref": f"path+file://{root}/shared/core#0.1.0", "name": "core"}, {"bom-ref": "registry#serde", "name": "serde"}]
            return json.dumps(
                {
                    "serialNumber": serial,
                    "metadata": {"timestamp": serial, "component": {"name": "guard"}},
                    "components": parts[::order],
                    "dependencies": [{"ref": "registry#serde"}, {"ref": f"path+file://{root}/shared/core#0.1.0"}][::order],
                }
            )

        one = release.plain_bill(bill("/tmp/one", "urn:1", 1), "/tmp/one")
        self.assertEqual(one, release.plain_bill(bill("/home/other", "urn:2", -1), "/home/other"))
        self.assertNotIn("/tmp/one", one)
        with self.assertRaises(release.Refused):
            release.plain_bill(json.dumps({"components": []}), "/tmp")

    def test_a_zip_over_its_limit_fails(self):
        binary = self.file("big", os.urandom(5000))
        words = ["aws", "--zip", str(self.folder / "1.zip"), "--binary", str(binary)]
        run = [sys.executable, str(ROOT / "infra" / "deployment" / "release.py"), *words]
        within = subprocess.run([*run, "--limit", "9000"], capture_output=True, text=True, check=False)
        over = subprocess.run([*run, "--limit", "4000"], capture_output=True, text=True, check=False)
        self.assertEqual((within.returncode, over.returncode), (0, 1))
        self.assertIn("over its limit", over.stderr)


if __name__ == "__main__":
    unittest.main()
