"""`--executor`: the same bytes from wherever the runs were trained."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Outcome, carry_out

LINE = ("overfit", "--epochs", "2", "--seeds", "4", "--vs", "model.width=10", "--format", "json")
MAKERS = """
import concurrent.futures as futures

def threads():
    return futures.ThreadPoolExecutor(2)

def processes():
    return futures.ProcessPoolExecutor(2)

def cluster():
    from dask.distributed import Client, LocalCluster

    return Client(LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None)).get_executor()

def nothing():
    pass

def broken():
    raise OSError("no scheduler\\nat all")

number = 3
"""


@pytest.fixture(autouse=True)
def makers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "cluster_made_here.py").write_text(MAKERS)
    (tmp_path / "cannot.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("cluster_made_here", None)


def train(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    outcome = carry_out(capsys, *LINE, *options)
    assert (outcome.code, outcome.err) == (0, "")
    return strip_timing(outcome.out)


def strip_timing(document: str) -> str:
    text, sign, _ = document.partition('"timing"')
    assert sign
    return text


def test_the_same_bytes_from_threads_and_from_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert train(capsys, "--executor", "cluster_made_here:threads") == train(capsys)


def test_the_same_bytes_from_a_dask_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("distributed")
    assert train(capsys, "--executor", "cluster_made_here:cluster") == train(capsys)


def test_the_same_bytes_from_processes_of_which_none_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "trainlab", *LINE, "--executor", "cluster_made_here:processes"],
        capture_output=True,  # ends only when nobody holds the pipes any more
        text=True,
        timeout=120,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert strip_timing(process.stdout) == train(capsys)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("cluster_made_here", "must be `pkg.mod:make`, a module and a function in it (got cluster_made_here)"),
        ("a-b:c", "must be `pkg.mod:make`, a module and a function in it (got a-b:c)"),
        ("cannot:make", "cannot cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be_found' (got cannot:make)"),
        ("cluster_made_here:thread", "cluster_made_here has no thread (got cluster_made_here:thread); did you mean 'threads'?"),
        ("cluster_made_here:number", "number is no function (got cluster_made_here:number)"),
        (
            "cluster_made_here:nothing",
            "nothing() must return a concurrent.futures.Executor, not a NoneType (got cluster_made_here:nothing)",
        ),
        ("cluster_made_here:broken", "broken() fails: OSError: no scheduler (got cluster_made_here:broken)"),
    ],
)
def test_what_makes_no_executor(target: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome: Outcome = carry_out(capsys, *LINE, "--executor", target)
    assert (outcome.code, outcome.out, outcome.errors) == (2, "", [f"trainlab: error: --executor: {message}"])


def test_how_many_processes(capsys: pytest.CaptureFixture[str]) -> None:
    for count in ("0", "-1", "two", ""):
        outcome = carry_out(capsys, *LINE, "--processes", count)
        assert (outcome.code, outcome.out) == (2, "")
        assert "--processes: must be auto or a whole number of at least 1" in outcome.err
    outcome = carry_out(capsys, *LINE, "--processes", "2", "--executor", "cluster_made_here:threads")
    assert (outcome.code, "--processes: has no meaning beside --executor" in outcome.err) == (2, True)
    assert json.loads(train(capsys, "--processes", "1").rstrip().rstrip(",") + "}")["complete"]
