"""The Standards as they hold on a day."""

from collections.abc import Sequence
from datetime import date

from applications.domain import standards
from applications.domain.standards import InForce
from applications.use_cases.context import World


def in_force(as_at: date, *, world: World) -> Sequence[InForce]:
    return standards.in_force(world.rules.standards, as_at)
