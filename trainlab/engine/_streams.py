"""What is drawn anew at each update, for each run from streams of its own: dropout masks and noise."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainlab.device import make_generator
from trainlab.models.dropout import Dropout


class Streams:
    """One generator for each run and purpose. What one run draws, and for what, moves nothing for another."""

    def __init__(self, seeds: list[int]) -> None:
        self._seeds = seeds
        self._streams: dict[tuple[int, str], torch.Generator] = {}

    def _get(self, run: int, purpose: str) -> torch.Generator:
        key = (run, purpose)
        if key not in self._streams:
            self._streams[key] = make_generator(self._seeds[run], purpose)
        return self._streams[key]

    def draw_normal(self, purpose: str, runs: list[int], scales: list[float], like: Tensor) -> Tensor:
        """Gaussian noise for `like` `[row, ...]`, each row with the scale and the stream of its run; 0 where the scale is."""
        drawn: dict[int, Tensor] = {}
        for run in runs:  # padding repeats a run, and must not draw again
            if run not in drawn:
                shape = like.shape[1:]
                stream = self._get(run, purpose)
                drawn[run] = torch.randn(shape, generator=stream) * scales[run] if scales[run] else torch.zeros(shape)
        return torch.stack([drawn[run] for run in runs]).to(like)

    def draw_mask(self, name: str, runs: list[int], shares: list[float], shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Masks `[row, *shape]` of 0 and 1/(1 - share) for the dropout layer `name`."""
        masks = torch.empty((len(runs), *shape))
        drawn: dict[int, Tensor] = {}
        for run, mask in zip(runs, masks, strict=True):
            if run in drawn:
                mask.copy_(drawn[run])
            else:
                drawn[run] = draw_kept(shape, 1 - shares[run], self._get(run, f"dropout/{name}"), mask)
        return masks.to(like)


def draw_kept(shape: tuple[int, ...], keep: float, stream: torch.Generator, room: Tensor | None = None) -> Tensor:
    """1/keep where `bernoulli_` would draw a 1, else 0, in less than half the time; `stream` ends where that would leave it.

    In `room`, float32, if that is given.
    """
    kept = torch.lt(
        torch.rand(shape, generator=stream, dtype=torch.float64), keep, out=torch.empty(shape) if room is None else room
    )
    return kept.div_(keep)


def find_dropouts(model: nn.Module, sample: Tensor) -> dict[str, tuple[int, ...]]:
    """Every dropout layer of a network with the shape of what it sees of one sample, without the sample's own dimension."""
    names: dict[nn.Module, str] = {module: name for name, module in model.named_modules() if isinstance(module, Dropout)}
    shapes: dict[str, tuple[int, ...]] = {}

    def note(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        shapes[names[module]] = tuple(arguments[0].shape[1:])

    hooks = [module.register_forward_pre_hook(note) for module in names]
    try:
        with torch.no_grad():
            model.eval()
            if hooks:
                model(sample)
    finally:
        for hook in hooks:
            hook.remove()
    return shapes
