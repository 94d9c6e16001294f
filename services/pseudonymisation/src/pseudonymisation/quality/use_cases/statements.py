"""The public statement of coverage and validity, and its short form for an extract."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from catalogue import DataSet
from common.clock import legal_day
from common.errors import Unavailable
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.use_cases.ports import Scope
from pseudonymisation.quality.domain.disclosure import SmallNumbers, of_day
from pseudonymisation.quality.domain.schedule import Expectation
from pseudonymisation.quality.domain.statement import Coverage, NotStated, StatedEdition, stated
from pseudonymisation.quality.use_cases.context import QualityContext
from pseudonymisation.quality.use_cases.ports import OfBoard, OfEditions

NOT_PUBLISHED = (
    "Figures of a period are stated after its publication, and no period of it is published yet."
)
NOT_KNOWN = (
    "Figures of a period are stated after its publication, and which ones are published cannot be"
    " said at the moment. Ask again later."
)
NO_RULE = "Its disclosure rule is set for each application: no figure of it can be public."
EVERYBODY = Scope(None)

log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class QualityStatement:
    """A page of it, and what is left out of it."""

    editions: Sequence[StatedEdition]
    coverage: Sequence[Coverage]
    not_stated: Sequence[NotStated]


def statement(
    wanted: OfEditions, *, after: UUID | None, limit: int, ctx: QualityContext
) -> QualityStatement:
    """State how complete and valid the editions in force are, of data sets that may be stated.

    A data set that the catalogue does not have has no editions. Without a rule that hides its
    small numbers nothing is stated of one; of one that waits for its publications, the periods
    that are published.

    Raises:
        WindowInvalid

    """
    wanted.require_window()
    rules, left_out = _rules(ctx=ctx)
    published, waiting = _published(wanted.data_set, rules, ctx=ctx)
    left_out = sorted([*left_out, *waiting], key=lambda one: one.data_set)
    asked = replace(wanted, data_sets=sorted(rules), only_in_force=True, published=published)
    with ctx.uow.reading() as tx:
        found = tx.records.page(asked, EVERYBODY, after=after, limit=limit)
        periods = {(edition.data_set, edition.period) for edition in found}
        coverage = tx.records.coverage(periods)
        of_data_set = OfBoard(data_set=wanted.data_set)
        expectations = tx.board.expectations(of_data_set, EVERYBODY, after=None, limit=None)
    return QualityStatement(
        editions=[stated(edition, rules[edition.data_set]) for edition in found],
        coverage=[replace(one, expected=_expected(one, expectations, ctx=ctx)) for one in coverage],
        not_stated=[
            one for one in left_out if wanted.data_set is None or wanted.data_set == one.data_set
        ],
    )


def _expected(one: Coverage, of: Sequence[Expectation], *, ctx: QualityContext) -> int:
    """Count the providers who should send anything of a period."""
    period, data_set = Period.parse(one.period), ctx.catalogue.get(one.data_set)
    return len(
        {
            expectation.provider
            for expectation in of
            if expectation.data_set == one.data_set
            and any(
                found.overlaps(period)
                for found in expectation.periods(data_set, first=period.first, last=period.last)
            )
        }
    )


def _rules(*, ctx: QualityContext) -> tuple[dict[str, SmallNumbers], list[NotStated]]:
    """Return by which rule each data set is stated today, and which are not."""
    today = legal_day(ctx.clock.now())
    rules: dict[str, SmallNumbers] = {}
    left_out = []
    for name in sorted({described.data_set for described in ctx.catalogue}):
        versions = [one for one in ctx.catalogue if one.data_set == name]
        rule = of_day(ctx.small_numbers, _rule_of(versions), today)
        if rule is None:
            left_out.append(NotStated(data_set=name, reason=NO_RULE))
        else:
            rules[name] = rule
    return rules, left_out


def _published(
    wanted: str | None, rules: Mapping[str, SmallNumbers], *, ctx: QualityContext
) -> tuple[Mapping[str, Collection[str]], list[NotStated]]:
    """Return the periods that are published of data sets that wait for it, and which have none.

    What nobody can say is not stated.
    """
    gated = sorted({one.data_set for one in ctx.catalogue if one.publication_gate} & set(rules))
    gated = [name for name in gated if wanted in {None, name}]
    if not gated:
        return {}, []
    try:
        known, reason = ctx.publications.by_data_set(), NOT_PUBLISHED
    except Unavailable as away:
        log.warning("publications_unknown", code=away.code)
        known, reason = {}, NOT_KNOWN
    found = {name: known.get(name, ()) for name in gated}
    return found, [NotStated(data_set=n, reason=reason) for n, of in found.items() if not of]


def _rule_of(versions: Sequence[DataSet]) -> str:
    """Return the disclosure rule of a data set; one that its versions differ in is no rule."""
    named = {one.disclosure_rule for one in versions}
    return named.pop() if len(named) == 1 else ""


def titles(*, ctx: QualityContext) -> list[tuple[str, str]]:
    """Return the data sets of the catalogue by name, with their titles."""
    names = sorted({described.data_set for described in ctx.catalogue})
    return [(name, ctx.catalogue.get(name).title) for name in names]
