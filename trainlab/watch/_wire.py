"""What was seen as bytes and back: JSON, so that reading it runs nothing."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from trainlab.config import to_values, validate
from trainlab.report import LossScaling, Module, NonFinite, Parameter, Series, Trace
from trainlab.watch._seen import Seen

MOST = 100_000  # numbers of one series: what a store takes at once is limited
PLAIN = ("name", "seed", "updates", "planned", "task", "how")


def pack(seen: Seen) -> bytes:
    """For another process."""
    values = {each.name: getattr(seen, each.name) for each in fields(Seen) if each.name != "traces"}
    return zlib.compress(json.dumps({**values, "traces": [_write(trace) for trace in seen.traces]}).encode())


def unpack(data: bytes) -> Seen:
    """From another process.

    Raises:
        ValueError: it was not packed by this version.
    """
    try:
        values = json.loads(zlib.decompress(data))
        for name in ("models", "devices"):
            values[name] = tuple(values[name])
        return Seen(**{**values, "traces": tuple(map(_read, values["traces"]))})
    except (zlib.error, KeyError, TypeError) as error:
        raise ValueError(f"cannot be read: {error}") from None


def _write(trace: Trace) -> dict[str, Any]:
    return {
        **{name: getattr(trace, name) for name in PLAIN},
        "config": to_values(trace.config),
        "metrics": {name: None if value is None else float(value) for name, value in trace.metrics.items()},
        "parameters": [[each.name, each.module, list(each.shape)] for each in trace.parameters],
        "modules": [[each.name, each.kind] for each in trace.modules],
        "series": {name: [each.per, *map(_list, _thin(each))] for name, each in trace.series.items()},
        "arrays": {name: [str(each.dtype), each.tolist()] for name, each in trace.arrays.items()},
        "nonfinite": None if trace.nonfinite is None else asdict(trace.nonfinite),
        "scaling": None if trace.scaling is None else asdict(trace.scaling),
        "sizes": dict(trace.sizes),
    }


def _thin(series: Series) -> tuple[np.ndarray, np.ndarray]:
    """The first ten rows, and of the rest those at multiples of a power of two: the same ones on every rank."""
    at, values, stride = series.at, series.values, 1
    width = values.shape[1] if values.ndim > 1 else 1
    kept = np.ones(len(at), dtype=bool)
    while kept.sum() * width > MOST and stride < at[-1]:
        stride *= 2
        kept = (np.arange(len(at)) < 10) | (at % stride == 0)
    return at[kept], values[kept]


def _list(values: np.ndarray) -> list[Any]:
    return list(values.tolist())


def _read(values: Mapping[str, Any]) -> Trace:
    return Trace(
        **{name: values[name] for name in PLAIN},
        patch={},
        config=validate(values["config"]),
        metrics=values["metrics"],
        parameters=tuple(Parameter(name=name, module=module, shape=tuple(shape)) for name, module, shape in values["parameters"]),
        modules=tuple(Module(name=name, kind=kind) for name, kind in values["modules"]),
        series={name: _read_series(each, len(values["parameters"])) for name, each in values["series"].items()},
        arrays={name: np.array(each, dtype=kind) for name, (kind, each) in values["arrays"].items()},
        nonfinite=None if values["nonfinite"] is None else NonFinite(**values["nonfinite"]),
        scaling=None if values["scaling"] is None else LossScaling(**values["scaling"]),
        sizes=values["sizes"],
    )


def _read_series(values: list[Any], parameters: int) -> Series:
    per, at, rows = values
    array = np.array(rows, dtype=float)
    return Series(per=per, at=np.array(at, dtype=np.int64), values=array if rows else array.reshape(0, parameters))
