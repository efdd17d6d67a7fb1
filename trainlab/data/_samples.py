"""What a data source returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Task = Literal["regression", "binary", "multiclass", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Samples as drawn, not yet split.

    Attributes:
        inputs: `[sample, feature]` float32.
        target: `[sample, number]` float32 for regression, `[sample]` int64 class numbers, or None.
        classes: number of classes; 0 where there are none.
    """

    inputs: Tensor
    target: Tensor | None
    classes: int = 0

    @property
    def task(self) -> Task:
        """What is to be learned."""
        if self.target is None:
            return "none"
        if not self.classes:
            return "regression"
        return "binary" if self.classes == 2 else "multiclass"
