"""The source experiments in plain numpy, so that rules can be held against real curves without torch."""

from __future__ import annotations

import numpy as np

SQUARE, PRODUCT, TARGET = (
    0.3519739080200267,
    2.0832311414469165,
    13.335460392939678,
)  # means of x x, x y, y y of the line's 100 samples


def chain_gradients(layers: int, activation: str = "sigmoid", weight: float = 1.0, inputs: float = 1.0) -> np.ndarray:
    """Gradients of the sum of the output with respect to each weight of `layers` x (1-1 linear without bias, activation)."""
    hidden, slopes, value = [], [], inputs
    for _ in range(layers):
        hidden.append(value)
        before = weight * value
        if activation == "sigmoid":
            value = 1 / (1 + np.exp(-before))
            slopes.append(value * (1 - value))
        elif activation == "tanh":
            value = np.tanh(before)
            slopes.append(1 - value**2)
        else:
            value = max(before, 0.0)
            slopes.append(float(before > 0))
    back, gradients = 1.0, []
    for slope, inside in zip(slopes[::-1], hidden[::-1], strict=True):
        gradients.append(back * slope * inside)
        back *= slope * weight
    return np.abs(gradients[::-1])


def train_line(rate: float, epochs: int = 500, layers: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Full-batch SGD on `layers` x (1-1 linear without bias, ReLU), weights 1, y = 3x + 2 + noise, x in [0, 1), MSE.

    All weights stay equal, so the loss is w^2 mean(x x) - 2 w mean(x y) + mean(y y) with w the product, and mean(y y) once a
    weight is below 0.

    Returns:
        Loss before each update; total gradient norm; norm(change)/norm(weight).
    """
    weight, losses, norms, changes = 1.0, [], [], []
    for _ in range(epochs):
        product = weight**layers if weight > 0 else 0.0
        losses.append(product**2 * SQUARE - 2 * product * PRODUCT + TARGET)
        gradient = 2 * (product * SQUARE - PRODUCT) * weight ** (layers - 1) if weight > 0 else 0.0
        norms.append(abs(gradient) * np.sqrt(layers))
        changes.append(rate * abs(gradient / weight))
        weight -= rate * gradient
    return np.array(losses), np.array(norms), np.array(changes)
