"""The signed document: what is read of it, and that nothing in it is passed over in silence."""

import json

import pytest

from services.agreements.tests.reference import world as plain
from statements.document import (
    Document,
    IncompleteTerms,
    Terms,
    read,
    terms_of,
)
from statements.vocabulary import LineKey

KEY = LineKey("COM", "SUS_APC", "PSEUDO_ANONYMISED")


def document(snapshot, **more):
    return json.dumps({"schema": "dsfc-agreement/1", "snapshot": snapshot} | more)


def test_every_clause_of_a_line_is_read():
    (terms,) = read(document(plain.snapshot([plain.line()]))).lines_of(KEY)

    assert isinstance(terms, Terms)
    assert (terms.first_period, terms.last_period) == ("2018-04", "2019-03")
    assert terms.fields["Sex"].treatment == "as_is"
    assert (terms.population_rule, terms.commissioners) == ("own", ("02P",))
    assert terms.unknown == ()


@pytest.mark.parametrize(
    "text", ["", "[]", '"text"', "{", '{"schema":"dsfc-agreement/3"}', '{"snapshot":{}}']
)
def test_what_is_no_document_is_one_unknown_clause(text):
    assert read(text) == Document(lines=(), unknown=("document",))


def test_a_document_with_a_page_needs_it_and_one_without_may_not_have_it():
    snapshot = plain.snapshot([plain.line()])
    page = {"page": "agreement-page/1", "digest": "sha256:" + "0" * 64}
    now = {"schema": "dsfc-agreement/2"}

    assert read(document(snapshot, **now, for_people=page)).unknown == ()
    assert read(document(snapshot, **now)).unknown == ("for_people",)
    assert read(document(snapshot, for_people=page)).unknown == ("for_people",)
    more = page | {"language": "cy"}
    assert read(document(snapshot, **now, for_people=more)).unknown == ("for_people.language",)


@pytest.mark.parametrize("snapshot", [None, [], {}, {"schema": "dsfc-snapshot/2"}])
def test_what_is_no_snapshot_is_one_unknown_clause(snapshot):
    assert read(document(snapshot)) == Document(lines=(), unknown=("snapshot",))


def test_keys_that_are_not_known_are_named_wherever_they_are():
    snapshot = plain.snapshot([plain.line()]) | {
        "royalties": 1,
        "linkage": [{"data_sets": [], "key": "person", "until": "x"}],
        "special_conditions": [{"id": "1", "unless": "x"}, {"id": "2"}],
    }

    assert read(document(snapshot, annex="x")).unknown == (
        "annex",
        "royalties",
        "special_conditions.unless",
        "linkage.until",
    )


@pytest.mark.parametrize("lines", [None, "x", [1], {}])
def test_lines_that_are_none_are_no_lines(lines):
    assert read(document(plain.snapshot([]) | {"lines": lines})).lines == ()


@pytest.mark.parametrize(
    ("clause", "value", "missing"),
    [
        ("periods", "2018/19", "periods.from"),
        ("periods", {"from": "2018-04", "to": 2019}, "periods.to"),
        ("fields", [], "fields"),
        ("fields", ["Sex"], "fields"),
        ("population", {"rule": "own", "commissioners": "02P"}, "population.commissioners"),
        ("population", {"rule": "own", "reasons": [1]}, "population.reasons"),
        ("opt_out", {"applied": "false"}, "opt_out.applied"),
        ("opt_out", {"applied": False, "reason": 1}, "opt_out.reason"),
        ("catalogue_version", "", "catalogue_version"),
        ("disclosure_rule", 1, "disclosure_rule"),
    ],
)
def test_a_clause_of_another_type_is_a_missing_one(clause, value, missing):
    (terms,) = read(document(plain.snapshot([plain.line(**{clause: value})]))).lines

    assert isinstance(terms, IncompleteTerms)
    assert missing in terms.missing


def test_a_field_in_two_forms_cannot_be_evaluated():
    twice = [
        {"name": "Episode_Start_Date", "treatment": "month", "reason": "x"},
        {"name": "Episode_Start_Date", "treatment": "as_is", "reason": "x"},
    ]
    (terms,) = read(document(plain.snapshot([plain.line(fields=twice)]))).lines

    assert terms.unknown == ("fields",)


def test_a_line_without_a_number_is_line_nought():
    (terms,) = read(document(plain.snapshot([plain.line(number="1")]))).lines

    assert terms.number == 0


@pytest.mark.parametrize(
    ("linkage", "linked"),
    [
        ([], ("A",)),
        ([("A", "B")], ("A", "B")),
        ([("A", "B"), ("B", "C"), ("D", "E")], ("A", "B", "C")),
        ([("B", "C")], ("A",)),
    ],
)
def test_data_sets_linked_to_the_same_one_share_its_tokens(linkage, linked):
    snapshot = plain.snapshot([]) | {
        "linkage": [{"data_sets": list(group), "key": "person"} for group in linkage]
    }

    assert read(document(snapshot)).linked_with("A") == linked


def test_a_linkage_by_something_else_than_people_shares_no_tokens():
    snapshot = plain.snapshot([]) | {"linkage": [{"data_sets": ["A", "B"], "key": "site"}]}

    assert read(document(snapshot)).linked_with("A") == ("A",)


UNPUBLISHABLE = {
    "sections.9": lambda s: s["sections"].pop("9"),
    "sections.10": lambda s: s["sections"].update({"10": {"activity": "renamed"}}),
    "sections.11": lambda s: s["sections"]["11"].update(outputs=[{"name": "renamed"}]),
    "sections.12": lambda s: s["sections"]["12"].pop("yielded"),
    "sections": lambda s: s.update(sections=[]),
    "title": lambda s: s.update(title=""),
    "end": lambda s: s.update(end=20210331),
    "controllers": lambda s: s.update(controllers=[{"ods": "02P"}]),
    "commercial": lambda s: s.update(commercial="no"),
}


@pytest.mark.parametrize(("place", "change"), UNPUBLISHABLE.items(), ids=UNPUBLISHABLE)
def test_what_the_register_would_publish_blank_is_named(place, change):
    snapshot = plain.snapshot([plain.line()])
    change(snapshot)

    found = read(document(snapshot))

    assert (found.published, found.unpublished) == (None, (place,))


def test_what_the_register_publishes_is_read_and_nothing_else_of_the_sections():
    snapshot = plain.snapshot([plain.line()])
    snapshot["sections"]["9"]["purposes"].append({"code": "RS", "objective": "Find risk"})
    snapshot["sections"]["4"] = {"locations": [{"address": "1 Secret Street"}]}
    found = read(document(snapshot))

    terms = terms_of(found.published, found.lines[0])

    assert terms.objectives == "Plan care; Find risk"
    assert (terms.processing, terms.outputs) == ("Counting admissions", "A report")
    assert (terms.benefits, terms.yielded_benefits) == ("Fewer waits", "")
    assert (terms.line.number, terms.line.access_method) == (1, "ONGOING")
    assert "Secret" not in repr(terms)
