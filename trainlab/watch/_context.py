"""Watching a block of a program from inside: `with trainlab.watch(model, optimizer) as w: ...`, then `w.report`."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from trainlab import report as reports
from trainlab.causes import FAIL_ON
from trainlab.errors import Problem, UserError, check_choice
from trainlab.watch._observer import Observer

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer

    from trainlab.report import Report
    from trainlab.watch import Ended

EARLIER = "an earlier line"  # where an optimizer was made is not known where it was not seen


class watch:  # noqa: N801  # called like a function
    """Looks at every update that is made while the block lasts, and changes nothing.

    Blocks may stand in each other, and one object may watch several, one after the other: each has a report of its own. Whatever is
    laid over torch is taken off when the block ends, also by an exception; a report on what was seen is there in that case too.

    Args:
        *only: models and optimizers to which it is restricted: an optimizer is followed if it is one of them, or steps a parameter
            of one of the models. All that step while the block lasts if there are none.
        every: a close look at each so-manieth update, after the first ten.
        max_overhead: share of the block's time that looking may take.
        select: prefixes of rule codes that are reported; all if empty.
        ignore: prefixes of rule codes that are not.
        fail_on: least severity of a finding for which the report is not `ok`: never, warning or error.

    Raises:
        UserError: an argument is wrong.
    """

    def __init__(
        self,
        *only: nn.Module | Optimizer,
        every: int = 10,
        max_overhead: float = 0.03,
        select: str | Iterable[str] = (),
        ignore: str | Iterable[str] = (),
        fail_on: str = "error",
    ) -> None:
        from trainlab.watch import Options, choose

        _check(only, every=every, fail_on=fail_on)
        self._only = only
        self._options = Options(
            every=every,
            max_overhead=max_overhead,
            select=(select,) if isinstance(select, str) else tuple(select),
            ignore=(ignore,) if isinstance(ignore, str) else tuple(ignore),
            fail_on=fail_on,
        )
        choose(self._options)  # says now which code is none
        self._observer: Observer | None = None
        self._began = 0.0
        self._ended: Ended | None = None
        self._report: Report | None = None

    def __enter__(self) -> Self:
        if self._observer is not None:
            raise RuntimeError("this watch has begun already; another block needs another one")
        self._ended = self._report = None
        self._observer = _Restricted(self._only, every=self._options.every, max_overhead=self._options.max_overhead)
        self._observer.install()
        self._began = time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        from trainlab.watch import Ended

        assert self._observer is not None
        self._observer.remove()
        seconds = time.perf_counter() - self._began
        self._ended = Ended(observer=self._observer, error=error, complete=error is None, why="", seconds=seconds, torch=True)
        self._observer = None

    @property
    def report(self) -> Report:
        """What is wrong with what was seen.

        Raises:
            RuntimeError: the block has not ended.
        """
        if self._report is None:
            from trainlab.watch import judge

            if self._ended is None:
                raise RuntimeError("the report is there when the block has ended")
            self._report = judge(self._ended, self._options)
            self._ended = None  # it has hold of the caller's model
            reports.recent.append(self._report)
        return self._report


def _check(only: Iterable[Any], *, every: int, fail_on: str) -> None:
    from torch import nn
    from torch.optim import Optimizer

    problems = [
        Problem(message=f"must be a module or an optimizer of torch, not a {type(each).__name__}", key="watch")
        for each in only
        if not isinstance(each, nn.Module | Optimizer)
    ]
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        problems.append(Problem(message="must be a whole number of at least 1", key="every", value=repr(every)))
    problems += check_choice("fail_on", fail_on, FAIL_ON)
    if problems:
        raise UserError(problems)


class _Restricted(Observer):
    """Sees the steps of some optimizers only, and knows of those that were made before it began."""

    def __init__(self, only: Iterable[Any], **settings: Any) -> None:
        super().__init__(**settings)
        from torch.optim import Optimizer

        self._only = list(only)
        for each in gc.get_objects():
            if issubclass(type(each), Optimizer):
                # Whoever names an optimizer means to step it; of others that happen to be alive nobody knows.
                self.register.meet(each, EARLIER, steps=0 if self._names(each) else 1)

    def remove(self) -> None:
        """As ever; the caller's objects are let go."""
        super().remove()
        self._only.clear()

    def _names(self, optimizer: Any) -> bool:
        return any(each is optimizer for each in self._only)

    def _is_meant(self, optimizer: Any) -> bool:
        if not self._only or self._names(optimizer):
            return True
        from torch import nn

        held = {id(each) for group in optimizer.param_groups for each in group["params"]}
        models = (each for each in self._only if isinstance(each, nn.Module))
        return any(id(parameter) in held for model in models for parameter in model.parameters())

    def _see_step(self, optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
        if self.meeting.recall(optimizer) is not None or self._is_meant(optimizer):
            return super()._see_step(optimizer, args, kwargs)
        self._pass_over()
        return None

    def _see_skipped(self, optimizer: Any) -> None:
        if self._is_meant(optimizer):
            super()._see_skipped(optimizer)
        else:
            self._pass_over()

    def _pass_over(self) -> None:
        """What was noted before the step of another optimizer belongs to that one."""
        self._closed, self._objective = True, None
        self._inside, self._classes = [], None
        self.clipping.order.close()
        self.clipping.last = None
