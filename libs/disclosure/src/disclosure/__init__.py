"""Statistical disclosure control of tables, installable by itself."""

from disclosure.problems import DisclosureProblem, titles
from disclosure.rules import HIDDEN, NOT_APPLICABLE, Measure, Profile, Rule, codes, rule, strictest

__all__ = [
    "HIDDEN",
    "NOT_APPLICABLE",
    "DisclosureProblem",
    "Measure",
    "Profile",
    "Rule",
    "codes",
    "rule",
    "strictest",
    "titles",
]
