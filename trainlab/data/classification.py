"""scikit-learn's `make_classification`."""

from __future__ import annotations

import torch

from trainlab.config.data import Classification
from trainlab.data._samples import Samples, to_numpy_seed

OWN = ("label_noise",)


def draw(spec: Classification) -> Samples:
    """Gaussian clusters at the corners of a hypercube, uninformative features, a share of labels flipped."""
    from sklearn.datasets import make_classification

    inputs, target = make_classification(
        n_samples=spec.samples,
        n_features=spec.features,
        n_informative=spec.informative,
        n_redundant=spec.redundant,
        n_classes=spec.classes,
        flip_y=spec.label_noise,
        random_state=to_numpy_seed(spec.seed),
    )
    return Samples(inputs=torch.from_numpy(inputs).float(), target=torch.from_numpy(target).long(), classes=spec.classes)
