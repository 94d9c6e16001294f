"""What landing left to be read by preparations: editions and lists of opt-outs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from pseudonymisation.db.held.kept import EDITIONS, LISTS
from pseudonymisation.db.held.logged import Logged
from pseudonymisation.db.opt_outs import (
    answered_checks,
    is_taken_back,
    standing,
    to_check,
    to_list,
)
from pseudonymisation.db.tables import EditionRow, OptOutCheckRow, OptOutListRow, is_in_force
from pseudonymisation.intake.domain.opt_out import OptOutList, upheld
from pseudonymisation.intake.domain.opt_out_check import OptOutCheck
from pseudonymisation.intake.domain.opt_out_check import upheld as upheld_checks
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.preparations.domain.preparation import (
    PinnedEdition,
    PinnedOptOutList,
)
from pseudonymisation.preparations.use_cases.ports import LandedMonth
from statements.permit import Permit


@dataclass(frozen=True, slots=True)
class SqlLanded:
    """What landing left to be read: editions and lists."""

    session: Session
    logged: Logged

    def hold(self, months: Sequence[LandedMonth], lists: Sequence[PinnedOptOutList]) -> None:
        editions = {edition for month in months for edition in month.editions}
        self.logged.rows.compare(self.session, EDITIONS, editions)
        self.logged.rows.compare(self.session, LISTS, [one.id for one in lists])

    def are_lists_as_logged(self) -> bool:
        return self.logged.lists_agree(self.session)

    def current_editions(self, data_set: str) -> Sequence[PinnedEdition]:
        query = (
            select(EditionRow)
            .where(col(EditionRow.data_set) == data_set)
            .where(is_in_force())
            .order_by(col(EditionRow.period_first), col(EditionRow.provider), col(EditionRow.id))
        )
        return [pinned(row) for row in self.session.exec(query)]

    def are_as_logged(self, editions: Sequence[PinnedEdition]) -> bool:
        return self.logged.have(self.session, editions)

    def months(self, data_set: str) -> Sequence[LandedMonth]:
        query = (
            select(EditionRow.id, EditionRow.period, EditionRow.provider, EditionRow.landed_at)
            .where(col(EditionRow.data_set) == data_set)
            .where(is_in_force())
            .order_by(col(EditionRow.id))
        )
        found: dict[str, list[tuple[UUID, str, datetime]]] = {}
        for id_, period, provider, landed_at in self.session.exec(query):
            for month in Period.parse(period):
                found.setdefault(month, []).append((id_, provider, landed_at))
        return [
            LandedMonth(
                month=month,
                providers=len({provider for _, provider, _ in read}),
                landed_at=max(landed_at for _, _, landed_at in read),
                editions=tuple(id_ for id_, _, _ in read),
            )
            for month, read in sorted(found.items())
        ]

    def checks(
        self, permit: Permit, editions: Sequence[PinnedEdition]
    ) -> tuple[PinnedOptOutList, ...]:
        serving = [
            check
            for check in answered_checks(self.session, permit.line.data_set)
            if check.serves(
                data_set=permit.line.data_set,
                purpose=permit.line.purpose,
                periods=permit.periods,
                editions=[edition.id for edition in editions],
            )
        ]
        replies = map(_pinned_reply, upheld_checks(serving))
        return tuple(reply for reply in replies if reply is not None)

    def is_taken_back(self, lists: Sequence[PinnedOptOutList]) -> bool:
        return is_taken_back(self.session, [listed.id for listed in lists])

    def lists_named(self, ids: Sequence[UUID]) -> tuple[PinnedOptOutList, ...]:
        lists = select(OptOutListRow).where(col(OptOutListRow.id).in_(ids))
        replies = select(OptOutCheckRow).where(col(OptOutCheckRow.reply_id).in_(ids))
        checks = [to_check(row) for row in self.session.exec(replies)]
        return (
            *(_pinned_list(to_list(row)) for row in self.session.exec(lists)),
            *(reply for check in checks if (reply := _pinned_reply(check)) is not None),
        )

    def opt_out_lists(self) -> tuple[PinnedOptOutList, ...]:
        return tuple(map(_pinned_list, upheld(standing(self.session))))


def _pinned_list(listed: OptOutList) -> PinnedOptOutList:
    return PinnedOptOutList(
        id=listed.id,
        list_date=listed.list_date,
        digest=listed.digest,
        object_key=listed.object_key,
    )


def _pinned_reply(check: OptOutCheck) -> PinnedOptOutList | None:
    """Return its reply as a list: of the day on which the check was opened."""
    reply = check.reply
    if reply is None:
        return None
    return PinnedOptOutList(
        id=reply.id, list_date=check.opened_on, digest=reply.digest, object_key=reply.object_key
    )


def pinned(row: EditionRow) -> PinnedEdition:
    """Return an edition as preparations read it."""
    return PinnedEdition(
        id=row.id,
        provider=row.provider,
        period=row.period,
        number=row.number,
        status=row.status,
        object_key=row.object_key,
        practice_map=_text(row.practice_map_id),
        postcode_map=_text(row.postcode_map_id),
        further_maps=tuple((m["kind"], m["id"]) for m in row.further_maps or ()),
        areas_untold=tuple(row.areas_untold or ()),
        catalogue_digest=row.catalogue_digest,
        landing_rules_version=row.landing_rules_version,
        landing_rules_digest=row.landing_rules_digest,
        organisation_map=row.organisation_map_id,
    )


def _text(id_: UUID | str | None) -> str | None:
    return None if id_ is None else str(id_)
