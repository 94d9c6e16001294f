"""What the haven vouches for in one file (design.md sections 3 and 5).

Agreements judges the release on this and on its own facts, on nobody's word besides. So it
says what was done to the rows that were written, never what was meant to be done.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from catalogue import Assumed, DataSet, FieldClass, LandingRules, Treatment, caps
from pseudonymisation.preparations.domain.capping import capping, told
from pseudonymisation.preparations.domain.preparation import (
    PinnedEdition,
    PinnedOptOutList,
    PinnedRegistrations,
)
from statements.attestation import (
    CHANGE,
    AssumedRule,
    Attestation,
    AttestedBridge,
    AttestedChanges,
    AttestedFile,
    Caps,
    Column,
    EditionForm,
    Groups,
    OptOut,
    Population,
    Registered,
    Scan,
    StandingEdition,
)
from statements.bridging import OTHER_TOKEN
from statements.line import MapVersions
from statements.permit import Permit
from statements.tables import CATEGORY_ORDER, AttestedTable

ORDER: Final = "token"
"""Rows stand in the order of their tokens, because any other order could link extracts."""
TOKEN_COLUMN: Final = "Token"  # noqa: S105 - a column's name
REASON_COLUMN: Final = "Reason_For_Access"
BY_MAP, AS_TEXT = "by_map", "as_text"
DERIVED: Final = FieldClass.DER.value
_CHANGE: Final = Column(name=CHANGE, treatment=Treatment.DERIVED.value, class_=DERIVED)
NONE_ASSUMED: Final[Assumed] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractOutcome:
    """What the engine did, counted while it did it."""

    rows: int
    people: int
    people_left_out: int
    """Opted-out people of whom the selection had rows."""
    rows_left_out: int
    rows_without_person_left_out: int
    """Rows without a valid NHS number, left out where opt-outs are upheld."""
    rows_without_reason: int
    """Counted in what was written. Anything but nought must not be released."""
    rows_repeated_left_out: int
    """Of records that were there again: in two months, from two submitters, or twice in a file."""
    scan_rule: str
    scanned_columns: tuple[str, ...]
    scan_hits: int
    staff_codes_left_out: int = 0
    """Cells of codes of staff in which personal data were found."""
    table: AttestedTable | None = None
    """What was counted, and how it is protected; None of records."""
    assumed: Assumed = field(default_factory=lambda: NONE_ASSUMED)
    """Of the rules by which the engine made it, what nobody published."""
    groups: Groups | None = None
    """Of records: how few people share their quasi-identifiers."""
    standing_beside: tuple[StandingEdition, ...] = ()
    """Editions of other files beside which the records lost or gained nobody."""


def columns_of(permit: Permit, data_set: DataSet, *, has_token: bool = True) -> tuple[Column, ...]:
    """Name all columns of the file in their order, with the two that every file of records has.

    A group of rows that are about nobody has no token.
    """
    token = Column(name=TOKEN_COLUMN, treatment=Treatment.PSEUDONYM.value, class_=DERIVED)
    if permit.bridge is not None:
        return (token, replace(token, name=OTHER_TOKEN))
    own = (
        *((token,) if has_token else ()),
        Column(name=REASON_COLUMN, treatment=Treatment.DERIVED.value, class_=DERIVED),
    )
    return (
        *(own if permit.table is None else ()),
        *(
            Column(
                name=field.name,
                treatment=field.treatment,
                class_=data_set.releasable(field.name).class_.value,
                assumed=data_set.releasable(field.name).assumed,
            )
            for field in permit.fields
        ),
    )


def claims(
    file: AttestedFile,
    *,
    permit: Permit,
    data_set: DataSet,
    editions: Sequence[PinnedEdition],
    opt_outs: Sequence[PinnedOptOutList],
    outcome: ExtractOutcome,
    form: Callable[[str | None], str] = str,
    assumed: Assumed = NONE_ASSUMED,
    has_token: bool = True,
    changes: AttestedChanges | None = None,
    registrations: Sequence[PinnedRegistrations] = (),
    bridged: Sequence[PinnedEdition] = (),
) -> dict[str, JsonValue]:
    """Return what is in one file; whoever signs adds issuer, audience and times.

    `form` gives the form of keys of the landing rules with a digest; `assumed` are rules by which
    it was made that nobody published. A change set says what it leads from. Of a bridging file
    `bridged` are the editions in which the other domain's people were looked for.
    """
    in_force = opt_outs[0] if opt_outs else None
    return Attestation(
        sub=file.id,
        permit_id=str(permit.id),
        preparation_id=str(permit.id),
        extract_id=permit.extract_id,
        file=file,
        line=permit.line,
        columns=(
            *columns_of(permit, data_set, has_token=has_token),
            *(() if changes is None else (_CHANGE,)),
        ),
        periods=permit.periods,
        editions=tuple(edition.attested for edition in editions),
        forms=forms_of(editions, form),
        population=_population(permit, editions, outcome),
        domain=permit.domain.id,
        opt_out=OptOut(
            applied=permit.opt_out.applied,
            list_id=None if in_force is None else str(in_force.id),
            list_date=None if in_force is None else in_force.list_date,
            list_digest=None if in_force is None else in_force.digest,
            besides=tuple(str(other.id) for other in opt_outs[1:]),
            by=permit.opt_out.by,
            ground=permit.opt_out.ground,
            people_left_out=outcome.people_left_out,
            rows_without_person_left_out=outcome.rows_without_person_left_out,
        ),
        scan=Scan(
            rule=outcome.scan_rule,
            columns=outcome.scanned_columns,
            hits=outcome.scan_hits,
            staff_codes_left_out=outcome.staff_codes_left_out,
        ),
        caps=_caps(permit, data_set),
        disclosure_rule=permit.disclosure_rule,
        order=ORDER if permit.table is None else CATEGORY_ORDER,
        filters=permit.filters,
        table=outcome.table,
        assumed=tuple(AssumedRule(rule=rule, parts=parts) for rule, parts in assumed.items()),
        groups=outcome.groups,
        changes=changes,
        registered=_registered(permit, registrations),
        standing_beside=outcome.standing_beside,
        bridge=_bridge(permit, bridged, outcome),
    ).claims()


def _population(
    permit: Permit, editions: Sequence[PinnedEdition], outcome: ExtractOutcome
) -> Population:
    return Population(
        codes=permit.population.codes,
        reasons=permit.population.reasons,
        map_versions=MapVersions(
            practice=_distinct(e.practice_map for e in editions),
            postcode=_distinct(
                id_ for e in editions for id_ in (e.postcode_map, *e.maps_of("postcode"))
            ),
            deprivation=_distinct(id_ for e in editions for id_ in e.maps_of("deprivation")),
        ),
        rows_without_reason=outcome.rows_without_reason,
        rows_repeated_left_out=outcome.rows_repeated_left_out,
    )


def _bridge(
    permit: Permit, editions: Sequence[PinnedEdition], outcome: ExtractOutcome
) -> AttestedBridge | None:
    if permit.bridge is None:
        return None
    other = permit.of_the_other()
    return AttestedBridge(
        of=permit.agreement,
        agreement=other.agreement,
        line=other.line,
        domain=other.domain.id,
        editions=tuple(edition.attested for edition in editions),
        population=_population(other, editions, outcome),
        filters=other.filters,
    )


def _registered(permit: Permit, lists: Sequence[PinnedRegistrations]) -> Registered | None:
    if not permit.registered_with:
        return None
    return Registered(
        codes=permit.registered_with,
        list_date=lists[0].list_date,
        lists=tuple(str(one.id) for one in lists),
    )


def lists_of(opt_outs: Sequence[PinnedOptOutList]) -> tuple[str, ...]:
    """Name what decides who is left out, as an attestation names it: `OptOut.lists`.

    The list in force by what it says, since two imports of the same are one list; those upheld
    beside it by their ids.
    """
    if not opt_outs:
        return ()
    in_force, *besides = opt_outs
    return (in_force.digest, *(str(other.id) for other in besides))


def form_by(rules: Iterable[LandingRules], digest: str | None) -> str:
    """Say in which form the landing rules with that digest read keys."""
    return next((made.form for made in rules if made.digest == digest), "none")


def forms_of(
    editions: Sequence[PinnedEdition], form: Callable[[str | None], str]
) -> tuple[EditionForm, ...]:
    """Name the forms of codes and keys that a file joins; none where there is only one.

    Tokens that were given do not change in silence (ruling 23).
    """
    found: dict[tuple[str, str], list[str]] = {}
    for edition in editions:
        codes = AS_TEXT if edition.organisation_map is None else BY_MAP
        read = codes, form(edition.landing_rules_digest)
        found.setdefault(read, []).append(str(edition.id))
    if len(found) == 1:
        return ()
    return tuple(
        EditionForm(organisation_codes=codes, landing_rules=rules, editions=tuple(sorted(ids)))
        for (codes, rules), ids in sorted(found.items())
    )


def _caps(permit: Permit, data_set: DataSet) -> Caps:
    """Return by which rule columns of the line cap each other, and what became of which."""
    columns = told(permit)
    done = {n: cap for n, cap in capping(permit, data_set).items() if n in columns}
    return Caps(rule=caps().rule, columns={name: str(cap) for name, cap in sorted(done.items())})


def _distinct(ids: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({id_ for id_ in ids if id_ is not None}))
