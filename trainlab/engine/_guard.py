"""Whether a network of the user's own may be stacked: its code may do anything, so it is tried, and its operations looked up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode

from trainlab.engine._alone import OneByOne
from trainlab.engine._precision import is_mixed
from trainlab.engine._programs import Program, Stacked, can_stack, draw_weights, first_line, leave_slow_untold
from trainlab.engine._random import fork_random
from trainlab.engine._rows import Rows, make_rows
from trainlab.engine._weights import Weights
from trainlab.engine._work import Work
from trainlab.losses import Loss, find_loss
from trainlab.step import Batch

MOVED = """
_reshape_alias _to_copy _unsafe_view alias as_strided cat chunk clone constant_pad_nd copy_ detach expand flatten gather index
index_select lift_fresh new_zeros permute repeat reshape select slice split split_with_sizes squeeze stack t transpose unbind
unsqueeze view
"""
ROUNDED = """
abs add add_ amax amin arange bitwise_not clamp clamp_min div div_ empty empty_like eq fill_ full full_like ge gt hardtanh
hardtanh_ le leaky_relu leaky_relu_ logical_and logical_not lt masked_fill maximum minimum mul mul_ ne neg ones ones_like
reciprocal relu relu_ rsub scalar_tensor sqrt square sub sub_ tanh tanh_ threshold where zero_ zeros zeros_like
"""
LAYERS = """
_adaptive_avg_pool2d _log_softmax _native_batch_norm_legit _prelu_kernel _softmax addmm avg_pool2d bmm convolution embedding
max_pool2d_with_indices mm native_batch_norm native_group_norm native_layer_norm
"""
LOSSES = "huber_loss mean mse_loss nll_loss_forward sum"
EXACT = frozenset(f"{MOVED} {ROUNDED} {LAYERS} {LOSSES}".split())
"""Operations that give a run the same bits in every stack of two rows or more."""

REGISTERS = """
binary_cross_entropy_with_logits celu cos elu erf exp expm1 gelu hardsigmoid hardswish log log1p log_sigmoid_forward mish pow rsqrt
selu sigmoid sigmoid_ silu silu_ sin smooth_l1_loss softplus
"""
EACH = frozenset(REGISTERS.split())
"""Operations that do so where the numbers of all rows fill whole registers."""


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not type it
    """Notes every operation, and how many numbers those put out that go by registers."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.unknown: str | None = None
        self.numbers: list[int] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # torch's form
        """Do it, and note it."""
        output = function(*args, **(kwargs or {}))
        name = str(function.overloadpacket).rpartition(".")[2]
        if name in EACH:
            self.numbers += [
                each.numel() for each in (output if isinstance(output, tuple) else (output,)) if isinstance(each, Tensor)
            ]
        elif "batch_norm" in name and args[0].dim() < 4:
            self.numbers.append(args[0].shape[1])  # runs lie beside each other as channels
        elif "batch_norm" in name or name == "convolution":
            points = output[0] if isinstance(output, tuple) else output
            self.numbers += [points.shape[1]] if points.shape[2:].numel() == 1 else []  # likewise, see `trainlab.engine._rows`
        elif name not in EXACT:
            self.unknown = self.unknown or name
        return output


def list_operations(model: nn.Module, loss: Loss, batch: Batch) -> Operations:
    """What network and loss do with a batch `[sample, ...]` in training; nothing of it stays."""
    noted = Operations()
    state = {name: each.detach().clone() for name, each in (*model.named_parameters(), *model.named_buffers())}
    model.train()
    with torch.no_grad(), fork_random(batch.inputs.device), noted:
        loss(functional_call(model, state, (batch.inputs,)), batch.target)
    return noted


def choose_own_rows(work: Work, sizes: Iterable[int], least: int | None = None) -> Rows:
    """See `choose_rows`, which knows the modules that there are; here every operation counts."""
    numbers: list[int] = []
    for size in sorted(set(sizes)):
        target = None if work.train.target is None else work.train.target[:size]
        noted = list_operations(work.model, find_loss(work.loss), Batch(inputs=work.train.inputs[:size], target=target))
        numbers += noted.numbers
    return make_rows(work.model, work.train.inputs, numbers, least)


def choose_own_program(work: Work, batch: Batch) -> Program:
    """See `choose_program`: stacked, two steps must come to the same, and no operation may be one that is not known to be exact.

    Args:
        work: of a network or a loss of the user's own.
        batch: the first one, `[sample, ...]`.
    """
    model, layout, loss, precision = work.model, work.layout, find_loss(work.loss), work.config.train.precision

    def give_up(reason: str) -> OneByOne:
        return OneByOne(model, layout, loss, reason, precision)

    if is_mixed(precision):
        return give_up(f"{precision} is not known to compute in a stack what it computes alone")
    if can_stack(model):
        return give_up("a loss of your own is not known to go with how this network stacks runs")
    pair = Batch(
        inputs=batch.inputs.expand(2, *batch.inputs.shape),
        target=None if batch.target is None else batch.target.expand(2, *batch.target.shape),
    )
    stacked = Stacked(model, layout, loss)
    try:
        with leave_slow_untold():
            found = _take_steps(stacked, draw_weights(model), pair)
    except Exception as error:  # the user's code may notice that it is mapped in ways of its own
        return give_up(f"torch cannot stack this network ({first_line(error)})")
    unknown = list_operations(model, loss, batch).unknown
    if unknown is not None:
        return give_up(f"{unknown} is not known to compute the same bits in every stack")
    wanted = _take_steps(OneByOne(model, layout, loss, ""), draw_weights(model), pair)
    same = all(_is_close(one, other) for one, other in zip(found, wanted, strict=True))
    return stacked if same else give_up("stacked, this network computes something else")


def _take_steps(program: Program, weights: Weights, pair: Batch) -> list[Tensor]:
    """Losses and gradients of two steps, what they leave in the buffers, and the output at rest."""
    found: list[Tensor] = []
    for _ in range(2):
        loss, gradient, weights = program.loss_and_gradient(weights, pair)
        found += [loss, gradient]
        size = gradient.abs().amax(dim=1, keepdim=True).clamp(min=1e-30)
        weights = replace(weights, flat=weights.flat - 0.01 * gradient / size)
    return [*found, *weights.fixed.values(), program.predict(weights, pair.inputs)]


def _is_close(got: Tensor, wanted: Tensor) -> bool:
    if not wanted.is_floating_point():
        return torch.equal(got, wanted)
    sizes = torch.where(torch.isfinite(wanted), wanted.abs(), 0.0)
    largest = float(sizes.max()) if sizes.numel() else 0.0
    return torch.allclose(got, wanted, rtol=1e-3, atol=1e-3 * largest, equal_nan=True)
