"""A typed client of the four APIs of Data Services for Commissioners.

from pathlib import Path
from dsfc_client import Credentials, Dsfc, Refused

me = Credentials.from_file("csu-0df-analytics", "csu-system", Path("csu.jwk"))
with Dsfc(credentials=me) as dsfc:
try:
asked = dsfc.dissemination.request({"agreement": "DARS-NIC-…", …})
except Refused as no:
print(no.codes)
done = dsfc.dissemination.wait(asked.id)
dsfc.dissemination.download(done.files[0].id, Path("extract.parquet"))
"""

import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Self

import httpx

from dsfc_client._agreement_life import DomainTransfer, Linkage, RecipientEnvironment
from dsfc_client._breaches import Breach
from dsfc_client._bridging import BridgingFile
from dsfc_client._errors import (
    ConnectionLost,
    DigestMismatch,
    DsfcError,
    Failed,
    NotFound,
    Problem,
    Refusal,
    Refused,
)
from dsfc_client._http import Wire
from dsfc_client._local_flows import LocalFlow
from dsfc_client._oversight import Audit, Lapse, LapseCalendar
from dsfc_client._people import OfWhom
from dsfc_client._profile import Profile, ProfileClient, ProfileInvalid
from dsfc_client._tokens import Credentials, TokenSource
from dsfc_client._uploads import media_type_of
from dsfc_client.landing_models import (
    EditionQuality,
    FieldQuality,
    LandingLine,
    StatedQuality,
)
from dsfc_client.models import (
    Agreement,
    Application,
    Availability,
    Contract,
    Extract,
    ExtractFile,
    ExtractPreview,
    Finding,
    Hold,
    Manifest,
    OptOutCheck,
    OptOutList,
    OrderedPeriod,
    Progress,
    RegisterLine,
    StandingOrder,
    Submission,
    Tabulation,
)
from dsfc_client.services import (
    Agreements,
    Applications,
    DidNotHappen,
    Dissemination,
    Pseudonymisation,
    wait_for,
)

URLS: Mapping[str, str] = {
    "issuer": "http://127.0.0.1:8400",
    "applications": "http://127.0.0.1:8401",
    "agreements": "http://127.0.0.1:8402",
    "pseudonymisation": "http://127.0.0.1:8403",
    "dissemination": "http://127.0.0.1:8404",
}
"""Where `dsfc up` puts them."""


class Dsfc:
    """The four services, for one client in one role. Without credentials: public routes only."""

    def __init__(
        self,
        *,
        credentials: Credentials | None = None,
        urls: Mapping[str, str] = URLS,
        token_url: str | None = None,
        assertion_audience: str | None = None,
        authority: Path | None = None,
        timeout_seconds: float = 30.0,
    ) -> None:
        """Ask the services at `urls`.

        `authority` is a file (PEM) of whom to trust for https addresses besides those whom the
        system trusts. Raises OSError where it cannot be read.

        `token_url` is the issuer's `/oauth2/token` unless said; `assertion_audience` is the token
        URL unless said, and some providers want their issuer there.
        """
        self._http = httpx.Client(
            verify=_public() if authority is None else _trusting(authority),
            timeout=httpx.Timeout(timeout_seconds, connect=5.0),
        )
        source = (
            TokenSource(
                token_url or f"{urls['issuer']}/oauth2/token",
                credentials,
                self._http,
                assertion_audience=assertion_audience,
            )
            if credentials
            else None
        )
        self.tokens = source
        self.applications = Applications(
            urls["applications"], self._http, source, audience="applications"
        )
        self.agreements = Agreements(urls["agreements"], self._http, source, audience="agreements")
        self.pseudonymisation = Pseudonymisation(
            urls["pseudonymisation"], self._http, source, audience="pseudonymisation"
        )
        self.dissemination = Dissemination(
            urls["dissemination"], self._http, source, audience="dissemination"
        )

    @classmethod
    def from_profile(
        cls,
        path: Path | str,
        client: str | None = None,
        role: str | None = None,
        *,
        timeout_seconds: float = 30.0,
    ) -> Self:
        """Ask the suite that a profile names, as one of the clients whose keys it knows.

        Raises ProfileInvalid, which says what is wrong with the file or whom it knows.
        """
        profile = Profile.read(Path(path))
        return cls(
            credentials=profile.credentials(client, role, beside=Path(path).parent),
            urls=profile.services,
            token_url=profile.token_url,
            assertion_audience=profile.assertion_audience,
            authority=profile.authority_file(beside=Path(path).parent),
            timeout_seconds=timeout_seconds,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()


@cache
def _public() -> ssl.SSLContext:
    """Whom the public trusts: read once, and not for each client."""
    return httpx.create_ssl_context()


def _trusting(authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(authority)
    return context


__all__ = [
    "URLS",
    "Agreement",
    "Agreements",
    "Application",
    "Applications",
    "Audit",
    "Availability",
    "Breach",
    "BridgingFile",
    "ConnectionLost",
    "Contract",
    "Credentials",
    "DidNotHappen",
    "DigestMismatch",
    "Dissemination",
    "DomainTransfer",
    "Dsfc",
    "DsfcError",
    "EditionQuality",
    "Extract",
    "ExtractFile",
    "ExtractPreview",
    "Failed",
    "FieldQuality",
    "Finding",
    "Hold",
    "LandingLine",
    "Lapse",
    "LapseCalendar",
    "Linkage",
    "LocalFlow",
    "Manifest",
    "NotFound",
    "OfWhom",
    "OptOutCheck",
    "OptOutList",
    "OrderedPeriod",
    "Problem",
    "Profile",
    "ProfileClient",
    "ProfileInvalid",
    "Progress",
    "Pseudonymisation",
    "RecipientEnvironment",
    "Refusal",
    "Refused",
    "RegisterLine",
    "StandingOrder",
    "StatedQuality",
    "Submission",
    "Tabulation",
    "Wire",
    "media_type_of",
    "wait_for",
]
