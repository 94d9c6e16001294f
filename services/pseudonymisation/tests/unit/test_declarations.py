"""What a sender declares of a file, and of what it takes the place."""

from decimal import Decimal

import duckdb
import pytest

from catalogue import LandingRules, Protocol
from common.replacement import Change
from pseudonymisation.intake.adapters.sums import exact_sum
from pseudonymisation.intake.domain import errors
from pseudonymisation.intake.domain.edition import Place, Replaced, Total, emptied
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.written import BulkPart, Declaration

SAID = {"data_set": "TINY", "version": 1, "valid_from": "2018-01-01", "sources": ["this test"]}
BULK = {"bulk": {"groups": {"010": "finished", "020": "unfinished"}, "source": "this test"}}
COUNTED = {"left_out_at_source": {"who": "Objectors", "source": "this test"}}


def rules(**said: object) -> LandingRules:
    return LandingRules.model_validate(SAID | said)


@pytest.mark.parametrize(
    ("of", "declared", "refusal"),
    [
        ({}, Declaration(), None),
        ({}, Declaration(protocol=Protocol.BULK), errors.ProtocolNotTaken),
        ({}, Declaration(protocol=Protocol.NET_CHANGE), errors.ProtocolNotTaken),
        ({}, Declaration(group="010"), errors.BulkPartInvalid),
        ({}, Declaration(recipient="02P"), errors.BulkPartInvalid),
        ({}, Declaration(left_out_at_source=0), errors.LeftOutCountUnexpected),
        (COUNTED, Declaration(), errors.LeftOutCountMissing),
        (COUNTED, Declaration(left_out_at_source=0), None),
        ({"protocols": BULK}, Declaration(), None),
        ({"protocols": BULK}, Declaration(protocol=Protocol.NET_CHANGE), errors.ProtocolNotTaken),
        ({"protocols": BULK}, Declaration(protocol=Protocol.BULK), errors.BulkPartInvalid),
        (
            {"protocols": BULK},
            Declaration(protocol=Protocol.BULK, group="010"),
            errors.BulkPartInvalid,
        ),
        (
            {"protocols": BULK},
            Declaration(protocol=Protocol.BULK, recipient="02P"),
            errors.BulkPartInvalid,
        ),
        (
            {"protocols": BULK},
            Declaration(protocol=Protocol.BULK, recipient="02P", group="030"),
            errors.BulkPartInvalid,
        ),
        ({"protocols": BULK}, Declaration(recipient="02P", group="010"), errors.BulkPartInvalid),
        (
            {"protocols": BULK},
            Declaration(protocol=Protocol.BULK, recipient="02P", group="010"),
            None,
        ),
    ],
)
def test_what_is_declared_has_to_be_what_the_data_set_takes(of, declared, refusal):
    if refusal is None:
        declared.require_taken(rules(**of))
        return
    with pytest.raises(refusal):
        declared.require_taken(rules(**of))


APRIL, SPRING, MAY = (Period.parse(t) for t in ("2018-04", "2018-04/2018-06", "2018-05"))
ONE, OTHER = BulkPart("RR8", "02P", "010"), BulkPart("RR8", "02P", "020")


@pytest.mark.parametrize(
    ("one", "other", "clashes"),
    [
        (Place(APRIL), Place(APRIL), False),
        (Place(APRIL), Place(MAY), False),
        (Place(APRIL), Place(SPRING), True),
        (Place(APRIL, ONE), Place(APRIL, ONE), False),
        (Place(APRIL, ONE), Place(APRIL, OTHER), False),
        (Place(APRIL, ONE), Place(SPRING, OTHER), False),
        (Place(APRIL, ONE), Place(SPRING, ONE), True),
        (Place(APRIL, ONE), Place(MAY, ONE), False),
        (Place(APRIL), Place(APRIL, ONE), True),
        (Place(MAY), Place(APRIL, ONE), False),
    ],
)
def test_two_editions_do_not_have_the_same_records_unless_one_takes_the_others_place(
    one, other, clashes
):
    assert one.clashes_with(other) is clashes
    assert other.clashes_with(one) is clashes


def test_a_part_is_read_back_as_it_was_written():
    assert BulkPart.stored(str(ONE)) == ONE
    assert BulkPart.stored("") is None
    assert len({str(ONE), str(OTHER), str(BulkPart("R0A", "02P", "010"))}) == 3


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        (["2018-04", "2018-05"], ["2018-04", "2018-05"], ()),
        (["2018-04", "2018-05"], ["2018-05"], ("2018-04",)),
        (["2018-04", "2018-06"], ["2018-05"], ("2018-04", "2018-06")),
        (["2018-04", "2018-05", "2018-06"], ["2018-04", "2018-06"], ()),
        (["2018-05"], [], ("2018-05",)),
        ([], ["2018-05"], ()),
    ],
)
def test_months_at_an_end_that_lose_all_their_rows_are_told(before, after, gone):
    assert emptied(before, after) == gone


@pytest.mark.parametrize("people", [None, Change(before=2, after=1, added=0, removed=1)])
def test_what_is_replaced_is_read_back_as_it_was_written(people):
    told = Replaced(
        rows=Change(before=3, after=2, added=1, removed=2),
        people=people,
        totals=(
            Total("PRICE", Decimal("0.100000"), None),
            Total("DAYS", Decimal("-123456789012345678.654321"), Decimal(0)),
        ),
        emptied=("2018-04",),
    )

    assert Replaced.of_json(told.as_json()) == told


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ("[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]", Decimal(1)),
        ("[0.1, NULL, 0.2]", Decimal("0.3")),
        ("[1e30, -1e30]", None),
        ("['inf'::DOUBLE, 1.0]", None),
        ("[NULL]::DOUBLE[]", Decimal(0)),
        ("[]::DOUBLE[]", Decimal(0)),
    ],
)
def test_sums_are_exact_or_none(values, total):
    with duckdb.connect() as connection:
        query = f"SELECT {exact_sum('v')} FROM (SELECT unnest({values})::DOUBLE AS v)"
        assert connection.execute(query).fetchone() == (total,)
