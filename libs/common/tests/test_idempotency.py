"""The same key and request create once; the same key for another request is refused."""

import json
import threading

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlmodel import Session

from common.db import engine as engines
from common.db import idempotency, key_owners, tables
from common.ids import new_id
from common.security.principal import key_owner
from common.web.idempotency import IdempotencyKey, document, fingerprint

BODY = fingerprint("POST /v1/things", {"name": "a"})


@pytest.fixture
def create(engine):
    def create(key="k", actor="c1", body=BODY) -> tuple[str, bool]:
        with Session(engines.writing(engine)) as session, session.begin():
            known = idempotency.find(session, actor=actor, key=key, fingerprint=body)
            if known is not None:
                return known, False
            made = str(new_id())
            idempotency.remember(session, actor=actor, key=key, fingerprint=body, resource=made)
            return made, True

    return create


def test_the_second_time_the_first_resource_is_found(create):
    first, _ = create()

    assert create() == (first, False)


def test_a_key_is_not_at_rest_as_it_was_sent(create, engine):
    """Somebody may send an NHS number for one."""
    create(key="9990000018")

    with Session(engine) as session:
        rows = session.execute(select(tables.idempotency)).all()
    assert len(rows) == 1
    assert "9990000018" not in repr(rows)


def test_keys_are_each_actors_own(create):
    create()

    assert create(actor="c2")[1] is True


def test_a_key_for_another_request_is_refused(create):
    create()

    with pytest.raises(idempotency.IdempotencyKeyReused) as refused:
        create(body=fingerprint("POST /v1/things", {"name": "b"}))

    assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"


def test_of_many_at_once_one_creates(create):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(create())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({resource for resource, _ in answers}) == 1
    assert sum(created for _, created in answers) == 1
    assert len(answers) == 8


def test_the_fingerprint_does_not_depend_on_the_order_of_members():
    assert fingerprint("x", {"a": 1, "b": 2}) == fingerprint("x", {"b": 2, "a": 1})
    assert fingerprint("x", {"a": 1}) != fingerprint("y", {"a": 1})


def test_keys_of_an_older_rule_get_the_owner_that_the_audit_log_names(create, engine):
    made, _ = create(actor="c1")
    unknown, _ = create(key="other", actor="c1")
    leaf = {
        "resource": f"things/{made}",
        "client_id": "c1",
        "subject": "a/b",
        "organisation": "02P",
    }
    with engine.begin() as connection:
        connection.execute(
            tables.audit_leaf.insert(),
            [
                {"index": 0, "entry": json.dumps(leaf), "hash": "sha256:0"},
                {
                    "index": 1,
                    "entry": json.dumps({**leaf, "subject": "later"}),
                    "hash": "sha256:1",
                },
            ],
        )
        assert key_owners.rename(connection) == 1
        assert key_owners.rename(connection) == 0

    assert create(actor=key_owner("c1", "a/b", "02P")) == (made, False)
    assert create(key="other", actor="c1") == (unknown, False)


def test_no_two_tokens_share_an_owner():
    assert key_owner("a/b", "c", "02P") != key_owner("a", "b/c", "02P")


def test_an_operation_that_takes_a_key_documents_that_another_request_may_have_it():
    app = FastAPI()

    @app.post("/things")
    def make(key: IdempotencyKey = None) -> None: ...

    @app.post("/others")
    def other() -> None: ...

    document(app)
    paths = app.openapi()["paths"]

    assert "IDEMPOTENCY_KEY_REUSED" in paths["/things"]["post"]["responses"]["409"]["description"]
    assert "409" not in paths["/others"]["post"]["responses"]
