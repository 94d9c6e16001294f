"""What permit, attestation and manifest say alike of agreement, line and population."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import Field

from statements.form import CLOSED, OPEN
from statements.vocabulary import LineKey, OptOutGroundName, Text


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
class OptOutGround:
    """Why opt-outs are upheld for a line, or are not.

    It is about the line, and the same whoever opted out, and whether anybody did.
    """

    # domain.md 4.3 and ruling 27; docs/adr/0168. The docstring is published with the API.
    __pydantic_config__ = OPEN

    by: Annotated[
        OptOutGroundName,
        Field(
            description="`rule`: the rule of the day says so; `line`: the line upholds them,"
            " though no rule asks for it; `consent`: the people consented; `statute`: a law gives"
            " the data."
        ),
    ]
    reason: Annotated[
        Text,
        Field(
            description="The rule of the day in words, or the law. Of `line` and `consent`: the"
            " rule from which the line differs."
        ),
    ]
    source: Annotated[Text, Field(description="Where the rule comes from.")]
    since: Annotated[
        date | None, Field(description="The first day of the rule; null: it has none.")
    ] = None
    letter: Annotated[
        Text | None,
        Field(
            description="The letter of the Confidentiality Advisory Group, with its date, on which"
            " a rule rests by which people are known who opted out; null: the rule needs none."
        ),
    ] = None


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
