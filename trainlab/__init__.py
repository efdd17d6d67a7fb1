"""trainlab finds out what is wrong with the way a neural network trains, and proves which change mends it."""

__version__ = "0.1.0"
