"""What the database of agreements raises to those who ask it."""

from collections.abc import Sequence


class SealBroken(Exception):
    """The chain is not the one that this service wrote. Never leaves the adapters."""


class NotSealed(Exception):
    """What is recorded is not what the audit log tells of."""

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__("; ".join(differences))
        self.differences = differences
