"""Believing an approved snapshot no more than what it states can be seen to be so."""

from collections.abc import Mapping
from datetime import date
from functools import cache, partial

import catalogue
from agreements.records.domain.drafting import ApprovedApplication
from agreements.records.domain.errors import SnapshotRefused
from agreements.records.domain.terms.data_sets import DataSetFacts, of
from agreements.records.domain.truth import Records, untrue
from agreements.records.use_cases.context import Context
from agreements.records.use_cases.ports import Transaction
from common.field import legal_bases


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
