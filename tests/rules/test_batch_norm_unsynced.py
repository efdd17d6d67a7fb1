from __future__ import annotations

from tests.rules.real_ranks import make_ranks
from tests.rules.traces import find, is_silent, make_trace, skip
from trainlab.rules.batch_norm_unsynced import BatchNormUnsynced

RULE = BatchNormUnsynced()


def test_the_worst_norm_and_update_are_named() -> None:
    trace = make_ranks(
        norms=["model.1", "model.4"], spreads=[[0.1, 0.2], [0.1, 0.3], [0.4, 0.2]], accumulate=2, largest_share=[20] * 3
    )
    found = find(RULE, trace)
    assert (found.severity, found.where) == ("warning", "model.1")
    assert found.evidence == {"update": 25, "spread": 0.4, "samples": 10, "limit": 0.25}
    assert (
        "model.1 normalises each rank by its own 10 samples, whose means differ by 0.4 standard deviations at update 25"
        in found.message
    )


def test_many_samples_a_rank_are_no_fault() -> None:
    assert is_silent(RULE, make_ranks(norms=["model.1"], spreads=[[0.25]] * 3))
    assert is_silent(RULE, make_ranks())
    assert find(RULE, make_ranks(norms=["model.1"], spreads=[[0.26]] * 3))


def test_without_ranks_it_cannot_tell() -> None:
    assert "no ranks" in skip(RULE, make_trace())
