"""Synthetic input in the published layouts: the same for the same seed, and nobody's data."""

from dsfc_cli.synthetic.aggregating import aggregate
from dsfc_cli.synthetic.directory import generate_directory
from dsfc_cli.synthetic.related import generate_tables
from dsfc_cli.synthetic.rows import Planted, generate
from dsfc_cli.synthetic.world import World, read_ods

__all__ = [
    "Planted",
    "World",
    "aggregate",
    "generate",
    "generate_directory",
    "generate_tables",
    "read_ods",
]
