"""What is asked: an extract, the release of a file, the bytes of one, or of whom.

Of whom: whom tokens stand for, whether people were where an invoice says, and whether scores of
people may come back.
"""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from agreements.decision.domain.permits import GivenPermit
from statements.attestation import Attestation
from statements.request import ExtractRequest
from statements.vocabulary import LineKey


class Action(StrEnum):
    REQUEST = "request"
    RELEASE = "release"
    FETCH = "fetch"
    REIDENTIFY = "reidentify"
    MATCH = "match"
    RETURN_SCORES = "return_scores"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, as their own verified token says; never as another service says."""

    client_id: str
    organisation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A file that was released, and to whom: what `fetch` is asked about."""

    id: UUID
    decision_id: UUID
    agreement: str
    environment_id: UUID
    file: Attestation


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What the haven would read and leave out at this moment, as dissemination was told by it.

    It can only lead to a no: whether the file may be released is judged by what is attested of it.
    """

    editions: frozenset[tuple[str, frozenset[str]]]
    """For each month that was landed, the editions that are read."""
    lists: frozenset[str]
    """What decides who is left out, named as an attestation names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Whether this extract may be prepared."""

    asker: Asker
    request: ExtractRequest
    """No extract in particular: whichever it is, the answer is the same."""
    landed: Landed | None = None
    """None where it is not known: then the release alone is judged by it."""

    @property
    def key(self) -> LineKey:
        return self.request.line


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Request):
    """Whether it may be said of NHS numbers that they are in the line's rows (ruling 31).

    In place of a file: it is judged as a request for no field, and nothing is prepared.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnScores(Request):
    """Whether scores of risk stratification may come back by a line's tokens (domain.md 4.1).

    It is judged as a request for no field: who may not have the records sends no scores of them.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Whether this prepared file may be released, which the haven attested under our permit."""

    file_id: str
    extract_id: str
    file: Attestation
    permit: GivenPermit


@dataclass(frozen=True, slots=True, kw_only=True)
class UnattestedRelease:
    """The same, where the attestation is not genuine or names no permit of ours."""

    file_id: str
    extract_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """Whether bytes of this released file may leave now."""

    asker: Asker
    holding: Holding


@dataclass(frozen=True, slots=True, kw_only=True)
class Reidentify:
    """Whether a practice may be told whom tokens of this line stand for (domain.md 8.4)."""

    asker: Asker
    agreement: str
    key: LineKey


AboutALine = Request | Release | Fetch | Reidentify
Question = AboutALine | UnattestedRelease
