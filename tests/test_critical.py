"""What kind of place it is, on numbers written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.traces import make_trace
from trainlab.critical import read_point
from trainlab.report import Trace


def stand(
    *eigenvalues: float, loss: float = 1.0, descent: float | None = None, scale: float = 1.0, size: float = 1.0, **more: Any
) -> Trace:
    """A run that has come to a place with these curvatures, all of them."""
    metrics = {
        "curvature_whole": 1.0,
        "point_loss": loss,
        "scale_loss": scale,
        "descent_loss": loss if descent is None else descent,
        "curvature_lowest": min(eigenvalues),
        "curvature_highest": max(eigenvalues),
        "point_size": size,
        "point_gradient": 0.0,
    }
    shares = [1 / len(eigenvalues)] * len(eigenvalues)
    arrays = {"eigenvalues": sorted(eigenvalues), "eigenvalue-shares": shares}
    return make_trace(metrics=metrics | more.pop("metrics", {}), arrays=arrays, objective=more.pop("objective", "mse"), **more)


@pytest.mark.parametrize(
    ("curvatures", "loss", "kind"),
    [
        ((1.0, 4.0), 0.5, "minimum"),
        ((0.0, 4.0), 0.5, "degenerate minimum"),
        ((-3e-4, 4.0), 0.5, "degenerate minimum"),  # within 1e-4 of the largest
        ((-5e-4, 4.0), 0.5, "saddle"),
        ((-2.0, 2.0), 1.0, "saddle"),
        ((-2.0, 0.0), 1.0, "saddle"),
        ((-2.0, -1.0), 1.0, "maximum"),
        ((0.0, 0.0), 1.0, "plateau"),
        ((1e-9, 1e-8), 1.0, "plateau"),  # to change all weights by as much as they are would change nothing
        ((-1e-8, 1e-8), 1.0, "plateau"),
        ((0.0, 0.1), 0.99, "plateau"),  # as high as with all weights 0
        ((-1e-3, 4.0), 1e-4, "degenerate minimum"),  # as good as 0, and no such loss can be less
        ((-1e-9, 1e-8), 1e-9, "degenerate minimum"),
    ],
)
def test_the_kinds(curvatures: tuple[float, ...], loss: float, kind: str) -> None:
    point = read_point(stand(*curvatures, loss=loss))
    assert point is not None
    assert point.kind == kind


def test_a_loss_without_a_floor_may_go_on_below_0() -> None:
    point = read_point(stand(-1e-3, 4.0, loss=1e-4, objective="sum"))
    assert point is not None
    assert point.kind == "saddle"


@pytest.mark.parametrize(("descent", "kind"), [(0.5 - 1.01e-3, "not critical"), (0.5 - 0.99e-3, "minimum")])
def test_the_gradient_is_near_0_if_it_offers_less_than_a_thousandth(descent: float, kind: str) -> None:
    point = read_point(stand(1.0, 2.0, loss=0.5, descent=descent))
    assert point is not None
    assert point.kind == kind


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_units_of_the_loss_do_not_matter(factor: float) -> None:
    for curvatures, loss, descent in (
        ((-2.0, 2.0), 1.0, 1.0),
        ((0.0, 4.0), 0.3, 0.3),
        ((1.0, 2.0), 0.3, 0.2),
        ((0.0, 1e-9), 0.9, 0.9),
    ):
        one = read_point(stand(*curvatures, loss=loss, descent=descent))
        other = read_point(
            stand(*(factor * each for each in curvatures), loss=factor * loss, descent=factor * descent, scale=factor)
        )
        assert one is not None
        assert other is not None
        assert (one.kind, one.gain) == (other.kind, pytest.approx(other.gain))


def test_shares_add_up() -> None:
    point = read_point(stand(-2.0, 0.0, 1e-5, 1.0, 4.0, loss=0.5))
    assert point is not None
    assert (point.negative, point.zero, point.positive) == (pytest.approx(0.2), pytest.approx(0.4), pytest.approx(0.4))
    assert point.largest == 4.0


def test_an_estimate_cannot_tell_small_curvatures_from_0() -> None:
    trace = stand(-5e-4, 4e-3, 8.1e-3, 4.0, loss=0.5, metrics={"curvature_whole": 0.0})
    point = read_point(trace)
    assert point is not None
    assert (point.negative, point.zero, point.positive) == (0.0, pytest.approx(0.5), pytest.approx(0.5))
    assert point.kind == "saddle"  # the ends are exact


def test_a_minimum_is_one_whatever_the_error_of_the_lowest() -> None:
    for error, kind in ((0.1, "minimum"), (0.3, "degenerate minimum")):
        point = read_point(stand(0.2, 4.0, loss=0.5, metrics={"curvature_error": error}))
        assert point is not None
        assert point.kind == kind


def test_tolerances_can_be_set() -> None:
    point = read_point(stand(-0.5, 4.0, loss=0.5), curvature=0.2)
    assert point is not None
    assert point.kind == "degenerate minimum"
    point = read_point(stand(1.0, 4.0, loss=0.5, descent=0.4), gradient=0.2)
    assert point is not None
    assert point.kind == "minimum"


@pytest.mark.parametrize("metrics", [{"point_loss": None}, {"curvature_lowest": float("nan")}, {"scale_loss": float("inf")}])
def test_what_was_not_measured_is_not_guessed(metrics: dict[str, float | None]) -> None:
    assert read_point(stand(1.0, 2.0, metrics=metrics)) is None
    assert read_point(make_trace()) is None
