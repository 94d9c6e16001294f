"""What the haven vouches for in one prepared file (design.md sections 3 and 5).

Signed by pseudonymisation. Agreements judges the release on it, and the manifest repeats it; so it
says what was done to the rows that were written, never what was meant to be done. What a reader
does not know is passed over: the haven may come to say more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Annotated, Any, Final

from pydantic import Field, JsonValue

from catalogue import Cap
from statements.filters import Filters
from statements.form import CLOSED, OPEN, Form
from statements.line import AgreementVersion, Line, MapVersions, OptOutGround
from statements.tables import AttestedTable
from statements.vocabulary import Count, Text

CHANGE: Final = "Change"
"""The column of a change set that says what became of a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedFile:
    __pydantic_config__ = OPEN

    id: Text
    format: Text
    object_key: Text
    bytes: Count
    digest: Text
    rows: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the file, with the class of the catalogue's field."""

    __pydantic_config__ = OPEN

    name: Text
    treatment: Text
    class_: Annotated[str, Field(alias="class", max_length=200)]
    assumed: bool = False
    """Nobody published that the data set has it: the catalogue marks it so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesVersion:
    """Landing rules, by version and digest."""

    __pydantic_config__ = CLOSED

    version: int | None
    digest: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """An edition whose rows are in the file."""

    __pydantic_config__ = OPEN

    landing_rules: RulesVersion | None = None
    """By which it was taken in; None: by none."""
    id: Text
    provider: Text
    period: Annotated[
        str, Field(pattern=r"^\d{4}-(\d{2}(/\d{4}-\d{2})?|W(0[1-9]|[1-4]\d|5[0-3]))$")
    ]
    """A month, two with a slash between, or a week, as it was sent."""
    number: Count
    status: Text

    @property
    def rules_digest(self) -> str | None:
        return None if self.landing_rules is None else self.landing_rules.digest

    def covers(self, month: str) -> bool:
        year, is_week, week = self.period.partition("-W")
        if is_week:
            return month in _months_of_week(int(year), int(week))
        first, _, last = self.period.partition("/")
        return first <= month <= (last or first)


def _months_of_week(year: int, week: int) -> frozenset[str]:
    """Name the months that a week lies in; none where the year has no such week."""
    try:
        monday = date.fromisocalendar(year, week, 1)
    except ValueError:
        return frozenset()
    return frozenset(f"{day:%Y-%m}" for day in (monday, monday + timedelta(days=6)))


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionForm:
    """Editions of which codes of organisations, and keys, were read in one form.

    Tokens of people without an NHS number, and whose records count, may differ from the others'.
    """

    __pydantic_config__ = OPEN

    organisation_codes: Text
    """`by_map`: by the entity that the map of the day says. `as_text`: as they were written."""
    landing_rules: Text
    """What the landing rules say of forms and void values: its digest, or `none`."""
    editions: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    __pydantic_config__ = OPEN

    codes: tuple[Text, ...]
    reasons: tuple[Text, ...]
    map_versions: MapVersions
    rows_without_reason: Count
    rows_repeated_left_out: Count = 0
    """Of records that were there again: in two months, from two submitters, or twice in a file."""

    @property
    def maps(self) -> frozenset[str]:
        return frozenset(self.map_versions.all)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """Whether opt-outs were upheld, and by the list of which day."""

    __pydantic_config__ = OPEN

    applied: bool
    list_id: Text | None
    list_date: date | None
    list_digest: Text | None = ""
    """Of what the list says; two imports of the same are one list. Empty: it is not said."""
    besides: tuple[Text, ...] | None = None
    """Ids of lists whose people were left out too, since they wait for a second person."""
    by: Text = "list"
    """How it was known who objected: by a list, or by the national check."""
    people_left_out: Count | None = None
    """Opted-out people of whom the selection had rows; None: it is not told (docs/adr/0105)."""
    rows_without_person_left_out: Count | None = None
    ground: OptOutGround | None = None
    """Why they were upheld, or were not, as the permit said; None: it did not."""

    @property
    def lists(self) -> frozenset[str]:
        """Say what decides who was left out."""
        return frozenset(self.besides or ()) | {self.list_digest or self.list_id or ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What the search for personal data in texts and codes covered and found (domain.md 8.6)."""

    __pydantic_config__ = OPEN

    rule: Text
    columns: tuple[Text, ...]
    hits: Count
    staff_codes_left_out: Count = 0
    """Codes of staff in which personal data were found, and that are not in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """How many people of the file share what could single them out (docs/adr/0098)."""

    __pydantic_config__ = OPEN

    columns: tuple[Text, ...]
    """The quasi-identifiers of the file, by which its people are grouped."""
    people: Count
    smallest: Count | None
    """People in the smallest group (k); None: the file has nobody."""
    unique: Count
    """People of whom a row is the only person's in its group."""

    @property
    def unique_share(self) -> float:
        """Return which share of the people is unique in a row of theirs."""
        return self.unique / self.people if self.people else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """Whose patients alone are in the file, by the registrations of which day (ruling 29)."""

    __pydantic_config__ = OPEN

    codes: tuple[Text, ...]
    """The practice."""
    list_date: date
    lists: tuple[Text, ...]
    """Ids of the lists, each of which has everybody with the practice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedChanges:
    """What a change set leads from, and by what its records are told apart (docs/adr/0105)."""

    __pydantic_config__ = OPEN

    since: Text
    """The earlier extract."""
    since_file: Text
    """Its file, by the digest of the content that was compared."""
    key: tuple[Text, ...]
    """Columns by which a record is known; of several rows that are alike in them all are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedBridge:
    """Of a bridging file: with whose tokens those of the file's domain are paired.

    `Population`, editions and filters are those in which the other domain's people were looked for.
    """

    __pydantic_config__ = OPEN

    of: AgreementVersion
    """The agreement of the file's own line."""
    agreement: AgreementVersion
    """That of the other line."""
    line: Line
    domain: Text
    editions: tuple[Edition, ...]
    population: Population
    filters: Filters = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingEdition:
    """What another file has of a month, beside which the records lost or gained nobody.

    Of the file's own data set an edition. Of one that is linked with it what was made with the
    lists that are named, or where it was not made yet its extract (docs/adr/0249).
    """

    __pydantic_config__ = OPEN

    month: Text
    edition: Text = ""
    """Empty: of another data set."""
    data_set: Text = ""
    """Another one, with equal tokens. Empty: the file's own."""
    lists: tuple[Text, ...] = ()
    """Of another data set: what decided who was left out, as `OptOut.lists`."""
    extract: Text = ""
    """Of another data set: the extract, where it was not made yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """By which rule columns of the line cap each other, and what became of which."""

    __pydantic_config__ = OPEN

    rule: Text
    columns: Mapping[str, Text]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumedRule:
    """A rule by which the file was made and that nobody published, or not all of it."""

    __pydantic_config__ = OPEN

    rule: Text
    """Its name and version."""
    parts: tuple[Text, ...]
    """What in it is assumed."""

    def __str__(self) -> str:
        return f"{self.rule}: {', '.join(self.parts)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """Its claims, less those that whoever signs adds and whoever verifies judges."""

    __pydantic_config__ = OPEN

    sub: Text
    permit_id: Text
    preparation_id: Text
    extract_id: Text
    file: AttestedFile
    line: Line
    columns: tuple[Column, ...]
    periods: tuple[Text, ...]
    editions: tuple[Edition, ...]
    forms: tuple[EditionForm, ...] = ()
    """Where the file joins editions of several forms: which edition is of which."""
    population: Population
    domain: Text
    opt_out: OptOut
    scan: Scan
    caps: Annotated[Caps | None, Field()] = field(default=None, hash=False)
    disclosure_rule: Text
    order: Text
    filters: Filters = ()
    """Which rows are in the file: those alone that passed each."""
    table: Annotated[AttestedTable | None, Field()] = field(default=None, hash=False)
    """What the file counts; None: it has records."""
    assumed: tuple[AssumedRule, ...] = ()
    """Rules besides columns, by which it was made, that nobody published (docs/adr/0063)."""
    groups: Annotated[Groups | None, Field()] = field(default=None, hash=False)
    """Of records: how few people share their quasi-identifiers; None: of a table, or not said. Of a
    change set it is said of the extract that it leads to, which whoever has it has beside it."""
    registered: Annotated[Registered | None, Field()] = field(default=None, hash=False)
    """Whose patients alone are in it; None: it is not for a practice."""
    changes: AttestedChanges | None = None
    """The file is a change set; None: it has the records themselves, or a table."""
    standing_beside: tuple[StandingEdition, ...] = ()
    """Editions beside which, with another list, it would tell who objected (docs/adr/0171)."""
    bridge: AttestedBridge | None = None
    """The file is a bridging file; None: it has records, changes of them, or a table."""

    @staticmethod
    def read(claims: Mapping[str, Any]) -> "Attestation":
        """Read verified claims. Raises Malformed."""
        return FORM.of(claims)

    def claims(self) -> dict[str, JsonValue]:
        return FORM.claims(self)

    def of_the_other(self) -> "Attestation":
        """Say the same from the other side of the bridge: its line, with this one as the other."""
        if (other := self.bridge) is None:
            raise ValueError("the file is no bridging file")
        return replace(
            self,
            line=other.line,
            domain=other.domain,
            editions=other.editions,
            population=other.population,
            filters=other.filters,
            bridge=AttestedBridge(
                of=other.agreement,
                agreement=other.of,
                line=self.line,
                domain=self.domain,
                editions=self.editions,
                population=self.population,
                filters=self.filters,
            ),
        )

    @property
    def file_id(self) -> str:
        """The name that is signed for is `sub`; one that differs inside is another file's."""
        return self.file.id if self.file.id == self.sub else ""

    def done_to(self, column: str) -> Cap | None:
        """Say what was done to a column; None where that is not said, or in no word of ours."""
        said = None if self.caps is None else self.caps.columns.get(column)
        return Cap(said) if said in set(Cap) else None

    def editions_of(self, month: str) -> frozenset[str]:
        """Name the editions that have the month."""
        return frozenset(e.id for e in self.editions if e.covers(month))


def assumed_in_words(columns: Iterable[Column], rules: Iterable[AssumedRule]) -> str:
    """Write for people what of a file is assumed; nothing where nothing is."""
    marked = [column.name for column in columns if column.assumed]
    said = [f"columns: {', '.join(marked)}"] if marked else []
    return "; ".join([*said, *map(str, rules)])


FORM = Form(Attestation)
