"""Half moons and concentric circles: two classes in the plane that no line can part."""

from __future__ import annotations

import torch

from trainlab.config.data import Shape2D
from trainlab.data._samples import Samples, to_numpy_seed

OWN = ("noise",)


def draw(spec: Shape2D) -> Samples:
    """Points of scikit-learn's `make_moons` or `make_circles`."""
    from sklearn import datasets

    make = getattr(datasets, f"make_{spec.name}")
    inputs, target = make(n_samples=spec.samples, noise=spec.noise, random_state=to_numpy_seed(spec.seed))
    return Samples(inputs=torch.from_numpy(inputs).float(), target=torch.from_numpy(target).long(), classes=2)
