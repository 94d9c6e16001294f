"""An edition is of a month, of several, or of a week, as its data set is sent."""

from dataclasses import replace

import pytest

from libs.statements.tests.test_request_and_permit import golden
from statements.attestation import Attestation
from statements.form import Malformed

ATTESTED = Attestation.read(golden("attestation"))


def attested(period):
    claims = ATTESTED.claims()
    claims["editions"] = [{**claims["editions"][0], "period": period}]
    return Attestation.read(claims)


@pytest.mark.parametrize(
    ("period", "covered", "besides"),
    [
        ("2018-04", ["2018-04"], ["2018-03", "2018-05"]),
        ("2017-12/2018-02", ["2017-12", "2018-01", "2018-02"], ["2017-11", "2018-03"]),
        ("2018-W19", ["2018-05"], ["2018-04", "2018-06"]),
        ("2018-W18", ["2018-04", "2018-05"], ["2018-03", "2018-06"]),
        ("2018-W01", ["2018-01"], ["2017-12"]),
        ("2020-W53", ["2020-12", "2021-01"], ["2020-11", "2021-02"]),
        ("2018-W53", [], ["2018-12", "2019-01"]),
    ],
)
def test_an_edition_covers_the_months_in_which_its_period_lies(period, covered, besides):
    said = attested(period)
    (edition,) = said.editions

    assert [month for month in covered if edition.covers(month)] == covered
    assert not any(map(edition.covers, besides))
    assert Attestation.read(replace(said).claims()) == said


@pytest.mark.parametrize(
    "period", ["2018-W00", "2018-W54", "2018-W1", "W19", "2018", "2018-04/2018-W19"]
)
def test_what_is_no_period_is_not_read(period):
    with pytest.raises(Malformed):
        attested(period)
