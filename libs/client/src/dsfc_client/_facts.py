"""Facts that decisions of agreements rest on, one at a time: recorded, listed, shown for a day."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from dsfc_client._http import Service, Wire
from dsfc_client.models import ReplacementStatus

Json = Mapping[str, Any]
Id = str | UUID


class Organisation(Wire):
    """An organisation, its kind and the days on which it was there."""

    ods: str
    name: str
    kind: str
    legal_entity: str
    valid_from: date
    valid_to: date | None = None


class Assurance(Wire):
    """One assurance of an organisation: of which kind, how it came out, until when it counts."""

    organisation: str
    kind: str
    reference: str
    status: str
    seen_on: date
    expires_on: date | None = None


class IcoRegistration(Wire):
    """A registration with the ICO, and its last day."""

    organisation: str
    number: str
    name: str
    valid_from: date
    valid_to: date


class Section251Approval(Wire):
    """A support under section 251: for which purposes and whom, and until when."""

    id: UUID
    reference: str
    purposes: tuple[str, ...]
    valid_from: date
    valid_to: date
    review_on: date | None = None
    controllers: tuple[str, ...] | None = None
    """Whom it is for; None: all."""
    conditions: tuple[str, ...] = ()
    withdrawn_on: date | None = None
    """From this day on it is taken away."""
    reason: str | None = None


class SupportAffected(Wire):
    """An agreement, which of its lines stop or begin, and how many files become due."""

    reference: str
    stops: tuple[int, ...]
    begins: tuple[int, ...]
    files_due: int


class SupportPreview(Wire):
    """What stops, and begins, once a support is withdrawn or given otherwise."""

    text: str
    agreements: tuple[SupportAffected, ...]
    not_as_sealed: tuple[str, ...] = ()
    unreadable: tuple[UUID, ...] = ()


class Publication(Wire):
    """The day on which the figures of a period of a data set were published."""

    data_set: str
    period: str
    published_on: date


class ListedEnvironment(Wire):
    """An organisation on NHS England's register of environments, and for whom it hosts."""

    organisation: str
    kind: str
    hosted_for: str | None = None
    valid_from: date
    valid_to: date | None = None


class ReferenceMap(Wire):
    """A map of practices, postcodes or deprivation, in force from a day."""

    id: UUID
    kind: str
    valid_from: date
    digest: str
    entries: int
    standing: ReplacementStatus | None = None


class Facts(Service):
    """What the Body's staff record, and what all may look up."""

    def organisations(self, *, kind: str | None = None) -> Iterator[Organisation]:
        """List organisations, all or of a kind."""
        return self.pages("/v1/organisations", Organisation, kind=kind)

    def organisation(self, ods: str, *, as_at: str | None = None) -> Organisation:
        """Return an organisation as it was on a day, its parent and its successor."""
        return Organisation.model_validate(self.get(f"/v1/organisations/{ods}", as_at=as_at))

    def assurance(
        self, organisation: str, *, as_at: str | None = None, identifiable: bool | None = None
    ) -> Any:
        """Return the assurances of an organisation, and whether they suffice on a day."""
        asked = {"organisation": organisation, "as_at": as_at, "identifiable": identifiable}
        return self.get("/v1/assurance", **asked)

    def record_assurance(self, body: Json) -> Assurance:
        """Record an assurance of an organisation: its toolkit, its registration, its plan."""
        return Assurance.model_validate(self.post("/v1/assurance", body))

    def ico_registrations(
        self, organisation: str, *, as_at: str | None = None
    ) -> list[IcoRegistration]:
        """List registrations of an organisation with the ICO, with former ones."""
        found = self.get("/v1/ico-registrations", organisation=organisation, as_at=as_at)
        return [IcoRegistration.model_validate(one) for one in found["items"]]

    def record_ico_registration(self, body: Json) -> IcoRegistration:
        """Record a registration with the ICO, or the next year of one."""
        return IcoRegistration.model_validate(self.post("/v1/ico-registrations", body))

    def section_251_approvals(self, *, as_at: str | None = None) -> Iterator[Section251Approval]:
        """List supports under section 251, and which are in force on a day."""
        return self.pages("/v1/section-251-approvals", Section251Approval, as_at=as_at)

    def record_section_251_approval(self, body: Json) -> Section251Approval:
        """Record a support, or its extension by the same reference; a lapse before it stays one."""
        return Section251Approval.model_validate(self.post("/v1/section-251-approvals", body))

    def withdraw_section_251_approval(self, approval_id: Id, reason: str) -> Section251Approval:
        """Take a support away at once: lines that rely on it get nothing from then on."""
        path = f"/v1/section-251-approvals/{approval_id}/withdrawal"
        return Section251Approval.model_validate(self.post(path, {"reason": reason}))

    def preview_section_251_withdrawal(self, approval_id: Id) -> SupportPreview:
        """Return which lines would stop, and how many files would be due for destruction."""
        path = f"/v1/section-251-approvals/{approval_id}/withdrawal/preview"
        return SupportPreview.model_validate(self.get(path))

    def change_section_251_conditions(self, approval_id: Id, body: Json) -> Section251Approval:
        """Record that a support is given for others, or on other conditions; its days stay."""
        path = f"/v1/section-251-approvals/{approval_id}/conditions"
        return Section251Approval.model_validate(self.post(path, body))

    def preview_section_251_conditions(
        self, approval_id: Id, *, purpose: list[str], controller: list[str] | None = None
    ) -> SupportPreview:
        """Return which lines would stop, and which begin, were a support given so."""
        path = f"/v1/section-251-approvals/{approval_id}/conditions/preview"
        found = self.get(path, purpose=purpose, controller=controller)
        return SupportPreview.model_validate(found)

    def publications(self) -> Iterator[Publication]:
        """List on which day the figures of which period were published."""
        return self.pages("/v1/publications", Publication)

    def record_publication(self, data_set: str, period: str, published_on: str) -> Publication:
        """Record the day on which the figures of a period were published."""
        body = {"data_set": data_set, "period": period, "published_on": published_on}
        return Publication.model_validate(self.post("/v1/publications", body))

    def environment_register(self, kind: str) -> Iterator[ListedEnvironment]:
        """List NHS England's register of `ceff` or `rs_supplier`, with former entries."""
        return self.pages(f"/v1/environment-registers/{kind}", ListedEnvironment)

    def maps(
        self, *, kind: str | None = None, as_at: str | None = None, state: str | None = None
    ) -> Iterator[ReferenceMap]:
        """List maps, of a kind, of a day, or that stand so."""
        return self.pages("/v1/maps", ReferenceMap, kind=kind, as_at=as_at, state=state)

    def map(self, map_id: Id) -> ReferenceMap:
        """Return a map: its digest, how many entries it has, and how it stands."""
        return ReferenceMap.model_validate(self.get(f"/v1/maps/{map_id}"))

    def map_entries(self, map_id: Id) -> str:
        """Return the entries of a map, as CSV."""
        path = f"/v1/maps/{map_id}/entries"
        return self.call("GET", path, headers={"Accept": "text/csv"}).text
