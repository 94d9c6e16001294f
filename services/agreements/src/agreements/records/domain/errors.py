"""What can go wrong with the facts that agreements owns."""

from common.errors import Conflict, Forbidden, NotFound, Unprocessable


class ImportRefused(Unprocessable):
    """Nothing of the file was taken; member `errors` says which lines are wrong and why."""

    code = "IMPORT_REFUSED"
    title = "The file does not match its layout"


class ImportContradicts(ImportRefused):
    """One key has two values: member `errors` names each line that says one of them."""

    code = "IMPORT_CONTRADICTS"
    title = "The file contradicts itself"


# Organisations and where data land


class OrganisationNotFound(NotFound):
    code = "ORGANISATION_NOT_FOUND"
    title = "No such organisation on that day"


class OrganisationUnknown(Unprocessable):
    """Refuse only what is not in the loaded list as at the date (domain.md 1.3)."""

    code = "ORGANISATION_UNKNOWN"
    title = "The organisation's code is not in the loaded ODS list"


class NotALegalEntity(Unprocessable):
    """A sub-ICB location is a population code, not a legal controller (ruling 4)."""

    code = "NOT_A_LEGAL_ENTITY"
    title = "The code belongs to another legal entity on that day"


class UnlikeSeal(Conflict):
    code = "SEAL_BROKEN"
    title = "The records do not match their seal"


class ImportNotFound(NotFound):
    code = "IMPORT_NOT_FOUND"
    title = "No such import"


class SubmissionRightNotFound(NotFound):
    code = "SUBMISSION_RIGHT_NOT_FOUND"
    title = "No such right to submit"


class EvidenceInFuture(Unprocessable):
    code = "EVIDENCE_IN_FUTURE"
    title = "What is recorded as seen is still to come"


class ExtensionIsPast(Unprocessable):
    code = "EXTENSION_IS_PAST"
    title = "An extension of what has lapsed must begin today or later"


class MapNotFound(NotFound):
    code = "MAP_NOT_FOUND"
    title = "No such map"


class SameSupporter(Unprocessable):
    code = "SAME_SUPPORTER"
    title = "A change of CSU is from one to another"


class TransferInCircle(Unprocessable):
    """What passed on would come back: nobody could say whose it is."""

    code = "TRANSFER_IN_CIRCLE"
    title = "The predecessor already has what was the successor's"


class TransferRecorded(Conflict):
    """Two dates for one transfer: nobody could say whose the days between are."""

    code = "TRANSFER_RECORDED"
    title = "The same transfer is recorded already"


class TransferNotFound(NotFound):
    code = "TRANSFER_NOT_FOUND"
    title = "No such transfer instrument"


class TransferTookEffect(Conflict):
    code = "TRANSFER_TOOK_EFFECT"
    title = "The transfer took effect and cannot be taken back"


class DomainTransferNotFound(NotFound):
    code = "DOMAIN_TRANSFER_NOT_FOUND"
    title = "No such transfer of pseudonym domains"


class DomainTransferRecorded(Conflict):
    """Two environments that go on with one domain would hold equal tokens."""

    code = "DOMAIN_TRANSFER_RECORDED"
    title = "A transfer of these domains, or to this environment, is under way already"


class DomainTransferUnfit(Unprocessable):
    code = "DOMAIN_TRANSFER_UNFIT"
    title = "Pseudonym domains cannot go on from this environment in that one"


class DomainBegun(Conflict):
    """It would hold two tokens of each person, and could join what is not to be joined."""

    code = "DOMAIN_BEGUN"
    title = "The following environment has tokens of other domains of the agreement"


class DomainTransferTooEarly(Conflict):
    code = "DOMAIN_TRANSFER_TOO_EARLY"
    title = "Domains do not go on before the first day of the transfer"


class DomainTransferNotAgreed(Conflict):
    code = "DOMAIN_TRANSFER_NOT_AGREED"
    title = "A controller has not agreed to the transfer of domains"


class DomainTransferTookEffect(Conflict):
    code = "DOMAIN_TRANSFER_TOOK_EFFECT"
    title = "The transfer of domains is over: in effect, or withdrawn"


class StillReceiving(Conflict):
    code = "STILL_RECEIVING"
    title = "The version in effect does not say that the following environment took over"


class FormerFilesNotDestroyed(Conflict):
    """Two environments would hold equal tokens."""

    code = "FORMER_FILES_NOT_DESTROYED"
    title = "The former environment holds files whose destruction is not accepted"


class EnvironmentNotFound(NotFound):
    code = "ENVIRONMENT_NOT_FOUND"
    title = "No such recipient environment"


class ClientTaken(Conflict):
    """A client of two environments could carry data from one into the other (ruling 6)."""

    code = "CLIENT_IN_ANOTHER_ENVIRONMENT"
    title = "The client belongs to another recipient environment"


# Contracts


class ContractNotFound(NotFound):
    code = "CONTRACT_NOT_FOUND"
    title = "No such framework contract"


class ContractOverlaps(Conflict):
    """At most one in force per legal entity at an instant (domain.md 3.1)."""

    code = "CONTRACT_OVERLAPS"
    title = "The legal entity has another framework contract in that time"


class OrganisationSignsFirst(Conflict):
    code = "ORGANISATION_SIGNS_FIRST"
    title = "The Body signs after the organisation"


# Agreements


class AlreadySigned(Conflict):
    """A party signs a document once: a second signature would be another's, or another day's."""

    code = "ALREADY_SIGNED"
    title = "The organisation has signed this document already"


class DocumentHashDiffers(Conflict):
    code = "DOCUMENT_HASH_DIFFERS"
    title = "The signed hash is not that of the document"


class NotAParty(Forbidden):
    code = "NOT_A_PARTY"
    title = "Only a party that the document names signs it, each for itself"


class VersionSuperseded(Conflict):
    code = "VERSION_SUPERSEDED"
    title = "A later version is already in effect"


class VersionLapsed(Conflict):
    code = "VERSION_LAPSED"
    title = "The version's term is over"


class DraftedOtherwise(Conflict):
    """The same version was approved with another content: never drafted over."""

    code = "DRAFTED_OTHERWISE"
    title = "That version was drafted from another snapshot"


class SnapshotRefused(Unprocessable):
    """The fetched snapshot is not the approved one, or not of a form that we know."""

    code = "SNAPSHOT_REFUSED"
    title = "No agreement can be drafted from this snapshot"


class ConditionNotFound(NotFound):
    code = "CONDITION_NOT_FOUND"
    title = "No such special condition"


class NameDiffers(Unprocessable):
    """Another spelling is corrected; another name is another organisation's."""

    code = "NAME_DIFFERS"
    title = "The organisation is listed under another name"


# Passing data on


class SharedWithOneself(Unprocessable):
    """Nothing went on to anybody: it would be a line of the register that says nothing."""

    code = "SHARED_WITH_ONESELF"
    title = "What is logged as passed on is named as gone to who logs it"


class SharedInFuture(Unprocessable):
    code = "SHARED_IN_FUTURE"
    title = "What is logged as passed on is still to come"


# Destruction


class CopyNotHeld(Unprocessable):
    """Member `copies` names them."""

    code = "COPY_NOT_HELD"
    title = "The certificate names a copy that is not held under the agreement"


class CopyOfAnother(Forbidden):
    """Member `copies` names them."""

    code = "COPY_OF_ANOTHER"
    title = "The certificate is for copies that another organisation holds"


class DestroyedOtherwise(Unprocessable):
    """Member `errors` says of each copy what cannot be."""

    code = "CERTIFICATE_IMPOSSIBLE"
    title = "The certificate says what cannot be"


class CertificateIncomplete(Conflict):
    """A file, holder, place or back-up is left out: member `missing` names each (X01)."""

    code = "CERTIFICATE_INCOMPLETE"
    title = "The certificates do not account for every copy"


class DestructionNeedsAnotherPerson(Conflict):
    """Two people accept, for it closes the agreement and destroys a key."""

    code = "DESTRUCTION_NEEDS_ANOTHER_PERSON"
    title = "A second person must accept the destruction"


class LedgerDiffers(Conflict):
    """Member `files` names what dissemination released and agreements does not know as held."""

    code = "LEDGER_DIFFERS"
    title = "Dissemination released files that the ledger of holdings does not have"


class DeliveryUnderWay(Conflict):
    """Member `files` names them."""

    code = "DELIVERY_UNDER_WAY"
    title = "A file of the agreement is being delivered"


# Relationships


class RelationshipNotFound(NotFound):
    code = "RELATIONSHIP_NOT_FOUND"
    title = "No such relationship"


class ServiceContractMissing(Unprocessable):
    """Pre-condition 1 of domain.md 5.1."""

    code = "SERVICE_CONTRACT_MISSING"
    title = "A signed service contract for data processing services is needed"


class ChangeNotOfItsKind(Unprocessable):
    """Member `differs` names what is otherwise than the kind of change says."""

    code = "CHANGE_NOT_OF_ITS_KIND"
    title = "The relationship does not change the former one as its kind says"


class DscroUnknown(Unprocessable):
    code = "DSCRO_UNKNOWN"
    title = "Unknown DSCRO"


class RelationshipOverlaps(Conflict):
    """One DSCRO for each (commissioner, service) at any instant (domain.md 5.3)."""

    code = "RELATIONSHIP_OVERLAPS"
    title = "Another DSCRO serves the commissioner in that time"


# Breaches and holds


class ContractOfAnother(Unprocessable):
    """A finding ends contracts of the controllers of its own agreement alone."""

    code = "CONTRACT_OF_ANOTHER"
    title = "The contract is of no controller of the agreement"


class BreachDates(Unprocessable):
    """Member `fields` names them. What stops later has not stopped, and its lines are held."""

    code = "BREACH_DATES"
    title = "The report says when something happened that is still to come"


class BreachNotFound(NotFound):
    code = "BREACH_NOT_FOUND"
    title = "No such breach"


class HoldNotFound(NotFound):
    code = "HOLD_NOT_FOUND"
    title = "No such hold"


class HoldLifted(Conflict):
    code = "HOLD_LIFTED"
    title = "The hold is lifted already"


class LiftNeedsAnotherPerson(Conflict):
    """Two people lift a hold, a reason each (ruling 3)."""

    code = "LIFT_NEEDS_ANOTHER_PERSON"
    title = "A second person must approve that the hold is lifted"


# Oversight: staff, audits


class StaffRecordNotFound(NotFound):
    code = "STAFF_RECORD_NOT_FOUND"
    title = "No such record of a member of staff"


class StaffRecordEnds(Unprocessable):
    code = "STAFF_RECORD_ENDS_BEFORE_IT_BEGINS"
    title = "The record would end before it begins"


class StaffRecordOverlaps(Conflict):
    """Two secondments at once: nobody could say whose rules somebody is under."""

    code = "STAFF_RECORD_OVERLAPS"
    title = "Another secondment of the same person is recorded for some of these days"


class StaffRequirementUnknown(Unprocessable):
    code = "STAFF_REQUIREMENT_UNKNOWN"
    title = "No rule asks for this policy or training on that day"


class StaffRecordOfOneself(Forbidden):
    code = "STAFF_RECORD_OF_ONESELF"
    title = "Nobody records their own policies, training or secondment"


class StaffNotCleared(Forbidden):
    """A DSCRO role needs signed policies and training in date (domain.md ruling 18)."""

    code = "STAFF_NOT_CLEARED"
    title = "The role needs signed policies, training in date and, for others' staff, a secondment"


class DscroNotProved(Forbidden):
    """For which DSCRO somebody acts is proved by the token and the register, and never said."""

    code = "DSCRO_NOT_PROVED"
    title = "Nothing proves for which DSCRO you act"


class AuditNotFound(NotFound):
    code = "AUDIT_NOT_FOUND"
    title = "No such audit"


class AuditActionNotFound(NotFound):
    code = "AUDIT_ACTION_NOT_FOUND"
    title = "The audit has no such action"


class AuditActionsOpen(Conflict):
    code = "AUDIT_ACTIONS_OPEN"
    title = "Actions of the audit are not done"


class AuditDates(Unprocessable):
    code = "AUDIT_DATES"
    title = "The dates of the audit do not follow one another"


class AuditScope(Unprocessable):
    """Of a recipient an agreement may be named to which it is a party; of the service none."""

    code = "AUDIT_SCOPE"
    title = "The audit does not fit whom it is of"


class CalendarTooLong(Unprocessable):
    code = "CALENDAR_TOO_LONG"
    title = "The calendar has too many days, or ends before it begins"


class DirectionDataSetUnknown(Unprocessable):
    code = "DIRECTION_DATA_SET_UNKNOWN"
    title = "A data set of the direction is not in the catalogue"


class DirectionRecorded(Conflict):
    """What was in force on past days stays so, and gaps do too."""

    code = "DIRECTION_RECORDED"
    title = "The direction is recorded otherwise for days that are past"
