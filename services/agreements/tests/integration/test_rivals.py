"""Two who change facts at the same moment: one of them sees what the other did."""

import threading
from datetime import date

import pytest

from agreements.db.repository import SqlUnitOfWork
from agreements.records.adapters import reference
from agreements.records.domain.errors import AlreadySigned, ContractOverlaps, LiftNeedsAnotherPerson
from agreements.records.domain.lists.layouts import ods
from agreements.records.use_cases import agreements, contracts, drafting
from agreements.records.use_cases.context import Context, OnceKey
from agreements.records.use_cases.desk import signing
from agreements.records.use_cases.lists import imports
from common.errors import TransitionRefused
from common.security.principal import Principal
from common.security.roles import Role
from services.agreements.tests.facts import CCG, CSU, REFERENCE, approved
from services.agreements.tests.reference.seeding import SEALER

LIST = b"ods,name,kind,legal_entity,parent,valid_from,valid_to\n02P,A CCG,CCG,,,2013-04-01,\n"


@pytest.fixture
def context(migrated, clock):
    uow = SqlUnitOfWork(migrated("agreements"), clock, SEALER)

    def make(role, *, subject="ann", ods="X26"):
        principal = Principal(
            subject=subject,
            client_id=subject,
            organisation=ods,
            role=role,
            token_id="t",
            expires_at=clock.now(),
            audience="agreements",
        )
        return Context(uow=uow, clock=clock, principal=principal, reference=reference.load())

    return make


def at_once(*verbs):
    """Do these in threads that begin together; return what each returned or raised."""
    barrier, results = threading.Barrier(len(verbs)), [None] * len(verbs)

    def run(number, verb):
        barrier.wait(60)
        try:
            results[number] = verb()
        except Exception as error:  # noqa: BLE001  the test looks at it
            results[number] = error

    threads = [
        threading.Thread(target=run, args=(number, verb)) for number, verb in enumerate(verbs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def known(context):
    return agreements.get(REFERENCE, ctx=context(Role.CONTRACT_MANAGER)).one.agreement


def test_two_contracts_of_one_entity_are_never_both_put_in_force(context):
    manager, body = context(Role.CONTRACT_MANAGER), context(Role.DARS_APPROVER)
    imports.import_organisations(LIST, ods.OdsLayout.DSFC, ctx=manager)
    issued = [
        contracts.issue(
            code=CCG,
            legal_name="A CCG",
            valid_from=date(2018, 4, 1),
            valid_to=None,
            once=None,
            ctx=manager,
        ).contract
        for _ in range(2)
    ]
    for one in issued:
        contracts.sign(
            one.reference,
            party=CCG,
            document_hash=one.document_hash,
            role="SIRO",
            ctx=context(Role.CONTROLLER_SIGNATORY, ods=CCG),
        )

    results = at_once(
        *(
            lambda one=one: contracts.sign(
                one.reference,
                party="X26",
                document_hash=one.document_hash,
                role="SIRO",
                ctx=body,
            )
            for one in issued
        )
    )

    assert sum(isinstance(r, ContractOverlaps) for r in results) == 1
    assert sum(isinstance(r, contracts.ContractWithState) for r in results) == 1


def test_one_key_issues_one_contract_even_at_once(context):
    manager = context(Role.CONTRACT_MANAGER)
    imports.import_organisations(LIST, ods.OdsLayout.DSFC, ctx=manager)

    def issue():
        return contracts.issue(
            code=CCG,
            legal_name="A CCG",
            valid_from=date(2018, 4, 1),
            valid_to=None,
            once=OnceKey(key="k", fingerprint="f"),
            ctx=manager,
        ).contract.reference

    results = at_once(issue, issue, issue)
    assert len(set(results)) == 1
    assert all(isinstance(r, str) for r in results)


def test_two_approvals_at_once_lift_and_two_of_one_person_do_not(context):
    ann, ben = context(Role.BREACH_HANDLER), context(Role.BREACH_HANDLER, subject="ben")
    drafting.draft(approved(), is_new=lambda _tx: True, ctx=ann)
    hold, _ = agreements.set_hold(REFERENCE, None, reason="x", ctx=ann)

    same = at_once(*[lambda: agreements.approve_lift(hold.id, reason="y", ctx=ann)] * 2)
    assert sum(isinstance(r, LiftNeedsAnotherPerson) for r in same) == 1

    other, _ = agreements.set_hold(REFERENCE, [1], reason="x", ctx=ann)
    both = at_once(
        *(lambda c=c: agreements.approve_lift(other.id, reason="y", ctx=c) for c in (ann, ben))
    )
    assert sorted(len(h.lifts) for h, _ in both) == [1, 2]
    assert [h.lifted_at is not None for h, _ in both].count(True) == 1


def test_all_who_sign_one_agreement_at_once_have_signed_it_once_each(context):
    """Three parties, each by two people: none of the six overwrites what another wrote."""
    drafting.draft(approved(), is_new=lambda _tx: True, ctx=context(Role.SERVICE_AGREEMENTS))
    [version] = known(context).versions
    parties = (
        (Role.CONTROLLER_SIGNATORY, CCG),
        (Role.PROCESSOR_CONTACT, CSU),
        (Role.DARS_APPROVER, "X26"),
    )

    results = at_once(
        *(
            lambda role=role, party=party, who=who: signing.sign(
                REFERENCE,
                party=party,
                document_hash=version.document_hash,
                role="SIRO",
                ctx=context(role, subject=who, ods=party),
            )
            for role, party in parties
            for who in ("first", "second")
        )
    )

    refused = [r for r in results if isinstance(r, Exception)]
    assert [type(r) for r in refused] == [AlreadySigned] * len(parties)
    [signed] = known(context).versions
    assert sorted(s.party for s in signed.signatures) == sorted(party for _, party in parties)


def test_an_agreement_that_ends_while_it_is_signed_is_ended(context):
    drafting.draft(approved(), is_new=lambda _tx: True, ctx=context(Role.SERVICE_AGREEMENTS))
    [version] = known(context).versions

    def sign():
        return signing.sign(
            REFERENCE,
            party=CCG,
            document_hash=version.document_hash,
            role="SIRO",
            ctx=context(Role.CONTROLLER_SIGNATORY, ods=CCG),
        )

    def end():
        return agreements.terminate(
            REFERENCE, reason="Not needed.", ctx=context(Role.CONTRACT_MANAGER)
        )

    signed, ended = at_once(sign, end)

    assert not isinstance(ended, Exception), ended
    assert isinstance(signed, TransitionRefused) or not isinstance(signed, Exception), signed
    last = known(context)
    assert last.terminated_at is not None
    assert len(last.versions[0].signatures) == (0 if isinstance(signed, Exception) else 1)
