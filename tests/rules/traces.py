"""Hand-written traces: `make_trace(gradients=[1e-9, 1e-6, 1e-3, 1.0])` is a run with four weight layers and one update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trainlab.config import Config
from trainlab.config.optimizer import SGD
from trainlab.config.training import ClipBy, NoClip, Train
from trainlab.report import Finding, Module, NonFinite, Parameter, Series, Skipped, Trace


def make_series(values: Any, per: str = "update") -> Series:
    values = np.asarray(values, dtype=float)
    return Series(per=per, at=np.arange(1, len(values) + 1), values=values)


def make_parameters(layers: int) -> tuple[Parameter, ...]:
    """`layers` weights, each followed by its bias, which no rule may take for a layer."""
    shapes = {"weight": (4, 4), "bias": (4,)}
    return tuple(
        Parameter(name=f"model.{layer}.{kind}", module="Linear", shape=shapes[kind])
        for layer in range(layers)
        for kind in ("weight", "bias")
    )


def with_biases(values: Any, bias: float = 1e-30) -> np.ndarray:
    """`[weight]` or `[T, weight]` to `[T, parameter]`, with a bias of `bias` behind each weight."""
    values = np.atleast_2d(np.asarray(values, dtype=float))
    return np.stack([values, np.full_like(values, bias)], axis=2).reshape(len(values), 2 * values.shape[1])


def make_trace(
    *,
    loss: Any = None,
    held: Mapping[str, Any] | None = None,
    gradients: Any = None,
    changes: Any = None,
    total: Any = None,
    used: Any = None,
    angle: Any = None,
    clip: str = "none",
    threshold: float = 1.0,
    arrays: dict[str, Any] | None = None,
    modules: Sequence[tuple[str, str]] = (),
    lr: float = 0.1,
    weight_decay: float = 0.0,
    batch_size: int | None = None,
    objective: str = "sum",
    samples: tuple[int, int] = (100, 0),
    **fields: Any,
) -> Trace:
    """A trace with only what is given.

    Args:
        loss: per epoch.
        held: `validation-loss` or `test-loss` per epoch, by part.
        gradients, changes: `gradient-norm` and `update-ratio` of the weights, `[weight]` or `[T, weight]`.
        total, used, angle: per update; `used` is `total` and `angle` 0 unless given.
        modules: names and kinds.
        objective: name of the loss.
        samples: in training and test.
        fields: of the Trace.
    """
    series = {}
    if loss is not None:
        series["loss"] = make_series(loss, per="epoch")
    for part, values in (held or {}).items():
        series[f"{part}-loss"] = make_series(values, per="epoch")
    layers = 0
    for name, values in (("gradient-norm", gradients), ("update-ratio", changes)):
        if values is not None:
            layers = np.atleast_2d(values).shape[1]
            series[name] = make_series(with_biases(values))
    if total is not None:
        series["total-norm"] = make_series(total)
        series["used-norm"] = make_series(total if used is None else used)
        series["clip-angle"] = make_series(np.zeros(len(total)) if angle is None else angle)
    config = Config(
        optimizer=SGD(lr=lr, weight_decay=weight_decay),
        clip=NoClip() if clip == "none" else ClipBy(mode=clip, threshold=threshold),
        train=Train(batch_size=batch_size),
        loss=objective,
    )
    given = {
        "name": "base",
        "patch": {},
        "config": config,
        "seed": 0,
        "parameters": make_parameters(layers),
        "modules": tuple(Module(name=name, kind=kind) for name, kind in modules),
        "series": series,
        "arrays": {name: np.asarray(values, dtype=float) for name, values in (arrays or {}).items()},
        "updates": 100,
        "planned": 100,
        "sizes": {"train": samples[0], **({"test": samples[1]} if samples[1] else {})},
    }
    return Trace(**{**given, **fields})


def broken(
    update: int = 7, direction: str = "forward", value: str = "nan", where: str = "loss", last_finite: float | None = None
) -> NonFinite:
    return NonFinite(update=update, direction=direction, value=value, where=where, last_finite=last_finite)


def find(rule: Any, trace: Trace) -> Finding:
    """The one finding of a rule that must fire."""
    (found,) = rule.judge(trace)
    assert isinstance(found, Finding), found
    assert (found.code, found.name) == (rule.code, rule.name)
    return found


def skip(rule: Any, trace: Trace) -> str:
    """The reason of a rule that must not judge."""
    (skipped,) = rule.judge(trace)
    assert isinstance(skipped, Skipped), skipped
    assert skipped.code == rule.code
    return skipped.reason


def is_silent(rule: Any, trace: Trace) -> bool:
    return list(rule.judge(trace)) == []


def summarize(rule: Any, trace: Trace) -> list[tuple[str, ...]]:
    """What a change of units must leave alone: the kind of verdict, its severity and its place."""
    return [
        (each.code, each.severity, each.where) if isinstance(each, Finding) else (each.code, "skipped")
        for each in rule.judge(trace)
    ]


def rescale(trace: Trace, factor: float) -> Trace:
    """The same trajectory with the loss times `factor`: gradients and thresholds times it, the rate over it; ratios stay."""
    in_units = ("loss", "batch-loss", "validation-loss", "test-loss", "gradient-norm", "total-norm", "used-norm")
    scaled = {**dict.fromkeys(in_units, factor), "learning-rate": 1 / factor}
    series = {name: replace(each, values=each.values * scaled.get(name, 1.0)) for name, each in trace.series.items()}
    arrays = {name: value * factor if name == "initial-sample-norms" else value for name, value in trace.arrays.items()}
    metrics = {
        name: value * factor if name.endswith("_loss") and value is not None else value for name, value in trace.metrics.items()
    }
    optimizer = replace(trace.config.optimizer, lr=trace.config.optimizer.lr / factor)
    clip = trace.config.clip
    if clip.mode != "none":
        clip = replace(clip, threshold=clip.threshold * factor)
    return replace(
        trace, series=series, arrays=arrays, metrics=metrics, config=replace(trace.config, optimizer=optimizer, clip=clip)
    )


SCALES = [2.0**-20, 2.0**20]  # about 1e-6 and 1e6, and exact, so that nothing at a threshold moves by rounding
