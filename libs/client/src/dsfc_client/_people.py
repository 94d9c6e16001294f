"""Whom tokens stand for, for direct care; and who was told."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack
from uuid import UUID

from dsfc_client._submitting import Submitting
from dsfc_client.people_models import (
    InvoiceMatch,
    RegistrationList,
    Reidentification,
    ReidentifiedPerson,
    ReleaseOfPerson,
    ReturnedScores,
    SubjectAccessRequest,
    ToldOf,
)

WAIT_SECONDS_MAX: Final = 600.0


class OfWhom(TypedDict, total=False):
    """By what an auditor looks for who was told."""

    nhs_number: str
    practice: str
    told_to: str


class Scored(TypedDict):
    """What a supplier says of the scores that it sends."""

    agreement: str
    data_set: str
    classification: str
    as_at: str
    """The day up to which the records were looked at, `YYYY-MM-DD`."""
    model: str
    model_version: str


class People(Submitting):
    """What of the haven leads tokens back, for practices, the DSCRO and auditors."""

    def import_registrations(
        self, content: Path, list_date: str, declared_count: int, *, key: str | None = None
    ) -> RegistrationList:
        """Send who is registered with which practice: `number,practice`, one line a person.

        Where by it many people would be another practice's its state is `waiting`.
        """
        headers = {"Content-Type": "text/csv"} | ({"Idempotency-Key": key} if key else {})
        sent = self.call(
            "POST",
            "/v1/practice-registrations",
            params={"list_date": list_date, "declared_count": declared_count},
            content=content.read_bytes(),
            headers=headers,
            timeout=WAIT_SECONDS_MAX,
        )
        return RegistrationList.model_validate(sent.json())

    def registration_list(self, list_id: UUID | str) -> RegistrationList:
        """Return how a list of registrations stands, and what it changes."""
        return RegistrationList.model_validate(self.get(f"/v1/practice-registrations/{list_id}"))

    def registrations(self) -> Iterator[RegistrationList]:
        """List who was said to be registered with which practice; never who they are."""
        return self.pages("/v1/practice-registrations", RegistrationList)

    def confirm_registrations(self, list_id: UUID | str, reason: str) -> RegistrationList:
        """Let a list into force that somebody else sent. Raises Problem (SECOND_PERSON_NEEDED)."""
        path = f"/v1/practice-registrations/{list_id}/confirmation"
        return RegistrationList.model_validate(self.post(path, {"reason": reason}))

    def take_back_registrations(self, list_id: UUID | str, reason: str) -> RegistrationList:
        """Take a list back; without one nobody is re-identified."""
        path = f"/v1/practice-registrations/{list_id}/withdrawal"
        return RegistrationList.model_validate(self.post(path, {"reason": reason}))

    def reidentify(self, body: Mapping[str, Any]) -> Reidentification:
        """Ask whom tokens of a line stand for. Above a number of people its state is `waiting`."""
        return Reidentification.model_validate(self.post("/v1/re-identifications", body))

    def reidentification(self, id_: UUID | str) -> Reidentification:
        """Return how a request to re-identify stands; never whom it is about."""
        return Reidentification.model_validate(self.get(f"/v1/re-identifications/{id_}"))

    def reidentifications(self) -> Iterator[Reidentification]:
        """List what the practice asked; as an auditor, what all asked."""
        return self.pages("/v1/re-identifications", Reidentification)

    def confirm_reidentification(self, id_: UUID | str, reason: str) -> Reidentification:
        """Confirm what another person of the practice asked."""
        path = f"/v1/re-identifications/{id_}/confirmation"
        return Reidentification.model_validate(self.post(path, {"reason": reason}))

    def reidentified(self, id_: UUID | str) -> Sequence[ReidentifiedPerson]:
        """Fetch the answer: of one's own patients the NHS number. Keep it where records are."""
        answer = self.post(f"/v1/re-identifications/{id_}/answer")
        return [ReidentifiedPerson.model_validate(row) for row in answer["people"]]

    def who_was_told(self, **wanted: Unpack[OfWhom]) -> Sequence[ToldOf]:
        """Return who was told of a patient, as an auditor: the first page."""
        answer = self.post("/v1/re-identified-people/searches", dict(wanted))
        return [ToldOf.model_validate(item) for item in answer["items"]]

    def ask_for_subject_access(self, nhs_number: str, reason: str) -> SubjectAccessRequest:
        """Ask in which releases a person was; another person of governance has to confirm it."""
        body = {"nhs_number": nhs_number, "reason": reason}
        return SubjectAccessRequest.model_validate(self.post("/v1/subject-access-requests", body))

    def subject_access_request(self, id_: UUID | str) -> SubjectAccessRequest:
        """Return how a request stands, who asked and who confirmed it."""
        return SubjectAccessRequest.model_validate(self.get(f"/v1/subject-access-requests/{id_}"))

    def subject_access_requests(self) -> Iterator[SubjectAccessRequest]:
        """List what was asked about people, and by whom; never about whom."""
        return self.pages("/v1/subject-access-requests", SubjectAccessRequest)

    def confirm_subject_access(self, id_: UUID | str, reason: str) -> SubjectAccessRequest:
        """Confirm what another person asked. Raises Problem (SECOND_PERSON_NEEDED)."""
        path = f"/v1/subject-access-requests/{id_}/confirmation"
        return SubjectAccessRequest.model_validate(self.post(path, {"reason": reason}))

    def releases_of_person(self, id_: UUID | str) -> Sequence[ReleaseOfPerson]:
        """Fetch the answer, oldest release first. It is kept nowhere, and looks anew each time."""
        answer = self.post(f"/v1/subject-access-requests/{id_}/answer")
        return [ReleaseOfPerson.model_validate(row) for row in answer["releases"]]

    def match_invoice(self, body: Mapping[str, Any]) -> Sequence[bool]:
        """Ask of NHS numbers whether the people were where an invoice says; yes or no of each."""
        return [bool(one) for one in self.post("/v1/invoice-matches", body)["found"]]

    def return_scores(
        self, content: bytes, *, key: str | None = None, **said: Unpack[Scored]
    ) -> ReturnedScores:
        """Send scores of risk stratification back: `token,score`, one line a person, no header."""
        headers = {"Content-Type": "text/csv"} | ({"Idempotency-Key": key} if key else {})
        sent = self.call(
            "POST",
            "/v1/risk-scores",
            params={**said},
            content=content,
            headers=headers,
            timeout=WAIT_SECONDS_MAX,
        )
        return ReturnedScores.model_validate(sent.json())

    def returned_scores(self, id_: UUID | str) -> ReturnedScores:
        """Ask how scores stand that one's own organisation sent."""
        return ReturnedScores.model_validate(self.get(f"/v1/risk-scores/{id_}"))

    def invoice_matches(self) -> Iterator[InvoiceMatch]:
        """List what was asked, as an auditor or for information governance; never of whom."""
        return self.pages("/v1/invoice-matches", InvoiceMatch)
