"""Two data sets with equal tokens, made with two lists, never tell who objected (docs/adr/0249).

Of a month one may have everybody of the other: episodes and spells, or the record of a practice and
stays. Guard: `domain.standing.tells` and `candidates`, `use_cases.upholding`, `extract_engine`.
"""

from datetime import date, timedelta

import duckdb
import pytest

from common.errors import Refused
from common.ids import digest_of, new_id
from common.replacement import State
from pseudonymisation.preparations.adapters import extract_engine
from services.pseudonymisation.tests.haven import CATALOGUE, world
from services.pseudonymisation.tests.integration.test_standing_still import (
    ANN,
    BEN,
    CAT,
    DAN,
    EVE,
    FAY,
    NEWER,
    OLDER,
    UPHELD,
)
from services.pseudonymisation.tests.landed import day

EPISODES, SPELLS, RECORD = (CATALOGUE.get(one) for one in ("SUS_APC", "SUS_APCS", "GP_RS"))
LINKED = tuple(sorted(one.data_set for one in (EPISODES, SPELLS, RECORD)))
WAITS = "OPT_OUT_DIFFERENCING"
LONG = pytest.mark.long


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock):
    clock.set(clock.now().replace(year=2018, month=5, day=28))
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


def rows(data_set, *numbers, sex="1"):
    number, column = data_set.person.nhs_number, "SEX" if data_set is RECORD else "Sex"
    return [
        {number: n, "Local_Patient_ID": f"L{n}", column: sex, "period": "2018-04"}
        | {"reasons": {"G": "02P"}, "EVENT_DATE": day("2018-04-03"), "EVENT_CODE": "281647001"}
        for n in numbers
    ]


def land(haven, data_set, *numbers, provider="RH8"):
    haven.data_set = data_set
    return haven.land(rows(data_set, *numbers), provider=provider)


def wanted(haven, data_set, held=(), linked=LINKED, **more):
    """What is asked for of a data set, and what the permit says that the recipient has."""
    haven.data_set = data_set
    field = "SEX" if data_set is RECORD else "Sex"
    request = haven.request(fields=[field], **more)
    claims = haven.claims(request, **UPHELD)
    facts = {n: v for n, v in claims["domain"].items() if n != "id"} | {"data_sets": [*linked]}
    beside = [
        {"month": "2018-04", "editions": [], "lists": [*lists], "data_set": other.data_set}
        for other, lists in held
    ]
    told = {"held_beside": beside} if beside else {}
    filters = {"filters": more["filters"]} if "filters" in more else {}
    domain = {"id": digest_of(facts), **facts}
    return {"request": request, "domain": domain} | told | filters | UPHELD


def made(haven, data_set, held=(), **more):
    asked = wanted(haven, data_set, held, **more)
    waits = []
    try:
        haven.judge(**asked | {"request": asked["request"] | {"extract_id": str(new_id())}})
    except Refused as refused:
        waits = [one.code for one in refused.refusals]
    done = haven.prepare(**asked)
    assert waits == ([WAITS] if done.code == WAITS else [])  # asked dry it is the same
    return done


def said(haven, done):
    assert done.state.value == "prepared", done.code
    return haven.attested(done.files[0])


def lists_of(haven, done):
    told = said(haven, done)["opt_out"]
    return [told["list_id"], *told.get("besides", [])]


def people(haven, done):
    path = haven.directory / "release" / done.files[0].object_key
    return {token for (token,) in duckdb.sql(f"SELECT Token FROM '{path}'").fetchall()}


def beside(haven, done):
    told = said(haven, done).get("standing_beside", [])
    return [(one["data_set"], tuple(one.get("lists", ()))) for one in told]


def two_lists(haven, first, before, *, older=(FAY,), newer=(FAY, ANN)):
    """The first data set's file, made with a list, and a newer list."""
    old = str(haven.opt_out([*older], on=date(2018, 5, 27), digest=OLDER))
    land(haven, first, *before)
    one = made(haven, first)
    assert lists_of(haven, one) == [old]
    return one, old, str(haven.opt_out([*newer], on=date(2018, 5, 28), digest=NEWER))


def test_on_one_day_both_are_made_with_one_list_and_nothing_is_read(haven, monkeypatch):
    haven.opt_out([FAY, ANN], on=date(2018, 5, 27), digest=OLDER)
    land(haven, EPISODES, ANN, BEN)
    land(haven, SPELLS, ANN, BEN)
    monkeypatch.setattr(extract_engine, "compared", None)

    one = made(haven, EPISODES)
    other = made(haven, SPELLS, [(EPISODES, (OLDER,))])

    assert people(haven, one) == people(haven, other)
    assert beside(haven, other) == []


@pytest.mark.scenario("R09")
@pytest.mark.parametrize(
    ("data_sets", "before", "after", "by"),
    [
        # the same people: by the list of the file that is there
        ((EPISODES, SPELLS), (ANN, BEN, CAT), (ANN, BEN, CAT), "former"),
        # everybody of that, and more: by its list as well, else whoever is missing here objected
        ((EPISODES, RECORD), (ANN, BEN, CAT), (ANN, BEN, CAT, DAN), "former"),
        # some of its people: whoever is on either list is left out
        ((RECORD, EPISODES), (ANN, BEN, CAT, DAN), (ANN, BEN, CAT), "both"),
        # one came and one left by the records
        ((EPISODES, SPELLS), (ANN, BEN, CAT), (ANN, BEN, DAN), "newest"),
        # nobody is in both
        ((EPISODES, SPELLS), (BEN, CAT), (DAN, EVE), "newest"),
    ],
)
@pytest.mark.parametrize(
    ("older", "newer"),
    [((FAY, BEN), (FAY, ANN)), pytest.param((FAY,), (FAY,), marks=LONG)],  # or nobody changed it
)
def test_by_which_list_the_second_is_made(haven, data_sets, before, after, by, older, newer):
    first, second = data_sets
    one, old, new = two_lists(haven, first, before, older=older, newer=newer)
    land(haven, second, *after)

    other = made(haven, second, [(first, (OLDER,))])

    assert lists_of(haven, other) == {"former": [old], "both": [new, old], "newest": [new]}[by]
    assert beside(haven, other) == []
    out = {"former": {*older}, "both": {*older, *newer}, "newest": {*newer}}[by]
    mine, theirs = {*before} - {*older}, {*after} - out
    assert len(people(haven, other)) == len(theirs)
    assert len(people(haven, one) & people(haven, other)) == len(mine & theirs)
    for gone, is_there in ((mine - theirs, {*after}), (theirs - mine, {*before})):
        assert not gone or gone - is_there, "whoever is missing could be so by the records"


def test_a_former_list_that_is_too_old_is_not_used_and_says_what_to_do(haven, clock):
    two_lists(haven, EPISODES, (ANN, BEN, CAT))
    land(haven, SPELLS, ANN, BEN, CAT)
    clock.advance(timedelta(days=7).total_seconds())

    refused = made(haven, SPELLS, [(EPISODES, (OLDER,))])

    assert (refused.state.value, refused.code) == ("failed", WAITS)
    assert refused.subject.startswith("2018-04, ")


def test_beside_the_record_of_a_practice_it_does_not_matter_how_old_that_one_is(haven, clock):
    _, old, new = two_lists(haven, RECORD, (ANN, BEN, CAT, DAN))
    land(haven, EPISODES, ANN, BEN, CAT)
    clock.advance(timedelta(days=7).total_seconds())

    assert lists_of(haven, made(haven, EPISODES, [(RECORD, (OLDER,))])) == [new, old]


def test_a_former_list_that_was_taken_back_is_not_used(haven):
    two_lists(haven, EPISODES, (ANN, BEN, CAT))
    land(haven, SPELLS, ANN, BEN, CAT)
    with haven.engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE opt_out_list SET state = '{State.TAKEN_BACK}' WHERE digest = '{OLDER}'"
        )

    assert made(haven, SPELLS, [(EPISODES, (OLDER,))]).state.value == "failed"


def test_of_what_nobody_fetched_it_is_said_beside_what_it_would_tell(haven):
    """Agreements makes it void, or refuses the release where it was fetched meanwhile."""
    _, _, new = two_lists(haven, EPISODES, (ANN, BEN, CAT))
    land(haven, SPELLS, ANN, BEN, CAT)

    other = made(haven, SPELLS)

    assert lists_of(haven, other) == [new]
    assert beside(haven, other) == [("SUS_APC", (OLDER,))]


def test_of_what_is_not_made_yet_its_extract_is_named(haven):
    haven.opt_out([FAY], on=date(2018, 5, 27), digest=OLDER)
    land(haven, EPISODES, ANN, BEN)
    land(haven, SPELLS, ANN, BEN)
    first = haven.accept(**wanted(haven, EPISODES))
    second = haven.accept(**wanted(haven, SPELLS))
    claim = haven.jobs.claim()
    assert claim.job.id == first.id

    haven.jobs.run(claim)

    with haven.uow.reading() as tx:
        (told,) = said(haven, tx.preparations.get(first.id))["standing_beside"]
    assert (told["data_set"], told["extract"]) == ("SUS_APCS", second.permit.extract_id)


def test_what_nobody_can_read_any_more_is_taken_for_the_worst(haven):
    haven.opt_out([FAY], on=date(2018, 5, 27), digest=OLDER)
    edition = land(haven, EPISODES, ANN, BEN, CAT)
    made(haven, EPISODES)
    new = str(haven.opt_out([FAY], on=date(2018, 5, 28), digest=NEWER))
    land(haven, SPELLS, ANN, BEN, DAN)
    assert lists_of(haven, made(haven, SPELLS, [(EPISODES, (OLDER,))])) == [new]
    haven.keys.destroy(f"edition/{edition}")

    assert lists_of(haven, made(haven, SPELLS, [(EPISODES, (OLDER,))])) != [new]


def test_without_equal_tokens_the_newest_list_is_used(haven):
    _, _, new = two_lists(haven, EPISODES, (ANN, BEN, CAT))
    land(haven, SPELLS, ANN, BEN, CAT)

    apart = made(haven, SPELLS, linked=["SUS_APCS"])

    assert (lists_of(haven, apart), beside(haven, apart)) == ([new], [])


def test_who_is_filtered_out_of_the_other_file_hides_nobody(haven):
    """Dan and Eve are not of the sex that alone was asked for of the first. Behind Cat one may."""
    haven.opt_out([FAY], on=date(2018, 5, 27), digest=OLDER)
    land(haven, EPISODES, ANN, BEN, CAT)
    filters = [{"column": "Sex", "any_of": ["1"]}]
    old = lists_of(haven, made(haven, EPISODES, filters=filters))
    new = haven.opt_out([FAY, ANN], on=date(2018, 5, 28), digest=NEWER)
    haven.data_set = SPELLS
    haven.land([*rows(SPELLS, ANN, BEN), *rows(SPELLS, DAN, EVE, sex="2")])

    assert lists_of(haven, made(haven, SPELLS, [(EPISODES, (OLDER,))])) == [str(new), *old]


def test_one_provider_does_not_hide_the_people_of_another(haven):
    haven.opt_out([FAY], on=date(2018, 5, 27), digest=OLDER)
    land(haven, EPISODES, ANN, BEN, provider="RH8")
    land(haven, EPISODES, CAT, provider="RR8")
    old = lists_of(haven, made(haven, EPISODES))
    haven.opt_out([FAY, ANN], on=date(2018, 5, 28), digest=NEWER)
    land(haven, SPELLS, ANN, BEN, provider="RH8")
    land(haven, SPELLS, DAN, provider="RR8")

    assert lists_of(haven, made(haven, SPELLS, [(EPISODES, (OLDER,))])) == old


def test_beside_two_data_sets_one_is_made_with_lists_that_tell_nothing_of_either(haven):
    """The record has everybody: spells are made with its list besides, and episodes as these."""
    _, old, new = two_lists(haven, RECORD, (ANN, BEN, CAT, DAN), older=(BEN,), newer=(ANN,))
    land(haven, SPELLS, ANN, BEN, CAT)
    held = [(RECORD, (OLDER,))]
    assert lists_of(haven, made(haven, SPELLS, held)) == [new, old]
    third = "sha256:" + "2" * 64
    newest = str(haven.opt_out([CAT], on=date(2018, 5, 28), digest=third))
    land(haven, EPISODES, ANN, BEN, CAT)

    last = made(haven, EPISODES, [*held, (SPELLS, (NEWER, old))])

    assert lists_of(haven, last) == [new, old]
    assert newest not in lists_of(haven, last)
