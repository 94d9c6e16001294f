"""Permits that are given together are signed once, and each is still believed for itself."""

import pytest
from sqlalchemy import select, update

from agreements.db.decisions.log import SqlDecisionLogs
from agreements.db.decisions.seals import PERMIT, WAY, digest_of_row, is_genuine
from agreements.db.seals.audit import wrong
from agreements.db.seals.chain import Sealer
from agreements.db.seals.sealed import columns_of
from agreements.decision.use_cases.decider import decide_all
from agreements.decision.use_cases.permission_cache import PermissionCache
from common.security.keys import Signer, generate_jwk
from services.agreements.tests.reference import asking, giving
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import SEALER

JWKS = SEALER.signer.jwks()
TOGETHER = 5
"""No power of two: one of them stands by itself on the way to the root."""


@pytest.fixture
def engine(migrated, clock):
    clock.set(plain.NOON)
    engine = migrated("agreements")
    with giving.replicas(engine, clock):
        yield engine


@pytest.fixture
def permits(engine, clock):
    return given(engine, clock, TOGETHER)


def given(engine, clock, many):
    """That many permits of one transaction."""
    logs = SqlDecisionLogs(engine, SEALER)
    asks = [asking.request() for _ in range(many)]
    answers = decide_all(asks, logs=logs, clock=clock, cache=PermissionCache())
    return [answer.permit for answer in answers]


def rows(engine):
    with engine.connect() as connection:
        return connection.execute(select(*PERMIT.c).order_by(PERMIT.c.id)).all()


def written_past(engine, permit, **columns):
    with engine.begin() as connection:
        connection.execute(update(PERMIT).where(PERMIT.c.id == permit.id).values(**columns))


def released(engine, clock, permit):
    """What the release of a file under that permit is told, by a process that has just started."""
    ask = asking.release(asking.attested(permit))
    logs = SqlDecisionLogs(engine, SEALER)
    (answer,) = decide_all([ask], logs=logs, clock=clock, cache=PermissionCache())
    return giving.codes(answer)


def test_permits_given_together_share_one_signature_and_are_each_genuine(engine, permits):
    found = rows(engine)

    assert len(permits) == len(found) == TOGETHER
    assert len({row.seal.split(WAY)[0] for row in found}) == 1
    assert len({row.seal for row in found}) == TOGETHER
    assert all(is_genuine(SEALER, row) for row in found)
    assert wrong(engine, JWKS) == []


def test_a_permit_given_alone_needs_no_way(engine, clock):
    given(engine, clock, 1)

    (row,) = rows(engine)
    assert WAY not in row.seal
    assert is_genuine(SEALER, row)


def test_the_key_before_this_one_still_proves_them(engine, permits):
    now = Sealer(Signer(generate_jwk()), JWKS["keys"])

    assert all(is_genuine(now, row) for row in rows(engine))
    assert not any(is_genuine(Sealer(now.signer), row) for row in rows(engine))


@pytest.mark.parametrize("which", range(TOGETHER))
def test_one_that_is_altered_is_refused_and_the_others_are_not(engine, clock, permits, which):
    before = released(engine, clock, permits[which])
    written_past(engine, permits[which], organisation="RXX")

    told = {row.id: is_genuine(SEALER, row) for row in rows(engine)}
    assert told == {one.id: one is not permits[which] for one in permits}
    assert ("SEAL_BROKEN", "permit") not in before
    assert ("SEAL_BROKEN", "permit") in released(engine, clock, permits[which])
    assert f"permit {permits[which].id} is not one that this service gave." in wrong(engine, JWKS)


@pytest.mark.parametrize(
    "seal",
    [
        lambda own, _: own.split(WAY)[0],
        lambda _, other: other,
        lambda own, _: own + WAY + "l" + "00" * 32,
        lambda own, _: own.rpartition(WAY)[0] + WAY + "x" + own.rpartition(WAY)[2][1:],
        lambda own, _: own + WAY,
        lambda own, _: own.rpartition(WAY)[0] + WAY + own.rpartition(WAY)[2][:-1],
        lambda own, _: WAY + own,
    ],
    ids=["no way", "another's", "longer", "no side", "empty step", "half a byte", "no signature"],
)
def test_another_way_proves_nothing(engine, clock, permits, seal):
    first, second, *_ = rows(engine)
    written_past(engine, permits[0], seal=seal(first.seal, second.seal))

    assert not is_genuine(SEALER, rows(engine)[0])
    assert ("SEAL_BROKEN", "permit") in released(engine, clock, permits[0])


def test_what_was_signed_by_itself_before_still_counts(engine, clock, permits):
    first, *_ = rows(engine)
    alone = SEALER.seal({"permit": digest_of_row(columns_of(first))}, at=clock.now())
    written_past(engine, permits[0], seal=alone)

    assert is_genuine(SEALER, rows(engine)[0])
    assert ("SEAL_BROKEN", "permit") not in released(engine, clock, permits[0])

    written_past(engine, permits[0], seal=alone + WAY + "l" + "00" * 32)
    assert not is_genuine(SEALER, rows(engine)[0])
