"""Commissioning relationships: every step from every state, and what may not be."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from agreements.records.domain.errors import (
    ChangeNotOfItsKind,
    DscroUnknown,
    RelationshipOverlaps,
    ServiceContractMissing,
)
from agreements.records.domain.lists.register import (
    RELATIONSHIP_COLUMNS,
    RelationshipEdition,
    plan_register,
    publishable,
)
from agreements.records.domain.parties.relationship import (
    DSCRO_CODES,
    DSCROS,
    ChangeKind,
    Step,
    leaving_supporters,
    require_dscro,
)
from agreements.records.domain.parties.relationship_life import (
    RELATIONSHIP,
    RelationshipCommand,
    RelationshipState,
)
from common.clock import end_of, start_of
from common.errors import TransitionRefused
from services.agreements.tests.facts import (
    CCG,
    CSU,
    NOW,
    OTHER_CCG,
    OTHER_CSU,
    SIGNED,
    START,
    new_id,
    relationship,
    running,
)


def consenting(r, *parties, given=True, at=NOW):
    for party in parties or r.parties():
        r = r.consent(consent_id=new_id(), organisation=party, given=given, at=at)
    return r


VERBS = {
    Step.CONTRACT_VERIFIED: lambda r: r.verify_contract(reference=None, signed_on=None, at=NOW),
    Step.DSCRO_AGREED: lambda r: r.agree(at=NOW),
    Step.ACTIVE: lambda r: r.activate(others=[], at=NOW),
    Step.REFUSED: lambda r: r.refuse(at=NOW),
    Step.WITHDRAWN: lambda r: r.withdraw(at=NOW),
}


COMMANDS = {
    Step.CONTRACT_VERIFIED: RelationshipCommand.VERIFY_CONTRACT,
    Step.DSCRO_AGREED: RelationshipCommand.AGREE,
    Step.ACTIVE: RelationshipCommand.ACTIVATE,
    Step.REFUSED: RelationshipCommand.REFUSE,
    Step.WITHDRAWN: RelationshipCommand.WITHDRAW,
}


@pytest.mark.parametrize("state", list(Step))
@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_in_every_state(state, verb):
    r = relationship(state=state)

    if verb is state:
        assert VERBS[verb](r).state is state
        assert VERBS[verb](r).pending == ()
    elif RELATIONSHIP.leads(r.state_at(NOW, published=False), COMMANDS[verb]):
        became = VERBS[verb](r)
        assert became.state is verb
        assert [e.type for e in became.pending] == ["agreements.relationship-changed.v1"]
    else:
        with pytest.raises(TransitionRefused):
            VERBS[verb](r)


@pytest.mark.scenario("L01")
@pytest.mark.parametrize(
    "lacking",
    [
        {"service_contract_reference": None},
        {"contract_signed_on": None},
        {"contract_signed_on": date(2018, 6, 2)},
    ],
)
def test_without_a_signed_service_contract_there_is_no_relationship(lacking):
    r = relationship(**lacking)

    with pytest.raises(ServiceContractMissing):
        r.require_service_contract(NOW)
    with pytest.raises(ServiceContractMissing):
        r.verify_contract(reference=None, signed_on=None, at=NOW)


def test_the_contract_may_be_shown_when_it_is_verified():
    r = relationship(service_contract_reference=None, contract_signed_on=None)

    verified = r.verify_contract(reference="SC-2", signed_on=date(2018, 2, 1), at=NOW)

    assert verified.service_contract_reference == "SC-2"
    assert verified.state is Step.CONTRACT_VERIFIED


@pytest.mark.scenario("L02")
def test_without_consent_it_is_active_and_absent_from_the_spreadsheet():
    r = consenting(running(), CCG)

    assert r.is_active(NOW)
    assert r.consents_missing() == (CSU,)
    assert not r.can_be_published(NOW)
    assert rows([r]) == []
    assert r.state_at(NOW, published=False) is RelationshipState.ACTIVE_UNPUBLISHED


@pytest.mark.scenario("L03")
def test_a_consent_withdrawn_takes_it_out_of_the_next_spreadsheet():
    r = consenting(running())
    withdrawn = consenting(r, CSU, given=False)

    assert [row["lcr_ref"] for row in rows([r])] == [r.reference]
    assert rows([withdrawn]) == []
    assert withdrawn.is_active(NOW)
    assert r.state_at(NOW, published=True) is RelationshipState.ACTIVE_PUBLISHED
    assert consenting(withdrawn, CSU).can_be_published(NOW)


def edition(relationships, number=1):
    named = publishable(relationships, names={CCG: "NHS Barnsley CCG", CSU: "SCW"}, at=NOW)
    return RelationshipEdition.of(named.values(), id_=new_id(), number=number, at=NOW)


def rows(relationships):
    return edition(relationships).rows()


def test_the_spreadsheet_has_the_published_columns_and_no_others():
    r = consenting(running(processors=("8HK01",), valid_to=date(2020, 3, 31)))
    coded = replace(
        consenting(running(dscro="0CM", csu=None)), reference="LCR-0", commissioner_type="ICB"
    )

    first, second = rows([r, coded])
    assert first["lcr_ref"] == "LCR-0"
    assert (first["dscro_ods"], first["dscro_name"], first["csu_ods"]) == ("0CM", None, None)
    assert (second["dscro_ods"], second["dscro_name"]) == (None, "yorkshire")
    assert second["other_processors"] == ["8HK01"]
    assert second["effective_to"] == "2020-03-31"
    assert set(first) == set(second) == set(RELATIONSHIP_COLUMNS)


def test_an_edition_knows_whom_it_names():
    named, unnamed = consenting(running()), replace(running(), reference="LCR-0")
    published = edition([named, unnamed])

    assert published.names(named.reference)
    assert not published.names(unnamed.reference)


def test_the_next_edition_of_the_same_changes_nothing():
    r = consenting(running())
    one, two = edition([r]), edition([r], number=2)

    assert one.digest != two.digest
    assert plan_register([r.reference], one.said(), two.said()).change.total == 0


def test_what_was_to_be_named_is_named_as_it_is_now_and_only_while_it_may_be():
    gone, stays = consenting(running()), replace(consenting(running()), reference="LCR-0")
    now = edition([replace(stays, valid_to=date(2020, 3, 31))]).said()

    plan = plan_register([gone.reference, "LCR-0"], edition([gone, stays]).said(), now)

    assert [row["effective_to"] for row in plan.rows] == ["2020-03-31"]
    assert (plan.change.removed, plan.change.changed) == (1, 1)


def test_the_same_consent_again_changes_nothing_and_a_stranger_has_none_to_give():
    r = consenting(running(), CCG)

    assert consenting(r, CCG) is r
    assert consenting(r, CSU, given=False) is r
    with pytest.raises(TransitionRefused):
        consenting(r, OTHER_CSU)


@pytest.mark.scenario("L04")
@pytest.mark.parametrize(
    ("other", "refused"),
    [
        ({"dscro": "south"}, True),
        ({"dscro": "yorkshire"}, False),
        ({"dscro": "south", "valid_to": date(2018, 3, 31)}, False),
        ({"dscro": "south", "valid_to": date(2018, 4, 1)}, True),
        ({"dscro": "south", "service": "invoice-validation"}, False),
        ({"dscro": "south", "commissioner": OTHER_CCG}, False),
        ({"dscro": "south", "state": Step.REQUESTED}, False),
    ],
)
def test_one_dscro_serves_a_commissioner_and_service_at_an_instant(other, refused):
    new = relationship(state=Step.DSCRO_AGREED)
    standing = running(valid_from=date(2015, 4, 1), **other)

    if refused:
        with pytest.raises(RelationshipOverlaps):
            new.activate(others=[standing, new], at=NOW)
    else:
        assert new.activate(others=[standing, new], at=NOW).activated_at == NOW


def test_it_is_active_from_its_first_day_through_its_last():
    r = running(valid_to=date(2018, 6, 30))

    assert not r.is_active(start_of(START) - timedelta(seconds=1))
    assert r.is_active(start_of(START))
    assert r.is_active(end_of(date(2018, 6, 30)) - timedelta(seconds=1))
    assert not r.is_active(end_of(date(2018, 6, 30)))
    assert not relationship().is_active(NOW)
    assert not running(activated_at=NOW + timedelta(days=1)).is_active(NOW)


def test_its_end_is_a_date_and_is_not_put_off():
    r = running()
    ending = r.end(last_day=date(2018, 6, 30), at=NOW)

    assert ending.state_at(NOW, published=False) is RelationshipState.ENDING
    assert ending.state_at(end_of(date(2018, 6, 30)), published=False) is RelationshipState.ENDED
    assert ending.end(last_day=date(2018, 7, 31), at=NOW) is ending
    assert ending.end(last_day=date(2018, 6, 15), at=NOW).valid_to == date(2018, 6, 15)
    assert [e.effective_to for e in ending.pending] == [date(2018, 6, 30)]


def test_what_is_not_in_operation_has_no_end():
    with pytest.raises(TransitionRefused):
        relationship().end(last_day=date(2018, 6, 30), at=NOW)


@pytest.mark.parametrize("step", [s for s in Step if s is not Step.ACTIVE])
def test_until_it_is_active_its_state_is_the_step_reached(step):
    assert relationship(state=step).state_at(NOW, published=False).value == step.value


def test_the_dscros_are_the_ten_and_the_six_codes():
    for known in (*DSCROS, *DSCRO_CODES):
        require_dscro(known)

    with pytest.raises(DscroUnknown):
        require_dscro("0CX")  # a CSU's code, though it looks alike
    with pytest.raises(DscroUnknown) as refusal:
        require_dscro("<b>")
    assert "<" not in refusal.value.detail
    with pytest.raises(DscroUnknown):
        require_dscro("<>")


@pytest.mark.scenario("L05")
def test_who_supports_by_ending_relationships_only_is_leaving():
    old = running(valid_to=date(2018, 6, 30), processors=("8HK01",))
    new = running(csu=OTHER_CSU, processors=("8HK01",), valid_from=date(2018, 7, 1))
    elsewhere = running(commissioner=OTHER_CCG)

    assert leaving_supporters(CCG, [old, new, elsewhere]) == (CSU,)
    assert leaving_supporters(CCG, [running(), new]) == ()
    assert leaving_supporters(CCG, [replace(old, state=Step.REQUESTED)]) == ()


def test_parties_are_named_once():
    r = relationship(csu=None, processors=(CSU, CCG))

    assert r.parties() == (CCG, CSU)
    assert r.supporters() == (CSU,)
    assert relationship(requested_at=SIGNED).requested_at == SIGNED


FORMER = running(processors=("0CX",), csu="0DF")


def change(kind, **changes):
    """What takes the place of FORMER a year later."""
    taken = {"csu": FORMER.csu, "processors": FORMER.processors, "changes": FORMER.id}
    return relationship(**{"change_kind": kind, "valid_from": date(2019, 4, 1), **taken} | changes)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (ChangeKind.CHANGE_DSCRO, {"dscro": "south"}),
        (ChangeKind.CHANGE_CSU, {"csu": "0CX", "processors": ()}),
        (ChangeKind.CHANGE_CSU, {"csu": "0AD"}),
        (ChangeKind.ADD_PARTY, {"processors": ("0CX", "E1000")}),
        (ChangeKind.REMOVE_PARTY, {"processors": ()}),
        (ChangeKind.REMOVE_PARTY, {"csu": None}),
        (ChangeKind.SUCCESSION, {"commissioner": "QF7"}),
        (ChangeKind.CORRECTION, {"area_team": "Q72", "valid_from": FORMER.valid_from}),
    ],
)
def test_each_kind_of_change_changes_what_its_name_says(kind, changes):
    change(kind, **changes).require_kind(FORMER, succeeds=True)


@pytest.mark.parametrize(
    ("kind", "changes", "differs"),
    [
        (ChangeKind.NEW, {}, ["change_kind"]),
        (ChangeKind.CHANGE_DSCRO, {}, ["dscro"]),
        (ChangeKind.CHANGE_DSCRO, {"dscro": "south", "csu": "0AD"}, ["csu"]),
        (ChangeKind.CHANGE_CSU, {}, ["csu"]),
        (ChangeKind.CHANGE_CSU, {"csu": "0AD", "dscro": "south"}, ["dscro"]),
        (ChangeKind.ADD_PARTY, {"processors": ()}, ["processors"]),
        (ChangeKind.ADD_PARTY, {"processors": ("0AD",)}, ["processors"]),
        (ChangeKind.REMOVE_PARTY, {"processors": ("0CX", "0AD")}, ["processors"]),
        (ChangeKind.SUCCESSION, {}, ["commissioner"]),
        (ChangeKind.CORRECTION, {"area_team": "Q72"}, ["effective_from"]),
        (ChangeKind.CORRECTION, {"dscro": "south", "valid_from": FORMER.valid_from}, ["dscro"]),
        (ChangeKind.CHANGE_DSCRO, {"dscro": "south", "service": "other"}, ["service"]),
    ],
)
def test_what_is_otherwise_than_the_kind_says_is_named(kind, changes, differs):
    with pytest.raises(ChangeNotOfItsKind) as refused:
        change(kind, **changes).require_kind(FORMER, succeeds=True)

    assert refused.value.members["differs"] == differs


def test_a_succession_rests_on_an_instrument():
    with pytest.raises(ChangeNotOfItsKind):
        change(ChangeKind.SUCCESSION, commissioner="QF7").require_kind(FORMER, succeeds=False)


@pytest.mark.parametrize(
    "former",
    [
        replace(FORMER, state=Step.REQUESTED),
        replace(FORMER, valid_to=date(2019, 3, 30)),
    ],
    ids=["not in operation", "a day without one"],
)
def test_what_is_changed_is_in_operation_until_the_day_before(former):
    following = change(ChangeKind.CHANGE_DSCRO, dscro="south")

    with pytest.raises(ChangeNotOfItsKind):
        following.require_kind(former, succeeds=True)
    following.require_kind(
        replace(former, state=Step.ACTIVE, valid_to=date(2019, 3, 31)), succeeds=True
    )


@pytest.mark.parametrize(
    ("at", "last"),
    [
        (datetime(2019, 3, 1, 9, tzinfo=UTC), date(2019, 3, 31)),
        (datetime(2019, 6, 1, 9, tzinfo=UTC), date(2019, 5, 31)),
    ],
    ids=["activated before its day", "activated after it"],
)
def test_the_former_ends_the_day_before_and_never_in_the_past(at, last):
    given = FORMER.give_way(change(ChangeKind.CHANGE_DSCRO, dscro="south"), at=at)

    assert given.valid_to == last
