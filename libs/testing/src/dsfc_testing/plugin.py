"""Fixtures for all tests: `pytest_plugins = ["dsfc_testing.plugin"]` in the root conftest.

Everything heavy is imported where it is used, so that a unit test pays for none of it.
"""

import gc
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from _pytest.nodeid import coerce_node_id
from sqlalchemy import Engine, make_url

from dsfc_testing import postgresql
from dsfc_testing.clock import FakeClock

START = datetime(2018, 6, 1, 9, 0, tzinfo=UTC)
"""A Friday on which the agreements of the fixtures are in force."""
OBJECTS_BEFORE_A_LOOK = 20_000
"""For the garbage collector: as in a service that runs (`common.web.server`)."""

if TYPE_CHECKING:
    from common.messaging.port import EventLog
    from common.security.keys import Signer
    from dsfc_testing.s3_gateway import Gateway
    from dsfc_testing.tokens import LocalIssuer

MakeEngine = Callable[..., Engine]


def pytest_configure() -> None:
    """Send structlog's lines to the standard library, where pytest captures them.

    Left to itself structlog draws every traceback with its local variables, for seconds.
    A command that is run in this process leaves a handler whose stream is closed: a worker beside
    it must not end because a line cannot be written there.
    """
    import logging

    import structlog

    from common.logging import SHARED

    logging.raiseExceptions = False
    configure = structlog.configure

    def without_cache(*given: Any, **named: Any) -> None:
        """Configure, but let no logger keep what it was first used with.

        A service that is started in this process configures too; a logger that was first used
        then would never be seen by `capture_logs` again, in whatever test comes later.
        """
        configure(*given, **{**named, "cache_logger_on_first_use": False})

    structlog.configure = without_cache
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Let the garbage collector look at nothing meanwhile: what is imported and collected stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let `xdist_group` count: pytest-xdist 3.8 writes the group where pytest 9.2 does not look."""
    if not config.getoption("loadgroup", default=False):
        return
    from dsfc_testing import scheduling

    for item in items:
        groups = sorted({str(mark.args[0]) for mark in item.iter_markers("xdist_group")})
        if not groups and item.get_closest_marker(scheduling.LONG):
            groups = [scheduling.LONG]
        if groups and "@" not in item.nodeid.rpartition("]")[2]:
            item._id = coerce_node_id(f"{item.nodeid}@{'_'.join(groups)}")  # noqa: SLF001 - as above
    items.sort(key=lambda item: scheduling.turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Return who hands out tests to the workers (`dsfc_testing.scheduling`)."""
    if config.getoption("dist") != "loadgroup":
        return None
    from dsfc_testing import scheduling

    config.option.loadscopereorder = False  # the order is that of `scheduling.turn`
    return scheduling.ByModule(config, log)


def pytest_collection_finish() -> None:
    """Let the apps of tests share their routes (`dsfc_testing.apps`), where any test starts one.

    And let the garbage collector pass over thousands of tests, which stay until the end: looking at
    them cost a tenth to a quarter of the time of tests. At the rest it looks as seldom as in a
    service that runs: at every 700 objects that cost a fifteenth.
    """
    import sys

    if "fastapi" in sys.modules:
        from dsfc_testing import apps

        apps.share()
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BEFORE_A_LOOK)


@pytest.fixture(scope="session", autouse=True)
def swift_disk() -> Iterator[None]:
    """Let no test wait for the disk: see `dsfc_testing.disk`."""
    from dsfc_testing import disk

    with pytest.MonkeyPatch.context() as patched:
        disk.spare(patched.setattr)
        yield


@pytest.fixture(scope="session", autouse=True)
def composed_statements() -> Iterator[None]:
    """Let no test compose a statement that another has composed: see `dsfc_testing.statements`."""
    from dsfc_testing import statements

    with pytest.MonkeyPatch.context() as patched:
        statements.share(patched.setattr)
        yield


@pytest.fixture
def clock() -> FakeClock:
    """Return the legal clock, at START until the test moves it."""
    return FakeClock(START)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[postgresql.Server]:
    """Yield one server for this process (each xdist worker is one)."""
    with postgresql.server() as server:
        yield server


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)],
)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Yield both engines, one after the other, for whoever asks for a database."""
    kind: str = request.param
    return kind


@pytest.fixture
def postgresql_url(postgresql_server: postgresql.Server) -> Iterator[str]:
    """Yield a fresh PostgreSQL database."""
    url = postgresql_server.create()
    yield url
    postgresql_server.drop(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return a fresh SQLite database."""
    return f"sqlite:///{tmp_path / 'service.db'}"


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest) -> str:
    """Return a fresh, empty database on SQLite, then on PostgreSQL."""
    url: str = request.getfixturevalue(f"{database_kind}_url")
    return url


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    """Return `make_engine(url, **limits)`; engines are disposed of at the end."""
    from common.db import engine as engines

    with ExitStack() as stack:

        def make(url: str, **limits: float) -> Engine:
            engine = engines.create(url, **limits)  # type: ignore[arg-type]  # limits by name
            stack.callback(engine.dispose)
            return engine

        yield make


@pytest.fixture
def identities(clock: FakeClock) -> "LocalIssuer":
    """Return a real issuer in this process: `identities.verifier()`, `.url`, `.know(...)`."""
    from dsfc_testing.tokens import LocalIssuer

    return LocalIssuer(clock)


@pytest.fixture
def token_for(identities: "LocalIssuer") -> Callable[..., str]:
    """`token_for(role=Role.CSU_SYSTEM, ods="0DF", client_id="csu", audience="dissemination")`."""
    return identities.token_for


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield where a real Apache Kafka answers: one broker for all tests that are marked `kafka`."""
    from dsfc_testing import kafka_broker

    with ExitStack() as stack:
        try:
            bootstrap = stack.enter_context(kafka_broker.broker(tmp_path_factory.mktemp("kafka")))
        except kafka_broker.NoBroker as reason:
            if os.environ.get("CI") == "true":
                pytest.fail(f"no Apache Kafka in CI: {reason}")
            pytest.skip(f"NO APACHE KAFKA: {reason}")
        yield bootstrap


@pytest.fixture(scope="session")
def s3_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Gateway"]:
    """Yield a real S3 server: one for all tests that are marked `s3`."""
    from dsfc_testing import s3_gateway

    with ExitStack() as stack:
        try:
            server = stack.enter_context(s3_gateway.gateway(tmp_path_factory.mktemp("s3") / "s3"))
        except s3_gateway.NoGateway as reason:
            if os.environ.get("CI") == "true":
                pytest.fail(f"no S3 server in CI: {reason}")
            pytest.skip(f"NO S3 SERVER: {reason}")
        yield server


@pytest.fixture
def s3_bucket(s3_gateway: "Gateway", monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of an empty bucket; credentials and endpoint are in the environment."""
    for name, value in s3_gateway.environment.items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{uuid4()}"
    (s3_gateway.directory / name).mkdir()
    return f"s3://{name}"


@pytest.fixture(
    params=[
        "embedded",
        # One group is one xdist worker, and so one broker.
        pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.xdist_group("kafka")]),
    ],
)
def event_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator["EventLog"]:
    """Both event logs, one after the other. Kafka's outlives a test: use topics of your own."""
    log: EventLog
    if request.param == "embedded":
        from common.messaging.embedded import EmbeddedLog

        log = EmbeddedLog(tmp_path / "events.db")
    else:
        from common.messaging.kafka import KafkaLog

        log = KafkaLog([request.getfixturevalue("kafka_bootstrap")])
    yield log
    log.close()


@pytest.fixture(scope="session")
def migrated_templates(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], str]:
    """URLs of databases that were migrated once, to be copied, by kind and package."""
    return {("directory", ""): str(tmp_path_factory.mktemp("templates"))}


@pytest.fixture
def migrated(
    request: pytest.FixtureRequest,
    make_engine: MakeEngine,
    database_url: str,
    migrated_templates: dict[tuple[str, str], str],
) -> Callable[[str], Engine]:
    """Return `migrated("applications")`: an engine on a fresh database at the head revision.

    A package is migrated once a process and kind, and copied from then on.
    """
    from common.db import engine as engines
    from common.db import migrate

    def upgrade(url: str, package: str) -> None:
        engine = engines.create(url)
        migrate.upgrade(engine, package)
        engine.dispose()

    def make(package: str) -> Engine:
        kind = make_url(database_url).get_backend_name()
        known = (kind, package)
        if kind == "sqlite":
            if known not in migrated_templates:
                file = Path(migrated_templates["directory", ""]) / f"{package}.db"
                upgrade(f"sqlite:///{file}", package)
                with closing(sqlite3.connect(file)) as connection:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                migrated_templates[known] = str(file)
            shutil.copyfile(migrated_templates[known], make_url(database_url).database or "")
            return make_engine(database_url)
        server: postgresql.Server = request.getfixturevalue("postgresql_server")
        if known not in migrated_templates:
            migrated_templates[known] = server.create()
            upgrade(migrated_templates[known], package)
        url = server.create(template=migrated_templates[known])
        request.addfinalizer(lambda: server.drop(url))
        return make_engine(url)

    return make


@pytest.fixture(scope="session")
def signer() -> "Signer":
    """Return a key of the tests' own. Making one takes a moment, so it is made once."""
    from common.security.keys import Signer, generate_jwk

    return Signer(generate_jwk())


@pytest.fixture(scope="session")
def stranger() -> "Signer":
    """Return a key that nobody knows."""
    from common.security.keys import Signer, generate_jwk

    return Signer(generate_jwk())


@pytest.fixture
def until() -> Callable[..., Any]:
    """`until(lambda: ...)`: poll until it is true; fail after a while."""

    def wait(condition: Callable[[], Any], *, seconds: float = 60.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, "it did not come true in time"
            time.sleep(0.005)
        return value

    return wait
