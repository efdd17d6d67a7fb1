from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from trainlab.report import Answer
from trainlab.studies._time_steps import find_reach, tabulate_steps, tell_steps


def make(*norms: float | list[float]) -> Any:
    return SimpleNamespace(arrays={"step-gradients": np.array(norms, dtype=float)})


@pytest.mark.parametrize(
    ("norms", "ratio", "factor", "steps", "verdict"),
    [
        (0.5 ** np.arange(20)[::-1], 0.5**19, 0.5, 7, "vanishing"),
        (0.9 ** np.arange(10)[::-1], 0.9**9, 0.9, 10, "ok"),
        (1.5 ** np.arange(30)[::-1], 1.5**29, 1.5, 30, "exploding"),
        ([0, 0, 1e-3, 1.0], 0.0, 1e-3, 1, "vanishing"),
        ([1.0, 0.0], None, None, 2, "no gradient"),
        ([1.0, np.inf], None, None, 0, "not finite"),
        ([2.0], 1.0, None, 1, "ok"),
    ],
)
def test_reach(norms: Any, ratio: float | None, factor: float | None, steps: int, verdict: str) -> None:
    reach = find_reach([make(*norms)])
    assert reach is not None
    assert reach.ratio == (pytest.approx(ratio) if ratio else ratio)
    assert reach.factor == (pytest.approx(factor) if factor else factor)
    assert (reach.steps, reach.verdict) == (steps, verdict)


def test_of_several_seeds_the_median() -> None:
    reach = find_reach([make(1e-6, 1), make(1e-2, 1), make(1, 1)])
    assert reach is not None
    assert (reach.ratio, reach.verdict) == (1e-2, "ok")


def test_without_sequences_there_is_nothing_to_tell() -> None:
    arms: Any = {"base": [SimpleNamespace(arrays={})]}
    answer = Answer(text="It does.")
    assert find_reach(arms["base"]) is None
    assert tabulate_steps(arms) == []
    assert tell_steps(arms, answer) == answer


def test_the_answer_says_how_far_back_it_reaches() -> None:
    arms: Any = {"base": [make(*(0.5 ** np.arange(20)[::-1]))], "other": [make(1, 1)]}
    answer = tell_steps(arms, Answer(text="It does."))
    assert answer.text == (
        "It does. Over time it vanishes: step 1 gets 1.91e-06 of what step 20 gets, 0.5 a step; 7 of 20 steps get a hundredth."
    )
    assert answer.values["steps"]["reaches_back"] == 7
    (table,) = tabulate_steps(arms)
    assert [(row[0], row[1], row[-1]) for row in table.rows] == [("base", 20, "vanishing"), ("other", 2, "ok")]
