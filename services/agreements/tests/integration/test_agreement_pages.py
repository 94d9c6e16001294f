"""A page of agreements is each of them as it is by itself, and costs no query more for each."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlmodel import Session

from agreements import main
from agreements.db.read import known
from agreements.db.repository import SqlUnitOfWork
from agreements.db.seals.sealed import (
    SEALED,
    digest_as_read,
    digest_of_rows,
    read,
)
from agreements.db.seals.stored import read_as_stored
from agreements.db.tables import AgreementVersionRow
from agreements.records.adapters.workers import Announcer
from agreements.records.domain.agreement import Circumstances, Renewal
from agreements.records.domain.hold import Hold
from agreements.records.domain.task import Task, TaskKind
from agreements.records.domain.terms.agreement_life import AgreementState
from agreements.records.domain.terms.search import EVERYTHING, AgreementSearch
from agreements.records.use_cases import agreements as use_cases
from agreements.records.use_cases.contracts import FactsAbout
from agreements.records.use_cases.ports import Slice
from common import unreadable
from common.audit import Entry
from common.clock import legal_day, start_of
from common.db.prepared import Prepared
from common.security.roles import Role
from services.agreements.tests.facts import END, NOW, active, drafted, line, new_id
from services.agreements.tests.reference.seeding import SEALER
from services.agreements.tests.service import settings

DATA_SETS = ("SUS_APC", "DIDS", "SUS_OP", "SUS_AE")
ENTRY = Entry(
    at=NOW,
    action="tried",
    resource="things/1",
    subject="ann",
    client_id="ann",
    organisation="X26",
    role="contract-manager",
)


@pytest.fixture
def database_kind():
    return "sqlite"


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


@pytest.fixture
def uow(engine, clock):
    return SqlUnitOfWork(engine, clock, SEALER)


@pytest.fixture
def ctx(engine, clock, tmp_path):
    made = main.Parts(settings(str(engine.url), tmp_path), clock)
    yield made.context(Role.SERVICE_AGREEMENTS)
    made.close()


def several(many):
    """Each with lines, conditions, holds, signatures and renewals of its own, or none."""
    return [one(n) for n in range(many)]


def one(n):
    condition = {"id": str(n), "text": f"Report {n}", "due": "2018-09-01", "owner": "02P"}
    agreement = (active, drafted)[n % 3 == 2](
        reference=f"DARS-NIC-{100_000 + n}-A1B2C",
        application_id=str(UUID(int=n + 1)),
        lines=[line(k + 1, DATA_SETS[k]) for k in range(1 + n % 4)],
        special_conditions=[condition] * (n % 2),
    )
    if n % 3 == 0:
        held = agreement.held_lines([1], NOW)
        agreement = agreement.hold(
            Hold(
                id=new_id(),
                breach_id=None,
                whole=False,
                lines=held,
                reason=f"reason {n}",
                set_at=NOW,
                set_by="ann",
            )
        ).await_renewal(Renewal(id=new_id(), application_id=new_id(), submitted_at=NOW))
    return replace(agreement.settle(NOW, Circumstances()), pending=())


def saved(uow, agreements):
    with uow.writing() as tx:
        return [tx.agreements.save(agreement, audit=ENTRY) for agreement in agreements]


@contextmanager
def counted(engine):
    """Statements that SQLAlchemy runs, and those that are handed to the driver."""
    said = []
    every = Prepared.every

    def count(_connection, _cursor, statement, *_rest):
        said.append(statement)

    def handed(prepared, *given):
        said.append(str(prepared._statement))
        return every(prepared, *given)

    event.listen(engine, "before_cursor_execute", count)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Prepared, "every", handed)
        yield said
    event.remove(engine, "before_cursor_execute", count)


def page(uow, rows=100):
    with uow.reading() as tx:
        return tx.agreements.page(Slice(after=None, rows=rows), scope=None)


def test_a_page_is_each_agreement_as_it_is_by_itself(uow):
    stored = saved(uow, several(9))

    found = page(uow)

    with uow.reading() as tx:
        alone = [tx.agreements.get(a.reference, scope=None) for a in stored]
    assert found == sorted(alone, key=lambda a: a.id)
    assert [len(a.versions[0].lines) for a in alone] == [1, 2, 3, 4, 1, 2, 3, 4, 1]
    assert [len(a.versions[0].conditions) for a in alone] == [0, 1] * 4 + [0]
    assert [len(a.holds) for a in alone] == [len(a.renewals) for a in alone] == [1, 0, 0] * 3
    assert [h.reason for a in alone for h in a.holds] == ["reason 0", "reason 3", "reason 6"]
    assert [len(a.versions[0].signatures) for a in alone] == [3, 3, 0] * 3


@pytest.mark.parametrize(
    "database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_rows_with_json_as_it_is_stored_have_the_digests_that_were_sealed(engine, uow):
    sealed = SEALED[AgreementVersionRow]
    kept = saved(uow, several(3))

    with Session(engine) as session:
        ids = [agreement.id for agreement in kept]
        stored, whole = read_as_stored(session, sealed, ids), read(session, sealed, ids)
        contents = [
            row[of.position("content")]
            for [kept_row] in stored.values()
            for of, rows in kept_row.parts
            if of.name == "agreement_line"
            for row in rows
        ]

    assert contents
    assert {type(content) for content in contents} == {str}
    for id_ in ids:
        assert [one.record() for one in stored[id_]] == [one.record() for one in whole[id_]]
        expected = digest_of_rows(one.record() for one in whole[id_])
        assert digest_as_read(stored[id_]) == digest_as_read(whole[id_]) == expected


@pytest.mark.parametrize("content", ["nothing", "[]"])
def test_of_a_page_only_what_cannot_be_read_is_said_to_be_unlike_its_seal(engine, ctx, content):
    stored = saved(ctx.uow, several(5))
    bad = stored[1].versions[0].id
    with engine.begin() as connection:
        done = connection.execute(
            text("UPDATE agreement_line SET content = :c WHERE agreement_version_id = :bad"),
            {"bad": bad.hex, "c": content},
        )
        assert done.rowcount > 0

    found = use_cases.page(Slice(after=None, rows=9), ctx=ctx)

    assert {a.one.agreement.id: a.not_as_sealed for a in found} == {
        a.id: ("agreement_version",) if a is stored[1] else () for a in stored
    }


def test_a_longer_page_is_read_by_as_many_statements(engine, uow):
    saved(uow, several(12))
    with counted(engine) as few:
        assert len(page(uow, rows=3)) == 3
    with counted(engine) as many:
        assert len(page(uow, rows=12)) == 12

    assert len(many) == len(few)


def test_what_states_rest_on_is_asked_once_for_all(engine, uow, ctx):
    stored = saved(uow, several(12))

    def asked(some):
        with uow.reading() as tx, counted(engine) as said:
            facts = FactsAbout(tx, some, NOW, ctx)
            assert all(facts.of(agreement).without_contract == {"02P"} for agreement in some)
        return len(said)

    assert asked(stored) == asked(stored[:1])


def test_a_longer_page_is_shown_by_as_many_statements(ctx):
    """With their tasks, and held against their seals."""
    stored = saved(ctx.uow, several(12))
    with ctx.uow.writing() as tx:
        tx.tasks.save(*(task(a, n) for a in stored[:2] for n in range(3)), audit=ENTRY)

    def shown(rows):
        with counted(ctx.uow._inner.engine) as said:
            found = use_cases.page(Slice(after=None, rows=rows), ctx=ctx)
        assert not any(one.not_as_sealed for one in found)
        of_each = [len(one.one.tasks) for one in found]
        return len(said), of_each

    few, many = shown(3), shown(12)

    assert (few[1], many[1]) == ([2, 2, 0], [2, 2] + [0] * 10)
    assert many[0] == few[0]


def test_the_same_rows_are_the_same_agreement_and_one_other_value_is_another(engine, uow):
    [kept, changed] = [a.id for a in saved(uow, several(2))]
    before = {a.id: a for a in page(uow)}
    assert all(a is before[a.id] for a in page(uow))

    with engine.begin() as connection:
        statement = "UPDATE task SET subject = 'x' WHERE agreement_id = :id"
        connection.execute(text(statement), {"id": changed.hex})
        statement = "UPDATE agreement SET recorded_at = '2001-01-01 00:00:00.000000' WHERE id = :id"
        assert connection.execute(text(statement), {"id": changed.hex}).rowcount == 1

    with uow.reading() as tx:
        after = {a.id: a for a in tx.agreements.page(Slice(after=None, rows=9), scope=None)}
        unlike = tx.not_as_sealed([after[kept]], [after[changed]], [before[changed]])
    assert after[kept] is before[kept]
    assert after[changed] is not before[changed]
    assert unlike == [(), ("agreement",), ("agreement",)]


def test_what_is_kept_of_agreements_is_bounded(uow, monkeypatch):
    monkeypatch.setattr(known, "KNOWN_BYTES_MAX", 1)
    saved(uow, several(9))

    first, second = page(uow), page(uow)

    assert first == second
    assert not any(one is other for one, other in zip(first, second, strict=True))


def test_what_was_read_before_others_went_on_is_compared_with_what_they_sealed(uow):
    stored = saved(uow, several(2))
    with uow.reading() as tx:
        found = tx.agreements.page(Slice(after=None, rows=9), scope=None)
        saved(uow, [one(7)])
        assert uow.not_as_sealed(found[:1]) == [()]

        assert tx.not_as_sealed(*([agreement] for agreement in found)) == [()] * len(stored)


def test_who_writes_compares_nothing_with_what_it_has_not_sealed(uow):
    [stored] = saved(uow, several(1))
    with uow.writing() as tx, pytest.raises(LookupError):
        tx.not_as_sealed([stored])


def task(agreement, number):
    """The first of them is done."""
    return Task(
        id=new_id(),
        agreement_id=agreement.id,
        kind=TaskKind.AMEND_PLACES,
        subject=f"LCR-{number}",
        raised_at=NOW,
        done_at=None if number else NOW,
    )


def test_one_that_cannot_be_read_does_not_hide_the_others(engine, uow):
    stored = saved(uow, several(5))
    bad = stored[1].versions[0].id
    with engine.begin() as connection:
        done = connection.execute(
            text("UPDATE agreement_party SET capacity = 'x' WHERE agreement_version_id = :bad"),
            {"bad": bad.hex},
        )
        assert done.rowcount > 0

    found = page(uow)

    assert {a.id for a in found} == {a.id for a in stored} - {stored[1].id}
    assert unreadable.noted() == (stored[1].id,)


SEARCHES = (
    AgreementSearch(text="nic-10000"),
    AgreementSearch(controllers={"02P"}, processors={"0DF"}),
    AgreementSearch(data_set="SUS_OP", purpose="COM"),
    AgreementSearch(states=[AgreementState.SUSPENDED, AgreementState.AWAITING_SIGNATURE]),
    AgreementSearch(ends_from=END, ends_until=END),
)


@pytest.mark.parametrize(
    "database_kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_a_search_takes_as_many_statements_as_the_list(engine, uow):
    saved(uow, several(8))

    def searched(search):
        with uow.reading() as tx, counted(engine) as said:
            found = tx.agreements.page(Slice(after=None, rows=9), scope=None, search=search)
        return len(said), [agreement.reference[9:15] for agreement in found]

    counts, found = zip(*map(searched, (EVERYTHING, *SEARCHES)), strict=True)
    every = [f"{100_000 + n}" for n in range(8)]
    assert found == (
        every,
        every,
        every,
        [*every[2:4], *every[6:]],
        [every[n] for n in (0, 2, 5)],
        every,
    )
    assert len(set(counts)) == 1


def test_the_announcer_goes_through_all_where_facts_or_the_day_changed_and_now_and_then(ctx, clock):
    stored = saved(ctx.uow, several(6))
    announcer = Announcer(ctx, every_seconds=1)

    def statements():
        with counted(ctx.uow._inner.engine) as said:
            announcer.turn()
        return sum("agreement_line" in one for one in said)

    while statements():  # what it announces are changes of facts, which it looks at once more
        pass
    assert [statements() for _ in range(3)] == [0, 0, 0]

    with ctx.uow.writing() as tx:
        tx.tasks.save(task(stored[0], 1), audit=ENTRY)
    assert [statements() > 0, statements() > 0] == [True, False]
    clock.advance(timedelta(seconds=59))
    assert statements() == 0
    clock.advance(timedelta(seconds=1))
    assert [statements() > 0, statements() > 0] == [True, False]
    clock.set(start_of(legal_day(clock.now()) + timedelta(days=1)) - timedelta(seconds=1))
    while statements():
        pass
    clock.advance(timedelta(seconds=1))
    assert statements() > 0
