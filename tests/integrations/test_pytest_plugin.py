"""The pytest plugin, in test runs of its own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent.parent
PLUGIN = "trainlab.integrations.pytest_plugin"
TESTS = """
import torch
from torch import nn

def make(*more):
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2), *more)

def load():
    inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    return inputs, (inputs.sum(1) > 0).long()

def test_sound(trainlab):
    assert trainlab.check(make, load, "cross_entropy", "adam", epochs=2).ok

def test_squashed(trainlab):
    assert trainlab.check(lambda: make(nn.Softmax(dim=1)), load, "cross_entropy", "adam", epochs=2).ok

def test_watched(trainlab):
    model = make(nn.Softmax(dim=1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs, target = load()
    with trainlab.watch(model) as watched:
        for _ in range(12):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), target).backward()
            optimizer.step()
    assert watched.report.ok

def test_of_something_else():
    assert 1 == 2
"""


def test_a_failed_assertion_tells_what_was_found(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # it may be installed or not
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("-p", PLUGIN)
    result.assert_outcomes(passed=1, failed=3)
    text = result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            "*test_squashed*",
            "*where False = <Report of check: error M001 loss-mismatch*>.ok*",
            "*- trainlab check -*",
            "*a softmax stands before cross_entropy: *",
            "*test_watched*",
            "*where False = <Report of watch: error M001 loss-mismatch>.ok*",
            "*- trainlab watch -*",
            "*a softmax stands before cross_entropy: *",
            "*test_of_something_else*",
        ]
    )
    assert text.count("- trainlab check -") == text.count("- trainlab watch -") == 1


def test_it_loads_nothing_before_it_is_used() -> None:
    code = (
        f"import sys, {PLUGIN}\nprint([name for name in sys.modules if name.startswith('trainlab.') or name in ('torch', 'numpy')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == str(["trainlab.integrations", PLUGIN])


def test_it_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert import_module(project["entry-points"]["pytest11"]["trainlab"]).__name__ == PLUGIN
