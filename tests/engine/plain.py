"""What anyone would write: one model, one torch optimizer, one loop. The truth that the engine is held against."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, fields
from fnmatch import fnmatch
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainlab.config import Config, validate
from trainlab.config.training import ClipBy
from trainlab.data import load
from trainlab.device import derive_seed, make_generator
from trainlab.losses import count_outputs
from trainlab.models import build, find_view
from trainlab.models.dropout import Dropout

LOSSES = {
    "sum": lambda output, _: output.sum(),
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "huber": F.huber_loss,
    "bce": F.binary_cross_entropy,
    "bce_logits": F.binary_cross_entropy_with_logits,
    "cross_entropy": lambda output, target: F.cross_entropy(output.movedim(-1, 1), target),
}
OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
}
PRECISION = {"float32": torch.float32, "float64": torch.float64, "bf16": torch.float32, "fp16": torch.float32}
LOWER = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Update:
    """What one update saw and did, by parameter name; `used` is the gradient after clipping."""

    loss: float
    before: dict[str, np.ndarray]
    raw: dict[str, np.ndarray]
    used: dict[str, np.ndarray]
    after: dict[str, np.ndarray]


@dataclass(frozen=True)
class Plain:
    """A finished run: its network, its data, its updates, its mean loss of each epoch, its loss scale, the updates it skipped."""

    model: nn.Module
    train: tuple[Tensor, Tensor | None]
    test: tuple[Tensor, Tensor | None] | None
    updates: list[Update]
    epochs: list[float]
    scale: float = 1.0
    skipped: int = 0

    @property
    def weights(self) -> np.ndarray:
        return np.concatenate([p.detach().numpy().ravel() for p in self.model.parameters() if p.requires_grad])


def train_plain(values: dict[str, Any]) -> Plain:
    config = validate(values)
    dtype = PRECISION[config.train.precision]
    data = load(config.data).seen_as(find_view(config.model))
    outputs = count_outputs(config.loss, data.task, data.classes, data.targets)
    sizes = {"features": data.shape, "tokens": data.tokens, "every_step": data.every_step}
    model = build(config.model, **sizes, outputs=outputs, seed=config.seed).to(dtype).train()
    part = place(data.train, config, outputs, dtype)
    test = place(data.test, config, outputs, dtype) if data.test else None
    inputs, target = part
    optimizer = make_optimizer(config, {name: p for name, p in model.named_parameters() if p.requires_grad})
    loss = LOSSES[config.loss]
    shuffle = make_generator(config.seed, "shuffle")
    dropouts = {name: module for name, module in model.named_modules() if isinstance(module, Dropout)}
    masks = {name: np.random.Generator(np.random.SFC64(derive_seed(config.seed, f"dropout/{name}"))) for name in dropouts}
    for name, module in dropouts.items():
        module.register_forward_pre_hook(functools.partial(draw_mask, masks[name]))
    size = min(config.train.batch_size or len(inputs), len(inputs))
    lower = LOWER.get(config.train.precision)
    scaler = torch.amp.GradScaler("cpu", enabled=lower == torch.float16)
    skipped = 0
    updates: list[Update] = []
    epochs: list[float] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, "dropout"))
        for _ in range(config.train.epochs):
            order = torch.arange(len(inputs))
            if size < len(inputs) and config.train.shuffle:
                order = torch.randperm(len(inputs), generator=shuffle)
            total, seen = 0.0, 0
            for batch in order.split(size):
                if config.train.updates is not None and len(updates) == config.train.updates:
                    break
                optimizer.zero_grad()
                with torch.autocast("cpu", lower, enabled=lower is not None):
                    value = loss(model(inputs[batch]), None if target is None else target[batch])
                scaler.scale(value).backward()
                scaler.unscale_(optimizer)
                before, raw = note(model, "data"), note(model, "grad")
                clip(config, model)
                used = note(model, "grad")
                scaler.step(optimizer)
                scale = scaler.get_scale()
                scaler.update()
                skipped += scaler.get_scale() < scale
                updates.append(Update(value.item(), before, raw, used, note(model, "data")))
                total, seen = total + value.item() * len(batch), seen + len(batch)
            if seen:
                epochs.append(total / seen)
    return Plain(model.eval(), part, test, updates, epochs, scaler.get_scale(), skipped)


def draw_mask(stream: np.random.Generator, module: Dropout, arguments: tuple[Tensor]) -> None:
    """Kept where a whole number below 2^32 is below that share of it; vectors unit by unit, anything else sample by sample."""
    if module.training:
        keep, (samples, *units) = 1 - module.share, arguments[0].shape
        shape = (*units, samples) if len(units) == 1 else (samples, *units)
        count = math.prod(shape)
        drawn = stream.integers(0, 2**32, size=count + count % 2, dtype=np.uint32)[:count].reshape(shape)
        mask = torch.from_numpy(drawn < keep * 2**32).float() / keep
        module.mask = (mask.T if len(units) == 1 else mask).to(arguments[0])


def place(part, config: Config, outputs: int | None, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
    inputs, target = part[0] if part[0].dtype == torch.int64 else part[0].to(dtype), part[1]
    if config.loss == "sum":
        return inputs, None
    if config.loss == "cross_entropy":
        return inputs, target
    if target.dtype == torch.int64 and outputs > 1:
        return inputs, torch.eye(outputs, dtype=dtype)[target]
    return inputs, target.reshape(len(target), -1).to(dtype) if target.dim() < 3 else target.to(dtype)


def make_optimizer(config: Config, parameters: dict[str, nn.Parameter]) -> torch.optim.Optimizer:
    spec = config.optimizer
    settings = {each.name: getattr(spec, each.name) for each in fields(spec) if each.name not in ("name", "groups")}
    scales = {name: next((group.lr_scale for group in spec.groups if fnmatch(name, group.match)), 1.0) for name in parameters}
    groups = [
        {"params": [p for name, p in parameters.items() if scales[name] == scale], "lr": spec.lr * scale}
        for scale in dict.fromkeys(scales.values())
    ]
    return OPTIMIZERS[spec.name](groups, **settings)


def clip(config: Config, model: nn.Module) -> None:
    if isinstance(config.clip, ClipBy):
        by = {"value": torch.nn.utils.clip_grad_value_, "norm": torch.nn.utils.clip_grad_norm_}[config.clip.mode]
        by([p for p in model.parameters() if p.requires_grad], config.clip.threshold)


def note(model: nn.Module, what: str) -> dict[str, np.ndarray]:
    return {name: getattr(p, what).detach().clone().numpy() for name, p in model.named_parameters() if p.requires_grad}
