"""Two ranks, started for real by the command; what they measure is tested in tests/engine/ranks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from tests.cli.running import carry_out, find_table
from tests.cli.test_process import find_children, read_command

SMALL = """
model: {layers: 2, width: 8, norm: batch}
data: {name: classification, samples: 100}
loss: bce_logits
train: {batch_size: 10}
distributed: {ranks: 2}
"""
ROOT = Path(__file__).parents[3]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_the_report(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, page = tmp_path / "p.svg", tmp_path / "r.html"
    formats = ("--format", "json", "--format", f"html:{page}", "--plot", str(picture))
    options = ("--sharding", "strided", "--steps", "2", "--time", "--fail-on", "warning")
    outcome = carry_out(capsys, "distributed", str(config), *options, *formats)
    assert outcome.code == 1, outcome.err  # P003
    document = json.loads(outcome.out)
    jsonschema.validate(document, json.loads((ROOT / "trainlab" / "report_schema.json").read_text(encoding="utf-8")))
    assert document["answer"]["text"].startswith("2 ranks do not compute the update that one process would")
    assert "because of batch norm per rank" in document["answer"]["text"]
    assert [each["code"] for each in document["findings"]] == ["P003"]
    causes = {row["cause"]: row["alone"] for row in find_table(document, "causes")}
    assert list(causes) == ["batch norm per rank", "order of the sums"]
    assert causes["order of the sums"] < 1e-12 < 0.01 < causes["batch norm per rank"]
    [work] = find_table(document, "work")
    assert (work["sharding"], work["effective batch"], work["updates an epoch"], work["by one process"]) == ("strided", 20, 4, 8)
    [times] = find_table(document, "times")
    assert times["update"] > times["all-reduce"] > 0
    assert [row["update"] for row in find_table(document, "updates")] == [1, 4]
    assert "batch norm per rank" in page.read_text(encoding="utf-8")
    assert picture.read_text(encoding="utf-8").lstrip().startswith("<?xml")


def test_a_dry_run_starts_none(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainlab.engine.ranks.train_on_ranks", None)
    outcome = carry_out(capsys, "distributed", str(config), "--dry-run")
    assert outcome.code == 0
    assert outcome.out.startswith("runs     4\nupdates  20\n")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sharding", "block"), "--sharding: is none of the choices (got block); did you mean 'blocks'?"),
        (("--ranks", "0"), "--ranks: must be a whole number of at least 1 (got 0)"),
        (("--timeout", "-1"), "--timeout: must be a number above 0 (got -1)"),
        (("--steps", "x"), "--steps: must be a whole number of at least 1 (got x)"),
        (("--set", "distributed.shares=[0]"), "must be a list of whole numbers of at least 1, or null for equal shares"),
        (("--set", "distributed.reduction=avg"), "distributed.reduction: is none of the choices"),
        (("--ranks", "90"), "distributed.ranks: are more than the 80 samples of an epoch (got 90)"),
    ],
)
def test_mistakes(config: Path, options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = carry_out(capsys, "distributed", str(config), *options)
    assert outcome.code == 2
    [error] = outcome.errors
    assert words in error


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_no_rank_outlives_the_command(config: Path, number: int, code: int) -> None:
    line = [sys.executable, "-m", "trainlab", "distributed", str(config), "--steps", "1000000", "--epochs", "1000000"]
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    left = config.parent / "left"
    left.mkdir()
    environment = {**os.environ, "TMPDIR": str(left)}
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 60
    ranks: list[int] = []
    while len(ranks) < 2:
        assert time.monotonic() < deadline, process.communicate()
        ranks = [each for each in find_children(process.pid) if b"spawn_main" in read_command(each)]
        time.sleep(0.05)
    for each in [process.pid, *ranks] if number == signal.SIGINT else [process.pid]:
        os.kill(each, number)  # Ctrl-C goes to all that share the terminal
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, "")
    if number != signal.SIGKILL:
        assert out.startswith("Nothing was measured")
    deadline = time.monotonic() + 60
    while any(b"spawn_main" in read_command(each) for each in ranks):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert list(left.iterdir()) == []


def test_started_by_torchrun_on_two_hosts_the_first_rank_reports_for_all(config: Path) -> None:
    """Two of its agents on this machine, which know no more of each other than two hosts would."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    agents = []
    for host in ("0", "1"):
        line = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--node-rank", host, "--nproc-per-node", "1"]
        line += ["--rdzv-endpoint", f"localhost:{port}", "-m", "trainlab", "distributed", str(config), "--format", "json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        agents.append(subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment))
    told = [agent.communicate(timeout=180) for agent in agents]
    assert [agent.returncode for agent in agents] == [0, 0], told
    document = json.loads(told[0][0])
    assert document["answer"]["text"].startswith("2 ranks do not compute the update")
    assert document["runs"][0]["how"] == "by 2 ranks over gloo"
    assert told[1][0] == ""
