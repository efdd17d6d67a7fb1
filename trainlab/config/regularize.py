"""The `regularize:` section: what keeps a network from learning its training part by heart."""

from __future__ import annotations

from dataclasses import dataclass

from trainlab.config.types import NonNegative, Positive, Setting, Share


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Regularize(Setting):
    """Regularisers; weight decay stands with the optimizer, dropout and normalisation with the model.

    Losses in reports never contain any of them.

    Attributes:
        l1: strength of the penalty l1 * sum |w| on weight matrices and filters, as a proximal step after each update: weights
            become exactly 0.
        max_norm: largest norm of the weights into one unit (a row of a matrix, one filter); biases are left alone. null for none.
        input_noise: standard deviation of Gaussian noise on the inputs, drawn anew at each update.
        weight_noise: standard deviation of Gaussian noise on the parameters at which the gradient is taken.
        label_smoothing: share of each target that is spread evenly over the classes.
        adversarial: length, in each input, of the step along the sign of its gradient (FGSM) that is taken before each update.
    """

    l1: NonNegative = 0.0
    max_norm: Positive | None = None
    input_noise: NonNegative = 0.0
    weight_noise: NonNegative = 0.0
    label_smoothing: Share = 0.0
    adversarial: NonNegative = 0.0
