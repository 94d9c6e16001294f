"""The words by which landing rules say how files are sent, what is summed, and who is counted."""

from typing import Any

import pytest
from pydantic import ValidationError

import catalogue
from catalogue import Effect, LandingRules, Protocol

CHANGE = {"net_change": {"applicable": "Holds_From", "source": "this test"}}
BULK = {"bulk": {"groups": {"010": "finished"}, "source": "this test"}}
SAID: dict[str, Any] = {
    "data_set": "SUS_APC",
    "version": 9,
    "valid_from": "2018-01-01",
    "sources": ["this test"],
    "record": {"key": ["Unique_CDS_Identifier"], "twice": "replace", "source": "this test"},
    "control": [{"name": "Holds_From", "type": "date"}],
    "fields": [{"names": ["Unique_CDS_Identifier"], "otherwise": "empty"}],
    "adds_nothing": [
        {
            "code": "GONE",
            "columns": ["Update_Type"],
            "values": ["1"],
            "cancels": True,
            "source": "this test",
            "valid_from": "2008-04-01",
        }
    ],
    "protocols": CHANGE | BULK,
}
SUS = catalogue.load().get("SUS_APC")


def rules(**said: Any) -> LandingRules:
    return LandingRules.model_validate(SAID | said)


def test_a_whole_period_may_always_be_sent() -> None:
    assert rules(protocols=None).ways == (Protocol.WHOLE_PERIOD,)
    assert rules(protocols=BULK).ways == (Protocol.WHOLE_PERIOD, Protocol.BULK)
    assert rules().ways == (Protocol.WHOLE_PERIOD, Protocol.NET_CHANGE, Protocol.BULK)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"protocols": {}}, "neither net_change nor bulk"),
        ({"record": None, "adds_nothing": []}, "needs record.key"),
        ({"control": []}, "no control column of type date"),
        ({"control": [{"name": "Holds_From"}]}, "no control column of type date"),
        ({"protocols": {"bulk": {"groups": {}, "source": "x"}}}, "at least 1 item"),
        ({"protocols": CHANGE | {"other": 1}}, "Extra inputs"),
        ({"left_out_at_source": {"who": "Objectors"}}, "Field required"),
        ({"control": [{"name": "Holds_From", "type": "integer"}]}, "Input should be"),
    ],
)
def test_rules_that_cannot_be_carried_out_are_refused(said: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        rules(**said)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"measures": ["Sex"]}, "measures names Sex, which is no number"),
        ({"measures": ["Nothing"]}, "measures names Nothing, which is not a field"),
        (
            {
                "protocols": CHANGE
                | {"stated": {"column": "Nothing", "values": {"bulk": ["1"]}, "source": "x"}}
            },
            "protocols.stated names Nothing",
        ),
    ],
)
def test_rules_name_columns_of_their_data_set(said: dict[str, Any], problem: str) -> None:
    assert any(found.startswith(problem) for found in rules(**said).problems_with(SUS))


def test_every_row_of_a_net_change_has_its_day_and_its_key() -> None:
    under = rules().under(Protocol.NET_CHANGE)
    read = under.taken_in(SUS)

    assert (read.by_name["Holds_From"].column, read.by_name["Holds_From"].mandatory) == (
        "required",
        True,
    )
    for name in ("Holds_From", "Unique_CDS_Identifier"):
        assert under.missing(read.by_name[name]) is Effect.QUARANTINE
        assert under.otherwise(name) is Effect.QUARANTINE
    assert under.digest == rules().digest
    whole = rules().under(Protocol.WHOLE_PERIOD)
    assert whole.taken_in(SUS).by_name["Holds_From"].column == "optional"
    assert whole.otherwise("Unique_CDS_Identifier") is Effect.EMPTY


def test_in_bulk_nothing_is_cancelled() -> None:
    assert rules().under(Protocol.BULK).adds_nothing == ()
    assert len(rules().under(Protocol.NET_CHANGE).adds_nothing) == 1


def test_what_is_published_asks_practices_for_a_count() -> None:
    known = catalogue.load()
    newest = {r.data_set: r for r in sorted(known.landing_rules, key=lambda r: r.version)}

    assert [n for n, r in newest.items() if r.left_out_at_source] == ["GP_RS"]
    assert newest["ACM"].measures == ("ACTUAL_ACTIVITY", "ACTUAL_PRICE")
