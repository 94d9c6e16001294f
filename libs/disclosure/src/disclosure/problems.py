"""What can be wrong with a table, a rule or what is asked of them: each with a code of its own."""

from collections.abc import Mapping
from typing import ClassVar


class DisclosureProblem(Exception):
    """A table, a rule or a request that cannot be worked with.

    `detail` names the field and the next step and repeats no count that a rule could hide.
    """

    code: ClassVar[str] = "DISCLOSURE_PROBLEM"
    title: ClassVar[str] = "The table cannot be protected"

    def __init__(self, detail: str, **members: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.members: Mapping[str, object] = members


class RuleMissing(DisclosureProblem):
    code = "DISCLOSURE_RULE_MISSING"
    title = "No rule says how this output is protected"


class RuleUnknown(DisclosureProblem):
    code = "DISCLOSURE_RULE_UNKNOWN"
    title = "There is no such rule"


class RuleNotInForce(DisclosureProblem):
    code = "DISCLOSURE_RULE_NOT_IN_FORCE"
    title = "The rule was not in force on this day"


class RuleInvalid(DisclosureProblem):
    code = "DISCLOSURE_RULE_INVALID"
    title = "The parameters do not form a valid rule"


class MeasureWithoutRule(DisclosureProblem):
    code = "DISCLOSURE_MEASURE_WITHOUT_RULE"
    title = "The rule does not cover this measure"


class LevelNotAllowed(DisclosureProblem):
    code = "DISCLOSURE_LEVEL_NOT_ALLOWED"
    title = "The agreement does not allow output at this level"


class CountNegative(DisclosureProblem):
    code = "TABLE_COUNT_NEGATIVE"
    title = "A count is negative"


class CountFractional(DisclosureProblem):
    code = "TABLE_COUNT_FRACTIONAL"
    title = "A count is not a whole number"


class TotalIsNotTheSum(DisclosureProblem):
    code = "TABLE_TOTAL_NOT_SUM"
    title = "A total is not the sum of its parts"


class AlreadyProtected(DisclosureProblem):
    code = "TABLE_ALREADY_PROTECTED"
    title = "The table is rounded or has hidden cells already"


class HierarchyInvalid(DisclosureProblem):
    code = "HIERARCHY_INVALID"
    title = "The hierarchy is no tree over its categories"


class HierarchyCycle(HierarchyInvalid):
    code = "HIERARCHY_CYCLE"
    title = "The hierarchy has a cycle"


class HierarchyTwoParents(HierarchyInvalid):
    code = "HIERARCHY_TWO_PARENTS"
    title = "A category has two parents in one hierarchy"


class TableInvalid(DisclosureProblem):
    code = "TABLE_INVALID"
    title = "The table cannot be read"


class TableTooLarge(DisclosureProblem):
    code = "TABLE_TOO_LARGE"
    title = "The table has too many cells"


class PublishedImpossible(DisclosureProblem):
    code = "TABLE_IMPOSSIBLE"
    title = "No table of counts can look like this under the rule"


class TableUnprovable(DisclosureProblem):
    """Nothing may be shown of the table; `coarsen` names the dimension to make coarser."""

    code = "TABLE_UNPROVABLE"
    title = "The table cannot be protected with these dimensions"


class FormatUnknown(DisclosureProblem):
    code = "TABLE_FORMAT_UNKNOWN"
    title = "There is no such format of a table"


class CertificateInvalid(DisclosureProblem):
    code = "CERTIFICATE_INVALID"
    title = "The certificate does not prove that the table is protected"


def titles() -> Mapping[str, str]:
    """Return what each code says, of every problem of this library."""
    found: dict[str, str] = {}
    kinds = DisclosureProblem.__subclasses__()
    while kinds:
        kind = kinds.pop()
        found[kind.code] = kind.title
        kinds += kind.__subclasses__()
    return found
