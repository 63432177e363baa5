"""Counts what was asked of the sandbox and what it should have done.

Must not swallow a failure: the first one ends the run with the step's name.
"""

import sys
import time

from azure.core.exceptions import HttpResponseError


class Steps:
    """The steps of a run, each told with its group."""

    def __init__(self):
        self.done = 0
        self.group = ""

    def begin(self, group):
        """Begins a group of steps."""
        self.group = group

    def check(self, what, is_met, seen=""):
        """Counts one step that must be met."""
        if not is_met:
            print(f"FAILED {self.group}: {what}; seen: {seen}", flush=True)
            sys.exit(1)
        self.done += 1
        print(f"ok {self.group}: {what}", flush=True)

    def equal(self, what, seen, wanted):
        """Counts one step whose value must be this."""
        self.check(what, seen == wanted, f"`{seen}`, wanted `{wanted}`")

    def refused(self, what, call, status, code=None):
        """Counts one step that must be refused with a status and, where given, a code."""
        try:
            call()
        except HttpResponseError as error:
            seen = (error.status_code, error.error.code if error.error else None)
            is_met = seen[0] == status and (code is None or seen[1] == code)
            self.check(what, is_met, f"{seen} {error.message}")
            return
        self.check(what, False, "it was allowed")

    def soon(self, what, read, is_met, limit_seconds=10):
        """Counts one step that must be met within a limit."""
        end = time.monotonic() + limit_seconds
        while True:
            seen = read()
            if is_met(seen) or time.monotonic() > end:
                self.check(what, is_met(seen), seen)
                return seen
            time.sleep(0.05)
