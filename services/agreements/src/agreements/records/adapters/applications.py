"""The applications service, as we need it: frozen snapshots by hash.

What comes back is believed only where its bytes have the hash that the event named, are canonical
JSON, and are a snapshot of the schema that we know. The model is our own reading of that schema
(`contracts/`), not an import from the other service.
"""

import re
from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from agreements.records.domain.drafting import ApprovedApplication, DraftedCondition
from agreements.records.domain.errors import SnapshotRefused
from agreements.records.domain.version import AgreementLine, Capacity, Party
from common import http
from common.errors import Invalid
from common.http import RemoteProblem
from common.ids import DIGEST, canonical, digest
from common.security.client import ServiceTokens
from statements.vocabulary import LineKey

AUDIENCE = "applications"
CONTENT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])

Code = Annotated[str, Field(pattern=r"^[A-Z0-9]{3,9}$")]
Text = Annotated[str, Field(min_length=1, max_length=2_000)]
Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Purpose = Literal["RS", "IV", "COM", "OTHER"]
Classification = Literal[
    "IDENTIFIABLE",
    "PSEUDO_ANONYMISED",
    "AGGREGATE_SMALL_NUMBERS_NOT_SUPPRESSED",
    "AGGREGATE_SUPPRESSED",
]


class SnapshotPart(BaseModel):
    """A part that we read. What it has besides is kept in the document and judged there.

    The decision denies by a clause that it does not know; drafting need not.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)


class Controller(SnapshotPart):
    ods: Code
    legal_name: Text


class Processor(SnapshotPart):
    ods: Code
    legal_name: Text


class Periods(SnapshotPart):
    first: Annotated[Month, Field(alias="from")]
    last: Annotated[Month, Field(alias="to")]


class Population(SnapshotPart):
    rule: Literal["own", "union", "list", "national"]
    commissioners: tuple[Code, ...] = ()


class Environment(SnapshotPart):
    organisation: Code
    kind: Literal["analytics", "ceff", "ash", "rs_supplier", "gp_practice"]


class LineModel(SnapshotPart):
    number: Annotated[int, Field(ge=1, le=10_000, strict=True)]
    purpose: Purpose
    data_set: Text
    catalogue_digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    classification: Classification
    periods: Periods
    population: Population
    recipient_environment: Environment


class ConditionModel(SnapshotPart):
    id: Text
    text: Annotated[str, Field(max_length=20_000)]
    due: date | None = None
    owner: Text


class SnapshotModel(SnapshotPart):
    """As much of "dsfc-snapshot/1" as an agreement is made of."""

    schema_: Annotated[Literal["dsfc-snapshot/1"], Field(alias="schema")]
    application_id: UUID
    reference: Annotated[str, Field(pattern=r"^DARS-NIC-[0-9]{5,6}-[A-Z0-9]{5}$")]
    version: Annotated[str, Field(pattern=r"^v[0-9]{1,6}\.[0-9]{1,6}$")]
    kind: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    title: Text
    start: date
    end: date
    controllers: Annotated[tuple[Controller, ...], Field(min_length=1)]
    processors: tuple[Processor, ...]
    lines: Annotated[tuple[LineModel, ...], Field(min_length=1)]
    special_conditions: tuple[ConditionModel, ...]

    @model_validator(mode="after")
    def _is_coherent(self) -> Self:
        if self.end < self.start:
            raise Invalid("it ends before it starts")
        if len({line.number for line in self.lines}) != len(self.lines):
            raise Invalid("two lines have one number")
        keys = {(line.purpose, line.data_set, line.classification) for line in self.lines}
        if len(keys) != len(self.lines):
            raise Invalid("two lines have one purpose, data set and classification")
        if len({c.id for c in self.special_conditions}) != len(self.special_conditions):
            raise Invalid("two special conditions have one id")
        for parties in (self.controllers, self.processors):
            if len({party.ods for party in parties}) != len(parties):
                raise Invalid("a party is named twice")
        return self


class HttpSnapshots:
    """Snapshots over REST, with this service's own token."""

    def __init__(self, remote: http.Client, tokens: ServiceTokens) -> None:
        self._remote = remote
        self._tokens = tokens

    def fetch(self, snapshot_hash: str) -> ApprovedApplication:
        """Fetch a snapshot and verify it.

        Raises:
            SnapshotRefused: it is not there, not what its hash says, or not of our schema.
            Unavailable: applications does not answer; the consumer waits.

        """
        if not DIGEST.fullmatch(snapshot_hash):
            raise SnapshotRefused("The event names no hash.")
        try:
            response = http.call(
                self._remote,
                "GET",
                f"/v1/snapshots/{snapshot_hash}",
                token=self._tokens.token(AUDIENCE),
            )
        except RemoteProblem as problem:
            raise SnapshotRefused(
                f"Applications answered {problem.status} {safe(problem.code)}."
            ) from problem
        return approved(response.content, snapshot_hash)


def approved(content: bytes, snapshot_hash: str) -> ApprovedApplication:
    """Verify the bytes of a snapshot against its hash, and read them.

    Raises:
        SnapshotRefused: they are not what the hash says, or not of our schema.

    """
    if digest(content) != snapshot_hash:
        raise SnapshotRefused("The snapshot does not have the hash that was approved.")
    try:
        whole = CONTENT.validate_json(content)
        snapshot = SnapshotModel.model_validate_json(content)
    except ValidationError as error:
        where = sorted({".".join(map(str, e["loc"])) for e in error.errors(include_input=False)})
        raise SnapshotRefused(f"The snapshot is not dsfc-snapshot/1 at {safe(where)}.") from None
    if canonical(whole) != content:
        raise SnapshotRefused("The snapshot is not canonical JSON.")
    return _approved(snapshot, whole, snapshot_hash)


def _approved(
    snapshot: SnapshotModel, whole: dict[str, JsonValue], snapshot_hash: str
) -> ApprovedApplication:
    lines = whole["lines"]
    if not isinstance(lines, list):  # pragma: no cover - the model has just read it as one
        raise SnapshotRefused("The snapshot has no lines.")
    return ApprovedApplication(
        application_id=snapshot.application_id,
        reference=snapshot.reference,
        version=snapshot.version,
        kind=snapshot.kind,
        title=snapshot.title,
        start=snapshot.start,
        end=snapshot.end,
        parties=(
            *(
                Party(ods=c.ods, capacity=Capacity.CONTROLLER, legal_name=c.legal_name)
                for c in snapshot.controllers
            ),
            *(
                Party(ods=p.ods, capacity=Capacity.PROCESSOR, legal_name=p.legal_name)
                for p in snapshot.processors
            ),
        ),
        lines=tuple(
            AgreementLine(
                number=line.number,
                key=LineKey(line.purpose, line.data_set, line.classification),
                content=content if isinstance(content, dict) else {},
            )
            for line, content in zip(snapshot.lines, lines, strict=True)
        ),
        conditions=tuple(
            DraftedCondition(condition=c.id, text=c.text, due=c.due, owner=c.owner)
            for c in snapshot.special_conditions
        ),
        snapshot_hash=snapshot_hash,
        content=whole,
    )


def safe(words: str | list[str]) -> str:
    """Let nothing but names of fields and codes into an error."""
    text = words if isinstance(words, str) else ", ".join(words)
    return re.sub(r"[^A-Za-z0-9_., -]", "", text)[:300]
