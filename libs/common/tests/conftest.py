"""An event type of the tests' own, and a database with the tables that all services have."""

from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict

from common.db import engine as engines
from common.db import tables
from common.events import event_type
from common.ids import new_id
from common.messaging.envelope import Event


@event_type("tests.thing-happened.v1", topic="tests.thing")
class ThingHappened(BaseModel):
    model_config = ConfigDict(extra="forbid")

    thing_id: UUID


@pytest.fixture
def happened(clock):
    """Make an event of the tests' own."""

    def make(*, version=1, aggregate_id=None, data=None) -> Event:
        aggregate_id = aggregate_id or str(new_id())
        return Event(
            id=new_id(),
            type="tests.thing-happened.v1",
            source="/tests",
            subject=f"things/{aggregate_id}",
            time=clock.now(),
            topic="tests.thing",
            aggregate_id=aggregate_id,
            aggregate_version=version,
            state="there",
            data=data or {"thing_id": aggregate_id},
        )

    return make


@pytest.fixture(scope="session")
def installed_template(postgresql_server):
    """A PostgreSQL database with the tables that all services have, to be copied."""
    url = postgresql_server.create()
    engine = engines.create(url)
    tables.metadata.create_all(engine)
    engine.dispose()
    return url


@pytest.fixture
def installed_url(database_kind, sqlite_url, request):
    """A fresh database with the tables that all services have."""
    if database_kind == "sqlite":
        engine = engines.create(sqlite_url)
        tables.metadata.create_all(engine)
        engine.dispose()
        yield sqlite_url
        return
    server = request.getfixturevalue("postgresql_server")
    url = server.create(template=request.getfixturevalue("installed_template"))
    yield url
    server.drop(url)


@pytest.fixture
def engine(installed_url, make_engine):
    return make_engine(installed_url)
