"""Drafting what was approved, believed no more than what it states can be seen to be so."""

from collections.abc import Mapping
from datetime import date
from functools import cache, partial

import structlog

import catalogue
from agreements.records.domain.drafting import (
    ApprovedApplication,
    first_version,
    next_version,
    tell_not_drafted,
    under_a_free_number,
)
from agreements.records.domain.errors import SnapshotRefused
from agreements.records.domain.terms.data_sets import DataSetFacts, of
from agreements.records.domain.truth import Records, untrue
from agreements.records.use_cases.agreements import IsNew, facts_about, save
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.ports import Transaction
from common.clock import legal_day
from common.field import legal_bases
from common.ids import new_id

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def draft(approved: ApprovedApplication, *, is_new: IsNew, ctx: Context) -> None:
    """Draft an agreement, or its next version, from what was approved.

    Where the agreement was ended in the moment between, whoever applied is told (docs/adr/0212).

    Raises:
        SnapshotRefused: it states what law, catalogue or record contradict; nothing is drafted.

    """
    with ctx.uow.writing() as tx:
        at = tx.at
        if not is_new(tx):
            return
        known = tx.agreements.find(approved.reference)
        if known is not None and not known.is_under_way:
            told = tell_not_drafted(approved, known, at, facts_about(tx, known, at, ctx))
            action, resource = "application-not-drafted", f"agreements/{approved.reference}"
            entry = ctx.entry(action, resource, at=at, snapshot_hash=approved.snapshot_hash)
            save(tx, told, entry, ctx)
            return
        require_true(tx, approved, legal_day(at))
        numbered = approved if known is None else under_a_free_number(approved, known)
        if known is None:
            drafted = first_version(approved, new_id=new_id)
        else:
            if any(v.snapshot_hash == approved.snapshot_hash for v in known.versions):
                return
            drafted = known.add_version(next_version(numbered, new_id=new_id))
        use_files(tx, approved, ctx)
        save(
            tx,
            drafted,
            ctx.entry(
                "agreement-drafted",
                f"agreements/{approved.reference}",
                at=at,
                version=numbered.version,
                snapshot_hash=approved.snapshot_hash,
                **({} if numbered is approved else {"approved_as": approved.version}),
            ),
            ctx,
        )
    log.info("agreement_drafted", reference=approved.reference, version=numbered.version)


def require_true(tx: Transaction, approved: ApprovedApplication, day: date) -> None:
    """Compare names, bases, rules, numbers, columns and texts with law, catalogue and record.

    Raises:
        SnapshotRefused: with the code and place of every statement that is not so.

    """
    parties = {party.ods for party in approved.parties}
    known = Records(
        day=day,
        names={
            ods: tuple(dict.fromkeys(o.name for o in tx.organisations.find(ods=ods)))
            for ods in parties
        },
        numbers={
            ods: frozenset(r.number for r in tx.ico_registrations.find(organisation=ods))
            for ods in parties
        },
        bases=legal_bases.load(),
        data_sets={**_data_sets(), **tx.data_sets.facts(_named_files(approved))},
        caps=catalogue.caps(),
    )
    found = tuple(untrue(approved, known))
    if found:
        said = "; ".join(f"{code} at {pointer}" for code, pointer in found)
        raise SnapshotRefused(
            f"The snapshot states what is not so: {said}.",
            findings=[{"code": code, "pointer": pointer} for code, pointer in found],
        )


def use_files(tx: Transaction, approved: ApprovedApplication, ctx: Context) -> None:
    """Remember which local flows the agreement names: they stay as they are."""
    if files := _named_files(approved):
        tx.data_sets.use(files, partial(ctx.entry, at=tx.at), at=tx.at)


def _named_files(approved: ApprovedApplication) -> frozenset[str]:
    """Name the files of lines that are not built in."""
    named = {str(line.content.get("catalogue_digest")) for line in approved.lines}
    return frozenset(named - _data_sets().keys())


@cache
def _data_sets() -> Mapping[str, DataSetFacts]:
    return {data_set.digest: of(data_set) for data_set in catalogue.load()}
