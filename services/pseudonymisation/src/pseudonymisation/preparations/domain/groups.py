"""One permit for several groups: what of it is leave for which file.

A column of a group is known in the whole by its group. Inside the engine, and in the file, it has
the name that it has in the group (docs/adr/0086).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from catalogue import DataSet, caps, chosen_by
from catalogue.relations import plain, qualified, split
from catalogue.relations.counting import countable
from pseudonymisation.preparations.domain.attestation import TOKEN_COLUMN, ExtractOutcome
from pseudonymisation.preparations.domain.capping import capping
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from pseudonymisation.preparations.domain.shown import ShownTable
from statements.filters import Filters
from statements.permit import Permit, PermittedCaps
from statements.tables import PermittedTable, columns_of


@dataclass(frozen=True, slots=True)
class FileOf:
    """A file that a permit is leave for: of a group, or of all that a flat data set is."""

    group: str
    """Empty: the data set has no groups."""
    data_set: DataSet
    """The group, as a data set by itself."""
    permit: Permit
    """With the group's fields alone, as they are known in the whole: what is attested."""
    inside: Permit
    """The same, by the names that they have in the group: what the engine is told."""

    def attested(self, outcome: ExtractOutcome) -> ExtractOutcome:
        """Name the columns that it tells of as the attestation names them."""
        if not self.group:
            return outcome
        groups, made, asked = outcome.groups, outcome.table, self.permit.table
        return replace(
            outcome,
            scanned_columns=self.known(outcome.scanned_columns),
            groups=groups and replace(groups, columns=self.known(groups.columns)),
            table=None
            if made is None or asked is None
            else replace(
                made,
                measure=asked.measure,
                further_measures=asked.further_measures,
                dimensions=asked.dimensions,
            ),
        )

    def measure(self, name: str) -> str:
        """Name a measure as the whole knows it."""
        return qualified(self.group, name) if self.group else name

    def shown(self, tables: Iterable[ShownTable], whole: DataSet) -> Iterator[ShownTable]:
        """Choose the tables of the group that were shown, by the names that it has inside."""
        for one in tables:
            group, name = split(one.measure)
            if group == self.group:
                yield replace(one, measure=name, filters=filters_of(group, one.filters, whole))

    def known(self, names: Iterable[str]) -> tuple[str, ...]:
        """Name columns of the file as the whole knows them; the token has one name in all."""
        return tuple(
            name
            if name == TOKEN_COLUMN or not self.group or split(name)[0]
            else qualified(self.group, name)
            for name in names
        )


def files_of(permit: Permit, data_set: DataSet) -> Iterator[FileOf]:
    """Say which files a permit is leave for, in the order of the groups.

    What columns together would undo is judged over all of them: whoever has the files has them side
    by side.
    """
    if not data_set.groups or permit.bridge is not None:
        yield FileOf("", data_set, permit, permit)
        return
    if permit.table is not None:
        yield _counted(permit, permit.table, data_set)
        return
    hidden = {name: cap.value for name, cap in capping(permit, data_set).items()}
    for name, group in data_set.by_group.items():
        own = tuple(field for field in permit.fields if split(field.name)[0] == name)
        if not own:
            continue
        filters = filters_of(name, permit.filters, data_set)
        is_joined = any(split(one.column)[0] for one in filters)
        of_group = {n: cap for n, cap in hidden.items() if split(n)[0] == name}
        asked = {one.column for one in filters}
        inside = {_inside(name, n): cap for n, cap in hidden.items()}
        yield FileOf(
            name,
            countable(data_set, name) if is_joined else group,
            replace(permit, fields=own, caps=_caps(of_group)),
            replace(
                permit,
                fields=tuple(replace(field, name=split(field.name)[1]) for field in own),
                filters=filters,
                caps=_caps({n: c for n, c in inside.items() if not split(n)[0] or n in asked}),
            ),
        )


def _inside(group: str, name: str) -> str:
    """Give the name that a column has in a group: its own have no group before them."""
    return plain(name) if split(name)[0] == group else name


def as_known(group: str, filters: Filters) -> Filters:
    """Name the columns of filters that choose rows of a group as the whole knows them."""
    return tuple(
        one
        if split(one.column)[0] or not group
        else replace(one, column=qualified(group, one.column))
        for one in filters
    )


def filters_of(group: str, filters: Filters, whole: DataSet) -> Filters:
    """Return the filters that choose rows of a group, by the names that columns have in it.

    Of a group that one of them cannot choose rows of, another one on the same column does: no
    permit is taken that says otherwise (`permit.require_releasable`).
    """
    joined = whole.relations.joined
    return tuple(
        replace(one, column=_inside(group, one.column))
        for one in filters
        if chosen_by(one.column, group, joined)
    )


def _counted(permit: Permit, table: PermittedTable, whole: DataSet) -> FileOf:
    """Say of a table which group is counted, with columns of that and of those above it.

    Raises:
        NotPrepared: where a join would be needed that counts a row more than once, or none is known

    """
    group = split(table.measure)[0]
    if group not in whole.by_group:
        raise NotPrepared(FailureCode.DISCLOSURE_RULE_MISSING, table.measure)
    there = {group, *(one.group for one in whole.relations.above(group))}
    for name in (*table.further_measures, *columns_of(table.dimensions)):
        if split(name)[0] not in ({group} if name in table.further_measures else there):
            raise NotPrepared(FailureCode.JOIN_FANS_OUT, name)

    def own(name: str) -> str:
        return _inside(group, name)

    hidden = {name: cap.value for name, cap in capping(permit, whole).items()}
    return FileOf(
        group,
        countable(whole, group),
        replace(permit, caps=_caps(hidden)),
        replace(
            permit,
            fields=tuple(replace(field, name=own(field.name)) for field in permit.fields),
            filters=filters_of(group, permit.filters, whole),
            caps=_caps({own(name): cap for name, cap in hidden.items()}),
            table=replace(
                table,
                measure=plain(table.measure),
                further_measures=tuple(map(plain, table.further_measures)),
                dimensions=tuple(
                    replace(one, column=own(one.column), within=tuple(map(own, one.within)))
                    for one in table.dimensions
                ),
            ),
        ),
    )


def require_large_groups(permit: Permit, outcome: ExtractOutcome) -> None:
    """Refuse a file in which fewer people than the line demands share what could single them out.

    Before it is stored. A file that has nobody has no group. Raise NotPrepared.
    """
    least, groups = permit.min_group_size, outcome.groups
    if least is None or groups is None or groups.smallest is None or groups.smallest >= least:
        return
    raise NotPrepared(FailureCode.GROUP_TOO_SMALL, ", ".join(groups.columns))


def _caps(columns: dict[str, str]) -> PermittedCaps | None:
    return PermittedCaps(rule=caps().rule, columns=columns) if columns else None
