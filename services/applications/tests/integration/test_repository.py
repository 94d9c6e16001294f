"""What is stored, on SQLite and PostgreSQL: state, history, snapshot, event and audit together."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlmodel import Session

from applications.db.repository import SnapshotAltered
from applications.db.tables import ApplicationRow, SnapshotRow, StepRow, metadata
from applications.domain.errors import (
    ApplicationNotFound,
    FindingsRefuse,
    OwnApplication,
    SnapshotNotFound,
)
from applications.domain.life import Outcome, Query, State
from applications.domain.routing import Triage
from applications.domain.sections.forms import Kind
from applications.domain.sections.parties import Length
from applications.domain.sections.terms import Condition
from applications.use_cases import applications, decisions, snapshots
from applications.use_cases.ports import Scope
from common.db import migrate
from common.db.idempotency import IdempotencyKeyReused
from common.db.tables import audit_leaf, outbox
from common.errors import EditedMeanwhile, Unavailable
from common.ids import DARS_REFERENCE
from common.security.principal import BODY
from common.security.roles import Role
from services.applications.tests.answers import CCG, CSU, TODAY, agreement, as_renewal, complete
from services.applications.tests.answers import known as known_facts
from services.applications.tests.world import (
    APPROVER,
    EDITOR,
    MEMBER,
    OFFICER,
    acting,
    answered,
    drafted,
    in_review,
    principal,
    submitted,
)

ALL = Scope(None)


def said(engine):
    with Session(engine) as session:
        return [json.loads(e) for (e,) in session.execute(select(outbox.c.event))]


def counted(engine, what):
    with Session(engine) as session:
        return session.execute(select(func.count()).select_from(what)).scalar_one()


def audited(engine):
    with Session(engine) as session:
        rows = session.execute(select(audit_leaf.c.entry).order_by(audit_leaf.c.index))
        return [json.loads(entry) for (entry,) in rows]


def everything(engine):
    with Session(engine) as session:
        return {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def save_withdrawn(world, tx, application):
    ctx = acting(world)
    changed = application.withdraw(by=ctx.actor, at=ctx.now())
    tx.applications.save(changed, audit=ctx.entry(changed, "application-withdrawn", ctx.now()))


def test_the_tables_are_those_of_the_migrations(engine):
    migrate.check(engine, "applications")


def test_what_was_stored_is_what_is_read(world):
    application = in_review(world)
    referred = decisions.refer_to_advice(
        application.id, Triage(novel=True), expected=None, ctx=acting(world, OFFICER)
    )
    advised = decisions.advise(
        referred.id,
        Outcome.RECOMMENDED_WITH_CONDITIONS,
        reason="With a notice.",
        conditions=[Condition(id="c1", text="Notice.", due=date(2021, 12, 31), owner=CCG)],
        queries=(),
        expected=None,
        ctx=acting(world, MEMBER),
    )

    with world.uow.reading() as tx:
        assert tx.applications.get(application.id, ALL) == advised


def test_state_history_snapshot_event_and_audit_are_stored_together(engine, world):
    application = submitted(world)

    assert application.state is State.SUBMITTED
    assert DARS_REFERENCE.fullmatch(application.reference)
    assert (application.label, application.revision) == ("v0.0", 1)
    (event,) = said(engine)
    assert event["type"] == "applications.application-submitted.v1"
    assert event["topic"] == "applications.application"
    assert event["aggregate_version"] == application.version
    assert event["data"] == {
        "application_id": str(application.id),
        "reference": application.reference,
        "version": "v0.0",
        "revision": 1,
        "state": "SUBMITTED",
        "snapshot_hash": application.snapshot_hash,
    }
    content = snapshots.read(application.snapshot_hash, ctx=acting(world))
    assert json.loads(content)["reference"] == application.reference
    lines = applications.history(application.id, after=None, limit=50, ctx=acting(world))
    assert [line.version for line in lines] == [1, *[2] * 20, 3]
    assert (lines[0].step.verb, lines[-1].step.verb) == ("draft", "submit")
    leaves = audited(engine)
    assert len(leaves) == 3
    assert leaves[-1]["action"] == "application-submitted"
    assert leaves[-1]["resource"] == f"applications/{application.id}"
    assert leaves[-1]["detail"]["snapshot"] == application.snapshot_hash


def test_nothing_is_stored_when_the_transaction_fails(engine, world):
    application = answered(world)
    before = everything(engine)

    def fail_after_saving():
        with world.uow.writing() as tx:
            read = tx.applications.get(application.id, ALL)
            save_withdrawn(world, tx, read)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_after_saving()

    assert everything(engine) == before


def test_with_agreements_away_nothing_is_written(engine, world, facts):
    application = answered(world)
    before = everything(engine)
    facts.known = Unavailable("away")

    with pytest.raises(Unavailable):
        applications.submit(application.id, replies={}, expected=None, ctx=acting(world))

    assert everything(engine) == before


def test_a_refused_submission_writes_nothing_and_names_every_finding(engine, world):
    raw = complete()
    raw[19]["confirmed"] = False
    raw[3]["processors"][0]["documented_instructions"] = False
    application = answered(world, raw)
    before = everything(engine)

    with pytest.raises(FindingsRefuse) as refused:
        applications.submit(application.id, replies={}, expected=None, ctx=acting(world))

    assert [r.code for r in refused.value.refusals] == [
        "INSTRUCTIONS_NOT_CONFIRMED",
        "NOTICE_NOT_CONFIRMED",
    ]
    assert everything(engine) == before


def test_agreements_is_asked_about_every_party_and_every_population(world, facts):
    raw = complete()
    raw[7]["lines"][0]["population"] = {"rule": "list", "commissioners": [CCG, "03N"]}
    application = answered(world, raw)

    applications.findings(application.id, ctx=acting(world))

    (asked,) = facts.asked
    assert (asked.day, list(asked.parties)) == (TODAY, [CCG, CSU])
    assert list(asked.commissioners) == ["03N"]
    assert not asked.is_identifiable


def test_a_stale_version_is_refused(world):
    stale = drafted(world)
    applications.withdraw(stale.id, expected=None, ctx=acting(world))

    with pytest.raises(EditedMeanwhile), world.uow.writing() as tx:
        save_withdrawn(world, tx, stale)


def test_an_expected_version_that_was_passed_is_refused(world):
    application = answered(world)

    with pytest.raises(EditedMeanwhile):
        applications.withdraw(application.id, expected=application.version - 1, ctx=acting(world))
    with pytest.raises(EditedMeanwhile):
        applications.submit(
            application.id, replies={}, expected=application.version - 1, ctx=acting(world)
        )


def test_the_same_step_sent_again_is_taken_once(engine, world):
    application = answered(world)
    version = application.version

    first = applications.submit(application.id, replies={}, expected=version, ctx=acting(world))
    again = applications.submit(application.id, replies={}, expected=version, ctx=acting(world))
    assert again == first
    reviewed = decisions.review(first.id, expected=first.version, ctx=acting(world, OFFICER))
    assert (
        decisions.review(first.id, expected=first.version, ctx=acting(world, OFFICER)) == reviewed
    )
    assert len(said(engine)) == 1
    with pytest.raises(EditedMeanwhile):  # somebody else's step, not the same
        decisions.review(
            first.id, expected=first.version, ctx=acting(world, replace(OFFICER, subject="other"))
        )


def test_an_answer_sent_again_is_one_answer_and_another_is_not_lost(world):
    draft = drafted(world)
    length = Length(start=date(2021, 6, 1), end=date(2024, 5, 31))

    first = applications.answer(draft.id, length, expected=1, ctx=acting(world))
    assert applications.answer(draft.id, length, expected=1, ctx=acting(world)) == first
    with pytest.raises(EditedMeanwhile):
        applications.answer(
            draft.id,
            length.model_copy(update={"justification": "From the other tab."}),
            expected=1,
            ctx=acting(world),
        )


def test_a_submission_checks_what_it_stores(world, facts):
    application = answered(world)
    original = facts.facts

    def edited_meanwhile(asked):
        facts.facts = original
        applications.answer(
            application.id,
            Length(start=date(2021, 6, 1), end=date(2022, 5, 31)),
            expected=None,
            ctx=acting(world),
        )
        return original(asked)

    facts.facts = edited_meanwhile

    with pytest.raises(EditedMeanwhile):
        applications.submit(application.id, replies={}, expected=None, ctx=acting(world))


def test_one_idempotency_key_begins_one_application(world):
    first = drafted(world, key="k1", fingerprint="f1")

    assert drafted(world, key="k1", fingerprint="f1") == first
    with pytest.raises(IdempotencyKeyReused):
        drafted(world, key="k1", fingerprint="f2")
    other = replace(EDITOR, subject="another")
    assert drafted(world, other, key="k1", fingerprint="f1").id != first.id


def test_one_key_sent_at_once_begins_one_application(engine, world):
    with ThreadPoolExecutor(4) as pool:
        begun = list(pool.map(lambda _: drafted(world, key="k1", fingerprint="f1").id, range(4)))

    assert len(set(begun)) == 1
    assert counted(engine, ApplicationRow) == 1


def test_others_applications_are_not_there(world):
    mine = drafted(world)
    theirs = drafted(world, principal(organisation="00L", subject="theirs"))

    with pytest.raises(ApplicationNotFound):
        applications.get(theirs.id, ctx=acting(world))
    with pytest.raises(ApplicationNotFound):
        applications.get(UUID(int=9), ctx=acting(world))
    found = applications.page(state=None, after=None, limit=50, ctx=acting(world))
    assert [s.id for s in found] == [mine.id]


def test_the_bodys_staff_see_all_and_a_role_alone_does_not_make_them_staff(world):
    mine = drafted(world)
    theirs = drafted(world, principal(organisation="00L", subject="theirs"))

    def ids(who):
        found = applications.page(state=None, after=None, limit=50, ctx=acting(world, who))
        return [s.id for s in found]

    assert ids(OFFICER) == [mine.id, theirs.id]
    assert ids(principal(Role.DARS_CASE_OFFICER, "x", "00L")) == [theirs.id]
    assert ids(principal(Role.APPLICANT_EDITOR, "x", BODY)) == []


def test_pages_are_in_order_of_creation_and_by_state(world):
    drafts = [drafted(world) for _ in range(5)]
    applications.withdraw(drafts[3].id, expected=None, ctx=acting(world))

    def ids(**given):
        asked = {"state": None, "after": None, "limit": 50, **given}
        return [s.id for s in applications.page(**asked, ctx=acting(world))]

    assert ids(after=drafts[1].id, limit=2) == [d.id for d in drafts[2:4]]
    assert ids(state=State.WITHDRAWN) == [drafts[3].id]
    history = applications.history(drafts[3].id, after=None, limit=1, ctx=acting(world))
    following = applications.history(drafts[3].id, after=history[0].id, limit=5, ctx=acting(world))
    assert [line.step.verb for line in following] == ["withdraw"]


@pytest.mark.scenario("A29")
def test_withdrawal_in_review_keeps_the_history(engine, world):
    application = in_review(world)

    withdrawn = applications.withdraw(application.id, expected=None, ctx=acting(world))

    assert withdrawn.state is State.WITHDRAWN
    lines = applications.history(application.id, after=None, limit=50, ctx=acting(world))
    assert [line.step.verb for line in lines][-3:] == ["submit", "review", "withdraw"]
    assert said(engine)[-1]["type"] == "applications.application-withdrawn.v1"
    assert snapshots.read(withdrawn.snapshot_hash, ctx=acting(world))


def test_a_return_is_answered_and_makes_a_new_revision(engine, world):
    application = in_review(world)
    asked = [Query(id="1", standard=7, text="Why by month?")]
    returned = decisions.return_(application.id, asked, expected=None, ctx=acting(world, OFFICER))

    with pytest.raises(FindingsRefuse) as refused:
        applications.submit(returned.id, replies={}, expected=None, ctx=acting(world))
    assert refused.value.code == "QUERY_UNANSWERED"
    again = applications.submit(
        returned.id, replies={"1": "Waits are published so."}, expected=None, ctx=acting(world)
    )

    assert (again.reference, again.label, again.revision) == (
        application.reference,
        "v0.0",
        2,
    )
    assert again.snapshot_hash != application.snapshot_hash
    first, second = (
        json.loads(snapshots.read(h, ctx=acting(world)))
        for h in (application.snapshot_hash, again.snapshot_hash)
    )
    assert (first["revision"], second["revision"]) == (1, 2)
    assert [e["data"]["revision"] for e in said(engine)] == [1, 1, 2]


def with_approval(world, conditions=(), further=(), met=frozenset()):
    application = in_review(world)
    decisions.refer_to_advice(application.id, Triage(), expected=None, ctx=acting(world, OFFICER))
    decisions.advise(
        application.id,
        Outcome.RECOMMENDED_WITH_CONDITIONS if conditions else Outcome.RECOMMENDED,
        reason="",
        conditions=conditions,
        queries=(),
        expected=None,
        ctx=acting(world, MEMBER),
    )
    approved = decisions.approve(
        application.id,
        reason="",
        met=met,
        further=further,
        as_published={},
        expected=None,
        ctx=acting(world, APPROVER),
    )
    return application, approved


def test_what_was_handed_in_is_what_is_approved(engine, world):
    application, approved = with_approval(world)

    assert approved.state is State.APPROVED
    assert approved.snapshot_hash == application.snapshot_hash
    assert said(engine)[-1]["type"] == "applications.application-approved.v1"
    assert said(engine)[-1]["data"]["snapshot_hash"] == approved.snapshot_hash
    assert counted(engine, SnapshotRow) == 1


def test_conditions_of_the_decision_are_frozen_beside_what_was_handed_in(engine, world):
    first, second, third = (
        Condition(id=f"c{n}", text="Do.", due=date(2021, 12, 31), owner=CCG) for n in range(3)
    )

    application, approved = with_approval(
        world, conditions=[first, second], further=[third], met=frozenset({"c0"})
    )

    assert approved.conditions == (second, third)
    assert approved.snapshot_hash != application.snapshot_hash
    content = json.loads(snapshots.read(approved.snapshot_hash, ctx=acting(world)))
    assert [c["id"] for c in content["special_conditions"]] == ["c1", "c2"]
    assert content["revision"] == 1
    assert json.loads(snapshots.read(application.snapshot_hash, ctx=acting(world)))
    assert said(engine)[-1]["data"]["snapshot_hash"] == approved.snapshot_hash


def test_the_author_cannot_approve_and_nothing_is_written(engine, world):
    application = in_review(world)
    decisions.refer_to_advice(application.id, Triage(), expected=None, ctx=acting(world, OFFICER))
    decisions.advise(
        application.id,
        Outcome.RECOMMENDED,
        reason="",
        conditions=(),
        queries=(),
        expected=None,
        ctx=acting(world, MEMBER),
    )
    before = everything(engine)

    with pytest.raises(OwnApplication):
        decisions.approve(
            application.id,
            reason="",
            met=frozenset(),
            further=(),
            as_published={},
            expected=None,
            ctx=acting(world, replace(APPROVER, subject="editor")),
        )

    assert everything(engine) == before


def test_an_extension_carries_the_reference_on_and_is_compared_with_what_is_in_force(world, facts):
    _, approved = with_approval(world)
    with world.uow.reading() as tx:
        signed = json.loads(tx.snapshots.get(approved.snapshot_hash))
    agreed = agreement(
        reference=approved.reference,
        start=date(2021, 6, 1),
        end=date(2024, 5, 31),
        snapshot=signed,
    )
    facts.known = replace(known_facts(), agreement=agreed)
    raw = as_renewal(complete())
    raw[1]["end"] = "2024-05-24"  # three years from the expected signature

    with pytest.raises(FindingsRefuse) as refused:
        submitted(world, raw, kind=Kind.EXTENSION, amends=approved.reference)
    assert "NOT_EXTENDED" in {r.code for r in refused.value.refusals}
    facts.known = replace(known_facts(), agreement=replace(agreed, end=date(2023, 5, 31)))
    facts.known = replace(
        facts.known,
        agreement=replace(facts.known.agreement, snapshot=signed | {"imported": {}, "end": ""}),
    )
    extension = submitted(world, raw, kind=Kind.EXTENSION, amends=approved.reference)
    assert (extension.reference, extension.label) == (approved.reference, "v1.1")
    raw[20] = {"territory": "uk"}
    with pytest.raises(FindingsRefuse) as refused:
        submitted(world, raw, kind=Kind.EXTENSION, amends=approved.reference)
    assert refused.value.refusals[0].code == "CHANGES_MORE_THAN_ITS_KIND"


def test_a_draft_keeps_its_standards_and_is_judged_by_those_of_the_day(world, clock):
    application = answered(world)
    clock.advance(timedelta(days=500))

    examination = applications.findings(application.id, ctx=acting(world))

    assert application.standards[1] == "v1.0"
    assert [d.number for d in examination.differences] == [1, 4]
    assert not examination.can_be_submitted  # the start has passed


def test_a_snapshot_that_was_altered_is_not_given_out(engine, world):
    application = submitted(world)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE snapshot SET content = :content"), {"content": b'{"altered":true}'}
        )

    with pytest.raises(SnapshotAltered):
        snapshots.read(application.snapshot_hash, ctx=acting(world))
    with pytest.raises(SnapshotNotFound):
        snapshots.read("sha256:" + "0" * 64, ctx=acting(world))


def test_a_history_holds_ids_and_no_text(engine, world):
    in_review(world)

    with Session(engine) as session:
        details = [row.detail for row in session.scalars(select(StepRow))]
    allowed = {"section", "snapshot", "body", "because", "outcome"}
    assert all(set(detail) <= allowed for detail in details)
