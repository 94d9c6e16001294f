"""What a published file is known by: a digest over what it says, however it is written."""

import hashlib
import json
from collections.abc import Mapping

from common import ids


def digest_of(content: Mapping[str, object]) -> str:
    """`sha256:` and 64 hexadecimal digits over the canonical JSON of what the file says."""
    return "sha256:" + hashlib.sha256(canonical(content)).hexdigest()


def canonical(content: Mapping[str, object]) -> bytes:
    """Write down what a file says as canonical JSON (RFC 8785), over which its digest is.

    Of the file, not of the model: a model that learns a new optional word must not change the
    digest of what was published before.
    """
    plain = json.loads(json.dumps(content, default=str))  # YAML's dates become ISO 8601
    return ids.canonical(plain)
