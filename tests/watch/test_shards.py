"""Parts of a model on several ranks are judged as the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trainlab.config import Config
from trainlab.report import Parameter, Series, Trace
from trainlab.watch._seen import Seen
from trainlab.watch._shards import unite

WHOLE = {"gradient-norm": (3.0, 4.0), "weight-norm": (6.0, 8.0), "change-norm": (0.3, 0.4)}


def make(share: float, at: tuple[int, ...] = (1, 2), sharded: int = 1, **series: tuple[float, ...]) -> Seen:
    """One model of two parameters, the second of which lies on the first rank alone."""
    values = {
        name: Series(per="update", at=np.array(at), values=np.array([np.multiply(row, (share, share > 0.7))] * len(at)))
        for name, row in {**WHOLE, **series}.items()
    }
    losses = Series(per="update", at=np.array([1]), values=np.array([share]))
    trace = Trace(
        name="base",
        patch={},
        config=Config(),
        seed=0,
        parameters=(Parameter(name="a", module="Linear", shape=(4, 4)), Parameter(name="b", module="Linear", shape=(1,))),
        series={**values, "update-ratio": losses, "total-norm": losses, "loss": losses},
        metrics={"sharded": sharded},
    )
    return Seen(traces=(trace,), models=({},), devices=(), complete=True)


def list_series(seen: Seen | None) -> dict[str, Series]:
    assert seen is not None
    return dict(seen.traces[0].series)


def test_norms_are_those_of_the_whole_at_updates_that_all_have_looked_at() -> None:
    for each in unite([make(0.8), make(0.6, at=(2, 3))]):
        found = list_series(each)
        assert "change-norm" not in found
        for name in ("gradient-norm", "weight-norm"):
            assert found[name].at.tolist() == [2]
            np.testing.assert_allclose(found[name].values, [WHOLE[name]], rtol=1e-12)
        np.testing.assert_allclose(found["update-ratio"].values, [[0.05, 0.05]], rtol=1e-12)
        np.testing.assert_allclose(found["total-norm"].values, [5.0], rtol=1e-12)
    assert list_series(unite([make(0.8), make(0.6)])[1])["loss"].values.tolist() == [0.6], "each rank has its own"


def test_shapes_may_be_those_of_the_parts() -> None:
    one, other = make(0.8), make(0.6)
    (trace,) = other.traces
    other = replace(other, traces=(replace(trace, parameters=tuple(replace(each, shape=(7,)) for each in trace.parameters)),))
    assert "gradient-norm" in list_series(unite([one, other])[1])


def test_what_is_known_of_a_part_only_is_left_out() -> None:
    for others in ([None], [make(0.6, at=(5,))], [replace(make(0.6), traces=())]):
        found = list_series(unite([make(0.8), *others])[0])
        assert list(found) == ["loss"]


def test_one_process_holds_all_of_it_and_other_models_stay_as_they_are() -> None:
    np.testing.assert_allclose(list_series(unite([make(1.0)])[0])["gradient-norm"].values, [WHOLE["gradient-norm"]] * 2)
    plain = [make(0.8, sharded=0), None]
    assert unite(plain) == plain
