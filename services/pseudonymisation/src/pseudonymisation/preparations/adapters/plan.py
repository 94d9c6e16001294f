"""All that the engine is told of one extract: what it reads, keeps and writes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from catalogue import Treatment
from pseudonymisation.engine.repeats import RecordKey
from pseudonymisation.engine.session import sealed_parquet
from pseudonymisation.preparations.adapters.gathering import Gathered
from pseudonymisation.preparations.adapters.tables.related import RowsBeside
from pseudonymisation.preparations.domain.shown import Whose


@dataclass(frozen=True, slots=True)
class Source:
    """An encrypted Parquet file of the haven, and the key that opens it."""

    path: Path
    key_name: str
    key: bytes = field(repr=False)

    @property
    def sql(self) -> str:
        return sealed_parquet(self.path, self.key_name)


@dataclass(frozen=True, slots=True)
class ExtractColumn:
    name: str
    treatment: Treatment
    codes: tuple[str, ...] = ()
    """All that the catalogue lists for it, where it lists any."""


@dataclass(frozen=True, slots=True)
class Other:
    """The second person that each row names, and how its token is made (docs/adr/0109)."""

    number: str
    """The column of its number, in which its token leaves."""
    date_of_birth: str | None = None
    postcode: str | None = None
    is_linked: bool = False
    """Whether its token is that of the same person as a first one: where data sets are linked."""


@dataclass(frozen=True, slots=True)
class ExtractKeys:
    """What the kernel needs; kept out of every representation."""

    haven: bytes = field(repr=False)
    date_of_birth: bytes | None = field(repr=False)
    postcode: bytes | None = field(repr=False)
    domain: bytes = field(repr=False)
    staff: bytes | None = field(default=None, repr=False)
    """Only where the line lists codes of staff as they are."""
    identity: Mapping[str, tuple[bytes, bytes]] = field(default_factory=dict, repr=False)
    """By column that leaves as the identity: the keys of its short cells and of its long ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that one preparation reads, keeps and writes."""

    editions: tuple[Source, ...]
    periods: tuple[str, ...]
    codes: tuple[str, ...]
    reasons: tuple[str, ...]
    is_national: bool
    others: tuple[Whose, ...] = ()
    """Whose records are read besides, for a table: what its recipient was told of theirs."""
    columns: tuple[ExtractColumn, ...]
    opt_outs_apply: bool
    opted_out: tuple[Source, ...]
    """Lists: whoever is on any of them is left out."""
    cleared: tuple[Source, ...]
    """Whoever is not on all of them is left out, where a national check says who may be used."""
    registered: tuple[Source, ...] = ()
    """Lists of registrations: whoever is not on each of them with the practice is left out."""
    registered_with: tuple[str, ...] = ()
    """The practice, by its codes; none: whoever's patients."""
    domain_id: str
    keys: ExtractKeys
    linked_data_set: str = ""
    """Where the domain has several data sets: whose records these are, since people without an NHS
    number are linked with nothing of the others (docs/adr/0169). Empty: it has no other."""
    capped: Mapping[str, str] = field(default_factory=dict)
    """SQL in place of columns that others of the line cap (`caps`)."""
    conditions: tuple[str, ...] = ()
    """SQL that a row `s` has to meet besides: the permit's filters (`filters`)."""
    has_token: bool = True
    """Whether each row has its person's token: of rows that are about nobody none has."""
    date_of_birth: str | None
    """The sealed field of the person's date of birth, where the data set has one."""
    postcode: str | None
    layout: Mapping[str, str]
    """Columns that an edition may lack, for its file had none, with the engine's types."""
    nhs_number: str | None = None
    """The field of the person's number, which is landed as the person."""
    other: Other | None = None
    """The second person of each row, where rows have two."""
    gathered: tuple[Gathered, ...] = ()
    """Columns that are made of several records, where any is asked for or filtered by."""
    related: RowsBeside | None = None
    """What stands beside rows of a group, where they are counted by it."""
    record: RecordKey | None = None
    """What a record is known by; of one that is there twice only one is released."""
    quasi_identifiers: tuple[str, ...] = ()
    """Columns by which people are grouped, to say how few share them."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """Return all files that it reads."""
        return (*self.editions, *self.opted_out, *self.cleared, *self.registered)

    def __post_init__(self) -> None:
        if self.opt_outs_apply and not (self.opted_out or self.cleared):
            raise ValueError("opt-outs cannot be upheld without a list")
        if bool(self.registered_with) != bool(self.registered):
            raise ValueError("whose patients people are is said by lists of registrations")
