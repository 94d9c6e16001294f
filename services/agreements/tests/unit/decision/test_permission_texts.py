"""What is written of a permission once is what would be written of it each time."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from agreements.decision.api.schemas.answers import sign
from agreements.decision.domain.decide import Permission
from agreements.decision.domain.permits import GivenPermit
from agreements.decision.use_cases.decide_request import texts_of
from agreements.decision.use_cases.permission_cache import (
    PermissionCache,
    PermissionTexts,
    joined,
)
from common.ids import canonical, digest
from common.security.keys import PERMIT, SignedVerifier, Signer, generate_jwk
from dsfc_testing.clock import FakeClock
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import permit_of
from services.agreements.tests.unit.decision.test_scenarios import decided
from statements.filters import RowFilter
from statements.permit import JUDGED, Permit, PermittedCaps
from statements.request import ExtractRequest
from statements.tables import TableDimension, TableRequest


@pytest.fixture
def permission() -> Permission:
    decision = decided(plain.sound(), plain.fetch())
    assert isinstance(decision, Permission)
    return decision


@pytest.fixture
def given() -> GivenPermit:
    return permit_of(plain.permit())


def changed(said: Permit, number: int) -> Permit:
    """Return another permit of the same permission: all differs that a question brings along."""
    return replace(
        said,
        id=UUID(int=number),
        decision_id=UUID(int=number + 1),
        extract_id=f'extract "{number}" å',
        request_digest=f"sha256:{number:064x}",
        client_id=f"client-{number}",
        epoch=number,
        periods=(f"2018-{number:02d}",),
        formats=("csv",),
    )


def whole(said: Permit) -> str:
    return canonical({n: v for n, v in said.claims().items() if n != "jti"}).decode()


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"filters": (RowFilter(column="Å", any_of=("é", "\U0001f600", '"')),)},
        {"filters": (RowFilter(column="Age", at_least=18, at_most=64),), "periods": ("2018-05",)},
        {
            "table": TableRequest(measure="people", dimensions=(TableDimension(column="Sex"),)),
            "fields": (),
        },
    ],
)
def test_a_request_is_written_as_it_would_be_whichever_extract_it_is_for(more):
    request = ExtractRequest(
        extract_id="",
        agreement="DARS-NIC-123456-A1B2C",
        purpose="COM",
        data_set="SUS_APC",
        classification="PSEUDO_ANONYMISED",
        **{"periods": ("2018-04",), "fields": ("Sex",), "formats": ("csv",)} | more,
    )

    for extract_id in ("one", "another å"):
        asked = replace(request, extract_id=extract_id)
        text = joined({**texts_of(request), "extract_id": extract_id})
        assert text == canonical(asked.claims()).decode()
        assert digest(text.encode()) == asked.digest


@pytest.mark.parametrize("caps", [None, PermittedCaps(rule="r", columns={"Sex": "hidden"})])
def test_claims_are_those_of_the_whole_permit_whoever_was_given_one_before(permission, given, caps):
    texts = PermissionTexts(permission)
    first = replace(given.said, caps=caps)

    for said in (first, changed(first, 4), changed(first, 5)):
        assert texts.claims(said) == whole(said)
        assert replace(given, said=said).claims == whole(said)


def test_the_log_has_the_text_of_all_that_was_allowed_and_given(permission, given):
    texts = PermissionTexts(permission)
    allowed = {
        "grounds": list(permission.grounds),
        "on_behalf_of": list(permission.on_behalf_of),
        "environment": str(permission.environment_id),
    }

    for said in (given.said, changed(given.said, 4)):
        granted = {
            "permit": str(said.id),
            "codes": list(said.population.codes),
            "domain": said.domain.id,
            "fields": {f.name: f.treatment for f in said.fields},
            "maps": list(said.population.map_versions.all),
        }
        text = texts.outcome_with(texts.granted(said))
        assert text == canonical({**allowed, **granted}).decode()
    assert texts.outcome_with({}) == texts.outcome == canonical(allowed).decode()


@pytest.mark.parametrize("changes_since", [None, "0195f3a8-7d1e-7b7e-9d55-0f2f0f3f7a10"])
def test_what_a_permit_has_of_its_own_is_as_its_form_writes_it(given, changes_since):
    said = replace(changed(given.said, 7), changes_since=changes_since)
    own = said.claims_of_its_own()

    assert own == {name: value for name, value in said.claims().items() if name in own}
    assert ("changes_since" in own) == (changes_since is not None)


def test_texts_are_of_one_permission_and_go_with_its_epoch(permission):
    cache = PermissionCache()
    cache.find("asked", epoch=1, at=plain.NOON)
    other = replace(permission, grounds=("another",))

    assert cache.texts(permission) is cache.texts(permission)
    assert json.loads(cache.texts(other).outcome)["grounds"] == ["another"]

    before = cache.texts(permission)
    cache.find("asked", epoch=2, at=plain.NOON)
    assert cache.texts(permission) is not before


def test_what_is_signed_is_what_is_recorded_and_when_and_for_whom(given):
    signer, clock = Signer(generate_jwk()), FakeClock(given.issued_at + timedelta(seconds=1))

    claims = SignedVerifier(PERMIT, signer.jwks, clock=clock).verify(sign(given, signer))

    assert Permit.read(claims) == given.said
    assert {n: v for n, v in claims.items() if n not in {*JUDGED, "jti"}} == json.loads(
        given.claims
    )
    assert not JUDGED & json.loads(given.claims).keys()
