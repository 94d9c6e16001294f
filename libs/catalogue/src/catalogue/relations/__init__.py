"""Data sets of several tables: their words, what can be wrong, and what they are made into."""

from catalogue.relations.words import (
    Beside,
    Group,
    Join,
    MadeAcross,
    Parent,
    Part,
    Relations,
    Table,
    plain,
    qualified,
    split,
)

__all__ = [
    "Beside",
    "Group",
    "Join",
    "MadeAcross",
    "Parent",
    "Part",
    "Relations",
    "Table",
    "plain",
    "qualified",
    "split",
]
