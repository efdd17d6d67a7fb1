"""Who gets which sample: counted by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainlab.config.distributed import Distributed
from trainlab.engine.ranks._dealing import choose, deal
from trainlab.errors import UserError


def test_the_hundred_batches_of_four_ranks() -> None:
    """Batches 0 to 24, 25 to 49, 50 to 74, 75 to 99; an update is one of each."""
    rounds = deal(1000, Distributed(ranks=4), 10)
    assert len(rounds) == 25
    first, last = rounds[0], rounds[-1]
    assert [own[0][0] // 10 for own in first.batches] == [0, 25, 50, 75]
    assert [own[0][0] // 10 for own in last.batches] == [24, 49, 74, 99]
    assert first.batches[1] == (tuple(range(250, 260)),)
    assert {len(each.places) for each in rounds} == {40}


def test_all_batches_before_one_update() -> None:
    [only] = deal(1000, Distributed(ranks=4), 10, accumulate=25)
    assert [len(own) for own in only.batches] == [25] * 4
    assert sorted(only.places) == list(range(1000))


def test_strided_as_torch_deals_them() -> None:
    torch_data = pytest.importorskip("torch.utils.data")
    for remainder, drop in (("repeat", False), ("drop", True)):
        section = Distributed(ranks=3, sharding="strided", remainder=remainder)
        rounds = deal(11, section, 2)
        for rank in range(3):
            sampler = torch_data.DistributedSampler(range(11), 3, rank, shuffle=False, drop_last=drop)
            dealt = [place for each in rounds for batch in each.batches[rank] for place in batch]
            assert dealt == list(sampler)


def test_what_is_there_twice_is_known() -> None:
    rounds = deal(10, Distributed(ranks=4), None)
    assert [len(own) for own in rounds[0].batches] == [1] * 4
    assert rounds[0].places == (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1)
    assert rounds[0].kept == tuple(range(10))
    assert deal(10, Distributed(ranks=4, remainder="drop"), None)[0].places == tuple(range(8))
    uneven = deal(10, Distributed(ranks=4, remainder="uneven"), None)[0]
    assert (uneven.sizes, len(uneven.kept)) == ((3, 3, 3, 1), 10)


def test_a_rank_may_run_out() -> None:
    last = deal(9, Distributed(ranks=2, remainder="uneven"), 4)[-1]
    assert last.batches == (((4,),), ())
    assert last.sizes == (1, 0)


@pytest.mark.parametrize("sharding", ["blocks", "strided"])
def test_shares_in_proportion(sharding: str) -> None:
    section = Distributed(ranks=4, shares=(4, 3, 2, 1), sharding=sharding)  # type: ignore[arg-type]
    [whole] = deal(1000, section, None)
    assert whole.sizes == (400, 300, 200, 100)
    rounds = deal(1000, section, 10)
    assert len(rounds) == 25
    assert {each.sizes for each in rounds} == {(16, 12, 8, 4)}
    assert deal(70, Distributed(ranks=2, shares=(4, 3, 2)), None)[0].sizes == (40, 30)
    assert deal(80, Distributed(ranks=3, shares=(3, 2)), None)[0].sizes == (30, 20, 30)


@given(
    samples=st.integers(8, 60),
    ranks=st.integers(1, 8),
    batch_size=st.none() | st.integers(1, 9),
    accumulate=st.integers(1, 4),
    sharding=st.sampled_from(["blocks", "strided"]),
    remainder=st.sampled_from(["repeat", "drop", "uneven"]),
    shares=st.none() | st.lists(st.integers(1, 5), min_size=1, max_size=8),
)
def test_no_sample_is_lost_and_none_counts_twice(
    samples: int,
    ranks: int,
    batch_size: int | None,
    accumulate: int,
    sharding: str,
    remainder: str,
    shares: list[int] | None,
) -> None:
    given_shares = None if shares is None else tuple(shares)
    section = Distributed(ranks=ranks, sharding=sharding, remainder=remainder, shares=given_shares)  # type: ignore[arg-type]
    rounds = deal(samples, section, batch_size, accumulate)
    assert [each.number for each in rounds] == list(range(1, len(rounds) + 1))
    kept = [each.places[row] for each in rounds for row in each.kept]
    left_out = samples % ranks if remainder == "drop" and shares is None else 0
    assert sorted(kept) == list(range(samples - left_out))
    for each in rounds:
        assert sum(each.sizes) == len(each.places) > 0
        assert all(len(own) <= accumulate and all(own) for own in each.batches)
    if shares is None and remainder != "uneven":
        assert {len(set(each.sizes)) for each in rounds} == {1}


def test_more_ranks_than_samples() -> None:
    with pytest.raises(UserError, match="are more than the 3 samples"):
        deal(3, Distributed(ranks=4), None)


def test_the_last_update_of_the_epoch_is_among_them() -> None:
    assert choose(25, 5) == [1, 2, 3, 4, 25]
    assert choose(25, 1) == [25]
    assert choose(3, 5) == [1, 2, 3]
