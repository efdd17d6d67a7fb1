"""One run, completely described: what stands in the YAML file, checked at the door."""

from trainlab.config.config import Config

__all__ = ["Config"]
