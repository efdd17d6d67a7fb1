from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.rules.traces import find, is_silent, make_trace, skip
from trainlab.report import Trace
from trainlab.rules.never_stepped import NeverStepped

RULE = NeverStepped()


def make(*idle: str) -> Trace:
    return replace(make_trace(), arrays={"never-stepped": np.array(idle, dtype=str)})


def test_what_was_made_in_vain_is_named() -> None:
    found = find(RULE, make("StepLR (made at train.py:7)", "Adam (made at train.py:5)"))
    assert found.severity == "warning"
    assert found.evidence == {"idle": ["StepLR (made at train.py:7)", "Adam (made at train.py:5)"]}
    assert "StepLR (made at train.py:7), Adam (made at train.py:5); call its step()" in found.message


def test_all_was_stepped() -> None:
    assert is_silent(RULE, make())


def test_a_script_that_was_ended_early_may_yet_have_stepped_it() -> None:
    assert "did not run to its end" in skip(RULE, make_trace())
