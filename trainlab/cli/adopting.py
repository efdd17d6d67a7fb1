"""A network and data of the user's own in the place of those of a command's own config: what was said of these goes with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from trainlab.config import Config
from trainlab.plan import Options

Change = tuple[str, str, Any]
"""Where it was set, the key, the value."""


def leave_out(values: Mapping[str, Any], changes: Sequence[Change]) -> dict[str, Any]:
    """The values of a command's own config, without the weights of a network and the scaling of data that are replaced.

    Args:
        values: as the file has them.
        changes: to it.
    """
    kept = dict(values)
    new = {key: value for _, key, value in changes}
    if "model.kind" in new:
        kept.pop("weights", None)
        if "vs" in kept:
            kept["vs"] = [each for each in kept["vs"] if "weights" not in each]
    if new.get("data.name") == "python":  # which come as their code makes them
        kept["data"] = {name: each for name, each in kept.get("data", {}).items() if name not in ("standardize", "stratify")}
    return kept


def follow_loader(config: Config, options: Options, changes: Sequence[Change]) -> tuple[Config, Options]:
    """Base and arms with batches as large as a DataLoader of the user's own makes them, where the user has not said otherwise.

    Args:
        config: the base, a command's own as changed.
        options: with the arms.
        changes: see `leave_out`.

    Raises:
        UserError: the data cannot be had.
    """
    from trainlab.engine import find_batch_size

    said = any(key in ("train", "train.batch_size") for _, key, _ in changes)
    size = None if said else find_batch_size(config)
    if size is None:
        return config, options

    def follow(each: Config) -> Config:
        return replace(each, train=replace(each.train, batch_size=size))

    arms = tuple(each if "train.batch_size" in each.patch else replace(each, config=follow(each.config)) for each in options.arms)
    return follow(config), replace(options, arms=arms)
