"""Runs the cloud's own command lines, and talks to whoever deploys.

It must not keep credentials, choose an account, or hide what a command line said when it failed.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys


class Wrong(Exception):
    """What was asked for is wrong; the text says what and what to do. Nothing was changed."""


class Failed(Exception):
    """The cloud refused, or something did not end as it must; the text says what, and how things stand."""


class Declined(Exception):
    """Whoever was asked did not agree. Nothing was changed since the question."""


class CallFailed(Failed):
    """A command line ended with an error; `said` is what it said."""

    def __init__(self, command, said):
        self.said = said.strip()
        super().__init__(f"`{shlex.join(command)}` failed: {self.said or 'it said nothing'}")


def say(text=""):
    """Tells whoever deploys."""
    print(text, flush=True)


def agree(question, yes):
    """Asks, unless told not to. Anything but y or yes, the end of input too, declines."""
    if yes:
        return
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        say()
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise Declined


def agree_by_name(question, name, yes):
    """Asks for a name to be typed: for what cannot be taken back by the next command."""
    if yes:
        return
    try:
        answer = input(f"{question} Type `{name}` to go on: ")
    except EOFError:
        say()
        answer = ""
    if answer.strip() != name:
        raise Declined


def table(headings, rows):
    """Prints rows of texts below their headings, in columns."""
    widths = [max(len(str(row[column])) for row in [headings, *rows]) for column in range(len(headings))]
    for row in [headings, *rows]:
        say("  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def need(program, what_to_do):
    """Makes sure that a program is on the PATH."""
    if shutil.which(program) is None:
        raise Wrong(f"`{program}` is not on the PATH; {what_to_do}")


def run(command, environment=None, fails=True):
    """Runs a command and returns its exit code and output. What it says beside is shown only where it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL
    )
    if fails and done.returncode != 0:
        raise CallFailed(command, done.stderr or done.stdout)
    return done.returncode, done.stdout, done.stderr


def run_openly(command, environment=None):
    """Runs a command whose output is for whoever deploys. Returns its exit code."""
    sys.stdout.flush()
    return subprocess.run(command, check=False, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL).returncode


def answer_of(command, environment=None):
    """Runs a command that answers with JSON, and returns that. No output is None."""
    _, output, _ = run(command, environment)
    if not output.strip():
        return None
    try:
        return json.loads(output)
    except ValueError as error:
        raise Failed(f"`{shlex.join(command)}` answered something that is not JSON: {error}") from error


def reprieve(root, named):
    """Returns how to call the command `reprieve`: as it was named, from the PATH, or as cargo builds it."""
    if named:
        return [named]
    if found := shutil.which("reprieve"):
        return [found]
    need("cargo", "install Rust from https://rustup.rs, or name the command `reprieve` with --reprieve")
    return ["cargo", "run", "--quiet", "--locked", "--manifest-path", str(root / "Cargo.toml"), "--package", "reprieve-cli", "--"]
