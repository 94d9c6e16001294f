"""An event type of the tests' own, and a database with the tables that all services have."""

from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict

from common.db import tables
from common.messaging.schemas import event_type


@event_type("tests.thing-happened.v1", topic="tests.thing")
class ThingHappened(BaseModel):
    model_config = ConfigDict(extra="forbid")

    thing_id: UUID


@pytest.fixture
def engine(database_url, make_engine):
    engine = make_engine(database_url)
    tables.metadata.create_all(engine)
    return engine
