"""The short form of data quality that goes with an extract: of the editions that it read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from catalogue import DataSet, UnknownDataSet
from catalogue.relations import qualified, split
from common.clock import legal_day
from pseudonymisation.preparations.domain.errors import PreparationNotFound
from pseudonymisation.preparations.domain.preparation import Preparation
from pseudonymisation.quality.domain.disclosure import of_day
from pseudonymisation.quality.domain.statement import StatedEdition, stated
from pseudonymisation.quality.use_cases.context import QualityContext

NO_RULE = (
    "No figure is stated: the parameters of the disclosure rule are those of the agreement, and"
    " none of them are known here."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySummary:
    """How complete and valid the fields of an extract are, in each edition that it read.

    The same each time it is asked for: measures of an edition never change, and the rule is that of
    the day on which the preparation was accepted.
    """

    data_set: str
    rule: str
    note: str | None
    """Why nothing is stated."""
    editions: Sequence[StatedEdition]


def of_preparation(permit_id: UUID, *, ctx: QualityContext) -> QualitySummary:
    """Return the summary of the editions that a caller's own preparation reads.

    Raises:
        PreparationNotFound

    """
    with ctx.uow.reading() as tx:
        preparation = tx.records.preparation(permit_id)
        if preparation.caller != ctx.principal.client_id:
            raise PreparationNotFound("The preparation does not exist.")
        found = tx.records.of([edition.id for edition in preparation.editions])
    permit = preparation.permit
    day = legal_day(preparation.created_at)
    rule = of_day(ctx.small_numbers, permit.disclosure_rule, day)
    fields = _sources(preparation, ctx=ctx)
    return QualitySummary(
        data_set=permit.line.data_set,
        rule=permit.disclosure_rule,
        note=NO_RULE if rule is None else None,
        editions=[] if rule is None else [stated(one, rule, fields) for one in found],
    )


def _sources(preparation: Preparation, *, ctx: QualityContext) -> frozenset[str]:
    """Return the fields of the data set of which the extract's columns are, or are made."""
    line = preparation.permit.line
    try:
        data_set = ctx.catalogue.by_digest(line.catalogue_digest)
    except UnknownDataSet:
        data_set = ctx.catalogue.get(line.data_set)
    releasables = data_set.releasables
    names = [field.name for field in preparation.permit.fields]
    sources = [releasables[name].source if name in releasables else name for name in names]
    return frozenset(one for source in sources for one in _as_measured(source, data_set))


def _as_measured(source: str, data_set: DataSet) -> Iterator[str]:
    """Name a column as landing measured it: of a group by the tables from which it has it."""
    group, name = split(source)
    if not group:
        yield source
        return
    relations = data_set.relations
    has = relations.of_group(group).columns
    shown = [table for table, columns in has.items() if name in columns]
    for table in shown or [table for table in has if name in relations.by_name[table].by_name]:
        yield qualified(table, name)
