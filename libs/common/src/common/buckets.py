"""Buckets, by URL: each store of a service with credentials of its own.

Where a file names them, they are of one bucket alone. Without a file they are what the
platform gives the workload (AWS's variables, or its web identity), and renewed as it says.
"""

import configparser
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from obstore.store import S3Store, from_url

if TYPE_CHECKING:
    from obstore.store import ObjectStore, RetryConfig

RETRIES_MAX: Final = 3
REACHED_SECONDS_MAX: Final = 15
"""A bucket that has not answered by then is away: the answer is no, and soon."""
SECTION: Final = "default"
NAMES: Final = {"aws_access_key_id": "access_key_id", "aws_secret_access_key": "secret_access_key"}


def is_bucket(where: str) -> bool:
    """Return whether a setting names a bucket, and not a directory."""
    return "://" in where


def bucket(where: str, credentials_file: Path | None = None) -> "ObjectStore":
    """Open `s3://bucket/prefix`, or another URL that obstore knows.

    Raises:
        ValueError: where the file of credentials is not one, naming the file alone
        OSError: where it cannot be read

    """
    retries: RetryConfig = {
        "max_retries": RETRIES_MAX,
        "retry_timeout": timedelta(seconds=REACHED_SECONDS_MAX),
    }
    if credentials_file is None:
        return from_url(where, retry_config=retries)
    given = credentials(credentials_file)
    return S3Store.from_url(
        where,
        retry_config=retries,
        access_key_id=given["access_key_id"],
        secret_access_key=given["secret_access_key"],
    )


def credentials(file: Path) -> dict[str, str]:
    """Read a credentials file in AWS's form: `[default]`, key id and secret.

    Raises:
        ValueError: naming the file alone, for what is in it is secret

    """
    parsed = configparser.ConfigParser(interpolation=None)
    try:
        parsed.read_string(file.read_text(encoding="utf-8"))
        return {ours: parsed[SECTION][theirs] for theirs, ours in NAMES.items()}
    except (configparser.Error, KeyError, UnicodeDecodeError):
        raise ValueError(
            f"{file} is no credentials file: it needs [{SECTION}] with {' and '.join(NAMES)}"
        ) from None
