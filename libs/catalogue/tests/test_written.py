"""The YAML of catalogue files: one key of a name, and no more than could be written out."""

from typing import Final

import pytest

from catalogue import InvalidDataSet, load, read
from catalogue.flows import example
from catalogue.store import read_rules
from catalogue.written import Unreadable, loaded

BOMB: Final = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{now}: &{now} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, now in zip("abcdefgh", "bcdefghi", strict=True)
)
"""A hundred million entries in four hundred characters."""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "stands for more than 200000 entries"),
        ("a: &x [1, *x]", "has an anchor that stands for itself"),
        ("a: &x {b: {c: *x}}", "has an anchor that stands for itself"),
        ("a: 1\nb: 2\na: 3", "has a key twice"),
        ("a: {b: {c: 1, c: 2}}", "has a key twice"),
        ("a: &x {c: 1, c: 2}\nb: *x", "has a key twice"),
        ("a: " + "[" * 100_000, "is deeper than 50 levels"),
        ("a: " + "[" * 51 + "]" * 51, "is deeper than 50 levels"),
        ("- " * 60 + "a", "is deeper than 50 levels"),
        ("a: 2018-13-45", "is not YAML"),
        ("a: !!python/object/apply:os.system [ls]", "is not YAML"),
        ("a: 1\n---\nb: 2", "is not YAML"),
    ],
)
def test_what_no_file_can_be_is_refused_before_it_is_built(text: str, told: str) -> None:
    with pytest.raises(Unreadable, match=told):
        loaded(text)


def test_the_line_is_said() -> None:
    for of in (read, read_rules):
        with pytest.raises(InvalidDataSet) as refused:
            of("a: 1\nb: 2\na: 3\n", name="twice")
        assert [one.line for one in refused.value.problems] == [3]


def test_an_anchor_that_is_used_in_several_tables_is_read() -> None:
    assert loaded("a: &x {b: 1}\nc: [*x, *x]\n1: d\n") == {
        "a": {"b": 1},
        "c": [{"b": 1}, {"b": 1}],
        1: "d",
    }
    assert loaded("") is None
    assert read(example(), name="flow")
    assert load().get("CSDS").tables
