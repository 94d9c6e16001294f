"""What permit, attestation and manifest say alike of agreement, line and population."""

from dataclasses import dataclass

from statements.form import CLOSED, OPEN
from statements.vocabulary import LineKey, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementVersion:
    __pydantic_config__ = CLOSED

    reference: Text
    version: Text
    document_hash: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The line of the agreement by which something is given."""

    __pydantic_config__ = CLOSED

    number: int
    purpose: Text
    data_set: Text
    catalogue_version: Text
    catalogue_digest: Text
    classification: Text
    sensitivity: Text

    @property
    def key(self) -> LineKey:
        return LineKey(self.purpose, self.data_set, self.classification)


@dataclass(frozen=True, slots=True, kw_only=True)
class MapVersions:
    """Ids of the maps by which people belong to commissioners, and their areas are told."""

    __pydantic_config__ = OPEN

    practice: tuple[Text, ...]
    postcode: tuple[Text, ...]
    deprivation: tuple[Text, ...] = ()
    """By which deciles of deprivation were told."""

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.practice, *self.postcode, *self.deprivation)
