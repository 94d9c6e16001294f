"""What the database has about an agreement is what the decision reads, as it was known."""

from dataclasses import fields, replace
from datetime import date, timedelta

import pytest
from sqlmodel import Session

from agreements.db import epoch as epochs
from agreements.db.decisions.facts import FactsCache, _document, load
from agreements.db.seals.chain import Book
from agreements.decision.domain.decide import Permission, decide
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.facts_of import facts_of, present_of, question_of
from services.agreements.tests.reference.seeding import SEALER, entry, on_the_catalogue, seed
from services.agreements.tests.reference.world import CCG, CSU, OTHER_CCG, PREDECESSOR, london
from statements.document import Document


@pytest.fixture
def engine(migrated):
    return migrated("agreements")


def rich():
    """A world with something of every kind."""
    world = on_the_catalogue(plain.sound())
    amended = plain.version("v1.1", 2, controllers=[CCG, OTHER_CCG])
    world["agreement"]["versions"].append(amended)
    world["agreement"]["holds"] = [
        {"whole": True, "lines": [], "set_at": london(2018, 5, 1), "lifted_at": london(2018, 5, 2)},
        {
            "whole": False,
            "lines": [("IV", "SUS_APC", "IDENTIFIABLE")],
            "set_at": london(2018, 5, 3),
            "lifted_at": None,
        },
    ]
    world["instruments"] = [
        {"predecessor": PREDECESSOR, "successor": CCG, "from": date(2018, 4, 1)}
    ]
    world["contracts"].append(plain.contract(PREDECESSOR, terminated_at=london(2018, 3, 1)))
    world["publications"] = [
        {"data_set": "SUS_APC", "period": "2018-04", "published_on": date(2018, 5, 1)}
    ]
    return on_the_catalogue(world)


def loaded(engine, world, reference=plain.REFERENCE):
    seed(engine, world)
    with Session(engine) as session:
        return load(session, reference, epoch=epochs.current(session), book=Book(SEALER))


def test_everything_that_a_decision_reads_is_loaded(engine):
    world = rich()
    expected = facts_of(world)

    facts = loaded(engine, world)

    assert facts.agreement.reference == expected.agreement.reference
    for found, wanted in zip(facts.agreement.versions, expected.agreement.versions, strict=True):
        assert (found.number, found.document, found.parties) == (
            wanted.number,
            wanted.document,
            wanted.parties,
        )
        assert found.effective_from() == wanted.effective_from()
        assert [c.condition for c in found.conditions] == [c.condition for c in wanted.conditions]
        assert facts.documents[found.id] == expected.documents[wanted.id]
    assert [(h.whole, h.set_at, h.lifted_at, h.lines) for h in facts.agreement.holds] == [
        (h.whole, h.set_at, h.lifted_at, h.lines) for h in expected.agreement.holds
    ]
    assert alike(facts.contracts) == alike(expected.contracts)
    assert alike(facts.relationships) == alike(expected.relationships)
    assert alike(facts.instruments) == alike(expected.instruments)
    for name in ("organisations", "assurance", "registrations"):
        found, wanted = getattr(facts, name), getattr(expected, name)
        needed = {code: rows for code, rows in wanted.items() if code in found}
        assert {c: alike(rows) for c, rows in found.items()} == {
            c: alike(rows) for c, rows in needed.items()
        }
        assert {CCG, CSU} <= set(found)
    assert facts.publications == expected.publications
    assert set(facts.maps) == set(expected.maps)
    assert {(e.id, e.clients) for e in facts.environments} == {
        (e.id, e.clients) for e in expected.environments
    }
    assert list(facts.approvals) == [plain.CAG]


def names(fact):
    return [field.name for field in fields(fact)]


def alike(facts):
    """Without what the database gives: ids, versions, numbers."""
    dropped = {"id", "version", "number", "consents", "pending"}
    return sorted(str({k: getattr(f, k) for k in names(f) if k not in dropped}) for f in facts)


def test_a_decision_on_loaded_facts_is_the_decision_on_plain_ones(engine):
    world = on_the_catalogue(plain.sound())

    decision = decide(
        question_of(plain.request(fields=["Sex"])), loaded(engine, world), present_of(world)
    )

    assert isinstance(decision, Permission)
    assert (decision.codes, decision.capacity) == ((CCG,), "processor")


def test_an_agreement_that_is_not_there_has_no_facts_of_its_own(engine):
    assert loaded(engine, plain.sound(), "DARS-NIC-999999-Z9Z9Z").agreement is None


def test_a_document_that_is_not_what_was_signed_is_an_unknown_clause():
    (version,) = facts_of(plain.sound()).agreement.versions

    assert _document(replace(version, document=version.document + " ")) == Document(
        lines=(), unknown=("document",)
    )


def test_a_document_that_was_changed_in_the_database_breaks_its_seal(engine):
    from sqlalchemy import text

    loaded(engine, plain.sound())
    with engine.begin() as connection:
        connection.execute(text("UPDATE agreement_version SET document = document || ' '"))
    with Session(engine) as session:
        changed = load(session, plain.REFERENCE, epoch=epochs.current(session), book=Book(SEALER))

    assert changed.broken == ("agreement_version",)


def test_a_signature_that_was_changed_in_the_database_breaks_its_seal(engine):
    from sqlalchemy import text

    loaded(engine, plain.sound())
    with engine.begin() as connection:
        connection.execute(text("UPDATE signature SET document_hash = 'x' WHERE party = '0DF'"))
    with Session(engine) as session:
        changed = load(session, plain.REFERENCE, epoch=epochs.current(session), book=Book(SEALER))

    assert changed.broken == ("signature",)


def test_what_was_known_at_an_epoch_can_still_be_loaded(engine):
    uow = seed(engine, on_the_catalogue(plain.sound()))
    with uow.reading() as tx:
        then = epochs.current(tx.session)
    with uow.writing() as tx:
        (contract,) = tx.contracts.find()
        tx.contracts.save(contract.terminate(reason="end", at=plain.NOON), audit=entry())

    with Session(engine) as session:
        now = epochs.current(session)
        before = load(session, plain.REFERENCE, epoch=then, book=Book(SEALER))
        after = load(session, plain.REFERENCE, epoch=now, book=Book(SEALER))

    question, present = question_of(plain.request(fields=["Sex"])), present_of(plain.sound())
    assert now > then
    assert isinstance(decide(question, before, present), Permission)
    assert [r.code for r in decide(question, after, present)] == ["DSFC_NOT_IN_FORCE"]


def test_facts_are_kept_under_their_epoch_and_not_a_moment_longer(engine):
    uow = seed(engine, plain.sound())
    cache = FactsCache(Book(SEALER))

    with uow.reading() as tx:
        epoch = epochs.current(tx.session)
        first, is_new = cache.get(tx.session, (plain.REFERENCE, ""), epoch=epoch)
        again, is_new_again = cache.get(tx.session, (plain.REFERENCE, ""), epoch=epoch)
        other, is_other_new = cache.get(tx.session, (plain.REFERENCE, ""), epoch=epoch + 1)

    assert (is_new, is_new_again, is_other_new) == (True, False, True)
    assert again is first
    assert other is not first


def test_the_cache_forgets_what_was_not_asked_for_longest(engine, monkeypatch):
    monkeypatch.setattr("agreements.db.decisions.facts.CACHED_MAX", 1)
    uow = seed(engine, plain.sound())
    cache = FactsCache(Book(SEALER))

    with uow.reading() as tx:
        epoch = epochs.current(tx.session)
        cache.get(tx.session, (plain.REFERENCE, ""), epoch=epoch)
        cache.get(tx.session, ("another", ""), epoch=epoch)
        _, is_new = cache.get(tx.session, (plain.REFERENCE, ""), epoch=epoch)

    assert is_new


def test_successors_and_predecessors_of_all_parties_are_known(engine):
    world = plain.sound()
    world["instruments"] = [{"predecessor": CCG, "successor": OTHER_CCG, "from": date(2018, 6, 2)}]
    world["contracts"].append(plain.contract(OTHER_CCG))
    world["assurance"].append(plain.assurance(OTHER_CCG))
    facts = loaded(engine, on_the_catalogue(world))

    tomorrow = replace(present_of(world), at=plain.NOON + timedelta(days=1))
    question = question_of(plain.request(fields=["Sex"]))

    assert OTHER_CCG in facts.organisations
    assert {(r.code, r.subject) for r in decide(question, facts, tomorrow)} == {
        ("ICO_LAPSED", OTHER_CCG)  # of the successor's, nothing else is missing
    }


def test_who_stands_behind_a_party_is_loaded_since_it_may_close_too(engine):
    world = plain.sound()
    next(o for o in world["organisations"] if o["ods"] == CSU)["entity"] = plain.TRUST
    next(o for o in world["organisations"] if o["ods"] == plain.TRUST)["to"] = date(2018, 5, 31)
    facts = loaded(engine, on_the_catalogue(world))

    decision = decide(question_of(plain.request(fields=["Sex"])), facts, present_of(world))

    assert [(r.code, r.subject) for r in decision] == [("ORGANISATION_CLOSED", CSU)]
