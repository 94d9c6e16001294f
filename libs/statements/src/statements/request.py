"""What is asked for: an extract under one line of an agreement."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from common.ids import digest_of
from statements.form import CLOSED, Form
from statements.vocabulary import LineKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractRequest:
    """A permit is bound to its digest, and the haven is handed exactly this beside the permit."""

    __pydantic_config__ = CLOSED

    extract_id: str
    agreement: str
    purpose: str
    data_set: str
    classification: str
    periods: tuple[str, ...]
    fields: tuple[str, ...]
    formats: tuple[str, ...]

    @property
    def line(self) -> LineKey:
        return self.purpose, self.data_set, self.classification

    @staticmethod
    def read(claims: Mapping[str, Any]) -> "ExtractRequest":
        """Raises Malformed."""
        return FORM.of(claims)

    def claims(self) -> dict[str, JsonValue]:
        return FORM.claims(self)

    @property
    def digest(self) -> str:
        return digest_of(self.claims())


FORM = Form(ExtractRequest)
