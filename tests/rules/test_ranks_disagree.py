from __future__ import annotations

from tests.rules.real_ranks import make_ranks
from tests.rules.traces import find, is_silent, make_trace, skip
from trainlab.rules.ranks_disagree import RanksDisagree

RULE = RanksDisagree()


def test_the_first_update_and_the_worst_parameter_are_named() -> None:
    found = find(RULE, make_ranks(rank_spread=[[0, 0], [0.1, 0.2], [3, 0.2]]))
    assert (found.severity, found.where) == ("error", "model.2.weight")
    assert found.evidence == {"update": 2, "spread": 0.2, "limit": 1e-6}
    assert "after update 2 the ranks' weights differ by 0.2 of the largest of model.2.weight (limit 1e-06)" in found.message


def test_at_the_limit_it_is_silent() -> None:
    assert is_silent(RULE, make_ranks(rank_spread=[[1e-6, 0]] * 3))
    assert is_silent(RULE, make_ranks())
    assert find(RULE, make_ranks(rank_spread=[[1.1e-6, 0]] * 3))


def test_without_ranks_it_cannot_tell() -> None:
    assert "no ranks" in skip(RULE, make_trace())
