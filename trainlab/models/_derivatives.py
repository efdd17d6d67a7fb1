"""Activations with their derivatives, for networks whose backward pass is written by hand."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

aten = torch.ops.aten

Backward = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(gradient at the output, input, output) to the gradient at the input; may write over input and output."""


def keep(z: Tensor) -> Tensor:
    """As it is."""
    return z


DERIVATIVES: dict[type[nn.Module], tuple[Callable[[Tensor], Tensor], Backward]] = {
    # The derivatives of the first four ask for the output only, so they work in place: a stack is bound by memory traffic.
    nn.Identity: (keep, lambda g, _z, _a: g),
    nn.ReLU: (torch.relu_, lambda g, _z, a: aten.threshold_backward(g, a, 0, grad_input=a)),
    nn.Sigmoid: (torch.sigmoid_, lambda g, _z, a: aten.sigmoid_backward(g, a, grad_input=a)),
    nn.Tanh: (torch.tanh_, lambda g, _z, a: aten.tanh_backward(g, a, grad_input=a)),
    nn.LeakyReLU: (F.leaky_relu, lambda g, z, _a: aten.leaky_relu_backward(g, z, 0.01, False)),
    nn.ELU: (F.elu, lambda g, z, _a: aten.elu_backward(g, 1.0, 1.0, 1.0, False, z)),
    nn.SELU: (
        F.selu,
        lambda g, z, _a: aten.elu_backward(g, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1.0, False, z),
    ),
    nn.GELU: (F.gelu, lambda g, z, _a: aten.gelu_backward.grad_input(g, z, grad_input=z)),
    nn.SiLU: (F.silu, lambda g, z, _a: aten.silu_backward(g, z)),
    nn.Softplus: (F.softplus, lambda g, z, _a: aten.softplus_backward(g, z, 1.0, 20.0)),
    nn.Hardtanh: (F.hardtanh, lambda g, z, _a: aten.hardtanh_backward(g, z, -1.0, 1.0)),
    nn.ReLU6: (F.relu6, lambda g, z, _a: aten.hardtanh_backward(g, z, 0.0, 6.0)),
}
"""Only with the arguments that torch gives them by default, which is how `trainlab.models` makes them."""
