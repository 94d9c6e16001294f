"""The intake's repositories, on SQLite and on PostgreSQL."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlmodel import Session, select

from common.audit.entries import Entry as AuditEntry
from common.db import migrate
from common.errors import EditedMeanwhile
from common.ids import new_id
from common.replacement import Change, ReplacementStatus
from common.replacement import State as Replacement
from pseudonymisation.db.intake import intake_unit_of_work
from pseudonymisation.db.tables import EditionRow
from pseudonymisation.intake.domain.edition import Edition, MapVersion, Place, Status
from pseudonymisation.intake.domain.errors import SubmissionNotFound
from pseudonymisation.intake.domain.lives.submission import SubmissionState
from pseudonymisation.intake.domain.period import Period
from pseudonymisation.intake.domain.quality import QuarantineEntry
from pseudonymisation.intake.domain.submission import Submission
from pseudonymisation.intake.domain.written import Content
from pseudonymisation.intake.use_cases.ports import Scope

AT = datetime(2018, 6, 1, 9, tzinfo=UTC)
AUDIT = AuditEntry(
    at=AT,
    action="test",
    resource="submissions/x",
    subject="s",
    client_id="c",
    organisation="X26",
    role="dscro-operator",
)
ALL = Scope(None)


@pytest.fixture
def engine(migrated):
    return migrated("pseudonymisation")


@pytest.fixture
def uow(engine):
    return intake_unit_of_work(engine)


def submission(**changes) -> Submission:
    made = Submission(
        id=new_id(),
        data_set="SUS_APC",
        catalogue_version="1.0",
        catalogue_digest="sha256:00",
        period=Period("2018-04", "2018-04"),
        provider="RR8",
        submitted_by="RR8",
        created_at=AT,
    )
    return replace(made, **changes)


def received(at: datetime = AT, **changes) -> Submission:
    content = Content(
        key=f"uploads/{uuid4()}", bytes=1, digest="sha256:11", header="a,b", records=7
    )
    return submission(**changes).receive(content, edition_id=new_id(), at=at)


def edition(number: int = 1, **changes) -> Edition:
    made = Edition(
        id=new_id(),
        data_set="SUS_APC",
        catalogue_version="1.0",
        catalogue_digest="sha256:00",
        period=Period("2018-04", "2018-04"),
        provider="RR8",
        number=number,
        status=Status.CURRENT,
        submission_id=new_id(),
        object_key="editions/x/1.parquet",
        rows=5_000_000_000,
        bytes=9,
        practice_map=MapVersion(id=uuid4(), digest="sha256:22"),
        postcode_map=None,
        landed_at=AT,
        standing=ReplacementStatus(
            state=Replacement.ACCEPTED,
            change=Change(before=0, after=5_000_000_000, added=5_000_000_000, removed=0),
            proposed_by="RR8",
            proposed_at=AT,
        ),
    )
    return replace(made, **changes)


def stored(uow, *given):
    with uow.writing() as tx:
        return [
            (tx.submissions if isinstance(one, Submission) else tx.editions).save(one, audit=AUDIT)
            for one in given
        ]


def test_tables_and_migrations_agree(engine):
    migrate.check(engine, "pseudonymisation")


def test_what_was_stored_is_read(uow):
    (first,) = stored(uow, received())
    (second,) = stored(uow, edition())

    with uow.reading() as tx:
        assert tx.submissions.get(first.id, ALL) == first
        assert tx.editions.get(second.id, ALL) == second


def test_a_stale_version_is_refused(uow):
    (first,) = stored(uow, submission())
    stored(uow, replace(first, code="X"))

    with pytest.raises(EditedMeanwhile):
        stored(uow, replace(first, code="Y"))


def test_an_organisation_sees_what_it_sent_or_what_is_its_own(uow):
    own, sent, other = stored(
        uow,
        submission(),
        submission(provider="R0A", submitted_by="0CL"),
        submission(provider="R0A", submitted_by="R0A"),
    )

    with uow.reading() as tx:
        assert tx.submissions.get(own.id, Scope(frozenset({"RR8"}))).id == own.id
        assert tx.submissions.get(sent.id, Scope(frozenset({"0CL"}))).id == sent.id
        with pytest.raises(SubmissionNotFound):
            tx.submissions.get(other.id, Scope(frozenset({"RR8"})))
        mine = tx.submissions.page(Scope(frozenset({"RR8"})), data_set=None, after=None, limit=10)
        assert [found.id for found in mine] == [own.id]


def test_pages_are_in_order_of_creation(uow):
    ids = [one.id for one in stored(uow, *[submission() for _ in range(5)])]

    with uow.reading() as tx:
        page = tx.submissions.page(ALL, data_set="SUS_APC", after=ids[1], limit=2)
        assert [one.id for one in page] == ids[2:4]
        assert tx.submissions.page(ALL, data_set="DIDS", after=None, limit=2) == []


def test_the_oldest_that_nobody_works_on_is_claimed(uow):
    later, first = stored(uow, received(AT + timedelta(seconds=1), provider="R0A"), received(AT))

    with uow.writing() as tx:
        (found,) = tx.submissions.claimable(AT, limit=1)
        assert found.id == first.id
        tx.submissions.keep_claim(found.claim(new_id(), until=AT + timedelta(seconds=60)))
    with uow.writing() as tx:
        assert [one.id for one in tx.submissions.claimable(AT, limit=9)] == [later.id]
        after = AT + timedelta(seconds=60)
        assert [one.id for one in tx.submissions.claimable(after, limit=9)] == [first.id, later.id]


def test_a_resubmission_is_not_claimed_before_what_it_supersedes(uow):
    first, second = stored(uow, received(AT), received(AT + timedelta(seconds=1)))

    with uow.writing() as tx:
        assert [one.id for one in tx.submissions.claimable(AT, limit=9)] == [first.id]
        claimed = tx.submissions.keep_claim(first.claim(new_id(), until=AT))
        tx.submissions.save(claimed.reject(code="X", detail="x", at=AT), audit=AUDIT)
    with uow.writing() as tx:
        assert [one.id for one in tx.submissions.claimable(AT, limit=9)] == [second.id]


def test_two_workers_never_claim_the_same(uow):
    stored(uow, *[received(AT, provider=f"R0{n}") for n in range(6)])
    claimed: list = []
    lock = threading.Lock()

    def work() -> None:
        while True:
            try:
                with uow.writing() as tx:
                    found = tx.submissions.claimable(AT, limit=1)
                    if not found:
                        return
                    claim = found[0].claim(new_id(), until=AT + timedelta(seconds=60))
                    tx.submissions.keep_claim(claim)
            except EditedMeanwhile:
                continue
            with lock:
                claimed.append(claim.id)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 6


def test_the_same_content_is_found_where_it_is_under_way_or_in_force(uow):
    (first,) = stored(uow, received())
    new = submission()

    with uow.reading() as tx:
        assert tx.submissions.same_content(new, "sha256:11") == first.id
        assert tx.submissions.same_content(new, "sha256:99") is None
        assert tx.submissions.same_content(replace(new, provider="R0A"), "sha256:11") is None
        other_month = replace(new, period=Period("2018-05", "2018-05"))
        assert tx.submissions.same_content(other_month, "sha256:11") is None
    (done,) = stored(uow, replace(first, state=SubmissionState.ACCEPTED))
    with uow.reading() as tx:
        assert tx.submissions.same_content(new, "sha256:11") is None
    (landed,) = stored(uow, edition(submission_id=done.id))
    with uow.reading() as tx:
        assert tx.submissions.same_content(new, "sha256:11") == first.id
    stored(uow, landed.supersede(edition(2), at=AT))
    with uow.reading() as tx:
        assert tx.submissions.same_content(new, "sha256:11") is None


def test_a_number_of_a_period_is_given_once(uow):
    stored(uow, edition(1))

    with pytest.raises(EditedMeanwhile):
        stored(uow, edition(1))
    stored(uow, edition(1, provider="R0A"), edition(2))
    with uow.reading() as tx:
        assert tx.editions.count("SUS_APC", "RR8", Place(Period("2018-04", "2018-04"))) == 2


def test_editions_are_found_by_the_months_that_they_share(uow):
    wide = edition(period=Period("2016-07", "2017-03"))
    stored(uow, wide, edition())

    with uow.reading() as tx:

        def found(text: str) -> list:
            period = Period.parse(text)
            return [
                one.id
                for one in tx.editions.page(
                    ALL, data_set="SUS_APC", period=period, state=None, after=None, limit=9
                )
            ]

        assert found("2016-12") == [wide.id]
        assert found("2017-04/2018-03") == []
        assert len(found("2017-03/2018-04")) == 2


def test_reasons_are_stored_with_the_decision_in_order_of_the_lines(uow):
    (first,) = stored(uow, received())
    entries = tuple(QuarantineEntry(line, "Sex", "CODE_UNKNOWN") for line in range(2, 3_000))
    stored(uow, replace(first, entries=entries))

    with uow.reading() as tx:
        page = tx.submissions.entries(first.id, after=0, limit=3)
        assert [(position, entry.line) for position, entry in page] == [(1, 2), (2, 3), (3, 4)]
        assert len(tx.submissions.entries(first.id, after=2_000, limit=5_000)) == 998


def test_every_object_that_a_row_names_is_told(uow):
    (first,) = stored(uow, received())
    stored(uow, edition())

    with uow.reading() as tx:
        assert set(tx.object_keys()) == {first.content.key, "editions/x/1.parquet"}


def test_nothing_is_stored_when_the_transaction_fails(uow, engine):
    def fail() -> None:
        with uow.writing() as tx:
            tx.editions.save(edition(), audit=AUDIT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with Session(engine) as session:
        assert session.exec(select(EditionRow)).all() == []
