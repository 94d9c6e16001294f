"""When a publication is to be expected: told to whoever is refused, and nothing else.

Only a recorded publication opens the gate (domain.md 6.1).
"""

import calendar
from datetime import date, timedelta

from agreements.decision.domain.rules import Rules


def expected_on(rules: Rules, data_set: str, month: str, day: date) -> date | None:
    """Return the day by the formula that holds on `day`; None where there is none."""
    formula = rules.formula(day, data_set)
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        return None  # PERIOD_NOT_IN_DSA says so
    if formula is None:
        return None
    if formula.day_of_month is None:
        length = calendar.monthrange(first.year, first.month)[1]
        return first + timedelta(days=length - 1 + formula.days)
    years, month0 = divmod(first.month - 1 + formula.months, 12)
    return date(first.year + years, month0 + 1, formula.day_of_month)
