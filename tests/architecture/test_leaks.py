"""No key, token or password is in the repository, but those that are no secret and say why."""

import json

import pytest
import yaml

from tests.leaks import Leak, leaks
from tests.repository import ROOT, text_of, tracked

KNOWN = yaml.safe_load((ROOT / "tests/architecture/known_leaks.yaml").read_text("utf-8"))
RANDOM = "q7Rk2vXz9LmT4bWn" + "8sYc3pHd6fGj1aKe"
"""No key of anything. In pieces, or it would be found here."""
HEX = bytes(ord(c) * 7 % 256 for c in RANDOM).hex()


def pem(kind: str) -> str:
    return f"-----BEGIN {kind}PRIVATE " + "KEY-----\n"


PLANTED = {
    "key.txt": pem("EC ") + "MHcCAQEE\n",
    "notes.txt": pem("") + "MHcCAQEE\n",
    "client.json": json.dumps({"kty": "EC", "d": RANDOM}),
    "client.py": f"JWK = {{'kty': 'EC', 'd': '{RANDOM}'}}\n",
    "signing.jwk": "{}",
    "kek": RANDOM + "\n",
    "kek.txt": HEX,
    "cloud.py": "ACCESS = 'AKIA" + "IOSFODNN7EXAMPLQ'\n",
    "push.sh": "git clone https://ghp_" + RANDOM + "abcd@example.org/x\n",
    "database.yaml": "url: postgresql+psycopg://agreements:"
    + RANDOM[:9]
    + "@postgres/agreements\n",
    "compose.yml": "  POSTGRES_PASSWORD: " + RANDOM[:9] + "\n",
    "deploy.env": "KEYCLOAK_CLIENT_SECRET=" + RANDOM[:9] + "\n",
    "test.py": f"SECRET = '{RANDOM}'\n",
    "hex.py": f"KEK = bytes.fromhex('{HEX}')\n",
    "chat.py": "HOOK = 'xoxb-" + "1234567890-1234567890-" + RANDOM + "'\n",
    "token.txt": "eyJhbGciOiJFUzI1NiJ9" + ".eyJzdWIiOiJub2JvZHkifQ." + RANDOM + "\n",
}


@pytest.mark.parametrize("path", PLANTED)
def test_a_secret_is_found(path):
    found = list(leaks(path, PLANTED[path]))

    assert found
    assert RANDOM not in str(found)  # what is found is not spread by saying so


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("compose.yml", "  TOKEN_URL: *token\n  PASSWORD_FILE: ${PASSWORDS}/agreements\n"),
        ("pod.yaml", "- 'AGREEMENTS_CHECKPOINT_DIR=/var/lib/dsfc/checkpoints'\n"),
        ("keys.py", 'f"postgresql://{service}:{password}@postgres/{service}"\n'),
        ("public.json", '{"kty": "EC", "kid": "agreements"}'),
    ],
)
def test_a_name_and_a_reference_are_no_secret(path, text):
    assert list(leaks(path, text)) == []


def test_no_secret_is_in_the_repository_but_what_is_known_to_be_none():
    found = [leak for path in tracked() for leak in leaks(_name(path), text_of(path))]
    known = {(entry["path"], digest) for entry in KNOWN for digest in entry["digests"]}

    new = [leak for leak in found if (leak.path, leak.digest) not in known]
    assert sorted(new) == [], "take it out, and renew it: it is in the history of git now"
    gone = known - {(leak.path, leak.digest) for leak in found}
    assert gone == set(), "known_leaks.yaml names what is not there any more"


def test_what_is_known_says_why_it_is_no_secret():
    for entry in KNOWN:
        assert set(entry) == {"path", "what", "why", "digests"}, entry
        assert len(entry["why"].split()) > 3, entry["path"]


def test_a_leak_is_told_by_place_and_digest():
    (leak,) = leaks("a.json", json.dumps({"x": 1}, indent=1) + f'\n{{"d": "{RANDOM}"}}')

    assert leak == Leak("a.json", 4, "private JWK", leak.digest)
    assert len(leak.digest) == 16


def _name(path):
    return path.relative_to(ROOT).as_posix()
