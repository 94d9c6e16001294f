"""Statistical disclosure control of tables, installable by itself.

`protect` applies a product's rule to a table of raw counts and hides what else has to be, with a
proof; `check` says what can be worked out of a table that somebody protected by hand; `attack` is
the reader that both are held against; `verify` checks a proof.
"""

from disclosure.attacking import Finding, Verdict, View, attack
from disclosure.certificate import Certificate, verify
from disclosure.checking import Checked, check
from disclosure.problems import DisclosureProblem, titles
from disclosure.protecting import Protected, protect, tells_the_strict
from disclosure.rules import (
    HIDDEN,
    NOT_APPLICABLE,
    Measure,
    Profile,
    Rule,
    codes,
    rule,
    rule_for,
    strictest,
)
from disclosure.structure import Dimension, Hierarchy, Table
from disclosure.system import Earlier

__all__ = [
    "HIDDEN",
    "NOT_APPLICABLE",
    "Certificate",
    "Checked",
    "Dimension",
    "DisclosureProblem",
    "Earlier",
    "Finding",
    "Hierarchy",
    "Measure",
    "Profile",
    "Protected",
    "Rule",
    "Table",
    "Verdict",
    "View",
    "attack",
    "check",
    "codes",
    "protect",
    "rule",
    "rule_for",
    "strictest",
    "tells_the_strict",
    "titles",
    "verify",
]
