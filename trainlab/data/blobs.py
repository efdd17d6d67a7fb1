"""scikit-learn's `make_blobs`."""

from __future__ import annotations

import torch

from trainlab.config.data import Blobs
from trainlab.data._samples import Samples, to_numpy_seed


def draw(spec: Blobs) -> Samples:
    """One round Gaussian cloud for each class."""
    from sklearn.datasets import make_blobs

    inputs, target = make_blobs(
        n_samples=spec.samples,
        n_features=spec.features,
        centers=spec.classes,
        cluster_std=spec.spread,
        random_state=to_numpy_seed(spec.seed),
    )
    return Samples(inputs=torch.from_numpy(inputs).float(), target=torch.from_numpy(target).long(), classes=spec.classes)
