"""Real data sets that scikit-learn ships."""

from __future__ import annotations

import torch

from trainlab.config.data import Shipped
from trainlab.data._samples import Samples, choose_samples


def draw(spec: Shipped) -> Samples:
    """All samples of the set, or the first `samples` of a random order (the sets are partly sorted by class)."""
    from sklearn import datasets

    found = getattr(datasets, f"load_{spec.name}")()
    inputs = torch.from_numpy(found.data).float()
    classes = len(getattr(found, "target_names", ()))
    target = torch.from_numpy(found.target)
    target = target.long() if classes else target.float().reshape(-1, 1)
    image = (1, 8, 8) if spec.name == "digits" else None
    samples = Samples(inputs=inputs, target=target, classes=classes, image=image)
    return choose_samples(samples, spec.samples, spec.seed)
