"""The copy problem."""

from __future__ import annotations

import torch

from trainlab.config.data import Copy
from trainlab.data._samples import Samples


def draw(spec: Copy) -> Samples:
    """Tokens and classes `[sample, length + 2 * items]`: 0 is the blank, 1 to `symbols` the symbols, the last token says "now".

    Hochreiter & Schmidhuber (1997), laid out as by Arjovsky et al. (2016): the symbols, `length` - 1 blanks, the sign, and a blank
    for each symbol to say.
    """
    stream = torch.Generator().manual_seed(spec.seed)
    shown = torch.randint(1, spec.symbols + 1, (spec.samples, spec.items), generator=stream)
    steps = spec.length + 2 * spec.items
    inputs = torch.zeros(spec.samples, steps, dtype=torch.int64)
    inputs[:, : spec.items] = shown
    inputs[:, spec.items + spec.length - 1] = spec.symbols + 1
    target = torch.zeros_like(inputs)
    target[:, -spec.items :] = shown
    return Samples(inputs=inputs, target=target, classes=spec.symbols + 1, tokens=spec.symbols + 2)
