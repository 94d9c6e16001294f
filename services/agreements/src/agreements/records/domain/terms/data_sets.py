"""What a published data set says, as far as decisions rest on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import catalogue
from agreements.records.domain.terms.categories import Category, category
from catalogue import Filterable, Shown

MAPS = {"practice": "practice", "postcode": "postcode", "local_authority": "postcode"}
"""Sources of a reason that need a map, and which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasableColumn:
    """A column as the catalogue describes it, by treatment: in which row of 4.2 it stands."""

    field_class: str
    categories: Mapping[str, Category]
    """By each treatment in which the column may leave at all."""
    scanned: bool
    """Free text or a code, in which personal data are found in practice (domain.md 8.6)."""
    is_text: bool = False
    """A text or code of the provider's file that identifies nobody by itself."""
    shown: Mapping[str, Shown] = field(default_factory=dict)
    """By each treatment, what the column tells as far as caps go (domain.md 8.3)."""
    filterable: Filterable | None = None
    """What a filter may ask of it; None: nothing."""
    is_dimension: bool = False
    """Whether tables are cut by it: it has categories."""
    nests_in: frozenset[str] = frozenset()
    """Columns whose categories hold whole ones of this."""
    is_practice: bool = False
    """Whether its categories are practices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingRulesFacts:
    """One version of the rules by which files of a data set are taken in (docs/adr/0021)."""

    version: int
    digest: str
    valid_from: date
    safe_from: int
    """Editions of earlier versions, or of none, are not released any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSetFacts:
    """One version of one data set, as far as decisions rest on it."""

    data_set: str
    version: str
    digest: str
    columns: Mapping[str, ReleasableColumn]
    reasons: frozenset[str]
    """Letters of Reasons for Access that it can give; none: it is not about anybody's people."""
    mapped: Mapping[str, str]
    """Of these letters, those that need a map, and which."""
    waits_for_publication: bool
    disclosure_rule: str
    """By which tables that are made from it are protected (domain.md 7.1)."""
    identified_by: frozenset[str] = frozenset()
    """Legal routes by which people's identity may be in a file; none: it never is."""
    landing_rules: tuple[LandingRulesFacts, ...] = ()
    measures: frozenset[str] = frozenset()
    """What can be counted of it, with a rule that says how that is protected."""
    groupings: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By column of organisations, and by each group of it, the coarser groups."""
    joined: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By group that it is supplied in, those to one row of which each of its rows belongs; none: it
    is flat."""
    takes_parameters: bool = False
    """Whether parameters of its disclosure rule are those of the agreement."""

    def is_safely_landed(self, digest: str | None, day: date) -> bool:
        """Say whether what was landed by rules of that digest, or by none, may be given that day.

        Rules that are not known here are not safe: nobody can say what they let through.
        """
        begun = [r for r in self.landing_rules if r.valid_from <= day]
        if not begun:
            return digest is None
        safe_from = max(begun, key=lambda r: r.version).safe_from
        return any(r.digest == digest and r.version >= safe_from for r in self.landing_rules)


def of(
    data_set: catalogue.DataSet, landing_rules: Iterable[catalogue.LandingRules] = ()
) -> DataSetFacts:
    return DataSetFacts(
        data_set=data_set.data_set,
        version=data_set.version,
        digest=data_set.digest,
        columns={
            name: _column(data_set, releasable) for name, releasable in data_set.releasables.items()
        },
        reasons=frozenset(data_set.population),
        mapped={
            letter: MAPS[reason.source]
            for letter, reason in data_set.population.items()
            if reason.source in MAPS
        },
        waits_for_publication=data_set.publication_gate,
        disclosure_rule=data_set.disclosure_rule,
        identified_by=frozenset(data_set.identified_by),
        landing_rules=tuple(
            LandingRulesFacts(
                version=rules.version,
                digest=rules.digest,
                valid_from=rules.valid_from,
                safe_from=rules.safe_from,
            )
            for rules in landing_rules
            if rules.data_set == data_set.data_set
        ),
        measures=frozenset(one.name for one in catalogue.tabulating().measures_of(data_set)),
        groupings=catalogue.tabulating().groupings(data_set),
        joined=data_set.relations.joined if data_set.groups else {},
        takes_parameters=data_set.disclosure_rule in catalogue.tabulating().by_agreement,
    )


def _column(data_set: catalogue.DataSet, releasable: catalogue.Releasable) -> ReleasableColumn:
    source = data_set.by_name[releasable.source]
    is_derived = releasable.name != releasable.source
    identifier = None if releasable.identifier is None else releasable.identifier.value
    form, tables = data_set.forms.get(releasable.name), catalogue.tabulating()
    derived_from = form.identifier.value if form and form.identifier else None
    return ReleasableColumn(
        field_class=releasable.class_.value,
        categories={
            treatment.value: category(
                field_class=releasable.class_.value,
                treatment=treatment.value,
                identifier=identifier,
                derived_from=derived_from,
            )
            for treatment in releasable.treatments
        },
        scanned=not is_derived and source.scan,
        is_text=not is_derived
        and source.identifier is None
        and source.type is catalogue.ColumnType.TEXT,
        shown={
            treatment.value: column
            for treatment in releasable.treatments
            for column in catalogue.shown(data_set, {releasable.name: treatment})
        },
        filterable=catalogue.filterable(data_set, releasable.name),
        is_dimension=tables.is_dimension(data_set, releasable.name),
        nests_in=tables.nests_in(data_set, releasable.name),
        is_practice=tables.is_practice(data_set, releasable.name),
    )
