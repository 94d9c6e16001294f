"""What the haven says of people: whom tokens stand for, who was told, who was where."""

from datetime import date, datetime
from uuid import UUID

from dsfc_client._http import Wire
from dsfc_client.models import Change


class RegistrationList(Wire):
    """A list of who is registered with which practice: how it stands, never who is on it."""

    id: UUID
    list_date: date
    people: int
    state: str
    change: Change
    is_destroyed: bool


class Reidentification(Wire):
    """A practice's request to be told whom tokens stand for; none of its tokens."""

    id: UUID
    practice: str
    agreement: str
    people: int
    state: str
    ends_at: datetime
    answers: int


class ReturnedScores(Wire):
    """Scores of risk stratification that came back: how they stand, and not of whom."""

    id: UUID
    state: str
    agreement: str
    model: str
    month: str
    people: int | None = None
    without_number: int | None = None
    without_practice: int | None = None


class ReidentifiedPerson(Wire):
    """Of one token: the number of one's own patient, or why there is none."""

    token: str
    outcome: str
    nhs_number: str | None = None


class ToldOf(Wire):
    """That somebody was told of a person."""

    id: UUID
    reidentification_id: UUID
    practice: str
    told_to: str
    told_at: datetime
    outcome: str
    agreement: str
    reason_code: str


class InvoiceMatch(Wire):
    """That somebody asked whether people were where an invoice says; not of whom."""

    id: UUID
    organisation: str
    agreement: str
    invoice: str
    people: int
    matched: int
    run_of_no: int
    alerts: bool


class SubjectAccessRequest(Wire):
    """A request for the releases in which a person was; not of whom."""

    id: UUID
    asked_by: str
    state: str
    ends_at: datetime
    answers: int


class ReleaseOfPerson(Wire):
    """A release that has rows of the person (`in_it`), or of which that `cannot_be_told`."""

    extract_id: UUID
    files: list[UUID]
    found: str
    agreement: str
    purpose: str
    data_set: str
    periods: list[str]
    recipients: list[str]
    released_at: datetime
    identified: bool
    opt_outs_applied: bool
    opt_outs_by: str | None = None
