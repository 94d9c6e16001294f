"""Lists of opt-outs and national checks in a relational database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_
from sqlmodel import Session, col, select

from common.audit import Entry as AuditEntry
from common.audit import LoggedRows, telling
from common.db import replacement as columns
from common.db.saving import put, record
from common.db.turns import take_turns
from common.replacement import EFFECTIVE, Change, ReplacementStatus, State
from common.unreadable import from_row
from pseudonymisation.db import events
from pseudonymisation.db.held.kept import CHECKS, LISTS
from pseudonymisation.db.tables import OptOutCheckRow, OptOutListRow
from pseudonymisation.intake.domain.errors import CheckNotFound, ListNotFound
from pseudonymisation.intake.domain.national_check.life import CheckState, Moment
from pseudonymisation.intake.domain.opt_out import OptOutList, is_void
from pseudonymisation.intake.domain.opt_out_check import (
    OptOutCheck,
    Refusal,
    Reply,
    RequestFetched,
)

STANDING: Final = [state.value for state in (*EFFECTIVE, State.WAITING)]
TURNS: Final = 5_310_774_209_361_114_903
"""Lists are put in force one after another, also by several replicas (PostgreSQL's own lock)."""


@dataclass(frozen=True, slots=True)
class SqlOptOutLists:
    session: Session
    rows: LoggedRows

    def get(self, list_id: UUID) -> OptOutList:
        row = self.session.get(OptOutListRow, list_id, populate_existing=True)
        if row is None:
            raise ListNotFound("The list does not exist.")
        return to_list(row)

    def standing(self, *, locked: bool = False) -> Sequence[OptOutList]:
        if locked:
            take_turns(self.session, TURNS)
        return standing(self.session)

    def page(self, *, state: State | None, after: UUID | None, limit: int) -> Sequence[OptOutList]:
        query = select(OptOutListRow)
        if state is not None:
            query = query.where(col(OptOutListRow.state) == state.value)
        return self.rows.page(
            self.session,
            LISTS,
            query,
            to_list,
            key=col(OptOutListRow.id),
            after=after,
            limit=limit,
        )

    def hold(self, ids: Sequence[UUID]) -> None:
        self.rows.compare(self.session, LISTS, ids)

    def save(self, opt_outs: OptOutList, *, audit: AuditEntry) -> OptOutList:
        stored = replace(opt_outs, version=opt_outs.version + 1, pending=())
        values = _of_list(stored)
        put(self.session, OptOutListRow, values, version=opt_outs.version)
        told = (events.of_source(stored, event) for event in opt_outs.pending)
        told_of = telling(self.session, audit, (LISTS, stored.id))
        record(self.session, events=told, audit=told_of)
        return stored


@dataclass(frozen=True, slots=True)
class SqlOptOutChecks:
    session: Session
    rows: LoggedRows

    def get(self, check_id: UUID) -> OptOutCheck:
        row = self.session.get(OptOutCheckRow, check_id, populate_existing=True)
        if row is None:
            raise CheckNotFound("The check does not exist.")
        return to_check(row)

    def answered(self, data_set: str, *, locked: bool = False) -> Sequence[OptOutCheck]:
        if locked:
            take_turns(self.session, TURNS)
        return answered_checks(self.session, data_set)

    def page(
        self, *, state: CheckState | None, by: Moment, after: UUID | None, limit: int
    ) -> Sequence[OptOutCheck]:
        query = select(OptOutCheckRow)
        if state is not None:
            query = query.where(_stands(state, by))
        return self.rows.page(
            self.session,
            CHECKS,
            query,
            to_check,
            key=col(OptOutCheckRow.id),
            after=after,
            limit=limit,
        )

    def hold(self, ids: Sequence[UUID]) -> None:
        self.rows.compare(self.session, CHECKS, ids)

    def save(self, check: OptOutCheck, *, audit: AuditEntry) -> OptOutCheck:
        stored = replace(check, version=check.version + 1, pending=())
        values = _of_check(stored)
        put(self.session, OptOutCheckRow, values, version=check.version)
        told = (events.of_check(stored, event) for event in check.pending)
        told_of = telling(self.session, audit, (CHECKS, stored.id))
        record(self.session, events=told, audit=told_of)
        return stored


def _stands(state: CheckState, by: Moment) -> ColumnElement[bool]:
    """Say in SQL what `OptOutCheck.state_at` says."""
    reply = col(OptOutCheckRow.reply_state)
    at, rule = by
    in_time = col(OptOutCheckRow.opened_at) >= rule.expired_before(at)
    match state:
        case CheckState.ANSWERED:
            return reply.in_([effective.value for effective in EFFECTIVE])
        case CheckState.WAITING:
            return reply == State.WAITING.value
        case CheckState.TAKEN_BACK:
            return reply == State.TAKEN_BACK.value
        case CheckState.EXPIRED:
            return and_(reply.is_(None), ~in_time)
    refused, asked_at = col(OptOutCheckRow.refused_code), col(OptOutCheckRow.asked_at)
    late = asked_at < rule.overdue_before(at)
    of_state = {
        CheckState.OPEN: and_(refused.is_(None), asked_at.is_(None)),
        CheckState.ASKED: and_(refused.is_(None), ~late),
        CheckState.OVERDUE: and_(refused.is_(None), late),
        CheckState.REFUSED: refused.is_not(None),
    }
    return and_(reply.is_(None), in_time, of_state[state])


def answered_checks(session: Session, data_set: str) -> list[OptOutCheck]:
    """Read the checks of a data set that have a reply, the newest first."""
    query = (
        select(OptOutCheckRow)
        .where(col(OptOutCheckRow.data_set) == data_set)
        .where(col(OptOutCheckRow.reply_key).is_not(None))
        .order_by(col(OptOutCheckRow.opened_at).desc(), col(OptOutCheckRow.id).desc())
    )
    return [to_check(row) for row in session.exec(query)]


def _of_check(check: OptOutCheck) -> dict[str, Any]:
    reply = check.reply
    return {
        "id": check.id,
        "version": check.version,
        "data_set": check.data_set,
        "periods": list(check.periods),
        "purpose": check.purpose,
        "editions": [str(id_) for id_ in check.editions],
        "people": check.people,
        "object_key": check.object_key,
        "opened_at": check.opened_at,
        "opened_by": check.opened_by,
        "asked_at": None if check.asked is None else check.asked.at,
        "asked_by": None if check.asked is None else check.asked.by,
        "refused_code": None if check.refusal is None else check.refusal.code,
        "refused_at": None if check.refusal is None else check.refusal.at,
        "cleared": None if reply is None else reply.cleared,
        "reply_id": None if reply is None else reply.id,
        "reply_digest": None if reply is None else reply.digest,
        "reply_key": None if reply is None else reply.object_key,
        "replied_at": None if reply is None else reply.received_at,
        "replied_by": None if reply is None else reply.received_by,
        "recalled_at": None if reply is None else reply.recalled_at,
        **_of_reply(None if reply is None else reply.standing),
    }


@from_row
def to_check(row: OptOutCheckRow) -> OptOutCheck:
    reply = None
    if row.reply_id is not None and row.reply_key is not None and row.replied_at is not None:
        reply = Reply(
            id=row.reply_id,
            cleared=row.cleared or 0,
            digest=row.reply_digest or "",
            object_key=row.reply_key,
            received_at=row.replied_at,
            received_by=row.replied_by or "",
            standing=_standing_of_reply(row),
            recalled_at=row.recalled_at,
        )
    return OptOutCheck(
        id=row.id,
        data_set=row.data_set,
        periods=tuple(row.periods),
        purpose=row.purpose,
        editions=tuple(UUID(id_) for id_ in row.editions),
        people=row.people,
        object_key=row.object_key,
        opened_at=row.opened_at,
        opened_by=row.opened_by,
        asked=None
        if row.asked_at is None
        else RequestFetched(at=row.asked_at, by=row.asked_by or ""),
        refusal=None
        if row.refused_code is None or row.refused_at is None
        else Refusal(code=row.refused_code, at=row.refused_at),
        reply=reply,
        version=row.version,
    )


def _of_reply(standing: ReplacementStatus | None) -> dict[str, Any]:
    change = None if standing is None else standing.change
    return {
        "reply_state": None if standing is None else standing.state.value,
        "objectors_before": None if change is None else change.before,
        "objectors_after": None if change is None else change.after,
        "objectors_added": None if change is None else change.added,
        "objectors_removed": None if change is None else change.removed,
        "decided_by": None if standing is None else standing.decided_by,
        "decided_at": None if standing is None else standing.decided_at,
        "reason": None if standing is None else standing.reason,
        "held_against": None if standing is None else standing.held_against,
    }


def _standing_of_reply(row: OptOutCheckRow) -> ReplacementStatus:
    if row.reply_state is None or row.replied_at is None:
        raise ValueError("a reply whose state nobody stored")
    return ReplacementStatus(
        state=State(row.reply_state),
        change=Change(
            before=row.objectors_before or 0,
            after=row.objectors_after or 0,
            added=row.objectors_added or 0,
            removed=row.objectors_removed or 0,
        ),
        proposed_by=row.replied_by or "",
        proposed_at=row.replied_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reason=row.reason,
        held_against=row.held_against,
    )


def standing(session: Session) -> list[OptOutList]:
    """Read those that may leave people out: in force, leaving, waiting."""
    query = select(OptOutListRow).where(col(OptOutListRow.state).in_(STANDING))
    return [to_list(row) for row in session.exec(query)]


def _of_list(opt_outs: OptOutList) -> dict[str, Any]:
    return {
        "id": opt_outs.id,
        "list_date": opt_outs.list_date,
        "people": opt_outs.people,
        "digest": opt_outs.digest,
        "object_key": opt_outs.object_key,
        "imported_at": opt_outs.imported_at,
        "imported_by": opt_outs.imported_by,
        "version": opt_outs.version,
        **columns.values_of(opt_outs.standing),
    }


@from_row
def to_list(row: OptOutListRow) -> OptOutList:
    return OptOutList(
        id=row.id,
        list_date=row.list_date,
        people=row.people,
        digest=row.digest,
        object_key=row.object_key,
        imported_at=row.imported_at,
        imported_by=row.imported_by,
        standing=columns.standing_of(row),
        version=row.version,
    )


def is_taken_back(session: Session, made_with: Sequence[UUID]) -> bool:
    """Say whether what names the file's list, the first of them, was taken back (docs/adr/0032)."""
    first = session.get(OptOutListRow, made_with[0], populate_existing=True)
    if first is not None:
        return is_void(made_with, to_list(first), standing(session))
    reply = select(OptOutCheckRow.id).where(
        col(OptOutCheckRow.reply_id) == made_with[0],
        col(OptOutCheckRow.reply_state) == State.TAKEN_BACK.value,
    )
    return session.exec(reply).first() is not None
