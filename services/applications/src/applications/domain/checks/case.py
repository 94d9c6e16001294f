"""What a check is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from pydantic import JsonValue

from applications.domain.facts import AgreementsFacts
from applications.domain.life import Query
from applications.domain.rules import Rules
from applications.domain.sections import Answers
from applications.domain.sections.data import LineAnswer
from applications.domain.sections.forms import Kind
from applications.domain.sections.purposes import Processing
from catalogue import Catalogue, DataSet, UnknownDataSet
from statements.bridging import BRIDGING_FILE
from statements.vocabulary import Classification


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    kind: Kind
    organisation: str
    amends: str | None
    title: str = ""
    answers: Answers
    queries: tuple[Query, ...] = ()
    day: date
    """The legal day on which the application is, or would be, handed in."""
    rules: Rules
    data_sets: Catalogue
    facts: AgreementsFacts | None
    """None where agreements did not answer."""
    codes_read: Mapping[str, str] = field(default_factory=dict)
    """By pointer: the code that stands for the one that was written there."""
    base: Mapping[str, JsonValue] | None = None
    """The snapshot that was last approved under the same reference, where it was ours."""
    proposed: Mapping[str, JsonValue] | None = None
    """What would be frozen now; None while sections are missing."""

    @property
    def parties(self) -> tuple[tuple[str, str], ...]:
        """Code and pointer of every controller and processor."""
        controllers = [
            (ods, f"/sections/2/controllers/{i}") for i, ods in enumerate(self.answers.controllers)
        ]
        processors = [
            (ods, f"/sections/3/processors/{i}") for i, ods in enumerate(self.answers.processors)
        ]
        return (*controllers, *processors)

    @property
    def is_identifiable(self) -> bool:
        return any(
            line.classification is Classification.IDENTIFIABLE for line in self.answers.lines
        )

    @property
    def needs_contract(self) -> bool:
        """Suppressed aggregates, and only they, need no framework contract (3.1, A23)."""
        lines = self.answers.lines
        return not lines or any(
            line.classification is not Classification.AGGREGATE_SUPPRESSED for line in lines
        )

    def data_set(self, line: LineAnswer) -> DataSet | None:
        try:
            return self.data_sets.get(line.data_set, line.catalogue_version)
        except UnknownDataSet:
            return None

    def linked_with(self, data_set: str) -> frozenset[str]:
        """Return the data sets that share tokens with one, itself among them (ruling 11)."""
        section = self.answers.of(Processing)
        linkage = section.linkage if section else ()
        groups = [set(link.data_sets) for link in linkage if link.key != BRIDGING_FILE]
        found = {data_set}
        while more := {name for group in groups if group & found for name in group} - found:
            found |= more
        return frozenset(found)
