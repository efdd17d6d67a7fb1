"""A smaller network: fewer units, fewer layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

SHARES = (0.25, 0.1, 0.02)  # of the units
LEAST = 2
LAYERED = ("mlp", "cnn", "rnn", "lstm", "gru", "transformer")


class SmallerNetwork:
    """Fewer units in each layer, or a layer less: of two networks that fit, the simpler one is the better guess (Occam).

    A network without room for single samples cannot learn them by heart. Too small, it learns nothing else either: F002 says so.
    """

    name: ClassVar[str] = "smaller-network"
    codes: ClassVar[tuple[str, ...]] = ("F001", "F004")
    reason: ClassVar[str] = "a network without room for single samples cannot learn them by heart"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        model = config.model
        width = getattr(model, "width", None)
        if width is None:
            return
        unit = getattr(model, "heads", getattr(getattr(model, "norm", None), "groups", 1))
        seen = {str(width)}
        for share in SHARES:
            smaller = (
                tuple(_shrink(each, share, unit) for each in width) if isinstance(width, tuple) else _shrink(width, share, unit)
            )
            if str(smaller) not in seen:
                seen.add(str(smaller))
                yield {"model.width": list(smaller) if isinstance(smaller, tuple) else smaller}
        layers = getattr(model, "layers", 0)
        if model.kind in LAYERED and not isinstance(width, tuple) and layers > LEAST:
            yield {"model.layers": layers - 1}


def _shrink(width: int, share: float, unit: int) -> int:
    """That share of the units, a multiple of `unit`, at least 2; never more than there are."""
    return min(width, max(unit * round(share * width / unit), unit, LEAST))
