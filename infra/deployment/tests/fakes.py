"""Command lines of clouds that keep state in a file, for tests of scripts/deploy. What they do not know, they refuse."""

import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = """#!{python} -IS
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, {tests!r})
from {module} import main
sys.exit(main(sys.argv[1:]))
"""


def options_of(words):
    """Returns the plain words of a command line, and its options: each with a list of values."""
    plain, options, name = [], {}, None
    for word in words:
        if word.startswith("--"):
            name = word[2:]
            options[name] = []
        elif name is None:
            plain.append(word)
        else:
            options[name].append(word)
    return plain, options


class State:
    """What a fake cloud knows, and which calls it got."""

    def __init__(self):
        self.path = pathlib.Path(os.environ["FAKE_STATE"])
        self.read = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}

    def of(self, name, otherwise):
        return self.read.setdefault(name, otherwise)

    def save(self):
        self.path.write_text(json.dumps(self.read), encoding="utf-8")


def answer(value):
    print(json.dumps(value))
    return 0


def refuse(said):
    print(said, file=sys.stderr)
    return 254


class ScriptCase(unittest.TestCase):
    """Runs scripts/deploy with fake command lines on the PATH, in a folder of its own."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.state = self.folder / "state.json"

    def provide(self, name, module):
        """Puts a fake on the PATH, under this name."""
        program = self.folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(PROGRAM.format(python=sys.executable, tests=str(pathlib.Path(__file__).parent), module=module), encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program

    def write(self, name, text):
        file = self.folder / name
        file.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
        return str(file)

    def run_deploy(self, *words, typed=""):
        """Runs the script. Returns (exit code, output, errors)."""
        environment = {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.folder),
            "FAKE_STATE": str(self.state),
            "AWS_REGION": "eu-central-1",
        }
        done = subprocess.run(
            [sys.executable, str(ROOT / "scripts" / "deploy"), *words],
            capture_output=True,
            text=True,
            check=False,
            input=typed,
            env=environment,
        )
        return done.returncode, done.stdout, done.stderr

    def seen(self):
        return json.loads(self.state.read_text(encoding="utf-8"))

    def change(self, **values):
        self.state.write_text(json.dumps((self.seen() if self.state.exists() else {}) | values), encoding="utf-8")
