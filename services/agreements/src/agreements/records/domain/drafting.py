"""From an approved application to the document that the parties sign.

The document is the approved snapshot, whole, with the parties who sign it: what was approved is
what is signed (domain.md 2.2, state 8: "DSA content equals the approved snapshot").
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from pydantic import JsonValue

from agreements.records.domain.agreement import Agreement, Circumstances
from agreements.records.domain.events import AgreementNotDrafted, Verb
from agreements.records.domain.version import (
    AgreementLine,
    AgreementVersion,
    Capacity,
    Condition,
    Party,
)
from common.ids import digest
from common.security.principal import BODY
from statements.drafted import written

BODY_NAME = "The Body"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftedCondition:
    condition: str
    text: str
    due: date | None
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedApplication:
    """What was approved, already verified against its hash. `content` is the snapshot whole."""

    application_id: UUID
    reference: str
    version: str
    kind: str
    title: str
    start: date
    end: date
    parties: tuple[Party, ...]
    lines: tuple[AgreementLine, ...]
    conditions: tuple[DraftedCondition, ...]
    snapshot_hash: str
    content: Mapping[str, JsonValue]


def first_version(approved: ApprovedApplication, *, new_id: Callable[[], UUID]) -> Agreement:
    """Begin an agreement with what was approved."""
    version = next_version(approved, new_id=new_id)
    return Agreement(
        id=new_id(),
        reference=approved.reference,
        versions=(version,),
        happened=((Verb.DRAFTED, version.id),),
    )


def under_a_free_number(approved: ApprovedApplication, agreement: Agreement) -> ApprovedApplication:
    """Return what was approved under its own number, or the next that no other application has.

    Two applications may be under way at once, and rows of a spreadsheet beside them: each was given
    the number after the version that it knew.
    """
    others = {v.number for v in agreement.versions if v.application_id != approved.application_id}
    return replace(approved, version=free_number(approved.version, others))


def free_number(wanted: str, taken: Collection[str]) -> str:
    """Return a version's number, with its second part counted up until it is not taken."""
    major, minor = numbers_of(wanted)
    while (number := f"v{major}.{minor}") in taken:
        minor += 1
    return number


def numbers_of(version: str) -> tuple[int, int]:
    """Return both parts of a version's number."""
    major, minor = version.removeprefix("v").split(".")
    return int(major), int(minor)


def next_version(approved: ApprovedApplication, *, new_id: Callable[[], UUID]) -> AgreementVersion:
    """Draft the document of what was approved."""
    parties = (
        *approved.parties,
        Party(ods=BODY, capacity=Capacity.BODY, legal_name=BODY_NAME),
    )
    document = written(
        reference=approved.reference,
        version=approved.version,
        parties=parties,
        snapshot_hash=approved.snapshot_hash,
        snapshot=approved.content,
    )
    return AgreementVersion(
        id=new_id(),
        number=approved.version,
        sequence=1,
        application_id=approved.application_id,
        kind=approved.kind,
        title=approved.title,
        valid_from=approved.start,
        valid_to=approved.end,
        snapshot_hash=approved.snapshot_hash,
        document_hash=digest(document),
        document=document.decode(),
        parties=parties,
        lines=approved.lines,
        conditions=tuple(
            Condition(id=new_id(), condition=c.condition, text=c.text, due=c.due, owner=c.owner)
            for c in approved.conditions
        ),
    )


def tell_not_drafted(
    approved: ApprovedApplication, agreement: Agreement, at: datetime, facts: Circumstances
) -> Agreement:
    """Let whoever applied hear that the agreement was ended in between: nothing is drafted."""
    told = AgreementNotDrafted(
        reference=agreement.reference,
        version=approved.version,
        state=agreement.state_at(at, facts).value,
        application_id=approved.application_id,
        document_hash=agreement.shown(at).document_hash,
        lines_held=agreement.lines_held(at),
        at=at,
    )
    return replace(agreement, pending=(*agreement.pending, told))
