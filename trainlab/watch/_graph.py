"""The graph that autograd keeps of a forward pass: its operations, and what each has saved for the backward pass.

A loss tells much of the model and the script before its backward pass frees this. To look at it changes nothing and patches
nothing; tensors that the script has packed away (checkpointing, offloading) are never unpacked.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import Any

MOST = 20_000  # nodes: enough for every model that is not unrolled over thousands of steps


def walk(root: Any, most: int = MOST) -> Iterator[Any]:
    """The nodes behind `root.grad_fn`, breadth first, each once."""
    met: set[Any] = set()
    waiting = deque([root.grad_fn] if root.grad_fn is not None else [])
    while waiting and len(met) < most:
        node = waiting.popleft()
        if node in met:
            continue
        met.add(node)
        yield node
        waiting.extend(after for after, _ in node.next_functions if after is not None)


def name_operation(node: Any) -> str:
    """`log` of `LogBackward0`, `nll_loss` of `NllLossBackward0`."""
    bare = re.sub(r"(Backward\w*|\d+)$", "", node.name().rpartition("::")[2])
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", bare).lower()


def read_saved(node: Any) -> dict[str, Any]:
    """The tensors that a node has saved, by torch's own names for them (`self`, `result`, `target`, ...)."""
    import torch

    found = {}
    for attribute in dir(node):
        if attribute.startswith("_saved_"):
            value = getattr(node, attribute)
            if isinstance(value, torch.Tensor):
                found[attribute.removeprefix("_saved_")] = value.detach()
    return found


def list_leaves(root: Any) -> list[Any]:
    """The tensors whose gradient a backward pass from here would accumulate, as they come to be used in the forward pass."""
    found = [node.variable for node in walk(root) if hasattr(node, "variable")]
    return found[::-1]


def find_leaf(node: Any, most: int = MOST) -> Any:
    """The parameter nearest behind a node; None if there is none."""
    met: set[Any] = set()
    waiting = deque([node])
    while waiting and len(met) < most:
        node = waiting.popleft()
        if hasattr(node, "variable"):
            return node.variable
        if node not in met:
            met.add(node)
            waiting.extend(after for after, _ in node.next_functions if after is not None)
    return None
