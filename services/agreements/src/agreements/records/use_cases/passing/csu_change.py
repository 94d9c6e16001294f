"""A change of CSU in one preview: what ends, what begins, what must go, and what is missing yet.

Nothing is written by it: each step is somebody's own act (domain.md 5.2), and the preview says
whether they fit together, so that no day is without a supporter and none has two.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.errors import SameSupporter
from agreements.records.domain.parties.domain_transfer import DomainTransfer
from agreements.records.domain.parties.environment import RecipientEnvironment
from agreements.records.domain.parties.relationship import Relationship, Step
from agreements.records.domain.version import AgreementVersion
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.destruction.ledgers import destroyed_of
from agreements.records.use_cases.organisations import require_known
from agreements.records.use_cases.ports import Transaction
from common.clock import legal_day, start_of
from statements import document
from statements.document import Terms
from statements.vocabulary import Classification

DAY = timedelta(days=1)


class Lack(StrEnum):
    """What is missing, or does not fit, before the change is whole."""

    FORMER_GOES_ON = "former_goes_on"
    """A relationship with the former CSU has not ended by then: a day would have two."""
    FORMER_ENDS_EARLY = "former_ends_early"
    """It ends before the day before: days would have none."""
    NEW_IS_MISSING = "new_is_missing"
    """No relationship with the new CSU is in operation from that day."""
    NEW_BEGINS_EARLY = "new_begins_early"
    """One begins before that day: a day would have two."""
    AMENDMENT_IS_MISSING = "amendment_is_missing"
    """An agreement names the former CSU from that day on."""
    AMENDMENT_IS_NOT_SIGNED = "amendment_is_not_signed"
    ENVIRONMENT_IS_MISSING = "environment_is_missing"
    """The new CSU has no recipient environment of a kind in which lines land."""
    DOMAINS_NOT_AGREED = "domains_not_agreed"
    """A transfer of pseudonym domains was proposed, and a controller has not agreed."""
    FILES_NOT_DESTROYED = "files_not_destroyed"
    """Domains are to go on, and the former CSU still holds files: the new one gets no records."""
    DOMAINS_BEGIN_LATE = "domains_begin_late"
    """A transfer begins after the new CSU's first day: it gets no records in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    lack: Lack
    reference: str
    """Of the relationship or agreement that it is about; of an environment its kind."""
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewedTransfer:
    """A transfer of an agreement's pseudonym domains to the new CSU."""

    agreement: str
    transfer: DomainTransfer


@dataclass(frozen=True, slots=True, kw_only=True)
class CsuChange:
    """What a change of CSU comes to, and what is missing yet."""

    ending: tuple[str, ...]
    """Relationships with the former CSU that are in operation."""
    beginning: tuple[str, ...]
    """Relationships with the new one, from that day."""
    agreements: tuple[str, ...]
    """Agreements about the commissioner in which the former CSU processes."""
    files: int
    """Files that the former CSU holds under them: to be destroyed."""
    domains: int
    """Pseudonym domains of its environments: they begin anew unless a transfer says otherwise."""
    transfers: tuple[PreviewedTransfer, ...]
    """Transfers by which they go on with the new CSU (docs/adr/0163)."""
    lacking: tuple[Lacking, ...]
    not_as_sealed: tuple[str, ...]


def preview(
    commissioner: str, former: str, following: str, day: date, *, ctx: Context
) -> CsuChange:
    """Say what a change of CSU comes to on its first day, and what is missing yet.

    Raises:
        OrganisationUnknown: one of them is not listed that day.
        SameSupporter: it would change to itself.

    """
    if former == following:
        raise SameSupporter(f"{former} supports {commissioner} already: name another one.")
    at = max(ctx.clock.now(), start_of(day))
    before = start_of(day) - timedelta(microseconds=1)
    with ctx.uow.reading() as tx:
        require_known(tx, [commissioner, following], max(day, legal_day(ctx.clock.now())))
        known = [
            one
            for one in tx.relationships.find(commissioner=commissioner)
            if one.state is Step.ACTIVE
        ]
        ending = [
            one
            for one in known
            if former in one.supporters() and following not in one.supporters()
            if one.valid_to is None or one.valid_to >= day - 30 * DAY
        ]
        beginning = [one for one in known if following in one.supporters()]
        agreements = [
            one
            for one in tx.agreements.with_processor(former)
            if former in _version(one, day).processors() or _was_named(one, former)
            if commissioner in one.shown(at).controllers() or _has_people(one, commissioner, at)
        ]
        environments = tx.environments.find(organisation=following)
        lacking = (
            *_of_relationships(ending, beginning, day),
            *(lack for one in agreements for lack in _of_agreement(one, former, following, day)),
            *_of_environments(agreements, former, environments, before),
        )
        files = {one.reference: _files(tx, one, former) for one in agreements}
        transfers = _transfers(tx, agreements, environments)
        lacking = (*lacking, *_of_transfers(transfers, files, day))
    shown = [*known, *agreements, *environments, *(one.transfer for one in transfers)]
    [unlike] = ctx.uow.not_as_sealed(shown)
    return CsuChange(
        ending=tuple(one.reference for one in ending),
        beginning=tuple(one.reference for one in beginning),
        agreements=tuple(one.reference for one in agreements),
        files=sum(files.values()),
        domains=sum(len(_domains(one, former, before)) for one in agreements),
        transfers=transfers,
        lacking=lacking,
        not_as_sealed=tuple(unlike),
    )


# Relationships: no day without one, and none with two


def _of_relationships(
    ending: Sequence[Relationship], beginning: Sequence[Relationship], day: date
) -> Iterator[Lacking]:
    last = day - DAY
    for one in ending:
        if one.valid_to is None or one.valid_to > last:
            yield Lacking(
                lack=Lack.FORMER_GOES_ON,
                reference=one.reference,
                said=f"{one.reference} goes on after {last}: end it by that day.",
            )
    ends = [one.valid_to for one in ending if one.valid_to is not None]
    if ending and len(ends) == len(ending) and max(ends) < last:
        yield Lacking(
            lack=Lack.FORMER_ENDS_EARLY,
            reference=ending[-1].reference,
            said=f"The last one ends on {max(ends)}: nobody supports it until {last}.",
        )
    if not any(_holds(one, day) for one in beginning):
        yield Lacking(
            lack=Lack.NEW_IS_MISSING,
            reference="",
            said=f"No relationship with the new CSU is in operation from {day}: ask for one.",
        )
    for one in beginning:
        if one.valid_from < day and (one.valid_to is None or one.valid_to >= one.valid_from):
            yield Lacking(
                lack=Lack.NEW_BEGINS_EARLY,
                reference=one.reference,
                said=f"{one.reference} begins on {one.valid_from} already.",
            )


def _holds(one: Relationship, day: date) -> bool:
    return one.valid_from <= day and (one.valid_to is None or one.valid_to >= day)


# Agreements: each amended by then, and signed


def _of_agreement(
    agreement: Agreement, former: str, following: str, day: date
) -> Iterator[Lacking]:
    version = _version(agreement, day)
    name = f"{agreement.reference} {version.number}"
    if former in version.processors() or following not in version.processors():
        yield Lacking(
            lack=Lack.AMENDMENT_IS_MISSING,
            reference=agreement.reference,
            said=f"{name} is the version of {day}, and is not with the new CSU: amend it.",
        )
    elif missing := version.missing_signatures():
        yield Lacking(
            lack=Lack.AMENDMENT_IS_NOT_SIGNED,
            reference=agreement.reference,
            said=f"{name} waits for the signature of {', '.join(missing)}.",
        )


def _version(agreement: Agreement, day: date) -> AgreementVersion:
    """Return the version that is meant to govern on a day, once all have signed it."""
    meant = [v for v in agreement.versions if v.valid_from <= day <= v.valid_to]
    return max(meant or agreement.versions, key=lambda v: v.sequence)


def _was_named(agreement: Agreement, former: str) -> bool:
    return any(
        former in version.processors()
        for version in agreement.versions
        if version.effective_from() is not None
    )


def _has_people(agreement: Agreement, commissioner: str, at: datetime) -> bool:
    return any(commissioner in line.commissioners() for line in agreement.shown(at).lines)


# Where data land, what is held there, and whose tokens they are


def _of_environments(
    agreements: Sequence[Agreement],
    former: str,
    environments: Sequence[RecipientEnvironment],
    at: datetime,
) -> Iterator[Lacking]:
    wanted = {kind for one in agreements for kind in _kinds(one, former, at)}
    for kind in sorted(wanted - {one.kind.value for one in environments}):
        yield Lacking(
            lack=Lack.ENVIRONMENT_IS_MISSING,
            reference=kind,
            said=f"The new CSU has no recipient environment of kind {kind}: open one.",
        )


def _transfers(
    tx: Transaction, agreements: Sequence[Agreement], environments: Sequence[RecipientEnvironment]
) -> tuple[PreviewedTransfer, ...]:
    """Return the transfers to environments of the new CSU that were not withdrawn."""
    own = {one.id for one in environments}
    return tuple(
        PreviewedTransfer(agreement=agreement.reference, transfer=one)
        for agreement in agreements
        for one in tx.domain_transfers.find(agreement_id=agreement.id)
        if one.following_environment in own and one.withdrawn_at is None
    )


def _of_transfers(
    transfers: Sequence[PreviewedTransfer], files: Mapping[str, int], day: date
) -> Iterator[Lacking]:
    for one in transfers:
        transfer, name = one.transfer, one.agreement
        if missing := transfer.waiting_for:
            yield Lacking(
                lack=Lack.DOMAINS_NOT_AGREED,
                reference=name,
                said=f"{', '.join(missing)} has not agreed that the domains of {name} go on.",
            )
        if transfer.is_open and transfer.valid_from > day:
            yield Lacking(
                lack=Lack.DOMAINS_BEGIN_LATE,
                reference=name,
                said=f"The domains of {name} go on from {transfer.valid_from}: no records before.",
            )
        if transfer.is_open and files[name]:
            yield Lacking(
                lack=Lack.FILES_NOT_DESTROYED,
                reference=name,
                said=f"The former CSU holds {files[name]} files of {name}: certify and accept their"
                " destruction, then put the transfer into effect.",
            )


def _lines(agreement: Agreement, former: str, at: datetime) -> Iterator[Terms]:
    governing = agreement.governing(at)
    version = governing if governing is not None else agreement.shown(at)
    for line in document.read(version.document).lines:
        if isinstance(line, Terms) and line.environment_organisation == former:
            yield line


def _kinds(agreement: Agreement, former: str, at: datetime) -> set[str]:
    return {line.environment_kind for line in _lines(agreement, former, at)}


def _domains(agreement: Agreement, former: str, at: datetime) -> set[tuple[str, str, bool]]:
    return {
        (line.key.purpose, line.environment_kind, line.opt_outs_applied)
        for line in _lines(agreement, former, at)
        if line.key.classification == Classification.PSEUDO_ANONYMISED
    }


def _files(tx: Transaction, agreement: Agreement, former: str) -> int:
    held = tx.holdings.of(agreement.reference)
    gone = destroyed_of(tx, agreement, held)
    return sum(one.holder == former and not one.is_void and one.id not in gone for one in held)
