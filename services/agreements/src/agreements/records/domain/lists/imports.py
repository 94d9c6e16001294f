"""Lists that replace what is held true: what one would change, and how it stands (ruling 20).

While a list waits for a second person nothing that it would take away is permitted: the decision
is made on the facts in force, and again on the facts as they would be (`decision.decide`).
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from agreements.records.domain.lists import register
from agreements.records.domain.lists.layouts import dspt, ods, publications, relationships
from agreements.records.domain.parties.assurance import Assurance, AssuranceKind
from agreements.records.domain.parties.organisation import Organisation
from common.replacement import Change, ReplacementStatus


class HasId(Protocol):
    @property
    def id(self) -> UUID: ...


F = TypeVar("F", bound=HasId)
K = TypeVar("K", bound=Hashable)
MakeId = Callable[[], UUID]


Line = (
    ods.ListedOrganisation
    | dspt.Entry
    | relationships.ListedRelationship
    | publications.ListedPublication
    | register.ListedForPublication
)


class ImportKind(StrEnum):
    """Which list it is; each has its limit in `common.replacement`."""

    ORGANISATIONS = "organisations"
    ASSURANCE = "assurance"
    RELATIONSHIPS = "relationships"
    PUBLICATIONS = "publications"
    REGISTER = "register"
    """Our own, of relationships: what is published, and not what others publish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """A list as it was sent, and how it stands."""

    id: UUID
    kind: ImportKind
    layout: str
    digest: str
    snapshot_on: date | None
    """The day of the list, where it is of one."""
    listed: tuple[Line, ...]
    """What it says; empty once it is in force or was taken back."""
    standing: ReplacementStatus
    content_digest: str = ""
    """Of what it says, as it is kept."""
    applied_epoch: int | None = None
    """Under which its facts were written; None: they are not."""
    version: int = 0

    @property
    def day(self) -> date:
        """The day of the list, of kinds that have one."""
        if self.snapshot_on is None:
            raise LookupError("this list is of no day")
        return self.snapshot_on

    @property
    def organisations(self) -> tuple[ods.ListedOrganisation, ...]:
        return tuple(x for x in self.listed if isinstance(x, ods.ListedOrganisation))

    @property
    def entries(self) -> tuple[dspt.Entry, ...]:
        return tuple(x for x in self.listed if isinstance(x, dspt.Entry))

    @property
    def relationships(self) -> tuple[relationships.ListedRelationship, ...]:
        return tuple(x for x in self.listed if isinstance(x, relationships.ListedRelationship))

    @property
    def publications(self) -> tuple[publications.ListedPublication, ...]:
        return tuple(x for x in self.listed if isinstance(x, publications.ListedPublication))

    @property
    def named(self) -> tuple[register.ListedForPublication, ...]:
        return tuple(x for x in self.listed if isinstance(x, register.ListedForPublication))

    def decided(self, standing: ReplacementStatus) -> "Import":
        """Return it as it stands now; what is decided needs its content no more."""
        return replace(self, standing=standing, listed=self.listed if standing.is_waiting else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Generic[F]):
    """What a list would change of what is held true."""

    changed: tuple[F, ...]
    """New facts, and those that say something else."""
    gone: tuple[F, ...]
    """Facts that the list says no longer."""
    unchanged: int
    change: Change
    """By which the guard judges it."""
    new: int
    """How many of the changed are new."""

    @classmethod
    def of(
        cls,
        facts: Mapping[K, F],
        known: Mapping[K, F],
        *,
        replaces: int,
        gone: Iterable[F] = (),
        ended: Iterable[F] = (),
        altered: int | None = None,
        is_first: bool = False,
    ) -> "Plan[F]":
        """Return what changes where the facts of these keys become these.

        Args:
            facts: what is to be true, by key.
            known: what is held true, by key.
            replaces: how many of what is known the list speaks for.
            gone: what of it is true no longer.
            ended: what of it is kept with an end, as a further change.
            altered: how many of the changed count as such; None: all that are not new.
            is_first: what is new is not counted, since it replaces nothing.

        """
        gone, ended = tuple(gone), tuple(ended)
        changed = tuple(fact for key, fact in facts.items() if fact != known.get(key))
        new = sum(key not in known for key in facts)
        return cls(
            changed=(*changed, *ended),
            gone=gone,
            unchanged=len(facts) - len(changed),
            change=counted(
                before=replaces,
                added=0 if is_first else new,
                removed=len(gone) + len(ended),
                changed=len(changed) - new if altered is None else altered,
            ),
            new=new,
        )


def counted(*, before: int, added: int, removed: int, changed: int) -> Change:
    """Return the change of so many, of which these are added and removed."""
    after = before + added - removed
    return Change(before=before, after=after, added=added, removed=removed, changed=changed)


def plan_organisations(
    listed: Iterable[ods.ListedOrganisation],
    layout: str,
    known: Sequence[Organisation],
    make_id: MakeId,
) -> Plan[Organisation]:
    """Return the plan by which of each code the rows of that list become what it says."""
    before = {(o.ods, o.valid_from): o for o in known}
    facts = {
        (row.ods, row.valid_from): _organisation(
            row, layout, before.get((row.ods, row.valid_from)), make_id
        )
        for row in listed
    }
    codes = {code for code, _ in facts}
    return Plan.of(
        facts,
        before,
        replaces=sum(o.source == layout or key in facts for key, o in before.items()),
        gone=(
            o
            for key, o in before.items()
            if o.source == layout and o.ods in codes and key not in facts
        ),
        # The first of its kind replaces only what another list says of the same codes.
        is_first=not any(o.source == layout for o in known),
    )


def _organisation(
    row: ods.ListedOrganisation, layout: str, former: Organisation | None, make_id: MakeId
) -> Organisation:
    return Organisation(
        id=former.id if former else make_id(),
        ods=row.ods,
        name=row.name,
        kind=row.kind,
        legal_entity=row.legal_entity,
        parent=row.parent,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        source=layout,
        version=former.version if former else 0,
    )


def plan_assurance(
    entries: Iterable[dspt.Entry],
    snapshot_on: date,
    known: Sequence[Assurance],
    make_id: MakeId,
) -> Plan[Assurance]:
    """Return the plan by which of each organisation and edition the status becomes the newest.

    What counts as a change is the status or the day of publication: that a list was seen again
    changes nothing that a decision rests on but how old it is.
    """
    before = {(a.organisation, a.reference): a for a in known if a.kind is AssuranceKind.DSPT}
    facts = {
        (e.organisation, e.edition): _evidence(
            e, before.get((e.organisation, e.edition)), snapshot_on, make_id
        )
        for e in entries
    }
    altered = sum(
        (f.status, f.published_on) != (before[key].status, before[key].published_on)
        for key, f in facts.items()
        if key in before
    )
    return Plan.of(facts, before, replaces=len(before), altered=altered)


def _evidence(
    entry: dspt.Entry, former: Assurance | None, snapshot_on: date, make_id: MakeId
) -> Assurance:
    """Return the evidence by the list; what the Body reviewed stays reviewed."""
    if former is not None and former.seen_on > snapshot_on:
        return former  # an older list says nothing about what a newer one said
    if former is None:
        return Assurance(
            id=make_id(),
            organisation=entry.organisation,
            kind=AssuranceKind.DSPT,
            reference=entry.edition,
            status=entry.status,
            published_on=entry.published_on,
            expires_on=None,
            seen_on=snapshot_on,
        )
    return replace(
        former, status=entry.status, published_on=entry.published_on, seen_on=snapshot_on
    )


def applied(known: Sequence[F], plan: Plan[F]) -> tuple[F, ...]:
    """Return the facts as they would be if the plan were in force."""
    leaving = {f.id for f in (*plan.gone, *plan.changed)}
    return (*(f for f in known if f.id not in leaving), *plan.changed)
