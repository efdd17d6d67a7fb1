"""Looks at every optimizer step and every backward pass of a script that it does not own, and changes nothing in it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal

from trainlab.report import NonFinite
from trainlab.watch._modes import list_sensitive
from trainlab.watch._order import Order
from trainlab.watch._patches import Patches
from trainlab.watch._record import Record, find_owner, join, list_parameters, measure_norms
from trainlab.watch._stepped import Register

FIRST = 10  # updates looked at one after another, before sampling begins


class Enough(BaseException):
    """Ends the script where it was asked to end. No `Exception`: a script's own handlers are not meant to catch it."""


@dataclass(slots=True, kw_only=True)
class Observer:
    """Everything seen so far.

    Attributes:
        every: a close look at each so-manieth update, after the first ten.
        max_overhead: share of the script's time that looking may take; above it, updates are not looked at closely.
        max_steps: updates of one model after which the script is ended; None for never.
        heed: called after each update that was looked at closely, with the record; ends the script by raising `Enough`.
        records: one for each model.
        register: the optimizers and schedulers that were made.
        trouble: why observing was given up; empty while all is well.
        spent: seconds that observing took.
        began: when the first update came; None before.
    """

    every: int = 10
    max_overhead: float = 0.03
    max_steps: int | None = None
    heed: Callable[[Record], None] = lambda _: None
    records: list[Record] = field(default_factory=list)
    trouble: str = ""
    register: Register = field(default_factory=Register)
    spent: float = 0.0
    began: float | None = None
    _by_optimizer: dict[int, Record] = field(default_factory=dict)
    _losses: list[Any] = field(default_factory=list)
    _closed: bool = False
    _clip: tuple[str, float, tuple[float, float, float]] | None = None
    _before: dict[int, list[Any]] = field(default_factory=dict)
    _order: Order = field(default_factory=Order)
    _unscaled: dict[int, Any] = field(default_factory=dict)
    _patches: Patches = field(default_factory=Patches)

    def install(self) -> None:
        """Begin to look. torch must have been imported."""
        import torch
        from torch.optim import optimizer

        self._patches.hold(optimizer.register_optimizer_step_pre_hook(self._see_step))
        self._patches.hold(optimizer.register_optimizer_step_post_hook(self._see_stepped))
        self._patches.lay(torch.autograd, "backward", self._wrap_backward)
        for place in (torch.nn.utils, torch.nn.utils.clip_grad):
            self._patches.lay(place, "clip_grad_norm_", self._wrap_norm_clipping)
            self._patches.lay(place, "clip_grad_value_", self._wrap_value_clipping)
        self._patches.lay(torch.amp.GradScaler, "scale", self._wrap_scale)
        self._patches.lay(torch.amp.GradScaler, "unscale_", self._wrap_unscale)
        self.register.follow(self._patches)

    def remove(self) -> None:
        """End looking; torch is as it was."""
        self._patches.restore()

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """What is done in here costs time that is counted, and never fails the script."""
        began = time.perf_counter()
        try:
            yield
        except Exception as error:  # whatever goes wrong in here is our fault, not the script's
            self.trouble = f"{type(error).__name__}: {error}"
        finally:
            self.spent += time.perf_counter() - began

    def _is_idle(self) -> bool:
        import torch

        return bool(self.trouble) or torch.compiler.is_compiling()

    def _wrap_backward(self, original: Callable[..., None]) -> Callable[..., None]:
        @wraps(original)
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> None:
            if not self._is_idle():
                with self._looking():
                    self._see_loss(tensors)
            return original(tensors, *args, **kwargs)

        return backward

    def _see_loss(self, tensors: Any) -> None:
        if self._closed:
            self._losses, self._closed = [], False
        self._order.note("b")
        for record in self.records:
            _see_left(record)
        for each in (tensors,) if hasattr(tensors, "detach") else tuple(tensors):
            value = self._unscaled.pop(id(each), each).detach()
            self._losses.append(value.item() if value.numel() == 1 and value.device.type == "cpu" else value.mean())

    def _see_step(self, optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
        if self._is_idle():
            return None
        closure = args[1] if len(args) > 1 else kwargs.get("closure")  # the first is the optimizer itself
        if closure is None:
            with self._looking():
                self._look(optimizer)
            return None

        # The gradients that this step will use do not exist yet: they are looked at when the closure has made them.
        seen = False

        @wraps(closure)
        def watched() -> Any:
            nonlocal seen
            result = closure()
            if not seen and not self.trouble:
                seen = True
                with self._looking():
                    self._look(optimizer)
            return result

        return ((args[0], watched, *args[2:]), kwargs) if len(args) > 1 else (args, {**kwargs, "closure": watched})

    def _look(self, optimizer: Any) -> None:
        """One update is about to be made."""
        if self.began is None:
            self.began = time.perf_counter()
        record = self._by_optimizer.get(id(optimizer)) or self._meet(optimizer)
        record.steps += 1
        record.losses.append(math.fsum(map(float, self._losses)) if self._losses else math.nan)
        self._closed = True
        record.rates.append(float(optimizer.param_groups[0].get("lr", math.nan)))
        if self._clip is not None:
            mode, threshold, record.clipped[record.steps] = self._clip
            record.clip = mode, threshold
        if record.nonfinite is None and self._losses and not math.isfinite(record.losses[-1]):
            record.nonfinite = _locate(record)
        self.register.note_step(optimizer)
        clipped, faults = self._order.close()
        record.counts.update([*["clipped"] * clipped, *faults])
        if record.left is not None and record.cleared is not None:
            record.counts.update(["clearing-seen", *["not-cleared"] * (not record.cleared)])
        record.left, record.cleared = None, None
        if self._is_due(record):
            self._look_closely(record, optimizer)
        self._unscaled.clear()
        self._clip = None

    def _is_due(self, record: Record) -> bool:
        if record.steps <= FIRST:
            return True
        elapsed = time.perf_counter() - (self.began or 0.0)
        return record.steps % self.every == 0 and self.spent <= self.max_overhead * elapsed

    def _look_closely(self, record: Record, optimizer: Any) -> None:
        gradients = [each.grad for each in record.tensors]
        norms = measure_norms(gradients)
        scale = getattr(optimizer, "grad_scale", None)  # a fused optimizer unscales by itself
        if scale is not None:
            norms = [norm / float(scale) for norm in norms]
        record.at.append(record.steps)
        record.norms.append(norms)
        record.weights.append(measure_norms([each.detach() for each in record.tensors]))
        if record.nonfinite is None and not all(map(math.isfinite, norms)):
            bad = max(place for place, norm in enumerate(norms) if not math.isfinite(norm))
            record.nonfinite = NonFinite(
                update=record.steps,
                direction="backward",
                where=record.parameters[bad].name,
                value="nan" if math.isnan(norms[bad]) else "inf",
                last_finite=max((row[bad] for row in record.norms[:-1] if math.isfinite(row[bad])), default=None),
            )
        self._before[id(record)] = [each.detach().clone() for each in record.tensors]
        record.counts.update(["looked", *["without-gradient"] * all(each is None for each in gradients)])
        if record.model is not None:
            modes = {module.training for module in list_sensitive(record.model)}
            record.counts.update(["mode-seen"] * bool(modes) + ["eval-mode"] * (modes == {False}))
            if record.steps in (FIRST // 2, FIRST):
                held = self.register.list_held()
                record.unheld = tuple(
                    name
                    for name, tensor in record.model.named_parameters()
                    if tensor.requires_grad and tensor.grad is not None and id(tensor) not in held
                )

    def _see_stepped(self, optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:  # noqa: ARG002
        if self._is_idle():
            return
        record = self._by_optimizer.get(id(optimizer))
        if record is None:
            return
        looked = False
        with self._looking():
            if record.steps < FIRST or (record.steps + 1) % self.every == 0:
                record.left = _find_left(record)
            before = self._before.pop(id(record), None)
            if before is not None:
                looked = True
                import torch

                with torch.no_grad():
                    torch._foreach_sub_(before, [each.detach() for each in record.tensors])
                record.changes.append(measure_norms(before))
        if looked:
            self.heed(record)
        if self.max_steps is not None and record.steps >= self.max_steps:
            raise Enough(f"--max-steps {self.max_steps}")

    def _meet(self, optimizer: Any) -> Record:
        """The record that this optimizer's updates belong to: that of its model, if another steps single parameters of it too."""
        tensors = [each for group in optimizer.param_groups for each in group["params"]]
        model = find_owner(tensors)
        found = next((each for each in self.records if len(tensors) == 1 and model is not None and each.model is model), None)
        if found is None:
            ordered, parameters = list_parameters(model, tensors)
            kind = type(model).__name__ if model is not None else "parameters"
            same = sum(each.name.partition(" ")[0] == kind for each in self.records)
            name = f"{kind} {same + 1}" if same else kind
            found = Record(name=name, model=model, tensors=ordered, parameters=parameters)
            self.records.append(found)
        settings = {name: value for name, value in optimizer.param_groups[0].items() if name != "params"}
        found.optimizers[id(optimizer)] = {"name": type(optimizer).__name__, **settings}
        self._by_optimizer[id(optimizer)] = found
        return found

    def _wrap_scale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def scale(scaler: Any, outputs: Any) -> Any:
            scaled = original(scaler, outputs)
            if not self._is_idle():
                with self._looking():
                    if scaler.is_enabled():
                        self._order.note("s")
                    if hasattr(scaled, "detach"):
                        self._unscaled[id(scaled)] = outputs
            return scaled

        return scale

    def _wrap_unscale(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def unscale_(scaler: Any, optimizer: Any) -> Any:
            if not self._is_idle():
                self._order.note("u")
            return original(scaler, optimizer)

        return unscale_

    def _wrap_norm_clipping(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def clip_grad_norm_(parameters: Any, max_norm: float, *args: Any, **kwargs: Any) -> Any:
            total = original(parameters, max_norm, *args, **kwargs)
            if not self._is_idle():
                with self._looking():
                    self._order.note("c")
                    norm = float(total)
                    self._clip = "norm", float(max_norm), (norm, min(norm, float(max_norm)), 0.0)
            return total

        return clip_grad_norm_

    def _wrap_value_clipping(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def clip_grad_value_(parameters: Any, clip_value: float, *args: Any, **kwargs: Any) -> Any:
            if self._is_idle():
                return original(parameters, clip_value, *args, **kwargs)
            tensors = [parameters] if hasattr(parameters, "grad") else list(parameters)
            raw: list[Any] = []
            with self._looking():
                self._order.note("c")
                raw = [each.grad.clone() for each in tensors if each.grad is not None]
            result = original(tensors, clip_value, *args, **kwargs)
            with self._looking():
                used = [each.grad for each in tensors if each.grad is not None]
                norms = join(measure_norms(raw)), join(measure_norms(used)), _measure_angle(raw, used)
                self._clip = "value", float(clip_value), norms
            return result

        return clip_grad_value_


def _find_left(record: Record) -> int | None:
    """The place of a parameter whose gradient lies there after the step."""
    for place, tensor in enumerate(record.tensors):
        if tensor.grad is not None and not tensor.grad.is_sparse:
            return place
    return None


def _see_left(record: Record) -> None:
    """Before a backward pass: whether the gradient that the last step left has been cleared by now.

    Once is enough: gradients of a second backward pass are meant to come on top. A pass for another model (the generator's, through
    the discriminator) may find it uncleared first.
    """
    if record.left is None or record.cleared:
        return
    gradient = record.tensors[record.left].grad
    record.cleared = gradient is None or not bool(gradient.any())


def _measure_angle(raw: list[Any], used: list[Any]) -> float:
    """Degrees between two gradients, each in parts: 2 atan2(|u - v|, |u + v|) of the unit vectors, in float64."""
    sizes = [join(measure_norms(each)) for each in (raw, used)]
    if not all(math.isfinite(size) and size > 0 for size in sizes):
        return math.nan
    units = [[part.double() / size for part in parts] for parts, size in zip((raw, used), sizes, strict=True)]
    apart = join(measure_norms([one - other for one, other in zip(*units, strict=True)]))
    along = join(measure_norms([one + other for one, other in zip(*units, strict=True)]))
    return math.degrees(2 * math.atan2(apart, along))


def _locate(record: Record) -> NonFinite:
    """Where a loss that is no finite number comes from: weights that the update before has broken, or the forward pass."""
    value = record.losses[-1]
    kind: Literal["nan", "inf"] = "nan" if math.isnan(value) else "inf"
    norms = measure_norms([each.detach() for each in record.tensors])
    bad = [place for place, norm in enumerate(norms) if not math.isfinite(norm)]
    if bad and record.steps > 1:
        where = record.parameters[bad[-1]].name
        last = max((row[bad[-1]] for row in record.weights if math.isfinite(row[bad[-1]])), default=None)
        return NonFinite(update=record.steps - 1, direction="update", where=where, value=kind, last_finite=last)
    finite = [abs(loss) for loss in record.losses if math.isfinite(loss)]
    return NonFinite(update=record.steps, direction="forward", where="loss", value=kind, last_finite=max(finite, default=None))
