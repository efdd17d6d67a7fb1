"""How many rows a stack must have for a run's bits not to depend on the other runs.

torch computes most functions eight to thirty-two numbers at a time, and what is left over at the end of a tensor with other code,
whose last bit can differ (`torch.sigmoid` of the same number, for one). In a stack the end of the tensor lies in whichever run
comes last. So a stack that holds such functions gets as many rows, of padding where need be, as leave nothing over.
With more than one thread the gradient of a filter is added up in parts whose number depends on how many runs there are: such
networks are then not stacked.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

LANES = 32
"""Numbers that torch takes at a time at most: two registers of float32 under AVX-512."""

PADDING = -1

EXACT = frozenset(
    (
        "AdaptiveAvgPool2d",
        "AvgPool2d",
        "BatchNorm2d",
        "Conv1d",
        "Conv2d",
        "ConvTranspose2d",
        "Dropout",
        "Embedding",
        "Flatten",
        "GLU",
        "GRULayers",
        "GroupNorm",
        "Hardshrink",
        "Hardsigmoid",
        "Hardswish",
        "Hardtanh",
        "Identity",
        "LSTMLayers",
        "LayerNorm",
        "LeakyReLU",
        "Linear",
        "LogSigmoid",
        "LogSoftmax",
        "MaxPool2d",
        "PReLU",
        "Positions",
        "RMSNorm",
        "ReLU",
        "ReLU6",
        "ReLURNNLayers",
        "Softmax",
        "Softmin",
        "Softshrink",
        "Softsign",
        "Tanh",
        "TanhRNNLayers",
        "Tanhshrink",
        "Threshold",
        "Unflatten",
    )
)
"""Modules of torch.nn, and of `trainlab.models`, that give a run the same bits in every stack of two rows or more."""

EACH = frozenset(("CELU", "ELU", "GELU", "Mish", "SELU", "SiLU", "Sigmoid", "Softplus"))
"""Modules that do so where the numbers of all rows fill whole registers."""

BLOCKS = (8, 16, 32)
"""Channels that convolutions take at a time, on one processor or another."""

CONVOLUTIONS = frozenset(("Conv1d", "Conv2d", "ConvTranspose2d"))
"""Modules that are exact with one thread only."""

POINTS = CONVOLUTIONS | {"BatchNorm2d"}
"""Modules that are exact where each channel is more than one number, or the channels of all rows fill whole registers."""

EACH_LOSSES = frozenset({"bce", "bce_logits"})


@dataclass(frozen=True, slots=True)
class Rows:
    """A stack has at least `least` rows, and a multiple of `multiple`."""

    least: int
    multiple: int

    def pad(self, runs: list[int]) -> list[int]:
        """The runs, with PADDING behind them."""
        wanted = max(self.least, math.ceil(len(runs) / self.multiple) * self.multiple)
        return [*runs, *[PADDING] * (wanted - len(runs))] if runs else []

    def round(self, most: int) -> int:
        """As many rows as need no padding, `most` or fewer; more only if there is no such number."""
        return max(self.least, most // self.multiple * self.multiple, self.multiple)

    def split(self, rows: int, most: int) -> list[slice]:
        """A stack of `rows` in parts of about `most` rows, each of which is a stack by itself."""
        units = rows // self.multiple
        parts = max(1, min(math.ceil(rows / self.round(most)), rows // self.least, units))
        bounds = [units * part // parts * self.multiple for part in range(parts + 1)]
        return [slice(start, end) for start, end in itertools.pairwise(bounds)]


ALONE = Rows(1, 1)
"""What is computed run by run needs no company."""


def find_inexact(model: nn.Module) -> str | None:
    """The first kind of leaf module whose bits may depend on where a run stands, whatever the number of rows."""
    known = EXACT | EACH | {"BatchNorm1d"}
    if torch.get_num_threads() > 1:
        known -= CONVOLUTIONS
    kinds = (type(module).__name__ for module in model.modules() if not list(module.children()))
    return next((kind for kind in kinds if kind not in known), None)


def choose_rows(
    model: nn.Module, loss: str, sample: Tensor, sizes: Iterable[int], *, least: int | None = None, by_hand: bool = False
) -> Rows:
    """How many rows the stacks of a network need. A function of its shape alone: neither of weights nor of how many runs there are.

    Args:
        model: a network without any module that `find_inexact` finds.
        loss: name of the loss.
        sample: `[sample, ...]` inputs, two of them at least where there are as many.
        sizes: how many samples are computed together: the batches of an epoch, say.
        least: rows that filters need, of an earlier choice for this network; None to try it out.
        by_hand: see `trainlab.engine._mlp`: samples lie last, and batch norm takes each unit of each run by itself.
    """
    portions: list[int] = []  # numbers a row, of each tensor that must fill whole registers
    sizes = sorted(set(sizes))

    # Written out, a softmax takes the numbers of all rows together, as torch's own does not
    each = EACH | {"Softmax"} if getattr(model, "can_stack", False) else EACH

    def note(module: nn.Module, _arguments: object, output: Tensor) -> None:
        if type(module).__name__ in each:
            portions.extend(size * output[0].numel() for size in sizes)
        elif isinstance(module, nn.BatchNorm1d) and not by_hand:
            portions.append(module.num_features)  # runs lie beside each other as channels
        elif type(module).__name__ in POINTS and output.shape[2:].numel() == 1:
            portions.append(output.shape[1])  # likewise: torch adds up over the samples, so many channels at a time

    hooks = [module.register_forward_hook(note) for module in model.modules() if not list(module.children())]
    try:
        with torch.no_grad():
            model.eval()
            output: Tensor = model(sample[:2])
    finally:
        for hook in hooks:
            hook.remove()
    if loss in EACH_LOSSES:
        portions.extend(size * output[0].numel() for size in sizes)
    return make_rows(model, sample, portions, least)


def make_rows(model: nn.Module, sample: Tensor, portions: Iterable[int], least: int | None) -> Rows:
    """Rows that fill whole registers with each of the `portions`, and in which filters compute what they do in more rows.

    See `choose_rows`.
    """
    multiple = LANES // math.gcd(LANES, *portions)
    if least is None:
        least = _find_least(model, sample, multiple)
    return Rows(least if least <= 2 else math.ceil(least / multiple) * multiple, multiple)


def _find_least(model: nn.Module, sample: Tensor, multiple: int) -> int:
    """The fewest rows whose first has the same bits as beside many others, a multiple of `multiple` where that is more than two.

    A stack's filters are those of one convolution in groups, and the code that computes it depends on how many channels it reads in
    all, on their layout, and on whether a gradient is asked for: nothing to look up, so it is tried, with two samples and weights
    that hang on the shape alone. Bits are promised on a CPU only.
    """
    filters = [module for module in model.modules() if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d)]
    narrowest = min((min(each.in_channels, each.out_channels) // each.groups for each in filters), default=LANES)
    if narrowest >= BLOCKS[0] or sample.device.type != "cpu":
        return 2
    tried = [max(2, math.ceil(block / narrowest / multiple) * multiple) for block in (1, *BLOCKS, 2 * BLOCKS[-1])]
    *fewer, many = dict.fromkeys(tried)  # of several alike one
    wanted = _compute_first(model, sample[:2], many)
    return next((rows for rows in fewer if all(map(torch.equal, _compute_first(model, sample[:2], rows), wanted))), many)


def _compute_first(model: nn.Module, inputs: Tensor, rows: int) -> list[Tensor]:
    """What the first of so many equal rows puts out, with and without a gradient, and its gradients."""
    stream = torch.Generator().manual_seed(0)

    def draw(tensor: Tensor) -> Tensor:
        drawn = torch.randn(tensor.shape, generator=stream).to(tensor) if tensor.is_floating_point() else tensor
        return drawn.detach().expand(rows, *tensor.shape).clone()

    def compute(parameters: dict[str, Tensor], fixed: dict[str, Tensor], inputs: Tensor) -> Tensor:
        output: Tensor = functional_call(model, {**parameters, **fixed}, (inputs,))
        return output

    parameters = {name: draw(each).requires_grad_() for name, each in model.named_parameters()}
    given = (parameters, {name: draw(each).abs() for name, each in model.named_buffers()}, draw(inputs))
    model.eval()
    with torch.enable_grad():
        output = vmap(compute)(*given)
        gradients = torch.autograd.grad(output.sum(), list(parameters.values()), allow_unused=True)
    with torch.no_grad():
        rested = vmap(compute)(*given)
    return [each[0] for each in (output, rested, *gradients) if each is not None]
