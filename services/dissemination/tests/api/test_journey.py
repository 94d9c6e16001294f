"""One extract from the question to the bytes, and what is written down of it."""

from common.ids import digest


def test_an_extract_is_prepared_released_and_fetched(house):
    extract = house.released(formats=["parquet", "csv"])

    parquet = next(file for file in extract["files"] if file["format"] == "parquet")
    answer = house.call("GET", parquet["content"])

    assert answer.status_code == 200
    assert digest(answer.content) == parquet["digest"]
