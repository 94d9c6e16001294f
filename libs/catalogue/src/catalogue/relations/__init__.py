"""Data sets of several tables: their words, what can be wrong, and what they are made into."""

from catalogue.relations.words import Group, Join, Parent, Part, Relations, Table, qualified, split

__all__ = ["Group", "Join", "Parent", "Part", "Relations", "Table", "qualified", "split"]
