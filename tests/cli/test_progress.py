from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace

import pytest

from trainlab.cli import progress
from trainlab.cli.progress import Watcher, watch
from trainlab.engine import Progress

STEP = Progress(runs=2, runs_done=1, updates=100, updates_done=50, epochs=2000, epochs_done=1000, best=0.012345)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """80 columns in colour, drawn on at once."""
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "REDRAW_SECONDS", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


def test_nothing_is_drawn_for_a_short_run(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = Watcher(show=True)
    assert watcher(STEP)
    watcher.close()
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("terminal")
def test_a_long_run_is_drawn_on_stderr_and_taken_away(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = Watcher(show=True)
    watcher(STEP)
    watcher(STEP)
    watcher.close()
    watcher.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert "50 %" in err
    assert "1/2 runs, 1,000/2,000 epochs, best loss 0.01235" in err


@pytest.mark.usefixtures("terminal")
def test_what_is_measured_at_the_end_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    watcher = Watcher(show=True)
    watcher(replace(STEP, looking="largest-curvature"))
    watcher.close()
    assert "1/2 runs, 1,000/2,000 epochs, measuring largest curvature" in capsys.readouterr().err


def test_nothing_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "REDRAW_SECONDS", 0.0)
    with watch(quiet=False) as watcher:  # under a test stderr is no terminal
        assert watcher(STEP)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with watch(quiet=True) as watcher:
        assert watcher(STEP)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_to_stop_and_the_next_one_ends(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with watch(quiet=True) as watcher:
        assert watcher(STEP)
        os.kill(os.getpid(), number)
        assert not watcher(STEP)
        assert watcher.signal == number
        assert signal.getsignal(number) is signal.SIG_DFL
    assert signal.getsignal(number) is before


def test_handlers_are_put_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError, match="x"), watch(quiet=True):
        raise ValueError("x")
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_leaves_signals_alone() -> None:
    seen: list[object] = []

    def work() -> None:
        with watch(quiet=True) as watcher:
            seen.append(watcher(STEP))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]
    assert signal.getsignal(signal.SIGINT) is before
