"""Optimizers and schedulers that a script makes, and whether it ever steps them."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from trainlab.watch._patches import Patches


@dataclass(slots=True, kw_only=True)
class Made:
    """One optimizer or scheduler: its class, where it was made, how often it was stepped, and a weak reference to it."""

    kind: str
    where: str
    steps: int = 0
    reference: Any = None


@dataclass(slots=True)
class Register:
    """Every optimizer and scheduler that was made while the script ran; `optimizers` counts those of the first kind."""

    optimizers: int = 0
    made: dict[int, Made] = field(default_factory=dict)
    gone: list[Made] = field(default_factory=list)
    _wrapped: set[Any] = field(default_factory=set)

    def follow(self, patches: Patches) -> None:
        """Begin to note them. Steps of optimizers are told by `note_step`, those of schedulers are seen here."""
        from torch.optim import Optimizer, lr_scheduler

        def wrap_optimizer(original: Callable[..., None]) -> Callable[..., None]:
            init = self._wrap_init(original)

            @wraps(original)
            def count(instance: Any, *args: Any, **kwargs: Any) -> None:
                init(instance, *args, **kwargs)
                self.optimizers += 1

            return count

        patches.lay(Optimizer, "__init__", wrap_optimizer)

        def wrap_scheduler(original: Callable[..., None]) -> Callable[..., None]:
            init = self._wrap_init(original)

            @wraps(original)
            def follow_steps(instance: Any, *args: Any, **kwargs: Any) -> None:
                init(instance, *args, **kwargs)
                # Only now: a scheduler's own beginning steps it once.
                owner = next((each for each in type(instance).__mro__ if "step" in vars(each)), None)
                if owner is not None and owner not in self._wrapped:
                    self._wrapped.add(owner)
                    patches.lay(owner, "step", self._wrap_step)

            return follow_steps

        def wrap_container(original: Callable[..., None]) -> Callable[..., None]:
            @wraps(original)
            def init(instance: Any, *args: Any, **kwargs: Any) -> None:
                original(instance, *args, **kwargs)
                for each in getattr(instance, "_schedulers", ()):  # stepped by this one, some of them never in a short run
                    self.note_step(each)

            return init

        patches.lay(lr_scheduler.LRScheduler, "__init__", wrap_scheduler)
        patches.lay(lr_scheduler.SequentialLR, "__init__", wrap_container)
        patches.lay(lr_scheduler.ChainedScheduler, "__init__", wrap_container)

    def meet(self, optimizer: Any, where: str, *, steps: int) -> None:
        """An optimizer that was made before, and stepped so often."""
        self._note(optimizer, where, steps)
        self.optimizers += 1

    def note_step(self, instance: Any) -> None:
        """One of them was stepped."""
        if (made := self.made.get(id(instance))) is not None:
            made.steps += 1

    def list_idle(self) -> list[Made]:
        """Those that were never stepped."""
        return [each for each in (*self.made.values(), *self.gone) if not each.steps]

    def list_single(self, beside: Any) -> list[Any]:
        """The optimizers alive of one parameter each, but for this one."""
        alive = [each.reference() for each in self.made.values()]
        groups = [(each, list(getattr(each, "param_groups", []))) for each in alive if each is not None and each is not beside]
        return [each for each, held in groups if len(held) == 1 and len(held[0]["params"]) == 1]

    def list_held(self) -> set[int]:
        """`id` of every parameter that some optimizer alive holds."""
        alive = [each.reference() for each in self.made.values()]
        groups = [group for each in alive if each is not None for group in getattr(each, "param_groups", ())]
        return {id(tensor) for group in groups for tensor in group["params"]}

    def _wrap_init(self, original: Callable[..., None]) -> Callable[..., None]:
        @wraps(original)
        def init(instance: Any, *args: Any, **kwargs: Any) -> None:
            original(instance, *args, **kwargs)
            self._note(instance, _find_caller())

        return init

    def _note(self, instance: Any, where: str, steps: int = 0) -> None:
        key = id(instance)

        def forget(_: object) -> None:
            self.gone.append(self.made.pop(key))

        self.made[key] = Made(kind=type(instance).__name__, where=where, steps=steps, reference=weakref.ref(instance, forget))

    def _wrap_step(self, original: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(original)
        def step(instance: Any, *args: Any, **kwargs: Any) -> Any:
            self.note_step(instance)
            return original(instance, *args, **kwargs)

        return step


def _find_caller() -> str:
    """File and line of the innermost frame that is neither ours nor torch's."""
    frame: Any = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("trainlab", "torch"):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""
