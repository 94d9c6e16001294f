"""How answers are printed: a table for people, JSON for machines, and nothing left out."""

import json

import pytest

from dsfc_cli.shell.printing import print_done, print_list, print_one, text_of_value
from dsfc_client import Agreement, Hold

AGREEMENT = Agreement(
    reference="DARS-NIC-123456-A1B2C", version="v0.0", state="ACTIVE", document_hash="sha256:0"
)
ID = "01a202ef-ca18-759b-a2df-80e1bd1482fa"


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (AGREEMENT, "DARS-NIC-123456-A1B2C v0.0 ACTIVE"),
        (Hold(id=ID), f"{ID} is still held"),
        ({"id": ID, "lifted_at": "2018-04-01"}, f"{ID} lifted"),
        ({"id": ID, "missing": ["dars-approver"]}, f"{ID} waits for dars-approver"),
        ({"id": ID, "consents_missing": []}, ID),
        ({"id": ID, "version": 3, "state": "DRAFT"}, f"{ID} DRAFT"),
        ({"id": ID, "standing": {"state": "waiting"}}, f"{ID} waiting"),
        ({"digest": "sha256:0"}, "Done."),
    ],
)
def test_what_was_done_says_what_it_is_called_and_for_whom_it_waits(found, said, capsys):
    print_done(found, as_json=False)

    assert capsys.readouterr().out == f"{said}\n"


def test_a_list_has_a_column_a_head_and_says_where_there_is_none(capsys):
    columns = {"reference": "reference", "long": lambda one: len(one["version"])}
    print_list([AGREEMENT], columns, as_json=False)
    print_list([], columns, as_json=False, none="Nothing waits.")
    print_list([AGREEMENT], columns, as_json=True)
    table, _, rest = capsys.readouterr().out.partition("Nothing waits.\n")

    assert [line.split() for line in table.splitlines()] == [
        ["reference", "long"],
        ["DARS-NIC-123456-A1B2C", "4"],
    ]
    assert json.loads(rest) == [AGREEMENT.model_dump(mode="json")]


def test_a_column_that_no_answer_has_is_no_empty_column():
    with pytest.raises(KeyError):
        print_list([AGREEMENT], {"reference": "referenze"}, as_json=False)


def test_one_thing_is_printed_member_by_member_however_deep(capsys):
    print_one({"a": {"b": True}, "c": [{"d": None}, {"d": 1}], "e": ["f", "g"]}, as_json=False)

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["a.b", "yes"], ["c.0.d"], ["c.1.d", "1"], ["e", "f", "g"]]


def test_a_value_is_written_as_people_read_it():
    assert [text_of_value(one) for one in (None, False, ("a", 1), 2.5)] == ["", "no", "a 1", "2.5"]
