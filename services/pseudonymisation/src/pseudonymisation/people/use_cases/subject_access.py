"""Subject access requests: in which releases rows of one person were, for two people of the Body.

The log has an answer before anybody gets it. It says how many releases there were and never which,
nor of whom: that is in the answer alone, which is kept nowhere.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from uuid import UUID

import structlog
from pydantic import JsonValue

from common.audit import require_as_logged
from common.audit.entries import Entry, entry_for
from common.clock import legal_day
from common.errors import AppError
from common.ids import new_id
from pseudonymisation.intake.use_cases.context import ITSELF
from pseudonymisation.people.domain.asked import AskedState
from pseudonymisation.people.domain.subject_access import FoundIn, Searched, SubjectAccess
from pseudonymisation.people.use_cases.context import PeopleContext

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Told:
    """The answer: what was found, and what cannot be told any more."""

    asked: SubjectAccess
    searched: int
    """Extracts of records that were looked through."""
    found: Sequence[FoundIn]


def ask(nhs_number: str, reason: str, *, ctx: PeopleContext) -> SubjectAccess:
    """Ask in which releases a person was; it waits for another person of information governance.

    Raises:
        NumberInvalid

    """
    at = ctx.clock.now()
    asked = SubjectAccess.asked(
        ctx.haven.person_of(nhs_number),
        reason,
        id_=new_id(),
        by=ctx.principal,
        rule=ctx.subject_access_rule(legal_day(at)),
        at=at,
    )
    with ctx.uow.writing() as tx:
        stored = tx.subject_access.save(
            asked, audit=_entry(asked, "subject-access-asked", {}, ctx=ctx)
        )
    log.info("subject_access_asked", id=str(asked.id))
    return stored


def confirm(id_: UUID, reason: str, *, ctx: PeopleContext) -> SubjectAccess:
    """Let the answer be fetched, as another person than who asked.

    Raises:
        SubjectAccessNotFound, SubjectAccessOver, SubjectAccessDecided, SecondPersonNeeded
        EditedMeanwhile

    """
    at = ctx.clock.now()
    with ctx.uow.writing() as tx:
        confirmed = tx.subject_access.get(id_).confirm(
            by=ctx.principal.subject,
            reason=reason,
            rule=ctx.subject_access_rule(legal_day(at)),
            at=at,
        )
        stored = tx.subject_access.save(
            confirmed, audit=_entry(confirmed, "subject-access-confirmed", {}, ctx=ctx)
        )
    log.info("subject_access_confirmed", id=str(id_))
    return stored


def answer(id_: UUID, *, ctx: PeopleContext) -> Told:
    """Look for the person in every released file, and log that it was told before it is.

    Raises:
        SubjectAccessNotFound, SubjectAccessOver, SubjectAccessWaiting, RecordNotAsLogged
        KeyUnavailable, ReleaseStoreUnavailable, EngineFailed, ReleasesUnavailable

    """
    with ctx.uow.reading() as tx:
        present = tx.subject_access.get(id_)
        tx.subject_access.hold([id_])
        extracts = tx.prepared_extracts()
        domains = {e.permit.domain.id: tx.domain(e.permit.domain.id) for e in extracts}
    require_as_logged(f"subject-access-requests/{id_}")
    present.require_ready(ctx.clock.now())
    with _failures_logged(present, ctx=ctx):
        searched = []
        for extract in extracts:
            domain = domains[extract.permit.domain.id]
            assert domain is not None, "a preparation names its domain"
            searched.append((extract, ctx.prepared_rows.search(present.person, extract, domain)))
        told = [(extract, was) for extract, was in searched if was is not Searched.NOT_IN_IT]
        released = {
            agreement: ctx.releases.of(agreement)
            for agreement in sorted({e.permit.agreement.reference for e, _ in told})
        }
    found = [
        FoundIn(extract=extract, searched=was, releases=releases)
        for extract, was in told
        if (
            releases := tuple(
                one
                for one in released[extract.permit.agreement.reference]
                if one.file_id in {file_id for file_id, *_ in extract.files}
            )
        )
    ]
    at = ctx.clock.now()
    answered = present.answer(at=at)
    counts: dict[str, JsonValue] = {
        was.value: sum(one.searched is was for one in found)
        for was in (Searched.IN_IT, Searched.CANNOT_BE_TOLD)
    }
    with ctx.uow.writing() as tx:
        stored = tx.subject_access.save(
            answered, audit=_entry(answered, "subject-access-answered", counts, ctx=ctx)
        )
    log.info("subject_access_answered", id=str(id_), extracts=len(extracts))
    return Told(stored, len(extracts), found)


def get(id_: UUID, *, ctx: PeopleContext) -> SubjectAccess:
    """Raise SubjectAccessNotFound."""
    with ctx.uow.reading() as tx:
        found = tx.subject_access.get(id_)
        tx.subject_access.hold([id_])
        return found


def page(*, after: UUID | None, limit: int, ctx: PeopleContext) -> Sequence[SubjectAccess]:
    with ctx.uow.reading() as tx:
        return tx.subject_access.page(after=after, limit=limit)


def end_past(*, ctx: PeopleContext) -> int:
    """Let what is over be over; return how many there were."""
    worker = replace(ctx, caller=ITSELF)
    with ctx.uow.reading() as tx:
        past = tx.subject_access.past(ctx.clock.now())
    for one in past:
        with ctx.uow.writing() as tx:
            ended = replace(tx.subject_access.get(one.id), state=AskedState.OVER)
            tx.subject_access.save(
                ended, audit=_entry(ended, "subject-access-over", {}, ctx=worker)
            )
    return len(past)


@contextmanager
def _failures_logged(asked: SubjectAccess, *, ctx: PeopleContext) -> Iterator[None]:
    """Log an answer that could not be given, and let the failure go on."""
    try:
        yield
    except AppError as failed:
        entry = _entry(asked, "subject-access-failed", {"code": failed.code}, ctx=ctx)
        with ctx.uow.writing() as tx:
            tx.log(entry)
        log.warning("subject_access_failed", id=str(asked.id), code=failed.code)
        raise


def _entry(
    one: SubjectAccess, action: str, detail: dict[str, JsonValue], *, ctx: PeopleContext
) -> Entry:
    return entry_for(
        ctx.principal,
        at=ctx.clock.now(),
        action=action,
        resource=f"subject-access-requests/{one.id}",
        on_behalf_of=None,  # the Body answers for itself
        detail={"state": one.state.value, **detail},
    )
