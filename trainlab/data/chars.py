"""The characters of a text."""

from __future__ import annotations

from pathlib import Path

import torch

from trainlab.config.data import Chars
from trainlab.data._files import read_text
from trainlab.data._samples import Samples, choose_samples
from trainlab.errors import UserError

SHIPPED = Path(__file__).with_name("chars.txt")


def draw(spec: Chars) -> Samples:
    """Pieces `[sample, length]` of the text as numbers of characters, and for each character the next one.

    A piece begins where the one before it ends, so that no piece of one part of the split is also in another.

    Raises:
        UserError: the text cannot be read, or is too short for two pieces.
    """
    text = SHIPPED.read_text(encoding="utf-8") if spec.path is None else read_text(spec.path)
    characters = sorted(set(text))
    pieces = (len(text) - 1) // spec.length
    if pieces < 2:
        raise UserError(
            f"is too long: the text has {len(text)} characters, and two pieces are the least",
            key="data.length",
            value=str(spec.length),
        )
    numbers = {character: number for number, character in enumerate(characters)}
    codes = torch.tensor([numbers[character] for character in text])
    inputs = codes[: pieces * spec.length].view(pieces, spec.length)
    target = codes[1 : pieces * spec.length + 1].view(pieces, spec.length)
    samples = Samples(inputs=inputs, target=target, classes=len(characters), tokens=len(characters))
    return choose_samples(samples, spec.samples, spec.seed)
