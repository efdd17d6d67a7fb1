"""Lightning: `Trainer(callbacks=[TrainlabCallback()])` watches the fit; then `callback.report`."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from trainlab.integrations._watching import Watching

PACKAGES = ("lightning.pytorch.callbacks", "pytorch_lightning.callbacks")


def _find_callback() -> type[Any]:
    """The base class of the package that the program uses: there are two, and they do not take each other's callbacks."""
    for name in sorted(PACKAGES, key=lambda name: name.partition(".")[0] not in sys.modules):
        try:
            found: type[Any] = importlib.import_module(name).Callback
        except ModuleNotFoundError:
            continue
        return found
    raise ModuleNotFoundError("there is neither lightning nor pytorch_lightning: pip install 'trainlab[lightning]'")


if TYPE_CHECKING:
    Callback = object
else:
    Callback = _find_callback()


class TrainlabCallback(Watching, Callback):
    """Watches the module that a Trainer fits, and changes nothing. Takes the options of `trainlab.watch`."""

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002  # Lightning's signature
        """Begin, before the optimizers are made."""
        self._begin(pl_module)

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:  # noqa: ARG002
        """End, and be able to report."""
        self._end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002
        """End: the report says what was seen until then."""
        self._end(exception)
