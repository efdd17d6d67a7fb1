"""What can be wrong with training data, done to a healthy training part: too few, unbalanced, mislabelled, far off, noisy.

Every fault draws from a stream of its own, so that adding one leaves the others as they are; and the samples that a small share
spoils are among those of a larger one.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor

from trainlab.config.data import NoisySource, Source
from trainlab.data._samples import Samples, select
from trainlab.device import make_generator


def keep_fraction(samples: Samples, spec: Source) -> Samples:
    """A random `fraction` of the samples in their old order; with `stratify`, of each class."""
    if spec.fraction == 1:
        return samples
    stream = make_generator(spec.seed, "fraction")
    labels = samples.labels
    if not spec.stratify or labels is None:
        return select(samples, _choose(torch.arange(len(samples.inputs)), spec.fraction, stream))
    parts = [_choose((labels == label).nonzero()[:, 0], spec.fraction, stream) for label in torch.unique(labels)]
    return select(samples, torch.cat(parts).sort().values)


def unbalance(samples: Samples, spec: Source) -> Samples:
    """Drop samples class by class: of C classes, class c keeps the share imbalance^(-c/(C-1)) of its own (Cui et al., 2019)."""
    labels = samples.labels
    if spec.imbalance == 1 or labels is None:
        return samples
    stream = make_generator(spec.seed, "imbalance")
    shares = [spec.imbalance ** (-label / max(samples.classes - 1, 1)) for label in range(samples.classes)]
    parts = [_choose((labels == label).nonzero()[:, 0], share, stream) for label, share in enumerate(shares)]
    return select(samples, torch.cat(parts).sort().values)


def mislabel(samples: Samples, spec: Source) -> Samples:
    """Give a share of the labels another class at random; of numbers to predict, pass a share on from sample to sample."""
    if not spec.label_noise or samples.target is None:
        return samples
    stream = make_generator(spec.seed, "label-noise")
    target = samples.target.clone()
    if samples.classes > 1:
        flat = target.view(-1)  # labels of sequences are spoilt one by one
        chosen = _choose(torch.arange(len(flat)), spec.label_noise, stream, least=0, sort=False)
        flat[chosen] = (flat[chosen] + torch.randint(1, samples.classes, (len(chosen),), generator=stream)) % samples.classes
    elif not samples.classes:
        chosen = _choose(torch.arange(len(target)), spec.label_noise, stream, least=0, sort=False)
        target[chosen] = target[chosen.roll(1)]
    return replace(samples, target=target)


def add_outliers(samples: Samples, spec: NoisySource) -> Samples:
    """Move the targets of a share of the samples far up or down; where those are classes, the inputs."""
    if not spec.outliers:
        return samples
    stream = make_generator(spec.seed, "outliers")
    chosen = _choose(torch.arange(len(samples.inputs)), spec.outliers, stream, least=0, sort=False)
    moves_target = samples.target is not None and not samples.classes
    values = (samples.target if moves_target else samples.inputs).clone()  # type: ignore[union-attr]  # there is a target then
    signs = torch.randint(2, (len(chosen), *values.shape[1:]), generator=stream) * 2 - 1
    values[chosen] += spec.outlier_size * signs * _spread(values)
    return replace(samples, target=values) if moves_target else replace(samples, inputs=values)


def add_noise(samples: Samples, spec: NoisySource) -> Samples:
    """Add Gaussian noise to the inputs, in units of each feature's spread."""
    if not spec.noise:
        return samples
    drawn = torch.randn(samples.inputs.shape, generator=make_generator(spec.seed, "noise"))
    return replace(samples, inputs=samples.inputs + spec.noise * _spread(samples.inputs) * drawn)


def augment(samples: Samples, spec: NoisySource) -> Samples:
    """Changed copies after the samples: images shifted by whole pixels, numbers with Gaussian noise."""
    made = spec.augment
    if not made.copies:
        return samples
    stream = make_generator(spec.seed, "augment")
    inputs = samples.inputs.repeat(made.copies, *[1] * (samples.inputs.dim() - 1))
    if made.shift:
        inputs = _shift(inputs, samples.image, made.shift, stream)
    if made.noise:
        inputs = inputs + made.noise * _spread(samples.inputs) * torch.randn(inputs.shape, generator=stream)
    target = samples.target
    return replace(
        samples,
        inputs=torch.cat([samples.inputs, inputs]),
        target=None if target is None else torch.cat([target, target.repeat(made.copies, *[1] * (target.dim() - 1))]),
    )


def _shift(inputs: Tensor, image: tuple[int, int, int] | None, most: int, stream: torch.Generator) -> Tensor:
    """Each image moved by at most so many pixels along both axes, of the same shape as before."""
    pictures = inputs if image is None else inputs.view(-1, *image)
    height, width = pictures.shape[-2:]
    padded = F.pad(pictures, [most] * 4)
    starts = torch.randint(2 * most + 1, (len(pictures), 2), generator=stream)
    rows, columns = starts[:, :1] + torch.arange(height), starts[:, 1:] + torch.arange(width)
    sample = torch.arange(len(pictures))
    moved = padded.permute(0, 2, 3, 1)[sample[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).reshape(inputs.shape)


def resample(samples: Samples, spec: Source) -> Samples:
    """As many samples, drawn with replacement."""
    if spec.bootstrap is None:
        return samples
    size = len(samples.inputs)
    return select(samples, torch.randint(size, (size,), generator=make_generator(spec.seed, f"bootstrap-{spec.bootstrap}")))


def _choose(indices: Tensor, share: float, stream: torch.Generator, *, least: int = 1, sort: bool = True) -> Tensor:
    """A share of the indices; where there are any, at least `least`."""
    count = min(max(round(share * len(indices)), least), len(indices))
    chosen = indices[torch.randperm(len(indices), generator=stream)[:count]]
    return chosen.sort().values if sort else chosen


def _spread(values: Tensor) -> Tensor:
    """Standard deviation of each feature; of a sequence's, over all steps."""
    return values.std(dim=(0, 1) if values.dim() == 3 else 0, unbiased=False)
