"""Sums of what was landed, exact or none."""

from typing import Final

EXACT: Final = "DECIMAL(24, 6)"
"""As what a number is summed: of up to 18 digits before the point, to six places."""


def exact_sum(column: str) -> str:
    """Return SQL of the sum of a column; null where one of its numbers cannot be summed exactly."""
    value = f"TRY_CAST({column} AS {EXACT})"
    return f"CASE WHEN count({column}) = count({value}) THEN coalesce(sum({value}), 0) END"
