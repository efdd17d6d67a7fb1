from __future__ import annotations

import pytest

from tests.rules.real_ranks import make_ranks
from tests.rules.traces import find, is_silent, make_trace, skip
from trainlab.rules.reduction_mismatch import ReductionMismatch

RULE = ReductionMismatch()


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (4.0, "4 times that of one process: summed over 4 ranks where the loss is a mean; divide by 4"),
        (0.25, "1/4 of that of one process: averaged over 4 ranks where the loss adds up; multiply by 4"),
        (5.0, "5 times that of one process: summed over 5 batches where the loss is a mean; divide by 5"),
        (20.0, "20 times that of one process: summed over 20 batches of all ranks where the loss is a mean; divide by 20"),
        (3.5, "3.5 times as long: the ranks' own gradients are right"),
    ],
)
def test_the_factor_tells_what_was_added_up(factor: float, words: str) -> None:
    off = abs(factor - 1)
    trace = make_ranks(accumulate=5, gradient_error=[0, off, 0], gradient_factor=[1, factor, 1])
    found = find(RULE, trace)
    assert found.severity == "error"
    assert found.message.startswith("at update 2 the gradient is ")
    assert words in found.message
    assert (found.evidence["update"], found.evidence["factor"], found.evidence["difference"]) == (2, factor, off)


def test_shares_that_count_alike() -> None:
    trace = make_ranks(
        gradient_error=[0.01, 0.02, 0.05], smallest_share=[4] * 3, largest_share=[16] * 3, gradient_factor=[0.98] * 3
    )
    found = find(RULE, trace)
    assert found.severity == "warning"
    assert "at update 25 the gradient is off by 5 %: shares of 4 and of 16 samples count alike; weigh each" in found.message


def test_a_difference_that_the_right_combination_has_too_is_not_the_reductions() -> None:
    """Batch norm, dropout: the ranks' own gradients are others."""
    assert is_silent(RULE, make_ranks(gradient_error=[0.5] * 3, combined_error=[0.5] * 3))
    assert is_silent(RULE, make_ranks(gradient_error=[0.5] * 3, combined_error=[0.26] * 3))
    assert find(RULE, make_ranks(gradient_error=[0.5] * 3, combined_error=[0.25] * 3))


def test_rounding_is_none() -> None:
    assert is_silent(RULE, make_ranks())
    assert is_silent(RULE, make_ranks(gradient_error=[1e-6] * 3))


def test_without_ranks_it_cannot_tell() -> None:
    assert "no ranks" in skip(RULE, make_trace())
