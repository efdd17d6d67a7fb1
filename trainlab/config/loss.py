"""The section `loss`: which loss, by its name or a target of your own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator

from trainlab.config.types import Args, Setting, Tagged, Target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedLoss(Setting):
    """A loss by its name, which is all there is to say of it: `loss: mse`.

    Attributes:
        name: which.
    """

    name: Literal["sum", "mse", "l1", "huber", "bce", "bce_logits", "cross_entropy"] = "sum"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PythonLoss(Setting):
    """A loss of your own: `loss(output, target)`, a number, the mean over the samples.

    It is imported and run as the program that it is, and gets what the network returns and the target as the data have it.

    Attributes:
        target: `pkg.module:loss`, or a file, `./loss.py:Focal`, in the folder of this config or else in the working directory: a
            function, a class of modules, or a module.
        args: what a class is called with; what a function is given besides output and target.
    """

    name: Literal["python"]
    target: Target
    args: Args = field(default_factory=dict)

    def __str__(self) -> str:
        """As reports name it."""
        return self.target


def _shorten_loss(loss: NamedLoss | PythonLoss) -> str | PythonLoss:
    return loss.name if isinstance(loss, NamedLoss) else loss


if TYPE_CHECKING:
    Loss = str | PythonLoss
else:
    # Written as `loss: mse`, and kept so
    Loss = Annotated[NamedLoss | PythonLoss, Tagged("name", "sum"), AfterValidator(_shorten_loss)]
