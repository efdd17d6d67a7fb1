"""How a script clips: by which threshold, from which norm to which, and where between backward and step."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from trainlab.watch._guard import Guard
from trainlab.watch._order import Order
from trainlab.watch._patches import Patches
from trainlab.watch._record import join, measure_norms


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One call: total norm before and after, and the angle between the two gradients in degrees.

    `raw` is a tensor where it lies on an accelerator: to read it there would make the script wait.
    """

    mode: str
    threshold: float
    raw: Any
    used: float = math.nan
    angle: float = 0.0

    def read(self) -> tuple[float, float, float]:
        """Raw norm, norm used, angle."""
        raw = float(self.raw)
        return (raw, min(raw, self.threshold), 0.0) if self.mode == "norm" else (raw, self.used, self.angle)


@dataclass(slots=True, kw_only=True)
class Clipping:
    """What was clipped since the last step; `order` also learns of every call of backward and of a loss scale."""

    guard: Guard
    order: Order = field(default_factory=Order)
    last: Clip | None = None

    def follow(self, patches: Patches) -> None:
        """Begin to see torch's own clipping, in both modules that export it."""
        import torch

        for place in (torch.nn.utils, torch.nn.utils.clip_grad):
            patches.lay(place, "clip_grad_norm_", self._wrap_norm)
            patches.lay(place, "clip_grad_value_", self._wrap_value)

    def _wrap_norm(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def clip_grad_norm_(parameters: Any, max_norm: float, *args: Any, **kwargs: Any) -> Any:
            total = original(parameters, max_norm, *args, **kwargs)
            if not self.guard.is_idle():
                with self.guard.look():
                    self.order.note("c")
                    if hasattr(total, "to_local"):  # its value lies with all ranks, and to ask them would make the script wait
                        return total
                    raw = float(total) if total.device.type == "cpu" else total.detach()
                    self.last = Clip(mode="norm", threshold=float(max_norm), raw=raw)
            return total

        return clip_grad_norm_

    def _wrap_value(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def clip_grad_value_(parameters: Any, clip_value: float, *args: Any, **kwargs: Any) -> Any:
            if self.guard.is_idle():
                return original(parameters, clip_value, *args, **kwargs)
            tensors = [parameters] if hasattr(parameters, "grad") else list(parameters)
            raw: list[Any] = []
            with self.guard.look():
                self.order.note("c")
                raw = [each.grad.clone() for each in tensors if each.grad is not None]
            result = original(tensors, clip_value, *args, **kwargs)
            if any(hasattr(each, "to_local") for each in raw):
                return result
            with self.guard.look():
                used = [each.grad for each in tensors if each.grad is not None]
                norms = join(measure_norms(raw)), join(measure_norms(used))
                angle = _measure_angle(raw, used)
                self.last = Clip(mode="value", threshold=float(clip_value), raw=norms[0], used=norms[1], angle=angle)
            return result

        return clip_grad_value_


def _measure_angle(raw: list[Any], used: list[Any]) -> float:
    """Degrees between two gradients, each in parts: 2 atan2(|u - v|, |u + v|) of the unit vectors, in float64."""
    sizes = [join(measure_norms(each)) for each in (raw, used)]
    if not all(math.isfinite(size) and size > 0 for size in sizes):
        return math.nan
    units = [[part.double() / size for part in parts] for parts, size in zip((raw, used), sizes, strict=True)]
    apart = join(measure_norms([one - other for one, other in zip(*units, strict=True)]))
    along = join(measure_norms([one + other for one, other in zip(*units, strict=True)]))
    return math.degrees(2 * math.atan2(apart, along))
