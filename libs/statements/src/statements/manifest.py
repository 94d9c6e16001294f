"""What the recipient is told about a released file. Signed by dissemination; schema below."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, JsonValue, PlainSerializer

from statements.attestation import (
    AssumedRule,
    AttestedBridge,
    AttestedChanges,
    Caps,
    Column,
    Edition,
    EditionForm,
    Groups,
    OptOut,
    Population,
    Scan,
)
from statements.filters import Filters
from statements.form import OPEN, Form
from statements.line import AgreementVersion, Line
from statements.tables import AttestedTable
from statements.vocabulary import Count, Text

SCHEMA: Final = "dsfc-manifest/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedFile:
    __pydantic_config__ = OPEN

    id: Text
    format: Text
    bytes: Count
    digest: Text
    rows: Count
    columns: tuple[Column, ...]
    order: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueVersion:
    __pydantic_config__ = OPEN

    data_set: Text
    version: Text
    digest: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Of agreements: by which the file was prepared, and by which released."""

    __pydantic_config__ = OPEN

    request: Text
    release: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationDigest:
    __pydantic_config__ = OPEN

    digest: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """Where the audit log has the release, and its head with that leaf as the last."""

    __pydantic_config__ = OPEN

    log: Text
    index: Count
    size: Count
    root: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    __pydantic_config__ = OPEN

    schema: Literal["dsfc-manifest/1"]
    sub: Text
    extract_id: Text
    file: ReleasedFile
    agreement: AgreementVersion
    line: Line
    catalogue: CatalogueVersion
    periods: tuple[Text, ...]
    editions: tuple[Edition, ...]
    forms: tuple[EditionForm, ...] = ()
    """Where the file joins editions of several forms: which edition is of which."""
    population: Population
    domain: Text
    opt_out: OptOut
    scan: Scan
    caps: Annotated[Caps | None, Field()] = field(default=None, hash=False)
    filters: Filters = ()
    """Which rows are in the file: those alone that passed each."""
    table: Annotated[AttestedTable | None, Field()] = field(default=None, hash=False)
    """What the file counts, and how that is protected; None: it has records."""
    assumed: tuple[AssumedRule, ...] = ()
    """Rules besides columns, by which it was made, that nobody published (docs/adr/0063)."""
    groups: Annotated[Groups | None, Field()] = field(default=None, hash=False)
    """Of records: how few people share their quasi-identifiers; None: of a table, or not said."""
    changes: AttestedChanges | None = None
    """The file is a change set; None: it has the records themselves, or a table."""
    bridge: AttestedBridge | None = None
    """The file is a bridging file: with whose tokens its own are paired; None: it is none."""
    disclosure_rule: Text
    decisions: Decisions
    holding_id: Text
    attestation: AttestationDigest
    audit: LogPosition
    released_at: Annotated[AwareDatetime, PlainSerializer(datetime.isoformat)]

    @staticmethod
    def read(claims: Mapping[str, Any]) -> "Manifest":
        """Read verified claims. Raises Malformed."""
        return FORM.of(claims)

    def claims(self) -> dict[str, JsonValue]:
        return FORM.claims(self)


FORM = Form(Manifest)
