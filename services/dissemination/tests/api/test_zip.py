"""A file in a zip: by the same door, under the same lease, with what a person needs to read it."""

import io
import zipfile

import pytest

from common.security.jws import unverified

ZIP = {"Accept": "application/zip"}


@pytest.fixture
def file(house):
    return house.released()["files"][0]


def fetched(house, file, **headers):
    return house.call("GET", file["content"], headers={**ZIP, **headers})


def test_a_zip_has_the_file_its_manifest_and_what_there_is_to_read(house, file):
    answer = fetched(house, file)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert "repr-digest" not in answer.headers
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        assert opened.testzip() is None
        *texts, data = opened.namelist()
        assert texts == ["README.txt", "data-dictionary.csv", "data-quality.csv", "manifest.jws"]
        assert data.endswith(f"{file['id']}.parquet")
        assert opened.read(data) == house.haven.content
        manifest = unverified(opened.read("manifest.jws").decode())
        assert manifest["file"]["digest"] == file["digest"]
        assert manifest["opt_out"]["ground"]["by"] == "rule"
        told = opened.read("README.txt").decode()
        assert file["digest"] in told
        assert "not upheld for this line (by the rule of the day: not confidential" in told
        assert b"Token,A token for the person" in opened.read("data-dictionary.csv")


def test_it_is_the_same_each_time_and_any_part_of_it_is_that_part(house, file):
    whole = fetched(house, file)
    etag, size = whole.headers["etag"], len(whole.content)

    parts = [
        fetched(
            house, file, Range=f"bytes={start}-{min(start + 3000, size) - 1}", **{"If-Range": etag}
        )
        for start in range(0, size, 3000)
    ]

    assert {part.status_code for part in parts} == {206}
    assert b"".join(part.content for part in parts) == whole.content == fetched(house, file).content
    assert etag != f'"{file["digest"]}"'
    of_the_file = fetched(house, file, Range="bytes=0-9", **{"If-Range": f'"{file["digest"]}"'})
    assert of_the_file.status_code == 200
    assert fetched(house, file, Range=f"bytes={size}-").status_code == 416


def test_each_fetch_of_it_is_one_delivery_of_the_file_and_no_line_of_the_register(
    house, file, until
):
    before = house.call("GET", "/v1/register").json()["items"]

    size = len(fetched(house, file).content)

    until(lambda: [d["outcome"] for d in house.deliveries(file)] == ["complete"])
    (delivery,) = house.deliveries(file)
    assert (delivery["file_id"], delivery["start"], delivery["end"]) == (file["id"], 0, size)
    assert delivery["bytes"] == size
    assert house.call("GET", "/v1/register").json()["items"] == before


def test_without_permission_there_is_no_zip_either(house, file):
    house.agreements.refuse("fetch", "BREACH_OPEN")

    answer = fetched(house, file)

    assert (answer.status_code, answer.json()["code"]) == (403, "BREACH_OPEN")
    assert house.deliveries(file) == []


def test_head_says_how_long_it_is_and_delivers_nothing(house, file):
    answer = house.call("HEAD", file["content"], headers=ZIP)

    assert answer.headers["content-length"] == str(len(fetched(house, file).content))
    assert len(house.deliveries(file)) == 1


def test_whoever_takes_anything_is_given_the_file_itself(house, file):
    answer = house.call("GET", file["content"], headers={"Accept": "*/*"})

    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert answer.content == house.haven.content
