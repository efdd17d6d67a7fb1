"""The loss scale of mixed precision: losses and gradients without it, and the steps that were skipped for an overflow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from trainlab.watch._guard import Guard
from trainlab.watch._order import Order
from trainlab.watch._patches import Patches


@dataclass(slots=True, kw_only=True)
class Scaling:
    """What a `GradScaler` does.

    Attributes:
        skipped: called with an optimizer whose step was skipped.
        scaler: the last that was used while it was enabled.
    """

    guard: Guard
    order: Order
    skipped: Callable[[Any], None]
    scaler: Any = None
    _losses: dict[int, Any] = field(default_factory=dict)
    _stepped: bool = False

    def follow(self, patches: Patches) -> None:
        """Begin to see every scaler."""
        import torch

        patches.lay(torch.amp.GradScaler, "scale", self._wrap_scale)
        patches.lay(torch.amp.GradScaler, "unscale_", self._wrap_unscale)
        patches.lay(torch.amp.GradScaler, "step", self._wrap_step)

    def unscale(self, loss: Any) -> Any:
        """The loss that a scaled one was made of; the loss itself if it was not scaled."""
        return self._losses.pop(id(loss), loss)

    def note_step(self) -> None:
        """A step was made."""
        self._stepped = True
        self._losses.clear()

    def _wrap_scale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def scale(scaler: Any, outputs: Any) -> Any:
            scaled = original(scaler, outputs)
            if not self.guard.is_idle():
                with self.guard.look():
                    if scaler.is_enabled():
                        self.order.note("s")
                        self.scaler = scaler
                    if hasattr(scaled, "detach"):
                        self._losses[id(scaled)] = outputs
            return scaled

        return scale

    def _wrap_unscale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def unscale_(scaler: Any, optimizer: Any) -> Any:
            if not self.guard.is_idle():
                self.order.note("u")
            return original(scaler, optimizer)

        return unscale_

    def _wrap_step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def step(scaler: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
            self._stepped = False
            result = original(scaler, optimizer, *args, **kwargs)
            if not self._stepped and not self.guard.is_idle() and scaler.is_enabled():
                with self.guard.look():
                    self.skipped(optimizer)
            return result

        return step
