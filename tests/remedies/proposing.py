"""What a remedy proposes for a config."""

from __future__ import annotations

from typing import Any

from trainlab.config import apply_patch, validate
from trainlab.report import Finding
from trainlab.studies._mending import load_remedies


def propose(remedy: str, code: str = "", evidence: dict[str, Any] | None = None, **changes: Any) -> list[dict[str, Any]]:
    """The patches for a small network on digits, changed by `model__activation="tanh"`; every one of them can be applied."""
    base = validate({"data": {"name": "digits"}, "loss": "cross_entropy", "train": {"epochs": 20, "batch_size": 32}})
    config = apply_patch(base, {key.replace("__", "."): value for key, value in changes.items()}).config
    finding = Finding(code=code, name="x", severity="error", message="x", evidence=evidence or {}) if code else None
    patches = [dict(patch) for patch in load_remedies()[remedy].propose(config, finding)]
    for patch in patches:
        assert apply_patch(config, patch).config != config, patch
    return patches
