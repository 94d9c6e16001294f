"""Names, references and digests."""

import json
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, String, Table
from sqlalchemy.sql import quoted_name

from common import ids, texts

WHOLE = st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | WHOLE | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def test_ids_are_in_the_order_in_which_they_were_made():
    made = [ids.new_id() for _ in range(1000)]

    assert made == sorted(made)
    assert {one.version for one in made} == {7}


def test_the_text_of_an_id_is_that_of_any_other():
    before, text, after = ids.new_id(), ids.new_id_text(), ids.new_id()

    assert str(UUID(text)) == text
    assert before < UUID(text) < after


def test_references_have_the_published_form():
    for _ in range(100):
        assert ids.DARS_REFERENCE.fullmatch(ids.dars_reference())
        assert ids.CONTRACT_REFERENCE.fullmatch(ids.contract_reference())


def test_no_reference_of_ours_can_be_taken_for_an_nhs_number(monkeypatch):
    """Each of its parts at its worst: as many digits as there can be, and each check digit."""
    for digit in range(10):
        worst = f"332979824{digit}"
        monkeypatch.setattr(ids.secrets, "token_hex", lambda _size, worst=worst: worst)
        monkeypatch.setattr(ids.secrets, "randbelow", lambda _below: 332979)
        monkeypatch.setattr(ids.secrets, "choice", lambda kind: kind[0])

        for made in (ids.new_reference("LCR"), ids.dars_reference(), ids.contract_reference()):
            assert texts.shown(made) == made
            assert not texts.find_in_code(made)


@pytest.mark.parametrize(
    "published",
    ["DARS-NIC-54727-S3Y1T-v4.3", "DARS-NIC-00656-V0Z4C-v0.0", "DARS-NIC-00656-V0Z4C"],
)
def test_published_references_are_recognised(published):
    assert ids.VERSIONED_DARS_REFERENCE.fullmatch(published)
    assert ids.CONTRACT_REFERENCE.fullmatch("CON-338307-D8Z0G-v2.01")


@given(JSON)
def test_canonical_json_is_rfc_8785s(value):
    """The quick way never differs from the library's."""
    assert ids.canonical(value) == rfc8785.dumps(value)


@given(TEXT, st.dictionaries(TEXT, WHOLE | TEXT))
def test_text_of_a_class_of_its_own_is_written_as_text(text, beside):
    named = quoted_name(text, None)
    value = [named, {**beside, "name": named}]

    assert ids.canonical(value) == rfc8785.dumps(value)
    assert ids.canonical(named) == rfc8785.dumps(text)


def test_the_row_of_a_table_takes_the_quick_way(monkeypatch):
    """Of every row that is shown the digest is asked; the name of a table is no plain `str`."""
    monkeypatch.setattr(ids.rfc8785, "dumps", None)
    table = Table("thing", MetaData(), Column("id", String))

    assert type(table.name) is not str
    assert ids.canonical([table.name, {"id": "1"}]) == b'["thing",{"id":"1"}]'


@pytest.mark.parametrize("depth", [1, 100, 199, 200, 201, 202, 203, 255, 300])
@pytest.mark.parametrize("inmost", [1, 0.5, {"\u20ac": 1, "\U0001f600": 2}])
def test_canonical_json_is_the_same_however_deep_it_is(depth, inmost):
    value = inmost
    for n in range(depth):
        value = {"a": value} if n % 2 else [value]

    assert ids.canonical(value) == rfc8785.dumps(value)


@given(st.dictionaries(TEXT, WHOLE | TEXT | st.lists(TEXT)))
def test_canonical_json_means_the_same(value):
    assert json.loads(ids.canonical(value)) == value


def test_the_digest_does_not_depend_on_the_order_of_keys():
    digest = ids.digest_of({"a": 1, "b": [True, None]})

    assert digest == ids.digest_of({"b": [True, None], "a": 1})
    assert ids.DIGEST.fullmatch(digest)
    assert digest != ids.digest_of({"a": 1, "b": [None, True]})


@pytest.mark.parametrize("value", [float("nan"), 2**53, {"a": "\ud800"}, {1: "a"}])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(ValueError):
        ids.canonical(value)
