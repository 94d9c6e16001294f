"""The public statement of coverage and validity, and its short form for an extract."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from catalogue import DataSet
from common.clock import legal_day
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.use_cases.ports import Scope
from pseudonymisation.quality.domain.disclosure import SmallNumbers, of_day
from pseudonymisation.quality.domain.schedule import Expectation
from pseudonymisation.quality.domain.statement import Coverage, NotStated, StatedEdition, stated
from pseudonymisation.quality.use_cases.context import QualityContext
from pseudonymisation.quality.use_cases.ports import OfBoard, OfEditions

GATED = (
    "Figures of a period are stated after its publication only, and nothing here knows of it; see"
    " the publication itself."
)
NO_RULE = "Its disclosure rule is set for each application: no figure of it can be public."
EVERYBODY = Scope(None)


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
    small numbers, or before a publication, nothing is stated of one.

    Raises:
        WindowInvalid

    """
    wanted.require_window()
    rules, left_out = _rules(ctx=ctx)
    asked = replace(wanted, data_sets=sorted(rules), only_in_force=True)
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
        if any(one.publication_gate for one in versions):
            left_out.append(NotStated(data_set=name, reason=GATED))
        elif rule is None:
            left_out.append(NotStated(data_set=name, reason=NO_RULE))
        else:
            rules[name] = rule
    return rules, left_out


def _rule_of(versions: Sequence[DataSet]) -> str:
    """Return the disclosure rule of a data set; one that its versions differ in is no rule."""
    named = {one.disclosure_rule for one in versions}
    return named.pop() if len(named) == 1 else ""


def titles(*, ctx: QualityContext) -> list[tuple[str, str]]:
    """Return the data sets of the catalogue by name, with their titles."""
    names = sorted({described.data_set for described in ctx.catalogue})
    return [(name, ctx.catalogue.get(name).title) for name in names]
