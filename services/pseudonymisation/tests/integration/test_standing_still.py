"""Where objections would be all that a newer file lacks, the haven says so (docs/adr/0171, R13).

Guard: `adapters.changes.standing_still`, `use_cases.beside_others`; agreements refuses by what is
said (`decision.domain.held`).
"""

from datetime import date

import pytest
from sqlalchemy import text
from sqlmodel import Session

from common.errors import Refused
from common.ids import digest_of, new_id
from common.security.keys import PREVIEW
from pseudonymisation.preparations.domain.errors import PermitInvalid
from pseudonymisation.preparations.use_cases.preparations import get
from services.pseudonymisation.tests.haven import world
from services.pseudonymisation.tests.integration.test_tables import SEX, ask, cells_of
from services.pseudonymisation.tests.landed import day

UPHELD = {"opt_out": {"applied": True, "list_age_days_max": 7}}
BY_CHECK = {"opt_out": UPHELD["opt_out"] | {"by": "check"}}
NUMBERS = ("9990000018", "9990000026", "9990000034", "9990000042", "9990000050", "9990000069")
ANN, BEN, CAT, DAN, EVE, FAY = NUMBERS
OLDER, NEWER = "sha256:" + "0" * 64, "sha256:" + "1" * 64


@pytest.fixture
def haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


def rows(*numbers, code="02P", sex="1"):
    return [
        {
            "NHS_Number": number,
            "Local_Patient_ID": f"L{number}",
            "Sex": sex,
            "Admission_Date": day("2018-04-03"),
            "Hospital_Spell_No": f"S{number}",
            "period": "2018-04",
            "reasons": {"G": code},
        }
        for number in numbers
    ]


def land_anew(haven, records, provider="RH8"):
    with Session(haven.engine) as session:
        session.execute(
            text("UPDATE edition SET superseded_by = :by WHERE provider = :p"),
            {"by": new_id().hex, "p": provider},
        )
        session.commit()
    return haven.land(records, provider=provider)


def beside(haven, preparation):
    assert preparation.state.value == "prepared", preparation.code
    said = haven.attested(preparation.files[0])
    return [(one["month"], one["edition"]) for one in said.get("standing_beside", [])]


def two_editions(haven, before, after, *, lists=((), ()), **more):
    """A file of one edition and list, and one of the next edition and a newer list."""
    first = haven.land(rows(*before))
    haven.opt_out([*lists[0], FAY], on=date(2018, 5, 27), digest=OLDER)
    haven.prepare(**UPHELD)
    haven.opt_out([*lists[1], FAY], on=date(2018, 5, 28), digest=NEWER)
    land_anew(haven, rows(*after))
    return first, haven.prepare(**(UPHELD | more))


@pytest.mark.scenario("R13")
@pytest.mark.parametrize(
    ("after", "tells", "objectors"),
    [
        ((ANN, BEN, CAT), True, [ANN]),  # the same people: corrected only
        ((ANN, BEN, CAT, DAN), True, [ANN]),  # whoever is missing objected
        ((ANN, BEN, CAT, DAN), True, []),  # nobody did: not to be refused would tell it
        ((ANN, BEN), True, [ANN]),  # whoever is new objected before
        ((ANN, BEN, DAN), False, [ANN]),  # Cat is gone by the records, and Dan is new by them
        ((DAN, EVE), False, [ANN]),  # nobody is in both
    ],
)
def test_editions_that_lost_or_gained_nobody_are_named(haven, after, tells, objectors):
    first, second = two_editions(haven, (ANN, BEN, CAT), after, lists=((), objectors))

    assert beside(haven, second) == ([("2018-04", str(first))] if tells else [])


def test_whom_the_other_file_never_had_hides_nobody(haven):
    """Cat had objected before, and Dan objects by now: neither is seen to come or go."""
    first, second = two_editions(haven, (ANN, BEN, CAT), (ANN, BEN, DAN), lists=((CAT,), (CAT,)))
    assert beside(haven, second) == [("2018-04", str(first))]


def test_who_is_new_and_objects_hides_nobody(haven):
    first, second = two_editions(haven, (ANN, BEN, CAT), (ANN, BEN, DAN), lists=((), (DAN,)))

    assert beside(haven, second) == [("2018-04", str(first))]


def test_people_of_others_hide_nobody(haven):
    """Who is another commissioner's, or not what was filtered for, is in neither file."""
    first = haven.land([*rows(ANN, BEN), *rows(CAT, code="00L"), *rows(DAN, sex="2")])
    haven.opt_out([FAY], on=date(2018, 5, 27), digest=OLDER)
    filters = [{"column": "Sex", "any_of": ["1"]}]
    haven.prepare(request=haven.request(filters=filters), filters=filters, **UPHELD)
    haven.opt_out([FAY, ANN], on=date(2018, 5, 28), digest=NEWER)
    land_anew(haven, [*rows(ANN, BEN), *rows(EVE, code="00L"), *rows(EVE, sex="2")])

    second = haven.prepare(**UPHELD)

    assert beside(haven, second) == [("2018-04", str(first))]


def test_one_provider_does_not_hide_the_people_of_another(haven):
    one = haven.land(rows(ANN, BEN), provider="RH8")
    haven.land(rows(CAT, DAN), provider="RR8")
    haven.opt_out([FAY], on=date(2018, 5, 27), digest=OLDER)
    haven.prepare(**UPHELD)
    haven.opt_out([FAY, ANN], on=date(2018, 5, 28), digest=NEWER)
    land_anew(haven, rows(ANN, BEN), provider="RH8")
    land_anew(haven, rows(CAT, EVE), provider="RR8")

    assert beside(haven, haven.prepare(**UPHELD)) == [("2018-04", str(one))]


def test_of_another_environment_nothing_is_said_and_without_opt_outs_neither(haven):
    haven.land(rows(ANN, BEN))
    haven.opt_out([FAY], on=date(2018, 5, 27), digest=OLDER)
    haven.prepare(**UPHELD)
    land_anew(haven, rows(ANN, BEN))
    claims = haven.claims(haven.request(), **UPHELD)
    elsewhere = {name: v for name, v in claims["domain"].items() if name != "id"}
    elsewhere["environment"] = "environment-2"

    other = haven.prepare(domain={"id": digest_of(elsewhere), **elsewhere}, **UPHELD)
    open_ = haven.prepare()

    assert beside(haven, other) == beside(haven, open_) == []


def test_what_nobody_can_read_any_more_is_taken_for_the_worst(haven):
    first, _ = two_editions(haven, (ANN, BEN, CAT), (ANN, BEN, DAN))
    haven.keys.destroy(f"edition/{first}")

    assert ("2018-04", str(first)) in beside(haven, haven.prepare(**UPHELD))


def test_what_is_not_made_yet_is_taken_for_the_worst(haven):
    """Whose lists are not known yet: of two that are made at once each is held against both."""
    first = haven.land(rows(ANN, BEN, CAT))
    haven.opt_out([FAY], on=date(2018, 5, 27), digest=OLDER)
    haven.accept(**UPHELD)
    land_anew(haven, rows(ANN, BEN, DAN))
    late = haven.accept(**UPHELD)

    with haven.uow.reading() as tx:
        assert [one.id for one in tx.preparations.beside(late.permit)] != []
    haven.work()

    assert first
    assert beside(haven, get(late.id, ctx=haven.context())) == []


def test_by_a_check_who_was_not_cleared_hides_nobody(haven):
    first = haven.land(rows(ANN, BEN, CAT))
    haven.check([ANN, BEN], editions=[first])
    haven.prepare(**BY_CHECK)
    second = land_anew(haven, rows(ANN, BEN, DAN))
    haven.check([BEN, DAN], editions=[second])

    assert beside(haven, haven.prepare(**BY_CHECK)) == [("2018-04", str(first))]


def test_by_a_check_who_left_and_came_hides_the_rest(haven):
    first = haven.land(rows(ANN, BEN, CAT))
    haven.check([ANN, BEN, CAT], editions=[first])
    haven.prepare(**BY_CHECK)
    second = land_anew(haven, rows(ANN, BEN, DAN))
    haven.check([BEN, DAN], editions=[second])

    assert beside(haven, haven.prepare(**BY_CHECK)) == []


KINDS = {
    "table and table": (True, True),
    "extract and table": (False, True),
    "table and extract": (True, False),
}


def made(haven, *, is_table, **more):
    if is_table:
        return ask(haven, SEX, disclosure="exact", **UPHELD, **more)
    return haven.prepare(**UPHELD, **more)


@pytest.mark.scenario("R13")
@pytest.mark.parametrize(
    ("kind", "after", "tells"),
    [
        ("table and table", (ANN, BEN, CAT), True),
        ("table and table", (ANN, BEN, DAN), False),
        ("extract and table", (ANN, BEN, CAT, DAN), True),
        ("table and extract", (ANN, BEN, CAT, DAN), True),
    ],
)
def test_a_table_is_held_against_what_was_made_of_other_editions_too(haven, kind, after, tells):
    """Whoever knows that a month was only corrected or added to subtracts the two.

    Guard: `TableEngine._files`, `SqlPreparations.beside`.
    """
    one, other = KINDS[kind]
    edition = haven.land(rows(ANN, BEN, CAT))
    haven.opt_out([FAY], on=date(2018, 5, 27), digest=OLDER)
    earlier = made(haven, is_table=one)
    haven.opt_out([FAY, ANN], on=date(2018, 5, 28), digest=NEWER)
    land_anew(haven, rows(*after))

    later = made(haven, is_table=other)

    assert beside(haven, later) == ([("2018-04", str(edition))] if tells else [])
    if one and other and after == (ANN, BEN, CAT):
        # The attack: the records of the month are the same, and one person is gone.
        assert cells_of(haven, earlier)[("Total",)] == "3"
        assert cells_of(haven, later)[("Total",)] == "2"


def held(edition, *lists, month="2018-04"):
    """What a permit says that the environment was given."""
    return {
        "held_beside": [{"month": month, "editions": [str(edition)], "lists": list(lists)}],
    }


WAITS = "OPT_OUT_DIFFERENCING"


@pytest.mark.scenario("R13")
@pytest.mark.parametrize("objectors", [[ANN], pytest.param([], marks=pytest.mark.long)])
def test_what_would_tell_beside_what_was_fetched_is_not_made(haven, objectors):
    """Whether or not anybody objected. Guard: `preparing._beside_others`, before the engine."""
    first, _ = two_editions(haven, (ANN, BEN, CAT), (ANN, BEN, CAT, DAN), lists=((), objectors))
    made = haven.objects()

    with pytest.raises(Refused) as asked:
        haven.judge(**UPHELD, **held(first, OLDER))
    with pytest.raises(Refused) as asked_dry:
        haven.judge(PREVIEW, **UPHELD, **held(first, OLDER))
    refused = haven.prepare(**UPHELD, **held(first, OLDER))

    assert (refused.state.value, refused.code) == ("failed", WAITS)
    assert haven.objects() == made
    assert asked_dry.value.refusals == asked.value.refusals
    (told,) = asked.value.refusals
    assert told.code == WAITS
    assert told.detail.endswith("2018-04, the next edition is due by 2018-06-20.")
    assert refused.subject == "2018-04, the next edition is due by 2018-06-20"


def test_by_a_preview_nothing_is_prepared(haven):
    """Guard: `preparations.accept` knows permits alone, and an attestation no preview."""
    haven.land(rows(ANN))

    with pytest.raises(PermitInvalid):
        haven.accept(use=PREVIEW)
    with haven.uow.reading() as tx:
        assert tx.domains.find(haven.claims(haven.request())["domain"]["id"]) is None


@pytest.mark.parametrize(
    ("after", "of", "made_with", "month"),
    [
        ((ANN, BEN, CAT), "first", NEWER, "2018-04"),  # with the very list that it has
        # of an edition that is not beside it, and of another month
        pytest.param((ANN, BEN, CAT), "another", OLDER, "2018-04", marks=pytest.mark.long),
        pytest.param((ANN, BEN, CAT), "first", OLDER, "2018-05", marks=pytest.mark.long),
        ((ANN, BEN, DAN), "first", OLDER, "2018-04"),  # who left and who came hide the rest
    ],
)
def test_what_tells_nothing_beside_it_is_made(haven, after, of, made_with, month):
    first, _ = two_editions(haven, (ANN, BEN, CAT), after, lists=((), [ANN]))
    beside = held(first if of == "first" else new_id(), made_with, month=month)

    haven.judge(**UPHELD, **beside)

    assert haven.prepare(**UPHELD, **beside).state.value == "prepared"


@pytest.mark.scenario("R13")
def test_what_waits_goes_on_with_the_next_edition(haven):
    first, _ = two_editions(haven, (ANN, BEN, CAT), (ANN, BEN, CAT, DAN), lists=((), [ANN]))
    assert haven.prepare(**UPHELD, **held(first, OLDER)).code == WAITS
    land_anew(haven, rows(BEN, DAN, EVE))

    assert haven.prepare(**UPHELD, **held(first, OLDER)).state.value == "prepared"


@pytest.mark.long
@pytest.mark.scenario("R13")
def test_a_table_waits_as_records_do(haven):
    first, _ = two_editions(haven, (ANN, BEN, CAT), (ANN, BEN, CAT, DAN), lists=((), [ANN]))

    waits = ask(haven, SEX, disclosure="exact", **UPHELD, **held(first, OLDER))

    assert (waits.state.value, waits.code) == ("failed", WAITS)


@pytest.mark.long
def test_a_domain_that_is_not_there_yet_is_judged_too_and_not_opened(haven):
    first, _ = two_editions(haven, (ANN, BEN, CAT), (ANN, BEN, CAT, DAN))
    claims = haven.claims(haven.request(), **UPHELD)
    other = {name: v for name, v in claims["domain"].items() if name != "id"}
    other["controllers"] = ["02P", "02Q"]
    domain = {"id": digest_of(other), **other}

    with pytest.raises(Refused):
        haven.judge(domain=domain, **UPHELD, **held(first, OLDER))

    with haven.uow.reading() as tx:
        assert tx.domains.find(domain["id"]) is None


def in_environment(haven, environment, *, names_people):
    """A file with NHS numbers, or without, for an environment of one's own."""
    how = (
        {"purpose": "IV", "classification": "IDENTIFIABLE", "fields": ["NHS_Number"]}
        if names_people
        else {}
    )
    request = haven.request(**how)
    claims = haven.claims(request, **UPHELD)
    facts = {n: v for n, v in claims["domain"].items() if n != "id"} | {"environment": environment}
    more = {"domain": {"id": digest_of(facts), **facts}} | UPHELD
    if names_people:
        number = {"name": "NHS_Number", "treatment": "identified"}
        more |= {"route": "section_251", "fields": [number]}
    return haven.prepare(request=request, **more)


@pytest.mark.scenario("R13")
@pytest.mark.parametrize(("names_people", "tells"), [(True, True), (False, False)])
def test_by_number_files_of_two_environments_are_held_against_each_other(
    haven, names_people, tells
):
    """Guard: `SqlPreparations.beside`; agreements says whether one party has both."""
    first = haven.land(rows(ANN, BEN, CAT))
    haven.opt_out([FAY], on=date(2018, 5, 27), digest=OLDER)
    in_environment(haven, "environment-1", names_people=names_people)
    haven.opt_out([FAY, ANN], on=date(2018, 5, 28), digest=NEWER)
    land_anew(haven, rows(ANN, BEN, CAT, DAN))

    second = in_environment(haven, "environment-2", names_people=names_people)

    assert beside(haven, second) == ([("2018-04", str(first))] if tells else [])
