"""What has to be kept in date: staff in DSCRO roles, audits, warnings before anything lapses."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from dsfc_client._http import Service, Wire

Json = Mapping[str, Any]


class StaffRecord(Wire):
    """A policy signed, a training done, or a secondment, and the days on which it counts."""

    id: UUID
    subject: str
    organisation: str
    kind: str
    reference: str
    valid_from: date
    valid_to: date | None = None


class Clearance(Wire):
    """Whether somebody may act in a DSCRO role on a day, and until when that stays so."""

    day: date
    is_cleared: bool
    until: date | None = None
    missing: tuple[dict[str, Any], ...] = ()
    """Each policy, training or secondment that is missing or has lapsed."""


class Audit(Wire):
    """An audit of the service, or of a recipient."""

    id: UUID
    reference: str
    kind: str
    organisation: str
    state: str
    planned_for: date
    actions: tuple[dict[str, Any], ...] = ()
    """What is to be done by when; `done_on` where it is."""


class Direction(Wire):
    """A direction or a provision notice, and what is collected under it."""

    id: UUID
    kind: str
    reference: str
    data_sets: tuple[str, ...]
    valid_from: date
    valid_to: date | None = None


class OptOutWaiver(Wire):
    """A letter by which opt-outs are not upheld for a purpose, once two people have seen it."""

    id: UUID
    reference: str
    purpose: str
    data_sets: tuple[str, ...]
    dated: date
    valid_from: date
    valid_to: date | None = None
    state: str


class InternalInstruction(Wire):
    """What two roles of the Body sign in place of a contract, for one agreement of its own."""

    id: UUID
    reference: str
    agreement: str
    valid_from: date
    valid_to: date
    missing: tuple[str, ...]
    """Roles that have not signed."""
    withdrawn_at: datetime | None = None


class Collected(Wire):
    """Whether a data set may be taken in on a day."""

    data_set: str
    day: date
    is_allowed: bool
    is_recorded: bool
    titles: tuple[str, ...]


class Lapse(Wire):
    """Something, and the last day on which it counts."""

    kind: str
    subject_id: UUID
    reference: str
    organisations: tuple[str, ...]
    ends_on: date
    not_as_sealed: tuple[str, ...] | None = None
    """Tables of what says so whose rows are not those that the service sealed."""


class LapseCalendar(Wire):
    """What ends between two days."""

    first: date
    last: date
    items: tuple[Lapse, ...]
    incomplete: tuple[str, ...] = ()
    """Kinds of which something cannot be read: not all that ends of them is among `items`."""


class LapseWarning(Lapse):
    """A warning that was given: so many days before, or fewer; 0: the last day is over."""

    id: UUID
    days: int
    warned_at: datetime


class Oversight(Service):
    """Who may act for a DSCRO, who was audited, and what ends when."""

    def record_staff(self, body: Json) -> StaffRecord:
        """Record a policy, a training or a secondment of somebody else than oneself."""
        return StaffRecord.model_validate(self.post("/v1/staff-records", body))

    def end_staff_record(self, record_id: UUID | str, last_day: str) -> StaffRecord:
        """End a record after a day (`YYYY-MM-DD`)."""
        path = f"/v1/staff-records/{record_id}/ending"
        return StaffRecord.model_validate(self.post(path, {"last_day": last_day}))

    def staff_records(self) -> Iterator[StaffRecord]:
        """List the records; whoever acts in a DSCRO role sees their own."""
        return self.pages("/v1/staff-records", StaffRecord)

    def clearance(self, subject: str, organisation: str, *, as_at: str | None = None) -> Clearance:
        """Say whether somebody of an organisation may act in a DSCRO role, and until when."""
        path = f"/v1/staff-records/{subject}/clearance"
        return Clearance.model_validate(self.get(path, organisation=organisation, as_at=as_at))

    def plan_audit(self, body: Json, *, key: str | None = None) -> Audit:
        """Plan an audit and its scope."""
        return Audit.model_validate(self.post("/v1/audits", body, key=key))

    def audit(self, audit_id: UUID | str) -> Audit:
        """Return an audit: its scope, findings and actions, and how far it is."""
        return Audit.model_validate(self.get(f"/v1/audits/{audit_id}"))

    def report_audit(self, audit_id: UUID | str, body: Json) -> Audit:
        """Hand in what an audit found."""
        return Audit.model_validate(self.post(f"/v1/audits/{audit_id}/report", body))

    def complete_action(self, audit_id: UUID | str, number: int, body: Json) -> Audit:
        """Record that an action is done."""
        path = f"/v1/audits/{audit_id}/actions/{number}/completion"
        return Audit.model_validate(self.post(path, body))

    def publish_audit(self, audit_id: UUID | str) -> Audit:
        """Publish the report of an audit."""
        return Audit.model_validate(self.post(f"/v1/audits/{audit_id}/publication"))

    def follow_up_audit(self, audit_id: UUID | str, body: Json) -> Audit:
        """Look again: close the audit, or ask for actions anew."""
        return Audit.model_validate(self.post(f"/v1/audits/{audit_id}/follow-up", body))

    def audits(self, *, organisation: str | None = None) -> Iterator[Audit]:
        """List the audits."""
        return self.pages("/v1/audits", Audit, organisation=organisation)

    def lapses(self, *, first: str | None = None, last: str | None = None) -> LapseCalendar:
        """Return what of one's own affairs ends between two days; by default in 90 days."""
        return LapseCalendar.model_validate(self.get("/v1/lapses", first=first, last=last))

    def lapse_warnings(self) -> Iterator[LapseWarning]:
        """List the warnings that were given: 90, 30 and 7 days before, once each."""
        return self.pages("/v1/lapse-warnings", LapseWarning)

    def record_direction(self, body: Json) -> Direction:
        """Record a direction or a provision notice, or when one ends."""
        return Direction.model_validate(self.post("/v1/directions", body))

    def directions(self) -> Iterator[Direction]:
        """List the directions and provision notices that are recorded."""
        return self.pages("/v1/directions", Direction)

    def collected(self, data_set: str, *, as_at: str | None = None) -> Collected:
        """Say whether a data set may be taken in on a day, and under what."""
        path = f"/v1/directions/data-sets/{data_set}"
        return Collected.model_validate(self.get(path, as_at=as_at))

    def record_opt_out_waiver(self, body: Json) -> OptOutWaiver:
        """Record a letter that waives opt-outs; it waits for a second person."""
        return OptOutWaiver.model_validate(self.post("/v1/opt-out-waivers", body))

    def confirm_opt_out_waiver(self, waiver_id: UUID | str, reason: str) -> OptOutWaiver:
        """Let a letter count; somebody other than who recorded it."""
        path = f"/v1/opt-out-waivers/{waiver_id}/confirmation"
        return OptOutWaiver.model_validate(self.post(path, {"reason": reason}))

    def withdraw_opt_out_waiver(self, waiver_id: UUID | str, reason: str) -> OptOutWaiver:
        """Take a letter back: opt-outs are upheld again at once."""
        path = f"/v1/opt-out-waivers/{waiver_id}/withdrawal"
        return OptOutWaiver.model_validate(self.post(path, {"reason": reason}))

    def opt_out_waivers(self) -> Iterator[OptOutWaiver]:
        """List the letters that are on record."""
        return self.pages("/v1/opt-out-waivers", OptOutWaiver)

    def record_internal_instruction(self, body: Json) -> InternalInstruction:
        """Record an instruction of the Body, for two people of two roles to sign."""
        return InternalInstruction.model_validate(self.post("/v1/internal-instructions", body))

    def sign_internal_instruction(self, instruction_id: UUID | str) -> InternalInstruction:
        """Sign it in the role of one's token; the other role is another person's."""
        path = f"/v1/internal-instructions/{instruction_id}/signature"
        return InternalInstruction.model_validate(self.post(path))

    def withdraw_internal_instruction(
        self, instruction_id: UUID | str, reason: str
    ) -> InternalInstruction:
        """Withdraw it: nothing is given by it any more."""
        path = f"/v1/internal-instructions/{instruction_id}/withdrawal"
        return InternalInstruction.model_validate(self.post(path, {"reason": reason}))

    def internal_instructions(self) -> Iterator[InternalInstruction]:
        """List the internal instructions that are on record."""
        return self.pages("/v1/internal-instructions", InternalInstruction)
