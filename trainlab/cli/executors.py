"""`--executor`: where training goes when this machine is not enough."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor

from trainlab.errors import UserError, find_nearest

OPTION = "--executor"
GRACE_SECONDS = 5.0


@contextlib.contextmanager
def open_executor(target: str) -> Iterator[Executor]:
    """The executor that `pkg.mod:make` makes, shut down when the block ends.

    Modules in the working directory are found, as `python -m` finds them. What the executor is at when the block ends early is
    waited for a few seconds; then the processes that it has started from here are ended, so that none outlives this one.

    Raises:
        UserError: there is no such function, or it makes none.
    """
    executor = _make(target)
    try:
        yield executor
    finally:
        ending = threading.Thread(target=executor.shutdown, daemon=True)
        ending.start()
        ending.join(GRACE_SECONDS)
        for child in multiprocessing.active_children() if ending.is_alive() else ():
            child.kill()


def _make(target: str) -> Executor:
    name, colon, function = target.partition(":")
    if not colon or not all(part.isidentifier() for part in (*name.split("."), function)):
        raise UserError("must be `pkg.mod:make`, a module and a function in it", key=OPTION, value=target)
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(name)
    except Exception as error:  # a module of the user's may raise anything
        raise UserError(f"{name} cannot be imported: {_say(error)}", key=OPTION, value=target) from error
    make = getattr(module, function, None)
    if make is None:
        nearest = find_nearest(function, [each for each in vars(module) if not each.startswith("_")])
        raise UserError(f"{name} has no {function}", key=OPTION, value=target, nearest=nearest)
    if not callable(make):
        raise UserError(f"{function} is no function", key=OPTION, value=target)
    try:
        executor = make()
    except Exception as error:
        raise UserError(f"{function}() fails: {_say(error)}", key=OPTION, value=target) from error
    if not isinstance(executor, Executor):
        kind = type(executor).__name__
        raise UserError(f"{function}() must return a concurrent.futures.Executor, not a {kind}", key=OPTION, value=target)
    return executor


def _say(error: Exception) -> str:
    return ": ".join(filter(None, [type(error).__name__, str(error).strip().partition("\n")[0]]))
