"""The classes in each batch, as the graph behind a loss tells: whether every batch shows one kind of sample only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from trainlab.watch._graph import name_operation, walk
from trainlab.watch._objective import LOSSES, NEAR

CLASSES = ("cross_entropy", "bce", "bce_logits")
MOST = 100_000  # targets of one batch that are counted
FEW = 10  # batches


def read_classes(root: Any) -> list[int] | None:
    """The class of each sample behind one loss; None where it compares numbers, or classes of pixels or words."""
    found: list[int] | None = None
    for node in walk(root, NEAR):
        if LOSSES.get(name_operation(node)) not in CLASSES:
            continue
        target = node._saved_target.detach()
        if target.is_floating_point():
            target = target.squeeze(-1) if target.dim() == 2 and target.shape[1] == 1 else target
            if not bool(((target == 0) | (target == 1)).all()):
                return None
        if target.dim() != 1 or len(target) > MOST:
            return None
        found = [*(found or []), *target.long().tolist()]
    return None if found is None else [each for each in found if each >= 0]  # what is to be ignored is below


@dataclass(slots=True)
class Batches:
    """Sums over batches from which follows how pure they are: eta squared of the indicators of the classes."""

    batches: int = 0
    samples: int = 0
    within: float = 0.0  # sum over batches of the squared counts over the size
    classes: Counter[int] = field(default_factory=Counter)

    def add(self, classes: list[int]) -> None:
        """One batch."""
        counts = Counter(classes)
        self.batches += 1
        self.samples += len(classes)
        self.within += sum(count * count for count in counts.values()) / len(classes)
        self.classes.update(counts)

    def measure(self) -> dict[str, float]:
        """`batch_purity`, and what shuffled samples would have, `batch_purity_shuffled`; nothing of one class or few batches."""
        if self.batches < FEW or len(self.classes) < 2:
            return {}
        total = self.samples - sum(count * count for count in self.classes.values()) / self.samples
        return {
            "batch_purity": 1 - (self.samples - self.within) / total,
            "batch_purity_shuffled": (self.batches - 1) / (self.samples - 1),
        }
