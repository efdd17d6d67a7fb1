"""A larger network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from trainlab.config import Config
from trainlab.report import Finding, Patch

LARGE = 512  # units


class LargerNetwork:
    """More units: 8 times, 4 times as many or 32, beyond 512 twice as many; then a layer more.

    A network that is too small for the function cannot fit its training part either, whatever the rate.
    """

    name: ClassVar[str] = "larger-network"
    codes: ClassVar[tuple[str, ...]] = ("F002", "G003")
    reason: ClassVar[str] = "a network must be large enough for the function"

    def propose(self, config: Config, finding: Finding | None = None) -> Iterator[Patch]:  # noqa: ARG002  # whatever was found
        """See `Remedy`."""
        model = config.model
        width = getattr(model, "width", None)
        if width is None:
            return
        unit = getattr(model, "heads", 1)
        for least, factor in ((32, 8), (8, 4)):
            wider = [_widen(each, least, factor, unit) for each in (width if isinstance(width, tuple) else (width,))]
            yield {"model.width": wider if isinstance(width, tuple) else wider[0]}
        if model.kind in ("mlp", "cnn") and not isinstance(width, tuple):
            yield {"model.layers": model.layers + 1, "model.width": _widen(width, 32, 8, unit)}


def _widen(width: int, least: int, factor: int, unit: int) -> int:
    """That many times the units, at least `least`, a multiple of `unit`; twice as many where that is beyond LARGE."""
    wider = max(least, min(factor * width, max(2 * width, LARGE)))
    return unit * -(-wider // unit)
