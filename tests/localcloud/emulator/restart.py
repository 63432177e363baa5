"""Lets the emulator end and begin again with all that it held: what it saves by itself, and what it leaves out, which are the
bodies and versions of objects, the sessions of people and functions, the mail that was sent, and the list of invocations.

What runs when it ends is cut off: functions are killed, and their messages come back when their time is over, as after a failure
of a whole data centre. Must not be used with another version of the emulator than the one pinned beside it.
"""

import os
import pickle
import time

from ministack import app as emulator
from ministack.core import lambda_runtime, persistence
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict
from ministack.services import lambda_svc, s3, sts

import executions
import metrics
import topics

# How long the batches of killed functions may take to fail, in seconds.
FAILED_WITHIN = 5
BESIDE = os.path.join(persistence.STATE_DIR, "beside.pickle")

original_load = emulator._load_persisted_state


def stores():
    """The stores of S3, by name: everything that is kept of buckets and objects."""
    return {name: value for name, value in vars(s3).items() if isinstance(value, (AccountScopedDict, AccountRegionScopedDict))}


def end_functions():
    """Lets no queue feed a function any more, kills all functions, and waits until their batches have failed."""
    lambda_svc._poll_sqs = lambda: False
    lambda_runtime.reset()
    deadline = time.monotonic() + FAILED_WITHIN
    while lambda_svc._esm_inflight and time.monotonic() < deadline:
        time.sleep(0.02)


def save(_request):
    """Ends the functions and saves everything; whoever asked ends this process next."""
    end_functions()
    persistence.PERSIST_STATE = True
    for name, get_state in emulator._build_persistence_save_dict().items():
        path = os.path.join(persistence.STATE_DIR, f"{name}.json")
        state = get_state()
        if state is None:
            continue
        if os.path.exists(path):
            os.remove(path)
        persistence.save_state(name, state)
        # The emulator only logs that it could not.
        if not os.path.exists(path):
            raise RuntimeError(f"the state of `{name}` could not be saved")
    kept = {"s3": {name: store._data for name, store in stores().items()}, "sessions": sts._sessions, "mail": topics.mailbox,
            "invocations": executions.invocations, "metrics": metrics.state["on"]}
    with open(BESIDE, "wb") as file:
        pickle.dump(kept, file)
    return {}


def load():
    """Brings back what was saved, if anything was."""
    original_load()
    if not os.path.exists(BESIDE):
        return
    with open(BESIDE, "rb") as file:
        kept = pickle.load(file)
    for name, store in stores().items():
        store._data.update(kept["s3"].get(name, {}))
    sts._sessions.update(kept["sessions"])
    topics.mailbox.extend(kept["mail"])
    executions.invocations.extend(kept["invocations"])
    metrics.state["on"] = kept["metrics"]


def install():
    """Puts the loading in the place of the emulator's own."""
    emulator._load_persisted_state = load


ROUTES = {"saves": save}
