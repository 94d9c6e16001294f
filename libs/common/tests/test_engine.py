"""Engines keep their promises on both databases."""

from sqlalchemy import text


def test_a_database_answers(database_url, make_engine):
    with make_engine(database_url).connect() as connection:
        answer = connection.execute(text("SELECT 1")).scalar_one()

    assert answer == 1
