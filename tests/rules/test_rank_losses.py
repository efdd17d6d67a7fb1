from __future__ import annotations

from typing import Any

import numpy as np

from tests.rules.ranks import UPDATES, make_rank
from tests.rules.traces import make_trace
from trainlab.report import Finding, Skipped, Trace
from trainlab.rules.rank_losses import RankLosses

FALLING = np.linspace(1, 0.5, UPDATES)


def judge(*traces: Trace, **thresholds: Any) -> Finding | Skipped | None:
    verdict = list(RankLosses(**thresholds).judge_study(traces))
    assert len(verdict) < 2
    return verdict[0] if verdict else None


def test_the_same_numbers_on_every_rank() -> None:
    found = judge(*(make_rank(rank, losses=FALLING) for rank in range(3)))
    assert isinstance(found, Finding)
    assert (found.severity, found.run, found.evidence["same"]) == ("warning", "base", True)
    assert "the losses of all 3 ranks are the same numbers over 12 updates" in found.message
    assert judge(*(make_rank(rank, losses=FALLING + 1e-6 * rank) for rank in range(3))) is None
    assert judge(make_rank(0, losses=[0.0] * 12), make_rank(1, losses=[0.0] * 12)) is None, (
        "where all losses are 0, nothing is told"
    )


def test_a_rank_whose_loss_is_far_from_the_others() -> None:
    found = judge(make_rank(0), make_rank(1, losses=4 * FALLING), make_rank(2))
    assert isinstance(found, Finding)
    assert (found.severity, found.run, found.evidence["same"]) == ("warning", "rank 1", False)
    assert "the loss of rank 1 is 3, that of the others 0.76 (limit 3 times)" in found.message
    below = judge(make_rank(0), make_rank(1), make_rank(2, losses=FALLING / 5))
    assert isinstance(below, Finding)
    assert below.run == "rank 2"
    of_two = judge(make_rank(0, losses=FALLING / 5), make_rank(1, losses=FALLING))
    assert isinstance(of_two, Finding)
    assert of_two.run == "rank 1", "of two, the one with the larger loss"


def test_limits() -> None:
    assert judge(make_rank(0, losses=FALLING), make_rank(1, losses=2.99 * FALLING)) is None
    assert judge(make_rank(0, losses=FALLING), make_rank(1, losses=2.99 * FALLING), factor=2.9) is not None
    low = np.concatenate([[1.0], np.full(11, 1e-3)])
    assert judge(make_rank(0, losses=low), make_rank(1, losses=np.concatenate([[1.0], np.full(11, 1e-2)]))) is None


def test_ranks_that_hold_parts_of_the_model_read_batches_as_well() -> None:
    found = judge(make_rank(0, losses=FALLING, sharded=1), make_rank(1, losses=FALLING, sharded=1))
    assert isinstance(found, Finding)
    assert found.evidence["same"] is True


def test_what_cannot_be_judged() -> None:
    reasons = []
    for traces in (
        (make_trace(),),
        (make_rank(0, updates=9), make_rank(1, updates=9)),
        (make_rank(0), make_rank(1, losses=[np.nan] * 12)),
        (make_rank(0), make_rank(1, updates=0)),
    ):
        skipped = judge(*traces)
        assert isinstance(skipped, Skipped)
        reasons.append(skipped.reason)
    assert "one process" in reasons[0]
    assert "9 updates say nothing" in reasons[1]
    assert "finite throughout" in reasons[2]
    assert "no two ranks" in reasons[3]
