"""Runs the scripts beside this file in this process, watched or not."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from trainlab import watch
from trainlab.report import Report
from trainlab.watch._launch import load
from trainlab.watch._record import Record

SCRIPTS = Path(__file__).parent / "scripts"


@contextlib.contextmanager
def apart() -> Iterator[io.StringIO]:
    """What a script prints; what it changes in the interpreter is put back."""
    argv, path, main = sys.argv, list(sys.path), sys.modules["__main__"]
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            yield out
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = argv, path, main
        sys.modules.pop("digest", None)


def find(name: str, *arguments: str) -> watch.Script:
    return watch.Script(file=SCRIPTS / f"{name}.py", arguments=arguments)


def run_plainly(name: str, *arguments: str) -> str:
    with apart() as out:
        load(find(name, *arguments))()
    return out.getvalue()


def run_watched(name: str, *arguments: str, **options: Any) -> tuple[str, watch.Ended]:
    with apart() as out:
        # At its default, how many updates are looked at depends on how busy the machine is.
        ended = watch.run(find(name, *arguments), watch.Options(**{"max_overhead": 1e9, **options}))
    assert ended.observer.guard.trouble == ""
    return out.getvalue(), ended


@cache
def see(name: str, *arguments: str) -> tuple[str, watch.Ended, Report]:
    """What a script prints under the default options, and what is said about it."""
    out, ended = run_watched(name, *arguments)
    assert ended.error is None
    return out, ended, watch.judge(ended, watch.Options())


def list_records(name: str, *arguments: str) -> list[Record]:
    return see(name, *arguments)[1].observer.records


def list_codes(name: str, *arguments: str) -> set[str]:
    return {each.code for each in see(name, *arguments)[2].findings}
