"""Looks at every optimizer step and every backward pass of a script that it does not own, and changes nothing in it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from trainlab.watch._clipping import Clipping
from trainlab.watch._evaluations import Evaluations
from trainlab.watch._graph import list_leaves
from trainlab.watch._guard import Guard
from trainlab.watch._inside import Look, look_inside
from trainlab.watch._late import settle
from trainlab.watch._left import find_left, see_left
from trainlab.watch._meeting import Meeting
from trainlab.watch._nonfinite import describe_gradient, locate
from trainlab.watch._objective import Objective, read_objective
from trainlab.watch._origin import Origin, find_origin
from trainlab.watch._patches import Patches
from trainlab.watch._record import Record, measure_norms
from trainlab.watch._scaling import Scaling
from trainlab.watch._stepped import Register
from trainlab.watch._targets import read_classes

FIRST = 10  # updates looked at one after another, before sampling begins
SELDOM = 5  # of the close looks, each so-manieth goes inside of the network
MOST_LATE = 100  # losses left on an accelerator before they are read


class Enough(BaseException):
    """Ends the script where it was asked to end. No `Exception`: a script's own handlers are not meant to catch it."""


@dataclass(slots=True, kw_only=True)
class Observer:
    """Everything seen so far.

    Attributes:
        every: a close look at each so-manieth update, after the first ten.
        max_overhead: share of the script's time that looking may take; above it, updates are not looked at closely.
        max_steps: updates of one model after which the script is ended; None for never.
        why: what is said then; empty if it is the option.
        ask: called after each so-manieth update, `every`, whether it was looked at or not.
        heed: called after each update that was looked at closely, with the record; ends the script by raising `Enough`.
        records: one for each model.
        register: the optimizers and schedulers that were made.
        guard: what looking has cost, and why it was given up.
        backwards: backward passes so far.
        rounds: of these, the ones that began after a step.
        began: when the first update came; None before.
    """

    every: int = 10
    max_overhead: float = 0.03
    max_steps: int | None = None
    heed: Callable[[Record], None] = lambda _: None
    ask: Callable[[], None] | None = None
    why: str = ""
    records: list[Record] = field(default_factory=list)
    register: Register = field(default_factory=Register)
    guard: Guard = field(default_factory=Guard)
    backwards: int = 0
    rounds: int = 0
    began: float | None = None
    clipping: Clipping = field(init=False)
    scaling: Scaling = field(init=False)
    evaluations: Evaluations = field(init=False)
    meeting: Meeting = field(init=False)
    _losses: list[Any] = field(default_factory=list)
    _closed: bool = False
    _packed: bool = False
    _objective: Objective | None = None
    _inside: list[Look | None] = field(default_factory=list)
    _classes: list[int] | None = None
    _origin: Origin | None = None
    _before: dict[int, list[Any]] = field(default_factory=dict)
    _patches: Patches = field(default_factory=Patches)

    def __post_init__(self) -> None:
        self.clipping = Clipping(guard=self.guard)
        self.scaling = Scaling(guard=self.guard, order=self.clipping.order, skipped=self._see_skipped)
        self.evaluations = Evaluations(self.guard, self.records)
        self.meeting = Meeting(self.records, self.register)

    def install(self) -> None:
        """Begin to look. torch must have been imported."""
        import torch
        from torch.optim import optimizer

        self.guard.ended = False
        self._patches.hold(optimizer.register_optimizer_step_pre_hook(self._see_step))
        self._patches.hold(optimizer.register_optimizer_step_post_hook(self._see_stepped))
        self._patches.lay(torch.autograd, "backward", self._wrap_backward)
        self._patches.lay(torch.autograd.graph.saved_tensors_hooks, "__enter__", self._wrap_packing)
        for part in (self.clipping, self.scaling, self.evaluations, self.register):
            part.follow(self._patches)

    def remove(self) -> None:
        """End looking; torch is as it was."""
        self.evaluations.close()
        self._patches.restore()
        self.guard.ended = True
        with self.guard.look():
            for record in self.records:
                if record.by_hand:
                    self._finish_by_hand(record)
                settle(record)
                if record.scaler is not None:
                    record.scale = float(record.scaler.get_scale())

    def _wrap_packing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def enter(context: Any) -> Any:
            self._packed = True
            return original(context)

        return enter

    def _wrap_backward(self, original: Callable[..., None]) -> Callable[..., None]:
        @wraps(original)
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> None:
            if self.guard.is_idle():
                return original(tensors, *args, **kwargs)
            record = None
            tensors = tensors if hasattr(tensors, "detach") else tuple(tensors)
            with self.guard.look():
                roots = (tensors,) if hasattr(tensors, "detach") else tensors
                record = None if self.register.optimizers else self._find_by_hand(roots)
                if record is not None:
                    self._finish_by_hand(record)
                self._see_loss(roots)
            if record is not None:
                self._end(record)
            original(tensors, *args, **kwargs)
            if record is not None:
                with self.guard.look():
                    self._look(record, None)
                    record.left = find_left(record) if record.due else None
            return None

        return backward

    def _see_loss(self, roots: tuple[Any, ...]) -> None:
        if self._closed:
            self._losses, self._closed, self._origin = [], False, None
            self._inside, self._classes = [], None
            self.rounds += 1
        self.backwards += 1
        self.clipping.order.note("b")
        self.evaluations.interrupt()
        for record in self.records:
            see_left(record)
        for each in roots:
            root = self.scaling.unscale(each)
            value = root.detach()
            value = value if value.numel() == 1 else value.mean()
            near = is_near(value)
            self._losses.append(value.item() if near else value)
            if self._packed:
                continue
            if self._objective is None and self.backwards <= FIRST:
                self._objective = read_objective(root)
            self._look_at_graph(root)
            if near and not math.isfinite(self._losses[-1]) and all(record.nonfinite is None for record in self.records):
                self._origin = self._origin or find_origin(root)

    def _look_at_graph(self, root: Any) -> None:
        """Now and then: a round of its own for each of two optimizers that take turns."""
        if self.rounds >= FIRST and self.began is not None:
            elapsed = time.perf_counter() - self.began
            if self.rounds % self.every > 1 or self.guard.spent > self.max_overhead * elapsed:
                return
        if (classes := read_classes(root)) is not None:
            self._classes = [*(self._classes or []), *classes]
        if not self._inside and (self.rounds in (0, 1, FIRST) or self.rounds % (SELDOM * self.every) <= 1):
            self._inside = [look_inside(root)]

    def _see_step(self, optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
        if self.guard.is_idle():
            return None
        closure = args[1] if len(args) > 1 else kwargs.get("closure")  # the first is the optimizer itself
        if closure is None:
            with self.guard.look():
                self._look(self.meeting.find(optimizer, self.backwards), optimizer)
            return None

        # The gradients that this step will use do not exist yet: they are looked at when the closure has made them.
        seen = False

        @wraps(closure)
        def watched() -> Any:
            nonlocal seen
            result = closure()
            if not seen and not self.guard.is_idle():
                seen = True
                with self.guard.look():
                    self._look(self.meeting.find(optimizer, self.backwards), optimizer)
            return result

        return ((args[0], watched, *args[2:]), kwargs) if len(args) > 1 else (args, {**kwargs, "closure": watched})

    def _look(self, record: Record, optimizer: Any) -> None:
        """One update is about to be made, or a part of it."""
        self.scaling.note_step()
        self.register.note_step(optimizer)
        self.evaluations.interrupt()
        begins = id(optimizer) in record.stepped or record.round != self.backwards
        if begins:
            self._begin(record, optimizer)
        record.stepped.add(id(optimizer))
        if record.due:
            self._look_closely(record, optimizer, begins=begins)

    def _begin(self, record: Record, optimizer: Any) -> None:
        if self.began is None:
            self.began = time.perf_counter()
        record.steps += 1
        record.round = self.backwards
        record.stepped.clear()
        record.rates.append(math.nan if optimizer is None else float(optimizer.param_groups[0].get("lr", math.nan)))
        self._note_loss(record)
        if not record.by_hand:
            self._note_clipping(record)
        if record.left is not None and record.cleared is not None:
            record.counts.update(["clearing-seen", *["not-cleared"] * (not record.cleared)])
        record.left, record.cleared = None, None
        record.scaler = self.scaling.scaler
        elapsed = time.perf_counter() - self.began
        record.due = record.steps <= FIRST or (record.steps % self.every == 0 and self.guard.spent <= self.max_overhead * elapsed)
        overflow = getattr(optimizer, "found_inf", None)  # a fused optimizer skips by itself
        if overflow is not None:
            record.overflows = record.overflows + overflow.detach()
            record.due = record.due and not float(overflow)
        if record.due or len(record.late) > MOST_LATE:
            settle(record)

    def _note_loss(self, record: Record) -> None:
        """The loss of this update, and where a number came from that is none."""
        waiting = any(hasattr(each, "detach") for each in self._losses)
        record.losses.append(sum(self._losses) if self._losses and not waiting else math.nan)
        self._closed = True
        record.objective, self._objective = record.objective or self._objective, None
        if self._classes:
            record.batches.add(self._classes)
        if self._inside:
            known = {id(tensor): parameter for tensor, parameter in zip(record.tensors, record.parameters, strict=True)}
            record.inside.add(self._inside[0], known)
        self._inside, self._classes = [], None
        if waiting:
            record.late.append((record.steps, self._losses, None))
        if record.nonfinite is None and self._losses and not waiting and not math.isfinite(record.losses[-1]):
            record.nonfinite = locate(record, self._origin)
            record.spoilt = self._origin if self._origin is not None and self._origin.part else None

    def _note_clipping(self, record: Record) -> None:
        """How the gradient of this update was clipped, and when."""
        clipped, faults = self.clipping.order.close()
        record.counts.update([*["clipped"] * clipped, *faults])
        clip, self.clipping.last = self.clipping.last, None
        if clip is None:
            return
        record.clip = clip.mode, clip.threshold
        if hasattr(clip.raw, "detach"):
            record.late.append((record.steps, [], clip))
        else:
            record.clipped[record.steps] = clip.read()

    def _look_closely(self, record: Record, optimizer: Any, *, begins: bool) -> None:
        places = record.places[id(optimizer)]
        tensors = [record.tensors[place] for place in places]
        gradients = [each.grad for each in tensors]
        norms = measure_norms(gradients)
        scale = getattr(optimizer, "grad_scale", None)  # a fused optimizer unscales by itself
        if scale is not None:
            norms = [norm / float(scale) for norm in norms]
        if begins:
            record.at.append(record.steps)
            record.norms.append([0.0] * len(record.tensors))
            record.weights.append([0.0] * len(record.tensors))
            record.counts.update(["looked", *["without-gradient"] * all(each is None for each in gradients)])
            self._look_at_model(record)
        weights = measure_norms([each.detach() for each in tensors])
        for place, norm, weight in zip(places, norms, weights, strict=True):
            record.norms[-1][place], record.weights[-1][place] = norm, weight
        if record.nonfinite is None and not all(map(math.isfinite, norms)):
            record.nonfinite = describe_gradient(record)
        self._before[id(optimizer)] = [each.detach().clone() for each in tensors]

    def _look_at_model(self, record: Record) -> None:
        if record.model is None:
            return
        modes = record.list_modes()
        record.counts.update(["mode-seen"] * bool(modes) + ["eval-mode"] * (modes == {False}))
        if record.steps in (FIRST // 2, FIRST) and not record.by_hand:
            held = self.register.list_held()
            record.unheld = tuple(
                name
                for name, tensor in record.model.named_parameters()
                if tensor.requires_grad and tensor.grad is not None and id(tensor) not in held
            )

    def _see_stepped(self, optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:  # noqa: ARG002
        record = self.meeting.recall(optimizer)
        if record is None or self.guard.is_idle():
            return
        with self.guard.look():
            if record.steps < FIRST or (record.steps + 1) % self.every == 0:
                record.left = find_left(record)
            self._look_back(record, optimizer)
        self._end(record)

    def _look_back(self, record: Record, optimizer: Any) -> None:
        """The update has been made: how far it went."""
        before = self._before.pop(id(optimizer), None)
        if before is None:
            return
        import torch

        places = record.places[id(optimizer)]
        with torch.no_grad():
            torch._foreach_sub_(before, [record.tensors[place].detach() for place in places])
        if len(record.changes) < len(record.norms):
            record.changes.append([0.0] * len(record.tensors))
        for place, change in zip(places, measure_norms(before), strict=True):
            record.changes[-1][place] = change

    def _end(self, record: Record) -> None:
        if record.due and record.stepped:
            self.heed(record)
        if self.ask is not None and record.steps % self.every == 0:
            with self.guard.look():
                self.ask()
        if self.max_steps is not None and record.steps >= self.max_steps:
            raise Enough(self.why or f"--max-steps {self.max_steps}")

    def _see_skipped(self, optimizer: Any) -> None:
        record = self.meeting.find(optimizer, self.backwards)
        record.counts["skipped"] += record.skipped != self.backwards  # by all that step parts of it: one update
        record.skipped = self.backwards
        self._closed = True
        self.clipping.order.close()
        self.clipping.last = None

    def _find_by_hand(self, roots: tuple[Any, ...]) -> Record:
        """The record of a script without a torch optimizer, in which each backward pass is an update."""
        record = next((each for each in self.records if each.by_hand), None)
        if record is None:
            leaves = list({id(leaf): leaf for root in roots for leaf in list_leaves(root)}.values())
            record = self.meeting.meet(leaves, self.backwards)
            record.by_hand = True
            record.places[id(None)] = list(range(len(record.tensors)))
        return record

    def _finish_by_hand(self, record: Record) -> None:
        """The next backward pass begins: by now the script has clipped and changed its weights."""
        if not record.steps:
            return
        self._note_clipping(record)
        self._look_back(record, None)
        if record.due and not any(record.changes[-1]):
            for rows in (record.at, record.norms, record.weights, record.changes):
                rows.pop()  # no update after all: gradients are gathered over several passes
            record.left = record.cleared = None


def is_near(tensor: Any) -> bool:
    """Whether it can be read without waiting for an accelerator."""
    return bool(tensor.device.type == "cpu")
