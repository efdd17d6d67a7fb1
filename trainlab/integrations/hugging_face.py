"""Hugging Face: `Trainer(..., callbacks=[TrainlabCallback()])` watches the training; then `callback.report`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainlab.integrations._watching import Watching

if TYPE_CHECKING:
    from trainlab.report import Report

    TrainerCallback = object
else:
    try:
        from transformers import TrainerCallback
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("there is no transformers: pip install 'trainlab[hugging-face]'") from error


class TrainlabCallback(Watching, TrainerCallback):
    """Watches the model that a Trainer trains, and changes nothing. Takes the options of `trainlab.watch`."""

    @property
    def report(self) -> Report:
        """On the last training. Where that has raised, which no callback is told, watching ends here.

        Raises:
            RuntimeError: nothing was trained.
        """
        self._end(RuntimeError("the training was not ended"))
        return super().report

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002  # their signature
        """Begin; optimizers are made by now."""
        self._begin(given["model"])

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """End, and be able to report."""
        self._end()
