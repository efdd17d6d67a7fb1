"""One thread for torch, as on a shared machine, and hypothesis without a clock."""

import os
import signal
import sys
from collections.abc import Iterator

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"  # before anything imports torch; subprocesses inherit it

import pytest
from hypothesis import settings

settings.register_profile("trainlab", deadline=None, derandomize=True)
settings.load_profile("trainlab")


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a watched script changes in the interpreter is put back."""
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
