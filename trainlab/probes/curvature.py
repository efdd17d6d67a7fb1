"""Where a run has come to: what the gradient still offers there, and the eigenvalues of the Hessian."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trainlab.numerics import norm_rows
from trainlab.probes._facts import visit
from trainlab.probes._spectrum import find_scale, find_size, find_spectrum, forecast_spectrum, is_defined
from trainlab.step import Evaluation, Objective

DOUBLINGS = range(-2, 8)
"""Steps against the gradient that are tried, as powers of 2 over the largest curvature: what lies in a valley goes on beyond it."""


def evaluate(evaluation: Evaluation) -> dict[str, Tensor]:
    """Of the loss at rest with an L2 penalty, if any, on the training part; see `trainlab.step.Objective`.

    Returns:
        point_loss: `[run]`: what was minimised, where the run has come to.
        scale_loss: `[run]`: what changes of it are measured by: that, or the loss with all weights 0 where it is more.
        point_gradient: `[run]`: norm of the gradient.
        point_size: `[run]`: norm of the weights, or what stands for it where these are next to nothing.
        descent_loss: `[run]`: the lowest loss on the way against the gradient.
        gradient_curvature: `[run]`: along the gradient; NaN where that is 0.
        curvature_lowest, curvature_highest: `[run]`: the ends of the spectrum; curvature_error: how far they may be off.
        curvature_trace: `[run]`: sum of the eigenvalues; curvature_trace_error: its standard error.
        curvature_whole: `[run]`: 1 if all eigenvalues are known, 0 if the ends, and the rest as a density.
        curvature_products: `[run]`: of the Hessian with a vector that it took, each at the cost of about two gradients.
        curvature_exact: `[run]`: 1 if second derivatives are exact, 0 if they are differences of gradients.
        curvature_samples: `[run]`: how many samples the curvatures are taken on.
        curvature_penalty: `[run]`: see `Objective.penalty`.
        eigenvalues: `[run, place]`: all of them, or places that stand for a share of them; eigenvalue-shares: these shares.
    """
    return visit(evaluation, _measure)


def forecast(evaluation: Evaluation) -> tuple[float, int]:
    """The spectrum takes nearly all of it, and the other probes find it known."""
    return forecast_spectrum(evaluation.objective(0))


def _measure(objective: Objective) -> dict[str, Tensor]:
    if not is_defined(objective):
        return {"point_loss": torch.tensor(math.nan, dtype=torch.float64)}
    gradient = objective.differentiate(objective.at)
    norm = float(norm_rows(gradient[None])[0])
    spectrum = find_spectrum(objective)
    largest = max(abs(spectrum.lowest), abs(spectrum.highest))
    along = float(gradient @ objective.curve(gradient[None])[0]) / norm**2 if norm else math.nan
    numbers = {
        "point_loss": objective.measure(objective.at),
        "scale_loss": find_scale(objective),
        "point_gradient": norm,
        "point_size": find_size(objective.at),
        "descent_loss": _descend(objective, gradient, largest),
        "gradient_curvature": along,
        "curvature_lowest": spectrum.lowest,
        "curvature_highest": spectrum.highest,
        "curvature_error": spectrum.error,
        "curvature_trace": spectrum.trace,
        "curvature_trace_error": spectrum.trace_error,
        "curvature_whole": float(spectrum.is_whole),
        "curvature_products": float(spectrum.products),
        "curvature_exact": float(objective.is_exact),
        "curvature_samples": float(objective.samples),
        "curvature_penalty": objective.penalty,
    }
    tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in numbers.items()}
    return {**tensors, "eigenvalues": spectrum.values, "eigenvalue-shares": spectrum.shares}


def _descend(objective: Objective, gradient: Tensor, largest: float) -> float:
    """The lowest loss of a few steps against the gradient; no step is longer than the weights are large."""
    norm, here = float(norm_rows(gradient[None])[0]), objective.measure(objective.at)
    if not norm:
        return here
    longest = find_size(objective.at) / norm
    unit = 1 / largest if largest else longest / 2 ** DOUBLINGS[-1]
    steps = [step for step in (unit * 2.0**power for power in DOUBLINGS) if step <= longest] or [longest]
    return min([here, *(value for step in steps if math.isfinite(value := objective.measure(objective.at - step * gradient)))])
