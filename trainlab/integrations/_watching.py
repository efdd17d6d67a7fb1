"""What the callbacks of training frameworks share: a watch that begins and ends with a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainlab.report import Report
    from trainlab.watch import watch


class Watching:
    """One watch for each training, with the options of `trainlab.watch`."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self._options = options
        self._watch: watch | None = None
        self._open = False

    @property
    def report(self) -> Report:
        """On the last training that has ended.

        Raises:
            RuntimeError: none has.
        """
        if self._watch is None or self._open:
            raise RuntimeError("the report is there when a training has ended")
        return self._watch.report

    def _begin(self, model: Any) -> None:
        from trainlab.watch import watch

        if self._open:
            self._end(RuntimeError("the training before was not ended"))
        self._watch = watch(model, **self._options)
        self._watch.__enter__()
        self._open = True

    def _end(self, error: BaseException | None = None) -> None:
        if self._watch is not None and self._open:
            self._open = False
            self._watch.__exit__(type(error) if error is not None else None, error, None)
