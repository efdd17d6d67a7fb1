"""One run, completely described: what stands in the YAML file, checked at the door."""

from trainlab.config.config import Config
from trainlab.config.load import Document, find_config, list_configs, load, parse_value
from trainlab.config.patch import Patched, apply_patch, list_keys, name_patch, parse_patch, parse_values, refuse_seed
from trainlab.config.schema import build_schema
from trainlab.config.validate import to_values, validate
from trainlab.config.write import format_sections, format_value

__all__ = [
    "Config",
    "Document",
    "Patched",
    "apply_patch",
    "build_schema",
    "find_config",
    "format_sections",
    "format_value",
    "list_configs",
    "list_keys",
    "load",
    "name_patch",
    "parse_patch",
    "parse_value",
    "parse_values",
    "refuse_seed",
    "to_values",
    "validate",
]
