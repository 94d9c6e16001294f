"""Scores of risk stratification as they come back: by token, and whose they are nobody is told."""

from dataclasses import dataclass
from datetime import date

from pseudonymisation.people.domain import errors
from statements.vocabulary import LineKey

SHOWN_MAX = 20
"""So many lines with unknown tokens are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoresDeclaration:
    """What a supplier says of the scores that it sends."""

    agreement: str
    key: LineKey
    """The line under which it was given the records, and so the tokens."""
    as_at: date
    """The day up to which the records were looked at."""
    model: str
    model_version: str

    @property
    def month(self) -> str:
        return f"{self.as_at:%Y-%m}"

    @property
    def part(self) -> str:
        """Name what these scores take the place of: those of the model, whatever its version."""
        return self.model


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPeople:
    """How many people were scored; of whom is in the file that is landed."""

    people: int
    without_number: int
    """Tokens of people without an NHS number: nobody can be told of them, so they are left out."""
    without_practice: int
    """People whom the list of registrations does not have."""


def require_known(unknown: list[int]) -> None:
    """Raise TokensUnknown for the lines, counted from 1, of tokens that lead back to nobody."""
    if unknown:
        raise errors.TokensUnknown(
            f"{len(unknown)} tokens are of nobody in this line's files. Send the tokens as they"
            " were supplied, under the line by which they were.",
            tokens=len(unknown),
            lines=[*unknown[:SHOWN_MAX]],
        )
