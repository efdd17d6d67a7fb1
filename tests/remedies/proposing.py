"""What a remedy proposes for a config."""

from __future__ import annotations

from typing import Any

from trainlab import plugins
from trainlab.config import Config, apply_patch, validate
from trainlab.remedies._remedy import Remedy
from trainlab.report import Finding

OVERFIT: dict[str, Any] = {
    "model": {"layers": 2, "width": 100},
    "data": {"name": "classification"},
    "loss": "bce_logits",
    "optimizer": {"name": "adam", "lr": 0.01},
    "train": {"epochs": 400},
}
CONFIG = validate(OVERFIT)
TOKENS = validate({"model": {"kind": "gru"}, "data": {"name": "chars"}, "loss": "cross_entropy"})
NUMBERS = validate({"data": {"name": "diabetes"}, "loss": "mse"})


def load_remedy(name: str) -> Remedy:
    module = plugins.load("trainlab.remedies", name)
    remedy: Remedy = getattr(module, "".join(part.capitalize() for part in name.split("-")))()
    return remedy


def propose(name: str, config: Config = CONFIG, **changes: Any) -> list[dict[str, Any]]:
    """Patches for the config after `changes`, `__` for a dot."""
    changed = apply_patch(config, {key.replace("__", "."): value for key, value in changes.items()}).config
    return [dict(patch) for patch in load_remedy(name).propose(changed)]


def propose_for(remedy: str, code: str = "", evidence: dict[str, Any] | None = None, **changes: Any) -> list[dict[str, Any]]:
    """The patches for a small network on digits, changed by `model__activation="tanh"`; every one of them can be applied."""
    base = validate({"data": {"name": "digits"}, "loss": "cross_entropy", "train": {"epochs": 20, "batch_size": 32}})
    config = apply_patch(base, {key.replace("__", "."): value for key, value in changes.items()}).config
    finding = Finding(code=code, name="x", severity="error", message="x", evidence=evidence or {}) if code else None
    patches = [dict(patch) for patch in load_remedy(remedy).propose(config, finding)]
    for patch in patches:
        assert apply_patch(config, patch).config != config, patch
    return patches
