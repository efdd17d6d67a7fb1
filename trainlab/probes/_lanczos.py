"""Eigenvalues of a symmetric matrix that is known only by what it does to vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Multiply = Callable[[Tensor], Tensor]
"""`[direction, size]` to the matrix times each of them."""

LEAST = 20  # steps before an end counts as found: a start that leans away from it would pass its neighbour for it
KEPT = 8  # vectors at each end that survive a restart
NOISE = 1e-14  # of the size of the matrix: what is left of a vector below it is rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Both ends of a spectrum.

    Attributes:
        values: lowest first, those of the space searched.
        lowest: `[size]` the unit eigenvector of the first value.
        highest: `[size]` that of the last.
        error: how far the first or the last value may lie from an eigenvalue, at most.
        products: of the matrix with a vector that it took.
    """

    values: Tensor
    lowest: Tensor
    highest: Tensor
    error: float
    products: int


def find_ends(multiply: Multiply, start: Tensor, *, tolerance: float, most: int, room: int) -> Ends:
    """The lowest and the highest eigenvalue, by Lanczos' method with full reorthogonalisation and thick restarts.

    The vectors of the space searched are kept, all orthogonal to each other; once there is no room for more, the best ones of both
    ends go on (Wu & Simon, 2000). Memory is `room` vectors.

    Args:
        multiply: the matrix.
        start: `[size]`, not 0; at random, so that it leans towards every eigenvector.
        tolerance: of the error, as a share of the largest absolute eigenvalue.
        most: products to make at most; the error says what they came to.
        room: vectors to keep at most, more than twice `KEPT`.
    """
    size = len(start)
    room = min(room, size)
    space = start.new_zeros(room, size)
    projected = torch.zeros(room, room, dtype=start.dtype)
    space[0] = start / start.norm()
    last, products = 0, 0
    while True:
        image = multiply(space[last : last + 1])[0]
        products += 1
        known = space[: last + 1]
        along = known @ image
        rest = image - along @ known
        again = known @ rest  # once more: rounding leaves a little of every vector
        rest = rest - again @ known
        projected[: last + 1, last] = projected[last, : last + 1] = (along + again).cpu()
        values, vectors = torch.linalg.eigh(projected[: last + 1, : last + 1])
        length = float(rest.norm())
        scale = float(values.abs().max())
        errors = length * vectors[last].abs()
        error = float(torch.maximum(errors[0], errors[-1]))
        is_whole = last + 1 == size or length <= NOISE * scale
        if is_whole or products >= most or (products >= LEAST and error <= tolerance * scale):
            lowest, highest = (vectors[:, [0, -1]].T.to(space) @ known).unbind()
            return Ends(
                values=values,
                lowest=lowest / lowest.norm(),
                highest=highest / highest.norm(),
                error=0.0 if is_whole else error,
                products=products,
            )
        if last + 1 == room:
            chosen = [*range(KEPT), *range(room - KEPT, room)]
            space[: 2 * KEPT] = vectors[:, chosen].T.to(space) @ known
            projected.zero_()
            projected[range(2 * KEPT), range(2 * KEPT)] = values[chosen]
            last = 2 * KEPT - 1
        last += 1
        space[last] = rest / length


def find_density(multiply: Multiply, starts: Tensor, *, steps: int) -> tuple[Tensor, Tensor]:
    """Where the eigenvalues lie, by stochastic Lanczos quadrature (Golub & Meurant; Ghorbani, Krishnan & Xiao, 2019).

    Args:
        multiply: the matrix.
        starts: `[draw, size]` random vectors of mean 0 and variance 1.
        steps: of Lanczos' method from each; memory is as many vectors.

    Returns:
        values: `[draw, steps]` places, lowest first.
        shares: `[draw, steps]` the share of all eigenvalues that each place stands for; they add up to 1.
    """
    steps = min(steps, starts.shape[1])
    values, shares = starts.new_zeros(len(starts), steps), starts.new_zeros(len(starts), steps)
    for draw, start in enumerate(starts):
        space = start.new_zeros(steps, len(start))
        projected = torch.zeros(steps, steps, dtype=start.dtype)
        space[0] = start / start.norm()
        made = 0
        for made in range(1, steps + 1):
            image = multiply(space[made - 1 : made])[0]
            known = space[:made]
            along = known @ image
            rest = image - along @ known
            again = known @ rest
            rest = rest - again @ known
            projected[:made, made - 1] = projected[made - 1, :made] = (along + again).cpu()
            length = float(rest.norm())
            if made == steps or length <= NOISE * float(projected.abs().max()):
                break
            space[made] = rest / length
        found, vectors = torch.linalg.eigh(projected[:made, :made])
        values[draw, :made], shares[draw, :made] = found.to(values), (vectors[0] ** 2).to(values)
        values[draw, made:] = float(found[-1])  # of share 0
    return values, shares


def draw_signs(count: int, like: Tensor, seed: int) -> Tensor:
    """`[draw, size]` of +1 and -1, as many numbers as `like` has."""
    stream = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (count, len(like)), generator=stream).mul_(2).sub_(1).to(like)


def find_trace(multiply: Multiply, signs: Tensor) -> tuple[float, float]:
    """Hutchinson's estimate (1989) of the sum of all eigenvalues, and its standard error.

    Args:
        multiply: the matrix.
        signs: `[draw, size]` of +1 and -1.
    """
    found = torch.stack([each @ multiply(each[None])[0] for each in signs])
    return float(found.mean()), float(found.std() / math.sqrt(len(found)))
