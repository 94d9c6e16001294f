"""Certificates that `dsfc keys` makes for a try say so, and production takes none of them."""

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

ORGANISATION = "dsfc development, not for production"
"""The organisation of the authority; its key lies in a folder of somebody's clone."""


def of_development(files: Sequence[Path | None]) -> Sequence[Path]:
    """Return the files that hold a certificate of such an authority, or such an authority.

    What cannot be read is judged by whoever serves or trusts it.
    """
    return [path for path in files if path is not None and _is_of_development(path)]


def _is_of_development(path: Path) -> bool:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return False
    return any(
        name.value == ORGANISATION
        for certificate in found
        for name in certificate.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    )
