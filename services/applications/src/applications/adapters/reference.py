"""Reads the dated rules that ship with the service (`applications/reference/*.yaml`)."""

from functools import lru_cache
from importlib.resources import files
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter

from applications.domain.rules import (
    AdvisoryBody,
    Ceiling,
    LengthRule,
    Power,
    Redirection,
    ReferenceForm,
    Rules,
    Standard,
)
from applications.domain.sections.forms import Territory
from common.field import legal_bases

T = TypeVar("T")


@lru_cache(maxsize=1)
def load() -> Rules:
    """Return all rules, checked against their types: a wrong file stops the start."""
    powers = _read("powers", tuple[Power, ...])
    return Rules(
        standards=_read("standards", tuple[Standard, ...]),
        lengths=_read("lengths", tuple[LengthRule, ...]),
        advisory=_read("advisory", tuple[AdvisoryBody, ...]),
        powers={power.code: power for power in powers},
        ceilings=_read("ceilings", tuple[Ceiling, ...]),
        territories=_nested(_read("territories", dict[Territory, frozenset[str]])),
        redirections=_read("redirections", tuple[Redirection, ...]),
        bases=legal_bases.load(),
        countries=_read("countries", frozenset[str]),
        section_251_forms=_read("section_251", tuple[ReferenceForm, ...]),
        review_months=_read("assurance", dict[str, int])["review_months"],
    )


def _read(name: str, kind: type[T]) -> T:
    text = (files("applications") / "reference" / f"{name}.yaml").read_text("utf-8")
    return TypeAdapter(kind).validate_python(_renamed(yaml.safe_load(text)))


def _renamed(value: Any) -> Any:
    """`from` is a word of Python's, so rules call it `valid_from`."""
    names = {"from": "valid_from", "to": "valid_to"}
    match value:
        case dict():
            return {names.get(key, key): _renamed(item) for key, item in value.items()}
        case list():
            return [_renamed(item) for item in value]
        case _:
            return value


def _nested(listed: dict[Territory, frozenset[str]]) -> dict[Territory, frozenset[str]]:
    """Return the territories; each covers those before it, the world is in no list."""
    covered: frozenset[str] = frozenset()
    nested = {}
    for territory in (Territory.ENGLAND_AND_WALES, Territory.UK, Territory.EEA):
        covered |= listed[territory]
        nested[territory] = covered
    return nested
