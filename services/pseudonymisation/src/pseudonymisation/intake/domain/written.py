"""What a sender declares of a file: how it is written, and what it replaces; nothing is guessed.

See docs/adr/0047 and docs/adr/0054.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, Self

from catalogue import DataSet, LandingRules, Protocol
from common.ids import digest_of
from pseudonymisation.intake.domain import errors

Delimiter = Literal[",", ";", "|", "\t"]
Quoting = Literal["standard", "backslash", "none"]
EXPANSION_MAX: Final = 200
"""A file that becomes so many times as long when it is opened is made to do harm."""
EXPANDED_FREE_BYTES: Final = 64 << 20
"""Up to here the share is not looked at: little files of few values are dense."""


class ContentForm(StrEnum):
    """What the bytes of a content are."""

    CSV = "csv"
    GZIP = "csv.gz"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How values stand in the lines; what is not declared is as the catalogue says."""

    delimiter: Delimiter | None = None
    quoting: Quoting | None = None

    def of(self, data_set: DataSet) -> DataSet:
        """Return the data set as a file in this dialect is read."""
        declared = {"delimiter": self.delimiter, "quoting": self.quoting}
        said = {name: value for name, value in declared.items() if value is not None}
        if not said:
            return data_set
        return data_set.model_copy(update={"file": data_set.file.model_copy(update=said)})


AS_CATALOGUED: Final = Dialect()


@dataclass(frozen=True, slots=True)
class BulkPart:
    """What a file in bulk replaces of its provider and period: what one sender sent so before.

    Of what is sent by token it is what was sent under the same agreement, by the same model.
    """

    sender: str
    """Who sent it: its code in normal form."""
    recipient: str
    """The prime recipient: its code in normal form; by token the agreement."""
    group: str
    """The bulk replacement group; by token the model."""

    def __str__(self) -> str:
        return f"{self.sender}/{self.recipient}/{self.group}"

    @classmethod
    def stored(cls, text: str) -> Self | None:
        """Read it from a column: empty where a file is of a whole period."""
        return cls(*text.split("/")) if text else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a sender says of a file before it comes."""

    dialect: Dialect = AS_CATALOGUED
    protocol: Protocol = Protocol.WHOLE_PERIOD
    recipient: str | None = None
    group: str | None = None
    left_out_at_source: int | None = None
    """People whom the sender has left out, where it has to say how many (ruling 28)."""
    by_token: bool = False
    """Whether people came by the tokens of an agreement's line: no sender says it of a file."""

    def require_taken(self, rules: LandingRules) -> None:
        """Hold what was declared against the rules of the day.

        Raises:
            SentByToken, ProtocolNotTaken, BulkPartInvalid, LeftOutCountMissing
            LeftOutCountUnexpected

        """
        if rules.by_token is not None and not self.by_token:
            raise errors.SentByToken(
                f"{rules.data_set} is not sent as a file: send the tokens to"
                f" {rules.by_token.through}.",
                field="data_set",
                through=rules.by_token.through,
            )
        if self.protocol not in rules.ways:
            raise errors.ProtocolNotTaken(
                f"Files of {rules.data_set} are sent as {' or '.join(rules.ways)}.",
                field="protocol",
                allowed=[str(way) for way in rules.ways],
            )
        self._require_part(rules)
        self._require_count(rules)

    def _require_part(self, rules: LandingRules) -> None:
        if self.by_token:
            return  # the part is what one sender sent under an agreement, by a model
        bulk = rules.protocols.bulk if rules.protocols else None
        if bulk is None or self.protocol is not Protocol.BULK:
            if self.recipient is not None or self.group is not None:
                raise errors.BulkPartInvalid(
                    "A prime recipient and a group are said of a file in bulk only. Leave them out,"
                    " or send it with the protocol bulk.",
                    field="group" if self.group is not None else "recipient",
                )
            return
        if self.recipient is None:
            raise errors.BulkPartInvalid(
                "A file in bulk replaces what was sent for one prime recipient: name it.",
                field="recipient",
            )
        if self.group not in bulk.groups:
            raise errors.BulkPartInvalid(
                "A file in bulk replaces one group; name it by its code.",
                field="group",
                allowed=[*sorted(bulk.groups)],
            )

    def _require_count(self, rules: LandingRules) -> None:
        counted = rules.left_out_at_source
        if counted is not None and self.left_out_at_source is None:
            raise errors.LeftOutCountMissing(
                f"{counted.who}: say how many they are; 0 where there is nobody.",
                field="left_out_at_source",
            )
        if counted is None and self.left_out_at_source is not None:
            raise errors.LeftOutCountUnexpected(
                f"Nobody is left out at the source of {rules.data_set}; leave the count out.",
                field="left_out_at_source",
            )


UNDECLARED: Final = Declaration()


def is_bomb(*, stored: int, opened: int) -> bool:
    """Return whether what was opened is out of all proportion to what was sent."""
    return opened > EXPANDED_FREE_BYTES and opened > EXPANSION_MAX * stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The upload as it is kept: sealed, until it is destroyed."""

    key: str
    bytes: int
    digest: str
    header: str
    """The first line: names of columns, in the order of the file."""
    records: int
    """Lines behind the header; some may turn out to be empty."""
    form: ContentForm = ContentForm.CSV
    """As what it was sent."""

    @classmethod
    def of_tables(cls, tables: Mapping[str, "Content"]) -> "Content":
        """Count what came of several tables together; it lies in the objects of these."""
        return cls(
            key="",
            bytes=sum(one.bytes for one in tables.values()),
            digest=digest_of({name: one.digest for name, one in tables.items()}),
            header="",
            records=sum(one.records for one in tables.values()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableAsSent:
    """One of several tables: as its file is read, by which rules, and what came."""

    data_set: DataSet
    rules: LandingRules
    content: Content


RELATED: Final = "-related"
"""How the quarantine ends of rows that were set aside because of rows of other tables."""


def quarantine_of(key: str, table: str) -> str:
    """Name the object of the rows of one of several tables, which is also the name of its key."""
    return f"{key}/{table.lower()}"


def quarantines_of(key: str, tables: Iterable[str]) -> tuple[str, ...]:
    """Name the objects of a quarantine; of a flat file it is one."""
    every = [quarantine_of(key, table) for table in tables]
    return tuple(name for one in every for name in (one, f"{one}{RELATED}")) or (key,)
