"""Credentials of a bucket in a file: read, or refused without a word of what is in it."""

import pytest

from common.buckets import credentials


def test_a_file_in_the_form_of_aws_is_read(tmp_path):
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id=haven\naws_secret_access_key = a%b=c\n")

    assert credentials(file) == {"access_key_id": "haven", "secret_access_key": "a%b=c"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not-a-credentials-file",
        b"[other]\naws_access_key_id=not-a\naws_secret_access_key=not-a\n",
        b"[default]\naws_secret_access_key=not-a\n",
        b"[default]\naws_secret_access_key=not-a\naws_secret_access_key=not-a\n",
        b"\xff\xfenot-a",
    ],
)
def test_another_file_is_refused_and_only_named(tmp_path, content):
    file = tmp_path / "credentials"
    file.write_bytes(content)

    with pytest.raises(ValueError, match=r"is no credentials file: it needs \[default\]") as said:
        credentials(file)

    assert "not-a" not in str(said.value)
    assert said.value.__cause__ is None
