"""Settings: no default environment, no misspelt variable, no development in production."""

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from common.messaging.embedded import EmbeddedLog
from common.messaging.kafka import KafkaLog
from common.messaging.of_settings import event_log
from common.settings import Environment, ServiceSettings
from dsfc_testing.certificates import Authority

PRODUCTION = {
    "environment": "production",
    "database_url": "postgresql://db/example",
    "kafka_bootstrap": ["kafka:9093"],
    "issuer": "https://id.example/realms/dsfc",
    "jwks_url": "https://id.example/realms/dsfc/certs",
    "tls_certificate_file": "/run/keys/tls.crt",
    "tls_key_file": "/run/keys/tls.key",
    "service_urls": {"agreements": "https://agreements-api"},
    "token_url": "https://id.example/realms/dsfc/token",
}


class ExampleSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="EXAMPLE_")

    batch_rows: int = 10


def test_the_environment_has_no_default(monkeypatch):
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    with pytest.raises(ValidationError, match="environment"):
        ServiceSettings()


def test_variables_are_read_with_the_services_prefix(monkeypatch):
    monkeypatch.setenv("EXAMPLE_ENVIRONMENT", "development")
    monkeypatch.setenv("EXAMPLE_BATCH_ROWS", "20")
    monkeypatch.setenv("EXAMPLE_SERVICE_URLS__AGREEMENTS", "http://agreements.test")
    settings = ExampleSettings()

    assert settings.environment is Environment.DEVELOPMENT
    assert settings.batch_rows == 20
    assert settings.service_urls["agreements"] == "http://agreements.test"


def test_no_file_of_variables_is_read(monkeypatch, tmp_path):
    """Neither beside a variable of ours, nor where none is there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("EXAMPLE_BATCH_ROWS=30\nBATCH_ROWS=30\n")
    assert ExampleSettings(environment="development").batch_rows == 10

    monkeypatch.setenv("example_log_level", "DEBUG")
    settings = ExampleSettings(environment="development", _env_file=tmp_path / ".env")
    assert (settings.batch_rows, settings.log_level) == (10, "DEBUG")


def test_what_is_given_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("EXAMPLE_BATCH_ROWS", "20")
    monkeypatch.setenv("PORT", "8500")

    assert ExampleSettings(environment="development", batch_rows=30).batch_rows == 30
    assert ServiceSettings(environment="development").port == 8500  # it has no prefix


def test_an_unknown_variable_with_the_prefix_stops_the_start(monkeypatch):
    monkeypatch.setenv("EXAMPLE_BACTH_ROWS", "20")

    with pytest.raises(ValidationError, match="EXAMPLE_BACTH_ROWS"):
        ExampleSettings(environment="development")


def test_other_peoples_variables_do_no_harm(monkeypatch):
    monkeypatch.setenv("ANOTHER_BATCH", "1")

    assert ExampleSettings(environment="development").batch_rows == 10


def test_settings_cannot_be_changed():
    settings = ExampleSettings(environment="development")

    with pytest.raises(ValidationError):
        settings.batch_rows = 11


def test_production_takes_what_production_needs():
    assert ExampleSettings(**PRODUCTION).environment is Environment.PRODUCTION


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("database_url", "sqlite:///var/x.db", "PostgreSQL"),
        ("kafka_bootstrap", [], "kafka_bootstrap"),
        ("issuer", "http://127.0.0.1:8400", "issuer"),
        ("jwks_url", "http://127.0.0.1:8400/jwks.json", "jwks_url"),
        ("token_url", "http://127.0.0.1:8400/oauth2/token", "token_url"),
        ("kill_at", "K1", "kill_at"),
        ("tls_certificate_file", None, "TLS needs certificate and key"),
        (
            "service_urls",
            {"agreements": "http://agreements-api", "applications": "https://applications-api"},
            "service_urls are not https: agreements ",
        ),
    ],
)
def test_production_refuses_every_development_setting(name, value, says):
    with pytest.raises(ValidationError, match=says):
        ExampleSettings(**PRODUCTION | {name: value})


@pytest.mark.parametrize(
    "name",
    [
        "tls_certificate_file",
        "tls_authority_file",
        "issuer_authority_file",
        "kafka_certificate_file",
        "kafka_authority_file",
    ],
)
def test_production_refuses_certificates_that_were_made_for_a_try(tmp_path, name):
    """Their authority's key lies in a folder of somebody's clone. Guards: `of_development`."""
    authority = Authority.new()
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    authority.issue(["agreements"], tmp_path / "tls.crt", tmp_path / "tls.key")
    file = tmp_path / ("ca.crt" if "authority" in name else "tls.crt")
    others = {f"kafka_{what}_file": tmp_path for what in ("authority", "certificate", "key")}
    given = PRODUCTION | others | {name: file}

    with pytest.raises(ValidationError, match=f"are for a try: {file}"):
        ExampleSettings(**given)

    ExampleSettings(**given | {"environment": "development"})


def test_the_event_log_is_kafka_where_brokers_are_named_else_the_embedded_one(tmp_path):
    embedded = ExampleSettings(environment="development", event_log=tmp_path / "new" / "events.db")
    kafka = ExampleSettings(
        environment="development",
        kafka_bootstrap=["127.0.0.1:1"],
        kafka_authority_file=tmp_path / "ca.pem",
        kafka_certificate_file=tmp_path / "tls.crt",
        kafka_key_file=tmp_path / "tls.key",
    )
    for settings, kind in ((embedded, EmbeddedLog), (kafka, KafkaLog)):
        log = event_log(settings)
        assert isinstance(log, kind)
        log.close()

    with pytest.raises(ValueError, match="event_log"):
        event_log(ExampleSettings(environment="development", event_log=None))


def test_production_without_a_certificate_says_that_a_mesh_encrypts():
    """Who encrypts is said in either case: a setting that was forgotten stops the start."""
    without = PRODUCTION | {
        "tls_certificate_file": None,
        "tls_key_file": None,
        "service_urls": {"agreements": "http://agreements-api"},
    }
    with pytest.raises(ValidationError, match="tls_certificate_file is not set"):
        ExampleSettings(**without)

    assert ExampleSettings(**without | {"tls_by_mesh": True}).tls_by_mesh
    with pytest.raises(ValidationError, match="give no certificate"):
        ExampleSettings(**PRODUCTION | {"tls_by_mesh": True})


def test_mutual_tls_is_whole_or_not_at_all(tmp_path):
    with pytest.raises(ValidationError, match="mutual TLS"):
        ExampleSettings(environment="development", kafka_key_file=tmp_path / "tls.key")


def test_what_was_given_is_not_printed_when_it_is_wrong(monkeypatch):
    monkeypatch.setenv("EXAMPLE_BATCH_ROWS", "hunter2")

    with pytest.raises(ValidationError) as refused:
        ExampleSettings(environment="development")

    assert "hunter2" not in str(refused.value)


def test_the_databases_password_is_not_printed():
    settings = ExampleSettings(**PRODUCTION | {"database_url": "postgresql://a:hunter2@db/x"})

    assert "hunter2" not in repr(settings)
