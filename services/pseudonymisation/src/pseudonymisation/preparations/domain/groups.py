"""One permit for several groups: what of it is leave for which file.

A column of a group is known in the whole by its group. Inside the engine, and in the file, it has
the name that it has in the group (docs/adr/0086).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from catalogue import DataSet, caps
from catalogue.relations import qualified, split
from pseudonymisation.preparations.domain.attestation import TOKEN_COLUMN, ExtractOutcome
from pseudonymisation.preparations.domain.capping import capping
from pseudonymisation.preparations.domain.errors import FailureCode, NotPrepared
from statements.permit import Permit, PermittedCaps


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
        groups = outcome.groups
        return replace(
            outcome,
            scanned_columns=self.known(outcome.scanned_columns),
            groups=groups and replace(groups, columns=self.known(groups.columns)),
        )

    def known(self, names: Iterable[str]) -> tuple[str, ...]:
        """Name columns of the file as the whole knows them; the token has one name in all."""
        return tuple(
            name if name == TOKEN_COLUMN or not self.group else qualified(self.group, name)
            for name in names
        )


def files_of(permit: Permit, data_set: DataSet) -> Iterator[FileOf]:
    """Say which files a permit is leave for, in the order of the groups.

    What columns together would undo is judged over all of them: whoever has the files has them side
    by side.
    """
    if not data_set.groups:
        yield FileOf("", data_set, permit, permit)
        return
    hidden = {name: cap.value for name, cap in capping(permit, data_set).items()}
    for name, group in data_set.by_group.items():
        own = tuple(field for field in permit.fields if split(field.name)[0] == name)
        if not own:
            continue
        of_group = {n: cap for n, cap in hidden.items() if split(n)[0] == name}
        yield FileOf(
            name,
            group,
            replace(permit, fields=own, caps=_caps(of_group)),
            replace(
                permit,
                fields=tuple(replace(field, name=split(field.name)[1]) for field in own),
                caps=_caps({split(n)[1]: cap for n, cap in of_group.items()}),
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
