"""The document for people: all of the document for machines, and under the same hash."""

import html
import json
import re
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest

from common.ids import canonical, digest
from statements import agreement_page, drafted

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("document", "document-identifiable", "document-renewal")


def former(name):
    golden = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    return json.loads(golden["canonical"])


def written(name, **changes):
    said = former(name)
    said.pop("schema")
    parties = [SimpleNamespace(**party) for party in said.pop("parties")]
    said["snapshot"] = said["snapshot"] | changes
    return drafted.written(parties=parties, **said).decode()


def leaves(value):
    """Every text and number that stands anywhere in a value, and every name."""
    if isinstance(value, dict):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield str(value)


def plain(page):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", page)))


@pytest.mark.parametrize("name", NAMES)
def test_all_that_the_document_for_machines_says_stands_on_the_page(name):
    document = json.loads(written(name))
    shown = plain(drafted.page_of(json.dumps(document)))
    del document["for_people"], document["schema"]

    spoken = {re.sub(r"\s+", " ", one).strip() for one in leaves(document)}
    missing = {one for one in spoken if one not in shown and one.replace("_", " ") not in shown}
    assert {one for one in missing if one.replace("_", " ").lower() not in shown} == set()
    for annex in "abcdefg":
        assert f'id="annex-{annex}"' in drafted.page_of(written(name))


def test_what_a_later_snapshot_says_besides_is_shown_too():
    page = drafted.page_of(written("document", royalties={"rate": "a tenth"}))

    assert "royalties" in page
    assert "a tenth" in page


def test_what_people_wrote_is_text_and_nothing_else():
    title = "<script>alert(1)</script> & more"
    page = drafted.page_of(written("document", title=title))

    assert "<script" not in page
    assert html.escape(title) in page
    assert re.findall(r"(?:src|href)=", page) == []


def test_the_page_does_not_depend_on_the_order_in_which_the_snapshot_came():
    said = former("document")
    backwards = dict(reversed(said["snapshot"].items()))
    sections = dict(reversed(backwards["sections"].items()))

    assert written("document") == written("document", **backwards | {"sections": sections})


def test_a_page_that_is_not_the_one_that_was_signed_is_not_shown():
    document = json.loads(written("document"))
    document["snapshot"]["title"] = "Another title"
    unknown = json.loads(written("document"))
    unknown["for_people"]["page"] = "agreement-page/0"

    for spoiled in (document, unknown):
        with pytest.raises(drafted.PageDiffers):
            drafted.page_of(canonical(spoiled).decode())


def test_of_what_was_signed_without_a_page_one_is_made_that_says_so():
    page = drafted.page_of(canonical(former("document")).decode())

    assert "not a part of what was signed" in page
    assert "not a part of what was signed" not in drafted.page_of(written("document"))


@pytest.mark.parametrize("sections", [None, [], "text", {"9": [1, [2]], "18": None}])
def test_a_snapshot_of_another_form_has_a_page_too(sections):
    text = written("document", sections=sections, locations=None, linkage="x")

    assert digest(drafted.page_of(text).encode()) == json.loads(text)["for_people"]["digest"]


def test_a_browser_may_take_its_style_from_the_page_and_nothing_else():
    assert agreement_page.policy().startswith("default-src 'none'; style-src 'sha256-")


@pytest.mark.parametrize("name", NAMES)
def test_a_document_is_of_its_schema_and_one_that_lacks_a_member_is_not(name):
    document = json.loads(written(name))

    jsonschema.validate(document, drafted.schema())
    for member in document:
        lacking = {key: value for key, value in document.items() if key != member}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(lacking, drafted.schema())
