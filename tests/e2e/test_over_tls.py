"""The four services over TLS, as in production: each shows a certificate of its own.

A release from the request to the bytes asks agreements and the haven by others: decisions, facts,
preparations, the keys of permits and attestations.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from common.ids import digest
from dsfc_cli.house.suite import SERVICES
from dsfc_client import ConnectionLost, Dsfc, Problem
from dsfc_testing.certificates import Authority
from tests.forking import ForkingSuite
from tests.running import MAY, Scene, scene

pytestmark = [pytest.mark.xdist_group("tls"), pytest.mark.timeout(300)]


@dataclass
class EncryptedSuite(ForkingSuite):
    """Every service serves over TLS, and is asked so by all."""

    @property
    def authority(self) -> Path:
        return self.directory / "tls" / "ca.crt"

    def certificate(self, service: str, suffix: str = "crt") -> Path:
        return self.directory.absolute() / "tls" / f"{service}.{suffix}"

    def _start_issuer(self) -> None:
        super()._start_issuer()
        self.authority.parent.mkdir()
        self.sign(Authority.new(), SERVICES)
        for name, url in self.urls.items():
            if name != "issuer":
                self.urls[name] = url.replace("http://", "https://")

    def sign(self, signing: Authority, services: tuple[str, ...]) -> None:
        for service in services:
            signing.issue(
                ["127.0.0.1"], self.certificate(service), self.certificate(service, "key")
            )
        self.authority.write_bytes(signing.pem)

    def _settings_of(self, service: str) -> dict[str, str]:
        return super()._settings_of(service) | {
            "TLS_CERTIFICATE_FILE": str(self.certificate(service)),
            "TLS_KEY_FILE": str(self.certificate(service, "key")),
            "TLS_AUTHORITY_FILE": str(self.authority.absolute()),
        }

    def client(self, client_id: str, role: str | None = None) -> Dsfc:
        credentials = self.identities.credentials(client_id, role)
        return self._stack.enter_context(
            Dsfc(credentials=credentials, urls=self.urls, authority=self.authority)
        )

    def _is_ready(self, service: str) -> bool:
        context = ssl.create_default_context(cafile=self.authority)
        try:
            url = f"{self.urls[service]}/readyz"
            return httpx.get(url, verify=context, timeout=2).is_success
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory, "over-tls", suite_of=EncryptedSuite) as running:
        yield running


def test_a_release_goes_from_the_request_to_the_bytes_over_tls(
    played: Scene, tmp_path: Path
) -> None:
    assert all(played.suite.urls[service].startswith("https://") for service in SERVICES)

    file = played.released().files[0]
    target = played.csu.dissemination.download(file.id, tmp_path / "extract.csv")

    assert digest(target.read_bytes()) == file.digest


def test_who_does_not_know_the_authority_says_nothing_to_it(played: Scene) -> None:
    """A token would have been sent to whoever answers there."""
    credentials = played.suite.identities.credentials("csu-0df-analytics")
    with (
        Dsfc(credentials=credentials, urls=played.suite.urls) as stranger,
        pytest.raises(ConnectionLost),
    ):
        list(stranger.dissemination.extracts())


def test_certificates_of_another_authority_are_taken_up_by_all_without_a_restart(
    played: Scene, tmp_path: Path
) -> None:
    """Guards: `Renewed.context` on both sides, in processes that run for long."""
    suite = played.suite
    assert isinstance(suite, EncryptedSuite)
    before = {service: suite.process(service).pid for service in SERVICES}

    suite.sign(Authority.new("another"), SERVICES)
    csu = suite.client("csu-0df-analytics")
    asked = csu.dissemination.request(played.body(periods=[MAY]))
    file = csu.dissemination.wait(asked.id, timeout_seconds=120).files[0]
    target = csu.dissemination.download(file.id, tmp_path / "extract.csv")

    assert digest(target.read_bytes()) == file.digest
    assert {service: suite.process(service).pid for service in SERVICES} == before


def test_agreements_with_a_certificate_that_nobody_trusts_decides_nothing(played: Scene) -> None:
    """S6: who is not believed is away, and the answer is no."""
    suite = played.suite
    assert isinstance(suite, EncryptedSuite)
    trusted = suite.authority.read_bytes()
    stranger = Authority.new("a stranger")
    stranger.issue(
        ["127.0.0.1"], suite.certificate("agreements"), suite.certificate("agreements", "key")
    )
    suite.stop_service("agreements")  # connections that are open are believed already
    suite.start_service("agreements")
    suite.authority.write_bytes(stranger.pem)  # for as long as it takes to see that it is there
    suite.wait_ready(["agreements"])
    suite.authority.write_bytes(trusted)

    with pytest.raises(Problem) as refused:
        suite.client("csu-0df-analytics").dissemination.request(played.body())

    assert refused.value.status == 503
    log = suite.log_file("dissemination").read_text("utf-8")
    assert "remote_not_trusted" in log
