"""Why a decision says no: every code with its condition, and how to resolve it."""

from collections.abc import Iterable, Iterator

from agreements.decision.domain.codes.meanings import MEANINGS, Meaning
from agreements.decision.domain.codes.names import Code
from common.errors import Refusal

__all__ = ["MEANINGS", "Code", "Meaning", "refusal", "unknown"]


def refusal(code: Code, detail: str, subject: str | None = None) -> Refusal:
    return Refusal(code.value, detail, subject)


def unknown(clauses: Iterable[str]) -> Iterator[Refusal]:
    """An unknown clause denies (design.md section 5)."""
    for name in clauses:
        yield refusal(Code.CLAUSE_UNKNOWN, "Nobody can evaluate this clause.", name)
