"""What a run has minimised, as a function that can be differentiated twice: for probes that look at the surface around it."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.func import functional_call

from trainlab.config.optimizer import PythonOptimizer, is_decoupled
from trainlab.engine._random import fork_random
from trainlab.engine._weights import Weights
from trainlab.engine._work import Work
from trainlab.losses import BY_WEIGHT, find_loss, find_weights, name_loss, read_classes
from trainlab.numerics import norm_rows
from trainlab.regularizers import smooth
from trainlab.step import Batch

SAMPLES = 2**14
"""Of the training part, that loss and gradient are taken on at most."""

CURVED = range(256, 2048)
"""Of these, that curvatures are taken on at most, the fewer the larger the network: they take some hundred times as long."""

SIZE = 2**23  # weights times samples that they are taken on

PIECE = 256  # samples at a time: bounds memory
KEPT = 2**28  # bytes of a graph that is kept from one product to the next; a larger one is made anew
HELD = 8  # times what the modules put out: about what the graph of a gradient holds
SHIFT = {torch.float64: 1e-7, torch.float32: 1e-3}  # of the size of the weights: how far a difference of gradients reaches
AGREE = 1e-3  # of the longer one: products that differ by less are the same
TINY = 1e-12
TRIES = 3  # directions: between the two gradients of a difference there may be a kink
FEW_DIRECTIONS = 32  # at a time


class LossSurface:
    """See `trainlab.step.Objective`."""

    def __init__(self, work: Work, weights: Weights, heed: Callable[[], None] = lambda: None) -> None:
        """Of one run, whose row is the only one in `weights`; `heed` is called again and again, and may raise `StoppedError`."""
        self._work, self._loss, self._heed = work, find_loss(work.loss), heed
        self.penalty = _find_penalty(work)
        device = weights.flat.device
        self._dtype = weights.flat.dtype if device.type == "mps" else torch.float64
        self._model = copy.deepcopy(work.model)
        self._rest()
        self._place(weights)
        if self._dtype == torch.float64 and weights.flat.dtype != torch.float64 and not self._computes():
            self._dtype = weights.flat.dtype
            self._model = copy.deepcopy(work.model)
            self._rest()
            self._place(weights)
        self._pieces = self._cut(work)
        self._curved = _lead(self._pieces, _limit(self.at))
        self.samples = sum(len(each.inputs) for each in self._curved)
        self._graphs: list[tuple[Tensor, Tensor]] | None = None
        self._keeps = self._count_bytes() <= KEPT
        self.is_exact = True
        self.is_exact = bool(torch.isfinite(self.at).all()) and self._differentiates_twice()

    def _rest(self) -> None:
        """Evaluation mode, but for batch norm: what was minimised normalises by its batches."""
        self._model.to(self._dtype).eval()
        for module in self._model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.train()

    def _place(self, weights: Weights) -> None:
        self.at = weights.flat[0].detach().to(self._dtype)
        self._fixed = {
            name: each[0].to(self._dtype) if each.is_floating_point() else each[0] for name, each in weights.fixed.items()
        }

    def _computes(self) -> bool:
        """Whether the network takes float64: code of the user's own may insist on float32."""
        try:
            self._pieces = self._cut(self._work)
            self._compute(self.at, self._pieces[0])
        except Exception:  # whatever it raises, it does not
            return False
        return True

    def _cut(self, work: Work) -> list[Batch]:
        """The samples in pieces: batches of the size trained with where batch norm ties them together."""
        count = len(work.train.inputs)
        tied = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in self._model.modules())
        order = torch.randperm(count, generator=torch.Generator().manual_seed(0)).to(work.train.inputs.device)
        order = order[:SAMPLES] if count > _limit(self.at) or tied else torch.arange(count, device=order.device)
        parts = list(torch.split(order, min(work.batch_size, SAMPLES) if tied else PIECE))
        if tied and len(parts) > 1 and len(parts[-1]) < work.batch_size:
            parts.pop()  # a batch of few samples has statistics of its own
        return [self._take(work, part) for part in parts]

    def _take(self, work: Work, rows: Tensor) -> Batch:
        inputs, target = work.train.inputs[rows], None if work.train.target is None else work.train.target[rows]
        share = work.config.regularize.label_smoothing
        if share and target is not None:
            target = smooth(target[None], torch.tensor([share], dtype=self._dtype, device=inputs.device), classes=work.outputs)[0]
        if target is not None and target.is_floating_point():
            target = target.to(self._dtype)
        return Batch(inputs=inputs.to(self._dtype) if inputs.is_floating_point() else inputs, target=target)

    def _compute(self, flat: Tensor, piece: Batch) -> Tensor:
        """The loss of a piece, without the penalty."""
        self._heed()
        parameters = {name: each[0] for name, each in self._work.layout.unflatten(flat[None]).items()}
        fixed = {name: each.clone() for name, each in self._fixed.items()}  # running statistics are moved in place
        with _use_plain_kernels(flat), fork_random(flat.device):
            output = functional_call(self._model, {**parameters, **fixed}, (piece.inputs,))
            loss: Tensor = self._loss(output, piece.target)
        return loss

    def _weigh(self, pieces: Sequence[Batch]) -> Iterator[tuple[Batch, float]]:
        """Each piece with its share; `sum` adds up."""
        sizes = [self._count(each) for each in pieces]
        for each, size in zip(pieces, sizes, strict=True):
            yield each, 1.0 if self._work.loss == "sum" else size / sum(sizes)

    def _count(self, piece: Batch) -> float:
        """What the mean over a piece is divided by: the samples, or the sum of their weights."""
        weights = find_weights(self._loss)
        if weights is None or piece.target is None or name_loss(self._loss) not in BY_WEIGHT:
            return len(piece.inputs)
        return float(weights[read_classes(piece.target)].sum())

    def measure(self, flat: Tensor, samples: int | None = None) -> float:
        """See Objective."""
        pieces = self._pieces if samples is None else _lead(self._pieces, samples)
        with torch.no_grad():
            loss = sum(share * float(self._compute(flat, piece)) for piece, share in self._weigh(pieces))
        return loss + self.penalty / 2 * float(flat @ flat)

    def differentiate(self, flat: Tensor) -> Tensor:
        """See Objective."""
        return self._add_gradients(flat, self._pieces)

    def _add_gradients(self, flat: Tensor, pieces: Sequence[Batch]) -> Tensor:
        total = self.penalty * flat
        with torch.enable_grad():
            for piece, share in self._weigh(pieces):
                leaf = flat.detach().clone().requires_grad_()
                total = total + share * _take_gradient(self._compute(leaf, piece), leaf)
        return total.detach()

    def curve(self, directions: Tensor) -> Tensor:
        """See Objective."""
        if not self.is_exact:
            return torch.stack([self._take_difference(each) for each in directions])
        curved = [self._multiply(part) for part in torch.split(directions, FEW_DIRECTIONS)]
        return torch.cat(curved) + self.penalty * directions

    def _multiply(self, directions: Tensor) -> Tensor:
        """The Hessian of the loss times each of a few directions: the gradient of gradient times direction (Pearlmutter, 1994)."""
        total = torch.zeros_like(directions)
        with torch.enable_grad():
            for gradient, leaf in self._iterate_graphs():
                self._heed()
                if gradient.requires_grad:  # a loss that is linear in the weights curves nowhere
                    total += _take_gradients(gradient, leaf, directions)
        return total

    def _iterate_graphs(self) -> Iterator[tuple[Tensor, Tensor]]:
        """For each piece its share of the gradient, differentiable, and the weights that it was taken at."""
        if self._graphs is not None:
            yield from self._graphs
            return
        kept = []
        for piece, share in self._weigh(self._curved):
            leaf = self.at.detach().clone().requires_grad_()
            gradient = share * _take_gradient(self._compute(leaf, piece), leaf, create_graph=True)
            if self._keeps:
                kept.append((gradient, leaf))
            yield gradient, leaf
        self._graphs = kept if self._keeps else None

    def _count_bytes(self) -> int:
        """About what the graphs of all pieces hold: some times what the modules put out."""
        held = 0

        def count(_module: nn.Module, _inputs: object, output: object) -> None:
            nonlocal held
            held += output.numel() * output.element_size() if isinstance(output, Tensor) else 0

        hooks = [module.register_forward_hook(count) for module in self._model.modules() if not list(module.children())]
        try:
            with torch.no_grad():
                self._compute(self.at, self._pieces[0])
        finally:
            for hook in hooks:
                hook.remove()
        return HELD * held * self.samples // len(self._pieces[0].inputs)

    def _take_difference(self, direction: Tensor) -> Tensor:
        length = float(norm_rows(direction[None])[0])
        if not length:
            return torch.zeros_like(direction)
        step = SHIFT[self._dtype] * max(float(norm_rows(self.at[None])[0]), 1e-3) / length
        ahead, behind = (self._add_gradients(self.at + sign * step * direction, self._curved) for sign in (1, -1))
        return (ahead - behind) / (2 * step)

    def _differentiates_twice(self) -> bool:
        """Whether a product is what differences of gradients say: an operation without a second derivative raises, or is silent."""
        stream = torch.Generator().manual_seed(0)
        for _ in range(TRIES):
            direction = torch.randn(len(self.at), generator=stream, dtype=torch.float64).to(self.at)
            try:
                product = self.curve(direction[None])[0]
            except RuntimeError:
                return False
            if self._dtype != torch.float64 and product.any():
                return True  # differences in float32 are too rough to tell
            beside = self._take_difference(direction)
            if float(norm_rows((product - beside)[None])[0]) <= AGREE * float(norm_rows(beside[None])[0]) + TINY:
                return True
        return False


def _limit(flat: Tensor) -> int:
    """Samples that curvatures are taken on at most."""
    return min(max(SIZE // len(flat), CURVED.start), CURVED.stop)


def _lead(pieces: Sequence[Batch], samples: int) -> list[Batch]:
    """The first pieces, until there are as many samples, or all."""
    before = itertools.accumulate((len(each.inputs) for each in pieces), initial=0)
    return [each for each, count in zip(pieces, before, strict=False) if count < samples]


def _find_penalty(work: Work) -> float:
    """The weight decay that is part of what is minimised; a decoupled one is not, and pulls at the weights beside it."""
    optimizer = work.config.optimizer
    return 0.0 if isinstance(optimizer, PythonOptimizer) or is_decoupled(optimizer) else optimizer.weight_decay


def _take_gradient(loss: Tensor, leaf: Tensor, *, create_graph: bool = False) -> Tensor:
    if not loss.requires_grad:
        return torch.zeros_like(leaf)
    (gradient,) = torch.autograd.grad(loss, leaf, create_graph=create_graph, allow_unused=True)
    return torch.zeros_like(leaf) if gradient is None else gradient


def _take_gradients(gradient: Tensor, leaf: Tensor, directions: Tensor) -> Tensor:
    """For each direction the gradient of `gradient` times it; all at once where torch can."""
    if len(directions) > 1:
        try:
            (found,) = torch.autograd.grad(
                gradient, leaf, directions, is_grads_batched=True, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            return found.detach()
        except RuntimeError:
            pass
    rows = [
        torch.autograd.grad(gradient, leaf, each, retain_graph=True, allow_unused=True, materialize_grads=True)[0]
        for each in directions
    ]
    return torch.stack(rows).detach()


@contextmanager
def _use_plain_kernels(like: Tensor) -> Iterator[None]:
    """Attention and recurrent layers in operations that can be differentiated twice; the fused ones cannot."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    with sdpa_kernel(SDPBackend.MATH), torch.backends.cudnn.flags(enabled=False) if like.is_cuda else nullcontext():
        yield
