"""Agreements: which version governs, what state they are in, and what may be done to them."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from agreements.records.domain.agreement import Circumstances, LapseRule, Renewal
from agreements.records.domain.drafting import first_version, next_version
from agreements.records.domain.errors import (
    AlreadySigned,
    ConditionNotFound,
    DocumentHashDiffers,
    DraftedOtherwise,
    HoldLifted,
    HoldNotFound,
    LiftNeedsAnotherPerson,
    NotAParty,
    VersionLapsed,
    VersionSuperseded,
)
from agreements.records.domain.events import Verb
from agreements.records.domain.hold import Hold
from agreements.records.domain.terms.agreement_life import AgreementState
from agreements.records.domain.version import Capacity, Party
from common.clock import end_of, instant_text, start_of
from common.errors import AgreementNotFound, LineNotInAgreement, TransitionRefused
from common.ids import canonical, digest
from common.security.principal import BODY
from services.agreements.tests.facts import (
    APPLICATION,
    CCG,
    CSU,
    END,
    NOW,
    REFERENCE,
    SIGNED,
    START,
    active,
    approved,
    drafted,
    line,
    new_id,
    sign_all,
    signature,
)

FACTS = Circumstances(lapse_rules=(LapseRule(valid_from=date(2013, 4, 1), days=90),))
CONDITION = {"id": "1", "text": "Report by Christmas.", "due": "2018-12-24", "owner": CSU}


def further(agreement, **changes):
    """Add a further version of the agreement."""
    return agreement.add_version(next_version(approved(**changes), new_id=new_id))


def hold(*lines, at=NOW, whole=False):
    return Hold(
        id=new_id(),
        breach_id=None,
        whole=whole,
        lines=lines,
        reason="to be looked into",
        set_at=at,
        set_by="handler",
    )


def state(agreement, at=NOW, facts=FACTS):
    return agreement.state_at(at, facts)


# Drafting


def test_the_document_is_the_approved_snapshot_whole_with_the_parties_that_sign_it():
    agreement = first_version(approved(), new_id=new_id)
    version = agreement.versions[0]

    assert version.document_hash == digest(version.document.encode())
    assert canonical(dict(version.snapshot())) == canonical(dict(approved().content))
    assert version.snapshot_hash == approved().snapshot_hash
    assert [(p.ods, p.capacity) for p in version.parties] == [
        (CCG, Capacity.CONTROLLER),
        (CSU, Capacity.PROCESSOR),
        (BODY, Capacity.BODY),
    ]
    assert agreement.happened == ((Verb.DRAFTED, version.id),)
    assert version.application_id == APPLICATION


def test_the_same_version_again_changes_nothing():
    agreement = drafted()

    assert further(agreement) is agreement


def test_the_same_version_with_another_content_is_refused():
    with pytest.raises(DraftedOtherwise):
        further(drafted(), title="Something else")


def test_nothing_is_drafted_for_a_terminated_agreement():
    ended = active().terminate(reason="x", at=NOW)

    with pytest.raises(TransitionRefused):
        further(ended, version="v0.1", kind="amendment")


def test_a_version_is_found_by_its_number():
    agreement = drafted()

    assert agreement.numbered("v0.0") is agreement.versions[0]
    with pytest.raises(AgreementNotFound):
        agreement.numbered("v9.9")


# Signing


@pytest.mark.scenario("A25")
def test_it_is_not_active_before_all_named_parties_and_the_body_have_signed():
    agreement = drafted()
    version = agreement.versions[0]

    for party in (CCG, CSU):
        agreement = agreement.sign(signature(version, party))
        assert state(agreement) is AgreementState.AWAITING_SIGNATURE
        assert agreement.governing(NOW) is None
    assert agreement.versions[0].missing_signatures() == (BODY,)

    agreement = agreement.sign(signature(version, BODY, for_body=True))
    assert agreement.versions[0].missing_signatures() == ()
    assert state(agreement) is AgreementState.ACTIVE


def test_it_takes_effect_on_its_first_day_or_at_the_last_signature_whichever_is_later():
    early, late = active(), sign_all(drafted(), at=NOW)

    assert early.versions[0].effective_from() == start_of(START)
    assert state(early, start_of(START) - timedelta(seconds=1)) is AgreementState.SIGNED
    assert late.versions[0].effective_from() == NOW
    assert state(late, NOW - timedelta(seconds=1)) is AgreementState.SIGNED
    assert state(late, NOW) is AgreementState.ACTIVE


def test_a_party_signs_once_and_is_told_when_it_did():
    agreement = drafted()
    once = agreement.sign(signature(agreement.versions[0], CCG))

    with pytest.raises(AlreadySigned) as refused:
        once.sign(signature(agreement.versions[0], CCG, at=NOW))

    [given] = once.versions[0].signatures
    assert refused.value.members == {"signed_at": instant_text(given.signed_at)}
    assert given.signed_at != NOW


def test_a_party_in_two_capacities_signs_once():
    agreement = drafted(processors=[{"ods": CCG, "legal_name": "NHS Barnsley CCG"}])

    assert agreement.versions[0].named_parties() == (CCG,)
    assert state(sign_all(agreement)) is AgreementState.ACTIVE


def test_another_document_is_not_signed():
    agreement = drafted()
    wrong = replace(signature(agreement.versions[0], CCG), document_hash="sha256:" + "f" * 64)

    with pytest.raises(DocumentHashDiffers):
        agreement.sign(wrong)


@pytest.mark.parametrize(("party", "for_body"), [("00L", False), (BODY, False), (CCG, True)])
def test_only_the_named_sign_and_only_the_body_for_the_body(party, for_body):
    agreement = drafted()

    with pytest.raises(NotAParty):
        agreement.sign(signature(agreement.versions[0], party, for_body=for_body))


def test_a_version_whose_term_is_over_is_not_signed_and_the_agreement_is_closed():
    agreement = drafted()
    after = end_of(END)

    with pytest.raises(VersionLapsed):
        agreement.sign(signature(agreement.versions[0], CCG, at=after))
    assert state(agreement, after) is AgreementState.CLOSED


def test_a_terminated_agreement_is_not_signed():
    ended = drafted().terminate(reason="x", at=SIGNED)

    with pytest.raises(TransitionRefused):
        ended.sign(signature(ended.versions[0], CCG))


# Versions


@pytest.mark.scenario("A27")
def test_the_former_version_governs_until_the_amendment_is_signed_by_all():
    added = [
        {"ods": CSU, "legal_name": "South Central and West CSU"},
        {"ods": "0CX", "legal_name": "Midlands and Lancashire CSU"},
    ]
    agreement = further(active(), version="v0.1", kind="amendment", processors=added)
    amendment = agreement.versions[1]

    for party in (CCG, CSU, BODY):
        agreement = agreement.sign(signature(amendment, party, at=NOW, for_body=party == BODY))
        assert agreement.governing(NOW).number == "v0.0"
        assert "0CX" not in agreement.governing(NOW).processors()
    assert state(agreement) is AgreementState.ACTIVE

    later = NOW + timedelta(hours=1)
    agreement = agreement.sign(signature(amendment, "0CX", at=later))
    assert agreement.governing(later - timedelta(seconds=1)).number == "v0.0"
    assert agreement.governing(later).number == "v0.1"
    assert agreement.happened[-1] == (Verb.AMENDED, amendment.id)


def test_an_older_amendment_is_not_signed_once_a_later_one_is_in_effect():
    agreement = further(active(), version="v0.1", kind="amendment", title="First")
    agreement = further(agreement, version="v0.2", kind="amendment", title="Second")
    agreement = sign_all(agreement, at=NOW)

    with pytest.raises(VersionSuperseded):
        agreement.sign(signature(agreement.versions[1], CCG, at=NOW + timedelta(hours=1)))


def test_a_renewal_signed_early_takes_over_on_its_first_day():
    renewal = {"version": "v1.0", "kind": "renewal", "start": "2021-04-01", "end": "2024-03-31"}
    agreement = sign_all(further(active(), **renewal), at=NOW)

    assert agreement.governing(end_of(END) - timedelta(seconds=1)).number == "v0.0"
    assert agreement.governing(end_of(END)).number == "v1.0"
    assert state(agreement, end_of(END)) is AgreementState.ACTIVE


def test_the_present_term_may_still_be_amended_when_its_renewal_is_signed():
    renewal = {"version": "v1.0", "kind": "renewal", "start": "2021-04-01", "end": "2024-03-31"}
    agreement = further(active(), version="v0.1", kind="amendment")
    agreement = sign_all(further(agreement, **renewal), at=NOW)

    agreement = sign_all(agreement, version=1, at=NOW + timedelta(hours=1))

    assert agreement.governing(NOW + timedelta(hours=1)).number == "v0.1"
    assert agreement.governing(end_of(END)).number == "v1.0"


def test_a_renewal_may_be_signed_after_an_amendment_of_the_former_term():
    renewal = {"version": "v1.0", "kind": "renewal", "start": "2021-04-01", "end": "2024-03-31"}
    agreement = further(active(), **renewal)
    agreement = further(agreement, version="v0.1", kind="amendment")
    agreement = sign_all(agreement, at=NOW)

    assert sign_all(agreement, version=1, at=NOW).governing(end_of(END)).number == "v1.0"


# States


def test_its_last_day_is_a_day_of_force():
    assert state(active(), end_of(END) - timedelta(seconds=1)) is AgreementState.ACTIVE
    assert state(active(), end_of(END)) is AgreementState.EXPIRED


def test_a_controller_without_a_contract_suspends_it():
    assert state(active(), facts=replace(FACTS, without_contract={CCG})) is (
        AgreementState.SUSPENDED
    )
    assert state(active(), facts=replace(FACTS, without_contract={"00L"})) is (
        AgreementState.ACTIVE
    )


@pytest.mark.scenario("A23")
def test_suppressed_aggregates_need_no_contract():
    agreement = active(lines=[line(classification="AGGREGATE_SUPPRESSED")])

    assert state(agreement, facts=replace(FACTS, without_contract={CCG})) is (AgreementState.ACTIVE)


def test_what_is_ended_after_it_expired_ended_when_it_expired():
    """Else whoever ends it late would have longer to destroy what is held."""
    over, later = end_of(END), end_of(END) + timedelta(days=20)
    ended = active().terminate(reason="Late.", at=later)

    assert ended.state_at(later, Circumstances()) is AgreementState.TERMINATED
    assert ended.ended(later, Circumstances()) == (AgreementState.EXPIRED, over)
    assert active().terminate(reason="In time.", at=NOW).ended(NOW, Circumstances()) == (
        AgreementState.TERMINATED,
        NOW,
    )


def test_termination_ends_it_at_that_instant_and_only_once():
    ended = active().terminate(reason="no longer needed", at=NOW)

    assert state(ended, NOW - timedelta(seconds=1)) is AgreementState.ACTIVE
    assert state(ended, NOW) is AgreementState.TERMINATED
    assert ended.terminate(reason="again", at=NOW + timedelta(days=1)) is ended


def renewal_of(agreement, at):
    return agreement.await_renewal(
        Renewal(id=new_id(), application_id=APPLICATION, submitted_at=at)
    )


def test_a_renewal_handed_in_before_the_end_keeps_it_open_for_ninety_days():
    agreement = renewal_of(active(), NOW)
    last = datetime.fromisoformat("2021-06-29T22:59:59+00:00")  # 90 days after 2021-03-31

    assert state(agreement, end_of(END)) is AgreementState.LAPSED_HOLD
    assert state(agreement, last) is AgreementState.LAPSED_HOLD
    assert state(agreement, last + timedelta(seconds=1)) is AgreementState.EXPIRED


def test_a_renewal_handed_in_late_or_dropped_keeps_nothing_open():
    late = renewal_of(active(), end_of(END))
    dropped = renewal_of(active(), NOW).drop_renewal(APPLICATION, at=end_of(END))

    assert state(late, end_of(END)) is AgreementState.EXPIRED
    assert state(dropped, end_of(END)) is AgreementState.EXPIRED
    assert dropped.drop_renewal(APPLICATION, at=end_of(END) + timedelta(days=1)) == dropped


def test_a_renewal_is_awaited_once_and_again_after_it_was_dropped():
    once = renewal_of(active(), NOW)

    assert renewal_of(once, NOW + timedelta(days=1)) is once
    again = renewal_of(once.drop_renewal(APPLICATION, at=NOW), NOW + timedelta(days=2))
    assert [r.dropped_at for r in again.renewals] == [NOW, None]


def test_without_a_rule_for_the_day_nothing_is_kept_open():
    agreement = renewal_of(active(), NOW)

    assert state(agreement, end_of(END), Circumstances()) is AgreementState.EXPIRED


# Holds


def test_a_hold_of_some_lines_stops_those_and_no_others():
    agreement = active()
    held = agreement.hold(hold(*agreement.held_lines([2], NOW)))

    assert held.lines_held(NOW) == (2,)
    assert held.lines_held(NOW - timedelta(seconds=1)) == ()
    assert state(held) is AgreementState.ACTIVE


def test_a_hold_of_all_lines_suspends_it():
    agreement = active()

    assert state(agreement.hold(hold(whole=True))) is AgreementState.SUSPENDED
    assert state(agreement.hold(hold(*agreement.held_lines([1, 2, 2], NOW)))) is (
        AgreementState.SUSPENDED
    )


def test_a_hold_is_not_escaped_by_numbering_the_lines_anew():
    agreement = active()
    held = agreement.hold(hold(*agreement.held_lines([1], NOW)))
    amended = further(held, version="v0.1", kind="amendment", lines=[line(7, "DIDS"), line(9)])
    amended = sign_all(amended, at=NOW)

    assert amended.lines_held(NOW) == (9,)


def test_a_line_that_it_does_not_have_cannot_be_held():
    with pytest.raises(LineNotInAgreement) as refusal:
        active().held_lines([1, 3, 4], NOW)

    assert refusal.value.code == "LINE_NOT_IN_DSA"
    assert refusal.value.members == {"lines": [3, 4]}


@pytest.mark.scenario("B03")
def test_one_person_cannot_lift_a_hold_and_two_can():
    agreement = active().hold(hold(whole=True))
    hold_id = agreement.holds[0].id

    def approve(current, by, at=NOW):
        return current.approve_lift(hold_id, lift_id=new_id(), by=by, reason="mended", at=at)

    one = approve(agreement, "first")
    assert state(one) is AgreementState.SUSPENDED
    for same in ("first", "First", " FIRST "):
        with pytest.raises(LiftNeedsAnotherPerson):
            approve(one, same)

    later = NOW + timedelta(hours=1)
    two = approve(one, "second", later)
    assert two.holds[0].is_open(later - timedelta(seconds=1))
    assert not two.holds[0].is_open(later)
    assert state(two, later) is AgreementState.ACTIVE
    assert two.happened[-1] == (Verb.RESUMED, None)
    for another in ("first", "third"):
        with pytest.raises(HoldLifted):
            approve(two, another)


def test_a_hold_that_is_not_there_cannot_be_lifted():
    with pytest.raises(HoldNotFound):
        active().approve_lift(new_id(), lift_id=new_id(), by="x", reason="y", at=NOW)


# Conditions


def test_a_condition_is_overdue_from_the_day_after_it_is_due_until_it_is_met():
    agreement = active(special_conditions=[CONDITION])
    condition = agreement.versions[0].conditions[0]
    due = end_of(date(2018, 12, 24))

    assert not condition.is_overdue(due - timedelta(seconds=1))
    assert condition.is_overdue(due)

    met = agreement.fulfil("1", evidence="report", at=due + timedelta(days=1))
    condition = met.versions[0].conditions[0]
    assert condition.is_overdue(due)
    assert not condition.is_overdue(due + timedelta(days=1))
    assert met.fulfil("1", evidence="again", at=due + timedelta(days=2)) == met


def test_a_condition_without_a_date_is_never_overdue():
    agreement = active(special_conditions=[CONDITION | {"due": None}])

    assert not agreement.versions[0].conditions[0].is_overdue(NOW + timedelta(days=9_999))


def test_what_was_met_stays_met_in_an_amendment_that_carries_it_over_unchanged():
    agreement = active(special_conditions=[CONDITION]).fulfil("1", evidence="report", at=NOW)
    changed = CONDITION | {"text": "Report by Easter."}

    same = further(agreement, version="v0.1", kind="amendment", special_conditions=[CONDITION])
    other = further(agreement, version="v0.1", kind="amendment", special_conditions=[changed])

    assert same.versions[1].conditions[0].fulfilled_at == NOW
    assert other.versions[1].conditions[0].fulfilled_at is None


def test_a_condition_that_it_does_not_have_cannot_be_met():
    with pytest.raises(ConditionNotFound):
        active().fulfil("1", evidence="x", at=NOW)


# What is said


def verbs(agreement):
    return [event.verb for event in agreement.pending]


def test_what_happened_is_told_once_with_the_state_that_it_led_to():
    agreement = sign_all(first_version(approved(), new_id=new_id)).settle(NOW, FACTS)

    assert verbs(agreement) == [Verb.DRAFTED, Verb.SIGNED, Verb.ACTIVATED]
    event = agreement.pending[-1]
    assert event.type == "agreements.agreement-activated.v1"
    assert (event.reference, event.version, event.state) == (REFERENCE, "v0.0", "ACTIVE")
    assert event.lines_held == ()
    assert agreement.happened == ()
    assert verbs(replace(agreement, pending=()).settle(NOW, FACTS)) == []


def test_what_only_time_changed_is_told_when_somebody_looks():
    told = replace(active().settle(NOW, FACTS), pending=())

    assert verbs(told.settle(end_of(END), FACTS)) == [Verb.EXPIRED]
    assert verbs(renewal_of(told, NOW).settle(end_of(END), FACTS)) == [Verb.LAPSED]
    ended = told.terminate(reason="x", at=NOW)
    assert verbs(ended.settle(NOW, FACTS)) == [Verb.TERMINATED]


def test_suspension_and_its_end_are_told_as_held_and_resumed():
    told = replace(active().settle(NOW, FACTS), pending=())
    suspended = told.settle(NOW, replace(FACTS, without_contract={CCG}))

    assert verbs(suspended) == [Verb.HELD]
    assert verbs(replace(suspended, pending=()).settle(NOW, FACTS)) == [Verb.RESUMED]


def test_a_hold_of_all_is_told_once():
    told = replace(active().settle(NOW, FACTS), pending=())
    held = told.hold(hold(whole=True)).settle(NOW, FACTS)

    assert verbs(held) == [Verb.HELD]
    assert held.pending[0].lines_held == (1, 2)


def test_the_event_of_an_amendment_names_the_amendment():
    agreement = further(active(), version="v0.1", kind="amendment").settle(NOW, FACTS)

    assert [(e.verb, e.version) for e in agreement.pending] == [
        (Verb.DRAFTED, "v0.1"),
        (Verb.ACTIVATED, "v0.0"),
    ]


# Questions


def test_whose_it_is():
    agreement = active()

    assert agreement.is_party({CSU})
    assert not agreement.is_party({"00L"})
    assert agreement.versions[0].controllers() == (CCG,)
    assert agreement.versions[0].processors() == (CSU,)
    assert agreement.versions[0].parties[0] == Party(
        ods=CCG, capacity=Capacity.CONTROLLER, legal_name="NHS Barnsley CCG"
    )


def test_a_line_knows_the_commissioners_of_its_population():
    national = line() | {"population": {"rule": "national"}}
    nothing = line(2, "DIDS") | {"population": None}
    own, other = active(), active(lines=[national, nothing])

    assert own.versions[0].lines[0].commissioners() == (CCG,)
    assert other.versions[0].lines[0].commissioners() == ()
    assert other.versions[0].lines[1].commissioners() == ()


# Closing


def test_what_is_closed_takes_no_version_no_signature_and_no_end():
    closed = active().terminate(reason="asked for", at=NOW).close(at=NOW)
    following = next_version(approved(version="v1.0", kind="renewal"), new_id=new_id)

    assert state(closed) is AgreementState.CLOSED
    assert closed.close(at=end_of(END)) is closed
    assert closed.terminate(reason="again", at=NOW) is closed
    with pytest.raises(TransitionRefused, match="is closed"):
        closed.add_version(following)
    with pytest.raises(TransitionRefused, match="is closed"):
        drafted().close(at=NOW).sign(signature(closed.versions[0], CCG))


def test_an_agreement_of_which_files_are_out_is_over_and_then_due():
    out = replace(FACTS, has_files_out=True)
    ended = active().settle(NOW, out)

    assert state(ended, NOW, out) is AgreementState.ACTIVE
    assert state(ended, end_of(END), out) is AgreementState.DESTRUCTION_DUE
    told = replace(ended, pending=()).settle(end_of(END), out)
    assert verbs(told) == [Verb.EXPIRED, Verb.DESTRUCTION_DUE]
    known = replace(ended, announced_state=AgreementState.EXPIRED, pending=())
    assert verbs(known.settle(end_of(END), out)) == [Verb.DESTRUCTION_DUE]


def test_nothing_is_due_while_a_renewal_is_awaited_or_is_to_begin():
    out = replace(FACTS, has_files_out=True)
    renewal = Renewal(id=new_id(), application_id=APPLICATION, submitted_at=NOW)
    awaiting = active().await_renewal(renewal)
    last = end_of(END + timedelta(days=90))

    assert state(awaiting, end_of(END), out) is AgreementState.LAPSED_HOLD
    assert awaiting.ended(end_of(END), out) is None
    assert awaiting.ended(last, out) == (AgreementState.EXPIRED, last)
    dropped = awaiting.drop_renewal(APPLICATION, at=end_of(END) + timedelta(days=3))
    since = end_of(END) + timedelta(days=3)
    assert dropped.ended(since, out) == (AgreementState.EXPIRED, since)
    later = END + timedelta(days=10)
    renewed = sign_all(
        active().add_version(
            next_version(
                approved(
                    version="v1.0",
                    kind="renewal",
                    start=later.isoformat(),
                    end=(later + timedelta(days=300)).isoformat(),
                ),
                new_id=new_id,
            )
        ),
        at=NOW,
    )
    assert renewed.ended(end_of(END), out) is None
    assert state(renewed, end_of(END), out) is AgreementState.EXPIRED
