"""Two authorities, and a certificate for the loopback address under each."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from dsfc_testing.certificates import Authority


@dataclass(frozen=True)
class Place:
    """Where certificate, key and the trusted authority are, as a mounted secret has them."""

    certificate: Path
    key: Path
    authority: Path

    def take(self, signing: Authority) -> None:
        """Put a new certificate under that authority into place, and trust that authority."""
        signing.issue(["127.0.0.1", "localhost"], self.certificate, self.key)
        self.authority.write_bytes(signing.pem)


@pytest.fixture(scope="session")
def authorities():
    return Authority.new("the first"), Authority.new("the second")


@pytest.fixture
def place(tmp_path, authorities):
    found = Place(tmp_path / "tls.crt", tmp_path / "tls.key", tmp_path / "ca.crt")
    found.take(authorities[0])
    return found
