"""How what replaces stands: lists that were sent, and maps. They hold what the domain checked."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Column, String, Text
from sqlmodel import Field

from agreements.db.tables import Row, Versioned, metadata
from common.db.replacement import StandingColumns

__all__ = ["ImportContentRow", "ImportRow", "MapStandingRow", "RecallRow", "metadata"]


class ImportRow(StandingColumns, Versioned, table=True):
    """A list that had to wait, and how it stands."""

    __tablename__ = "import"

    kind: str = Field(sa_type=String)  # organisations, assurance
    layout: str
    digest: str
    snapshot_on: date | None = None
    content_digest: str  # of what it says, in `import_content`
    applied_epoch: int | None = Field(default=None, sa_type=BigInteger)  # of its facts


class ImportContentRow(Row, table=True):
    """What a list says that had to wait, as JSON."""

    __tablename__ = "import_content"

    import_id: UUID = Field(primary_key=True)
    content: str = Field(sa_type=Text)


class MapStandingRow(StandingColumns, Versioned, table=True):
    """How a map stands, under its id; a map without a row was there before the guard."""

    __tablename__ = "map_standing"

    takes_from: list[str] = Field(sa_column=Column(JSON, nullable=False))


class RecallRow(Versioned, table=True):
    """A list of opt-outs or an edition that the haven took back: what was made with it is void."""

    __tablename__ = "recall"

    kind: str = Field(sa_type=String)  # opt_out_list, edition
    source: str
    replaced_by: str | None = None
    taken_back_at: datetime
