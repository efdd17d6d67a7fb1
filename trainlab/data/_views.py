"""One sample in several shapes: a vector, an image, a sequence."""

from __future__ import annotations

from torch import Tensor

from trainlab.config.model import View
from trainlab.errors import UserError


def reshape(inputs: Tensor, view: View, *, tokens: int, image: tuple[int, int, int] | None) -> Tensor:
    """`[sample, ...]` as the network wants to see it; the same numbers in the same order, but for a colour image's rows.

    A vector is every number of a sample in a row. An image is `[channel, height, width]`; a sequence `[step, feature]` may pass as
    one of a single channel. A sequence is an image row by row, a vector number by number.

    Args:
        inputs: as loaded.
        view: what is wanted; `any` is as loaded.
        tokens: see `Dataset`.
        image: see `Samples`.

    Raises:
        UserError: these data cannot be seen so.
    """
    if view == "any" or (tokens and view == "sequence"):
        return inputs
    if tokens:
        raise UserError(
            f"this network reads {view}s, and these data are tokens: take rnn, lstm, gru or transformer", key="model.kind"
        )
    if view == "vector":
        return inputs.flatten(1)
    if image is not None and inputs.dim() == 2:
        inputs = inputs.view(-1, *image)
    if view == "image":
        if inputs.dim() == 2:
            raise UserError("this network reads images, and these data have none: digits and npz have", key="model.kind")
        return inputs if inputs.dim() == 4 else inputs[:, None]
    if inputs.dim() == 2:
        return inputs[:, :, None]
    # Rows of an image, the channels of each side by side.
    return inputs if inputs.dim() == 3 else inputs.transpose(1, 2).flatten(2)
