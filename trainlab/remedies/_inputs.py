"""What can be done to the inputs: symbols take no noise, and noise has the size of the numbers."""

from trainlab.config import Config

TOKENS = ("copy", "chars")
PIXELS = 16.0  # the largest of the digits that scikit-learn ships


def reads_tokens(config: Config) -> bool:
    """Whether the inputs are tokens."""
    return config.data.name in TOKENS or bool(getattr(config.data, "tokens", False))


def find_size(config: Config) -> float:
    """What a step of 1 is on inputs of variance 1, on these, as far as the config tells."""
    scaled = getattr(config.data, "standardize", True)
    return PIXELS if config.data.name == "digits" and not scaled else 1.0
