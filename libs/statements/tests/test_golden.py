"""Documents that were made before this library was: their bytes, digests and signatures stay.

`golden/` holds documents of every kind as the services' own writers made them; the private keys
are gone, so nobody can make them again to suit a change.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.ids import canonical, digest
from common.security.keys import ATTESTATION, MANIFEST, PERMIT, SignedVerifier
from dsfc_testing.clock import FakeClock
from statements import document as agreement
from statements import drafted
from statements.approved import ApprovedSnapshot
from statements.attestation import Attestation
from statements.form import Malformed
from statements.manifest import Manifest
from statements.permit import Permit

GOLDEN = Path(__file__).parent / "golden"
KEYS = json.loads((GOLDEN / "keys.json").read_text("utf-8"))
SIGNED_AT = datetime(2018, 6, 1, 12, 0, 30, tzinfo=UTC)
KINDS = {
    "permit": (Permit, PERMIT),
    "attestation": (Attestation, ATTESTATION),
    "manifest": (Manifest, MANIFEST),
}
"""Model, and key, by the first part of a document's name."""
WRITTEN = {
    "document": "2dea930ff37770af4a95f48966f5d8a84aa14db5bbcfb179bbb19c2dcc8ef06c",
    "document-identifiable": "e1a648647d4e61bf0e1a0821c2b0773b986ffb8f1fc1c5a28b35a0d1403e5016",
    "document-renewal": "d8ea3816d18c293e9597e8733e05480a0ec2aa86eb59c5b3a8083b4526435cfe",
}
"""Of what each golden document is drafted as today: a page that would be made otherwise is another
page, with a name of its own, since whoever signed needs this one."""
REGISTERED = {"iss", "aud", "azp", "iat", "exp"}


def documents(*kinds):
    return [p.stem for p in sorted(GOLDEN.glob("*.json")) if p.stem.partition("-")[0] in kinds]


def document(name):
    return json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))


def kind(name):
    return KINDS[name.partition("-")[0]]


@pytest.mark.parametrize("name", documents(*KINDS, "request", "snapshot", "document"))
def test_a_document_is_canonical_and_has_its_digest(name):
    golden = document(name)

    assert canonical(json.loads(golden["canonical"])).decode() == golden["canonical"]
    assert digest(golden["canonical"].encode()) == golden["digest"]


@pytest.mark.parametrize("name", documents(*KINDS))
def test_a_document_read_and_written_again_has_the_same_bytes(name):
    golden, (model, _) = document(name), kind(name)

    again = model.read(json.loads(golden["canonical"])).claims()

    assert canonical(again).decode() == golden["canonical"]


@pytest.mark.parametrize("name", documents("document"))
def test_an_agreement_that_was_signed_before_there_was_a_page_is_read_whole(name):
    golden = document(name)
    said = json.loads(golden["canonical"])
    assert said["schema"] == agreement.FORMER_SCHEMA

    found = agreement.read(golden["canonical"])

    assert found.lines
    assert (found.unknown, found.unpublished) == ((), ())


@pytest.mark.parametrize("name", documents("document"))
def test_an_agreement_is_written_with_its_page_under_one_hash(name):
    said = json.loads(document(name)["canonical"])
    parties = [SimpleNamespace(**party) for party in said.pop("parties")]
    assert said.pop("schema") == agreement.FORMER_SCHEMA

    text = drafted.written(parties=parties, **said).decode()
    found = agreement.read(text)
    page = drafted.page_of(text)

    assert digest(text.encode()) == f"sha256:{WRITTEN[name]}"
    assert json.loads(text)["for_people"]["digest"] == digest(page.encode())
    assert found.lines
    assert (found.unknown, found.unpublished) == ((), ())


@pytest.mark.parametrize("name", documents("snapshot"))
def test_an_approved_snapshot_is_read(name):
    content = document(name)["canonical"]

    read = ApprovedSnapshot.read(content.encode())

    assert [line.number for line in read.lines] == [
        n["number"] for n in json.loads(content)["lines"]
    ]
    with pytest.raises(Malformed) as wrong:
        ApprovedSnapshot.read(content.replace('"lines"', '"line"').encode())
    assert wrong.value.members == ("lines",)


@pytest.mark.parametrize("name", documents(*KINDS))
def test_a_signed_document_verifies_and_says_what_it_said(name):
    golden, (model, use) = document(name), kind(name)
    keys = KEYS[use.owner]

    claims = SignedVerifier(use, lambda: keys, clock=FakeClock(SIGNED_AT)).verify(golden["compact"])

    said = {k: v for k, v in claims.items() if k not in REGISTERED}
    if "jti" not in json.loads(golden["canonical"]):
        said.pop("jti")
    assert canonical(said).decode() == golden["canonical"]
    assert canonical(model.read(claims).claims()).decode() == golden["canonical"]
