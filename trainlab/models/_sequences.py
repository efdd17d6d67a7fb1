"""What all networks for sequences have in common: what enters the first layer, and what the output layer reads."""

from __future__ import annotations

from torch import Tensor, nn

from trainlab.config.model import Read
from trainlab.models._sizes import Sizes


def build_embedding(sizes: Sizes, width: int) -> nn.Embedding:
    """A row of `width` numbers, N(0, 0.02^2), for each token."""
    embedding = nn.Embedding(sizes.tokens, width)
    nn.init.normal_(embedding.weight, 0.0, 0.02)
    return embedding


def choose_read(read: Read | None, sizes: Sizes, otherwise: Read) -> Read:
    """What the output layer reads: as the config says, else every step where the target has a value for each."""
    return read or ("every" if sizes.every_step else otherwise)


def read_steps(hidden: Tensor, read: Read) -> Tensor:
    """`[sample, step, feature]` to `[sample, feature]`, or unchanged for `every`."""
    if read == "every":
        return hidden
    return hidden[:, -1] if read == "last" else hidden.mean(dim=1)
