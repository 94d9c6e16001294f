"""What a published data set says, as far as decisions rest on it."""

from collections.abc import Iterable

import catalogue
from agreements.domain.decision.categories import category
from agreements.domain.decision.facts import DataSetFacts, LandingRulesFacts, ReleasableColumn

MAPS = {"practice": "practice", "postcode": "postcode"}
"""Sources of a reason that need a map, and which."""


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
    )


def _column(data_set: catalogue.DataSet, releasable: catalogue.Releasable) -> ReleasableColumn:
    source = data_set.by_name[releasable.source]
    is_derived = releasable.name != releasable.source
    identifier = None if releasable.identifier is None else releasable.identifier.value
    derived_from = source.identifier.value if is_derived and source.identifier else None
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
    )
