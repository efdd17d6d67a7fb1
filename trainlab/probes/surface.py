"""The loss on a plane through the point where a run has come to, and the way that it took there."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainlab.probes._facts import gather, time_call
from trainlab.probes._spectrum import find_scale, find_size, find_spectrum, find_step, is_defined
from trainlab.report import Series
from trainlab.step import Evaluation, Objective, Step, StoppedError

EVERY = "few"
ACROSS, DOWN = 23, 13  # places, odd numbers: one is the point itself
SAMPLES = 512
MOST = 2**20  # weights of which the way is noted
WIDE = 1.3  # of the reach of the way: the surface goes a little further
FLATTEST = 0.01  # of the largest curvature: along a flatter direction the surface goes no further than along one of that
FURTHEST = 10.0  # sizes of the weights
FARTHER = 3.0  # times as far as where the loss has changed by all of itself, to show where the way came from


def measure(step: Step) -> Tensor:
    """`[run, total]` the weights before the update; of a very large network none."""
    return step.before if step.layout.total <= MOST else step.before[:, :0]


def condense(evaluation: Evaluation, seen: Sequence[Series | None]) -> tuple[dict[str, Tensor], list[dict[str, Series]]]:
    """The plane of two weights, or of the directions of the lowest and the highest curvature; nothing for a single weight.

    Args:
        evaluation: the end.
        seen: the weights of each run on its way.

    Returns:
        arrays: surface: `[run, down, across]` the loss, on at most 512 samples; surface-across, surface-down: where, counted from
            the point.
        series: of each run `path-across` and `path-down`, the place on that plane before an update.
    """
    if len(evaluation.flat[0]) < 2:
        return {}, [{} for _ in seen]
    drawn: list[dict[str, Tensor]] = []
    ways: list[dict[str, Series]] = []
    for run, way in enumerate(seen):
        arrays, told = _survey(evaluation, run, way)
        drawn.append(arrays)
        ways.append(told)
    return gather(drawn), ways


def forecast(evaluation: Evaluation) -> tuple[float, int]:
    """The loss at every place; the curvatures are known by then."""
    objective = evaluation.objective(0)
    return (ACROSS * DOWN * time_call(lambda: objective.measure(objective.at, SAMPLES)) if len(objective.at) > 1 else 0.0), 0


def _survey(evaluation: Evaluation, run: int, way: Series | None) -> tuple[dict[str, Tensor], dict[str, Series]]:
    """Arrays and series of one run; none where nothing is defined, or nobody waits for it."""
    try:
        objective = evaluation.objective(run)
        if not is_defined(objective):
            return {}, {}
        plane = _choose_plane(objective)
        places = _project(objective, plane, way)
        drawn = _draw(objective, plane, places)
    except StoppedError:
        return {}, {}
    return drawn, {} if way is None or not len(places) else _tell(way, places)


def _choose_plane(objective: Objective) -> Tensor:
    """`[2, total]` unit vectors across and down."""
    if len(objective.at) == 2:
        return torch.eye(2, dtype=objective.at.dtype, device=objective.at.device)
    spectrum = find_spectrum(objective)
    return torch.stack([spectrum.low, spectrum.high])


def _project(objective: Objective, plane: Tensor, way: Series | None) -> Tensor:
    """`[time, 2]`, counted from the point."""
    if way is None or not way.values.shape[1]:
        return torch.zeros(0, 2, dtype=torch.float64)
    return ((torch.from_numpy(way.values).to(objective.at) - objective.at) @ plane.T).double().cpu()


def _tell(way: Series, places: Tensor) -> dict[str, Series]:
    across, down = places.numpy().T
    return {name: Series(per="update", at=way.at, values=values) for name, values in (("path-across", across), ("path-down", down))}


def _draw(objective: Objective, plane: Tensor, places: Tensor) -> dict[str, Tensor]:
    scale, spectrum = find_scale(objective), find_spectrum(objective)
    largest = max(abs(spectrum.lowest), abs(spectrum.highest))
    curved = (largest, largest) if len(objective.at) == 2 else (spectrum.lowest, spectrum.highest)
    steps = [find_step(scale, max(abs(each), FLATTEST * largest), FURTHEST * find_size(objective.at)) for each in curved]
    reach = places.abs().amax(dim=0).tolist() if len(places) else [0.0, 0.0]
    half = [min(max(step, WIDE * far), FARTHER * step) for step, far in zip(steps, reach, strict=True)]
    across, down = (
        torch.arange(-(places // 2), places // 2 + 1, dtype=torch.float64) * (2 * each / (places - 1))
        for each, places in zip(half, (ACROSS, DOWN), strict=True)
    )
    values = [
        [objective.measure(objective.at + float(x) * plane[0] + float(y) * plane[1], SAMPLES) for x in across] for y in down.flip(0)
    ]
    return {"surface": torch.tensor(values, dtype=torch.float64), "surface-across": across, "surface-down": down.flip(0)}
