"""Templates: what was approved once for one commissioner, to be issued to others (ruling 19).

A template is the approved snapshot of an agreement that all have signed, and says of nobody but of
its one controller what is true of that controller alone. Where the code or the name of the
controller stands as a whole, another's is put; a text in which it is mentioned makes no template.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias
from uuid import UUID

from pydantic import JsonValue

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.issuing.errors import TemplateNotFit
from agreements.records.domain.version import IMPORTED, ISSUED_FROM, AgreementVersion
from common.ids import canonical

Json: TypeAlias = dict[str, JsonValue]

OF_ITS_OWN = frozenset({"title", "reference", "version", "application_id", ISSUED_FROM})
"""What each agreement says anew, so that it may name the controller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementTemplate:
    """One version of a template. It never changes; the next number takes its place."""

    id: UUID
    name: str
    number: int
    agreement: str
    agreement_version: str
    snapshot_hash: str
    content: str
    reason: str
    made_by: str
    made_at: datetime
    version: int = 0

    def snapshot(self) -> Json:
        content: Json = json.loads(self.content)
        return content

    @property
    def controller(self) -> tuple[str, str]:
        """Return code and name of the controller in whose place others are put."""
        return _controller(self.snapshot())


@dataclass(frozen=True, slots=True, kw_only=True)
class Commissioner:
    """In whose name an agreement is issued, as it is on record."""

    ods: str
    legal_name: str
    contract: str | None
    """Reference of its framework contract, where it has one."""
    evidence: Mapping[str, str]
    """By kind of assurance: the reference of the newest on record."""
    registration: str
    registered_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """What is said of one agreement and not by the template."""

    reference: str
    version: str
    kind: str
    application_id: UUID
    title: str
    first_day: date
    last_day: date


def content_of(agreement: Agreement, version: AgreementVersion) -> str:
    """Return the content of a template that is made of a version of an agreement.

    Raises:
        TemplateNotFit: not all have signed it, it has several controllers, or a text in it
            mentions the one: member `errors` names the places.

    """
    if version.effective_from() is None:
        raise TemplateNotFit(
            f"Not all have signed {agreement.reference} {version.number}. A template is what was"
            " approved and signed once."
        )
    if len(version.controllers()) != 1:
        raise TemplateNotFit(
            f"{agreement.reference} has {len(version.controllers())} controllers. A template has"
            " one, in whose place each commissioner is put."
        )
    snapshot = dict(version.snapshot())
    ods, name = _controller(snapshot)
    told = {key: value for key, value in snapshot.items() if key not in OF_ITS_OWN}
    mentions = [*_mentions(told, "", ods, name)]
    if mentions:
        raise TemplateNotFit(
            f"Texts mention {ods}, and would say of every commissioner what is true of that one."
            " Amend them, so that they speak of “the commissioner”.",
            errors=[{"pointer": pointer} for pointer in mentions],
        )
    snapshot.pop(IMPORTED, None)
    return canonical(snapshot).decode()


def filled(
    template: AgreementTemplate, commissioner: Commissioner, particulars: Particulars
) -> bytes:
    """Return the snapshot of one agreement that is issued from a template, in canonical JSON."""
    ods, name = template.controller
    content = _put(template.snapshot(), ods, name, commissioner)
    assert isinstance(content, dict)
    start, end = particulars.first_day.isoformat(), particulars.last_day.isoformat()
    sections = content.get("sections")
    if isinstance(sections, dict) and isinstance(length := sections.get("1"), dict):
        length.update(start=start, end=end)
    content.update(
        reference=particulars.reference,
        version=particulars.version,
        kind=particulars.kind,
        revision=1,
        application_id=str(particulars.application_id),
        title=particulars.title,
        start=start,
        end=end,
    )
    content[ISSUED_FROM] = {
        "template": template.name,
        "number": template.number,
        "snapshot_hash": template.snapshot_hash,
    }
    return canonical(content)


def _controller(snapshot: Mapping[str, JsonValue]) -> tuple[str, str]:
    listed = snapshot["controllers"]
    assert isinstance(listed, list)
    [one] = listed
    assert isinstance(one, dict)
    return str(one["ods"]), str(one["legal_name"])


def _mentions(value: JsonValue, pointer: str, ods: str, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _mentions(one, f"{pointer}/{key}", ods, name)
    elif isinstance(value, list):
        for position, one in enumerate(value):
            yield from _mentions(one, f"{pointer}/{position}", ods, name)
    elif isinstance(value, str) and not _is_whole(value, ods, name) and _names(value, ods, name):
        yield pointer


def _names(text: str, ods: str, name: str) -> bool:
    return name.casefold() in text.casefold() or bool(re.search(rf"\b{re.escape(ods)}\b", text))


def _is_whole(value: str, ods: str, name: str) -> bool:
    return value == ods or value.casefold() == name.casefold()


def _put(value: JsonValue, ods: str, name: str, new: Commissioner) -> JsonValue:
    """Put another commissioner in the place of the template's, and what is on record of it."""
    if isinstance(value, list):
        return [_put(one, ods, name, new) for one in value]
    if isinstance(value, str):
        if value == ods:
            return new.ods
        return new.legal_name if value.casefold() == name.casefold() else value
    if not isinstance(value, dict):
        return value
    is_about_it = value.get("ods") == ods
    put: Json = {key: _put(one, ods, name, new) for key, one in value.items()}
    if is_about_it:
        if "contract_reference" in put:
            put["contract_reference"] = new.contract
        if {"number", "expires"} <= put.keys():
            put.update(number=new.registration, expires=new.registered_until.isoformat())
        if {"kind", "reference"} <= put.keys():
            put["reference"] = new.evidence.get(str(put["kind"]), "")
    return put


def kinds_of_evidence(template: AgreementTemplate) -> frozenset[str]:
    """Return which kinds of assurance the template names of its controller."""
    ods, _ = template.controller
    listed = template.snapshot().get("assurance")
    entries = listed if isinstance(listed, list) else []
    return frozenset(
        str(one["kind"]) for one in entries if isinstance(one, dict) and one.get("ods") == ods
    )
