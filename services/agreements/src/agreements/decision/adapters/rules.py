"""Reads the dated rules of `agreements/rules/*.yaml`, strictly: a misspelt key stops the start."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from pydantic_core import to_jsonable_python

import catalogue
from agreements.decision.domain import rules as domain
from agreements.records.domain.parties.organisation import OrganisationKind
from agreements.records.domain.terms.categories import Category
from common.field import legal_bases
from common.ids import digest_of
from statements.vocabulary import Classification, EnvironmentKind

Words = frozenset[str]
NONE: Words = frozenset()


class RuleRow(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    first: Annotated[date | None, Field(alias="from")] = None
    last: Annotated[date | None, Field(alias="to")] = None
    source: Annotated[str, Field(min_length=1)]


class CeilingRow(RuleRow):
    purpose: str
    classification: str
    environments: frozenset[EnvironmentKind]
    routes: Words
    categories: frozenset[Category]


class Letter(BaseModel):
    """What of the Confidentiality Advisory Group a rule rests on (domain.md ruling 27)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: Annotated[str, Field(min_length=1)]
    dated: date


class OptOutRow(RuleRow):
    purpose: str | None = None
    data_set: str | None = None
    classification: str | None = None
    applied: bool
    by: Literal["list", "check"] = "list"
    excused_by: Words = NONE
    letter: Letter | None = None
    reason: str

    @model_validator(mode="after")
    def _rests_on_a_letter(self) -> Self:
        """No day is guessed from which people who said no are known all the same."""
        waives = not self.applied and self.classification in {None, Classification.IDENTIFIABLE}
        is_before = self.letter is not None and (
            self.first is None or self.first < self.letter.dated
        )
        if (waives and self.letter is None) or is_before:
            raise ValueError("opt-outs are waived by a letter, from its date at the earliest")
        return self


class ListAgeRow(RuleRow):
    days_max: Annotated[int, Field(ge=0)]


class PowerRow(RuleRow):
    code: str
    classifications: Words
    routes: Words = NONE


class SupportRow(RuleRow):
    reference: str
    purposes: Words
    environments: frozenset[EnvironmentKind]
    of: frozenset[OrganisationKind] = frozenset()


class FormulaRow(RuleRow):
    data_set: str
    months: Annotated[int, Field(ge=0)] = 0
    day_of_month: Annotated[int | None, Field(ge=1, le=28)] = None
    days: Annotated[int, Field(ge=0)] = 0


class LeaseRow(RuleRow):
    seconds: Annotated[float, Field(gt=0, le=60)]


class OrderRow(RuleRow):
    days_max: Annotated[int, Field(ge=1, le=366)]


class RegisterRow(RuleRow):
    kind: EnvironmentKind


class InstructionRow(RuleRow):
    organisation: str


class ScanRow(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Annotated[str, Field(min_length=1)]
    covers: Literal["marked", "texts"]
    releases: bool


class VocabularyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    population_rules: Words
    reasons: Words
    opt_out_reasons: Words
    routes: Words
    sensitivities: Words
    frequencies: Words
    access_methods: Words
    scan_rules: tuple[ScanRow, ...]
    contract_free: Words
    provider_classifications: Words


R = TypeVar("R", bound=RuleRow)
D = TypeVar("D")


@lru_cache(maxsize=1)
def load() -> domain.Rules:
    """Read all rules once. Raises pydantic.ValidationError where a file is not what it must be."""
    names = (
        "vocabulary", "ceilings", "opt_outs", "list_ages", "powers", "section_251",
        "publications", "leases", "standing_orders", "registers", "instructions",
    )  # fmt: skip
    content = {name: _read(name) for name in names}
    bases = legal_bases.load()
    caps, uses = catalogue.caps(), catalogue.uses()
    vocabulary = VocabularyFile.model_validate(content["vocabulary"])
    return domain.Rules(
        vocabulary=domain.Vocabulary(
            **dict(vocabulary)
            | {"scan_rules": tuple(domain.ScanRule(**dict(r)) for r in vocabulary.scan_rules)}
        ),
        ceilings=_rows(content["ceilings"], CeilingRow, domain.Ceiling),
        opt_outs=_rows(content["opt_outs"], OptOutRow, _opt_out_rule),
        list_ages=_rows(content["list_ages"], ListAgeRow, domain.ListAge),
        powers=_rows(content["powers"], PowerRow, domain.Power),
        supports=_rows(content["section_251"], SupportRow, domain.Support),
        formulas=_rows(content["publications"], FormulaRow, domain.Formula),
        leases=_rows(content["leases"], LeaseRow, domain.LeaseRule),
        orders=_rows(content["standing_orders"], OrderRow, domain.OrderRule),
        registers=_rows(content["registers"], RegisterRow, domain.RegisterRule),
        instructed=_rows(content["instructions"], InstructionRow, domain.InstructionRule),
        bases=bases,
        caps=caps,
        uses=uses,
        digest=digest_of(
            to_jsonable_python(
                content
                | {
                    "legal_bases": bases.digest,
                    "caps": caps.model_dump(mode="json"),
                    "uses": uses.model_dump(mode="json"),
                }
            )
        ),
    )


def _read(name: str) -> Any:
    return yaml.safe_load((files("agreements") / "rules" / f"{name}.yaml").read_text("utf-8"))


def _opt_out_rule(*, letter: Letter | None, **row: Any) -> domain.OptOutRule:
    told = None if letter is None else f"{letter.reference} of {letter.dated}"
    return domain.OptOutRule(letter=told, **row)


def _rows(content: Any, row: type[R], build: Callable[..., D]) -> tuple[D, ...]:
    return tuple(build(**dict(r)) for r in TypeAdapter(list[row]).validate_python(content))  # type: ignore[valid-type]  # the row's type is a value here
