"""The haven's attestations: verified by its key, then read strictly."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agreements.domain.decision.question import (
    AttestedFile,
    Column,
    OptOuts,
    ReadEdition,
    Scan,
)
from agreements.domain.hold import LineKey
from common.clock import Clock
from common.ids import canonical
from common.security.jwks import Jwks
from common.security.jws import NotGenuine
from common.security.keys import ATTESTATION, SignedVerifier

Text = Annotated[str, Field(min_length=1, max_length=200)]
Count = Annotated[int, Field(ge=0, strict=True)]


class Said(BaseModel):
    """What is not known here is passed over: the haven may come to say more."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class FileSaid(Said):
    id: Text
    format: Text
    object_key: Text
    bytes: Count
    digest: Text
    rows: Count


class LineSaid(Said):
    number: Count
    purpose: Text
    data_set: Text
    catalogue_digest: Text
    classification: Text


class ColumnSaid(Said):
    name: Text
    treatment: Text
    class_: Annotated[Text, Field(alias="class")]


class MapsSaid(Said):
    practice: tuple[Text, ...]
    postcode: tuple[Text, ...]


class PopulationSaid(Said):
    codes: frozenset[Text]
    reasons: frozenset[Text]
    map_versions: MapsSaid
    rows_without_reason: Count


class OptOutSaid(Said):
    applied: Annotated[bool, Field(strict=True)]
    list_id: Text | None
    list_date: date | None
    list_digest: Text | None = None
    by: Text = "list"
    besides: frozenset[Text] = frozenset()


class RulesSaid(Said):
    digest: Text


class EditionSaid(Said):
    id: Text
    period: Annotated[str, Field(pattern=r"^\d{4}-\d{2}(/\d{4}-\d{2})?$")]
    landing_rules: RulesSaid | None = None

    @property
    def read(self) -> ReadEdition:
        first, _, last = self.period.partition("/")
        rules = self.landing_rules
        return ReadEdition(
            id=self.id,
            first=first,
            last=last or first,
            landing_rules=None if rules is None else rules.digest,
        )


class ScanSaid(Said):
    rule: Text
    columns: frozenset[Text]
    hits: Count


class AttestationSaid(Said):
    """The claims of an attestation (dsfc-attestation+jwt)."""

    sub: Text
    permit_id: Text
    preparation_id: Text
    extract_id: Text
    file: FileSaid
    line: LineSaid
    columns: tuple[ColumnSaid, ...]
    periods: tuple[Text, ...]
    editions: tuple[EditionSaid, ...] = ()
    population: PopulationSaid
    domain: Text
    opt_out: OptOutSaid
    scan: ScanSaid
    disclosure_rule: Text
    order: Text


class Attestations:
    """Accepts what the haven signed for agreements, and nothing else."""

    def __init__(self, jwks: Callable[[], Jwks], *, clock: Clock) -> None:
        self._verifier = SignedVerifier(ATTESTATION, jwks, clock=clock)

    def verify(self, compact: str) -> tuple[AttestedFile, str] | None:
        """Return the file and the claims as canonical JSON; None where it is not genuine.

        Raises KeysUnavailable where the haven's keys cannot be had.
        """
        try:
            claims = self._verifier.verify(compact)
            return read(claims), canonical(claims).decode()
        except (NotGenuine, ValidationError):
            return None


def read(claims: Any) -> AttestedFile:
    """Read the claims. Raises ValidationError where they are not an attestation's."""
    said = AttestationSaid.model_validate(claims)
    maps = said.population.map_versions
    return AttestedFile(
        # The name that is signed for is `sub`; one that differs inside is another file's.
        file_id=said.file.id if said.file.id == said.sub else "",
        extract_id=said.extract_id,
        permit_id=said.permit_id,
        preparation_id=said.preparation_id,
        format=said.file.format,
        object_key=said.file.object_key,
        bytes=said.file.bytes,
        digest=said.file.digest,
        rows=said.file.rows,
        line_number=said.line.number,
        key=LineKey(said.line.purpose, said.line.data_set, said.line.classification),
        catalogue_digest=said.line.catalogue_digest,
        columns=tuple(
            Column(name=c.name, treatment=c.treatment, field_class=c.class_) for c in said.columns
        ),
        periods=said.periods,
        codes=said.population.codes,
        reasons=said.population.reasons,
        maps=frozenset((*maps.practice, *maps.postcode)),
        rows_without_reason=said.population.rows_without_reason,
        domain=said.domain,
        opt_outs=OptOuts(
            applied=said.opt_out.applied,
            list_id=said.opt_out.list_id,
            list_date=said.opt_out.list_date,
            list_digest=said.opt_out.list_digest,
            by=said.opt_out.by,
            besides=said.opt_out.besides,
        ),
        scan=Scan(rule=said.scan.rule, columns=said.scan.columns, hits=said.scan.hits),
        disclosure_rule=said.disclosure_rule,
        order=said.order,
        editions=tuple(edition.read for edition in said.editions),
    )
