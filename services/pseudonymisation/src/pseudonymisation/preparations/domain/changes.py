"""What leads from an earlier extract to this one, and when it may be told (docs/adr/0105).

A change set never tells an opt-out from another removal: what is gone is told alike, whatever the
reason. Where the list of opt-outs is another one and nothing else was removed, it waits for the
next edition: every removal in it would be an objection.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from catalogue import DataSet, LandingRules
from pseudonymisation.preparations.domain.attestation import TOKEN_COLUMN, columns_of
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.groups import FileOf
from pseudonymisation.preparations.domain.preparation import (
    Preparation,
    PreparationState,
    PreparedFile,
)
from statements.attestation import Attestation, AttestedChanges
from statements.permit import Permit
from statements.vocabulary import Format


class Became(StrEnum):
    """What became of a record between the two."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class EarlierFile:
    """A file of the earlier extract, with what was attested of it."""

    file: PreparedFile
    said: Attestation

    @property
    def lists(self) -> frozenset[str] | None:
        """What decided who was left out of it; None where nobody was."""
        return self.said.opt_out.lists if self.said.opt_out.applied else None

    def changes(self, since: str, key: Sequence[str]) -> AttestedChanges:
        return AttestedChanges(since=since, since_file=self.file.digest, key=tuple(key))


def require_comparable(earlier: Preparation | None, permit: Permit) -> Preparation:
    """Return the earlier one. Raise NotPrepared unless tokens, months and rows are of one kind."""
    if earlier is None or earlier.state is not PreparationState.PREPARED:
        raise NotPrepared(FailureCode.EARLIER_EXTRACT_UNKNOWN)
    before = earlier.permit
    if before.domain.id != permit.domain.id:
        raise NotPrepared(FailureCode.EARLIER_EXTRACT_DIFFERS, "pseudonym domain")
    if before.line.key != permit.line.key:
        raise NotPrepared(FailureCode.EARLIER_EXTRACT_DIFFERS, "line")
    if set(before.periods) != set(permit.periods):
        raise NotPrepared(FailureCode.EARLIER_EXTRACT_DIFFERS, "periods")
    if before.filters != permit.filters:
        raise NotPrepared(FailureCode.EARLIER_EXTRACT_DIFFERS, "filters")
    if set(before.fields) != set(permit.fields):
        raise NotPrepared(FailureCode.EARLIER_EXTRACT_DIFFERS, "fields")
    return earlier


def file_before(earlier: Iterable[EarlierFile], one: FileOf, data_set: DataSet) -> EarlierFile:
    """Return the earlier file of the same group. Raise NotPrepared where there is none."""
    wanted = {
        column.name
        for column in columns_of(one.permit, data_set, has_token=not one.data_set.is_about_nobody)
    }
    for known in earlier:
        is_records = known.said.changes is None and known.file.format == Format.PARQUET
        if is_records and {column.name for column in known.said.columns} == wanted:
            return known
    raise NotPrepared(FailureCode.EARLIER_EXTRACT_DIFFERS, one.group or "formats")


def key_of(one: FileOf, whole: DataSet, rules: LandingRules | None) -> tuple[str, ...]:
    """Name the columns of a file by which its records are told apart.

    The token, and the record's own key where all of it is in the file.
    """
    named = {field.name for field in one.inside.fields}
    own = _record_key(one, whole, rules)
    return (
        *(() if one.data_set.is_about_nobody else (TOKEN_COLUMN,)),
        *(own if named.issuperset(own) else ()),
    )


def _record_key(one: FileOf, whole: DataSet, rules: LandingRules | None) -> tuple[str, ...]:
    """Name the record's own key: of a group that of the table of which each row is a row."""
    if not one.group:
        return () if rules is None or rules.record is None else rules.record.key
    relations = whole.relations
    return relations.key_of(relations.of_group(one.group))


def require_told_safely(
    *,
    lists_before: frozenset[str] | None,
    lists: frozenset[str] | None,
    has_removals: Callable[[], bool],
) -> None:
    """Raise NotPrepared where every removal in a change set would be an objection.

    `has_removals` says whether the records themselves, with nobody left out, lost any. Where they
    did not it waits, whether or not anybody objected: waiting tells nothing of it either.
    """
    if lists is None or lists == lists_before:
        return
    if not has_removals():
        raise NotPrepared(FailureCode.CHANGE_SET_WAITS)
