"""Looks for a person in what was prepared: in the files themselves, and nothing is kept of it.

There is no index of who was in which release. A file's rows stand in the order of their tokens, so
that of a Parquet file one group of rows is read; a file that is CSV alone is read as a whole.
"""

from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pseudonymisation.engine.blocks import BLOCK, words_of
from pseudonymisation.engine.errors import EngineFailed, KeyDestroyed
from pseudonymisation.engine.keystore import KeyStore
from pseudonymisation.engine.sealing import PERSON
from pseudonymisation.engine.tokens import Kind, Retokeniser
from pseudonymisation.people.domain.subject_access import PreparedExtract, Searched
from pseudonymisation.preparations.domain.attestation import TOKEN_COLUMN
from pseudonymisation.preparations.domain.tokens import PseudonymDomain
from pseudonymisation.preparations.use_cases.ports import ReleaseStore

PARQUET: Final = "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedFiles:
    """`use_cases.ports.PreparedRows`."""

    store: ReleaseStore
    keys: KeyStore

    def search(self, person: str, extract: PreparedExtract, domain: PseudonymDomain) -> Searched:
        """Raise KeyUnavailable, ReleaseStoreUnavailable, EngineFailed."""
        try:
            token = self._token(person, domain)
        except KeyDestroyed:
            return Searched.CANNOT_BE_TOLD
        # Both forms of an extract have the same rows; of several groups each is a file of its own.
        formats = {form for _, form, _ in extract.files}
        form = PARQUET if PARQUET in formats else min(formats, default=PARQUET)
        looked_at = [self._is_in(key, form, token) for _, of, key in extract.files if of == form]
        if True in looked_at:
            return Searched.IN_IT
        return Searched.CANNOT_BE_TOLD if None in looked_at else Searched.NOT_IN_IT

    def _token(self, person: str, domain: PseudonymDomain) -> str:
        """Make the person's token in a domain, which may be closed by now."""
        key = self.keys.get_even_closed(domain.key_name)
        made = Retokeniser(
            kind=Kind.NUMBER,
            domain_key=key,
            domain_id=domain.id,
            haven_key=self.keys.get(PERSON),
        )
        block = np.frombuffer(bytes.fromhex(person), np.uint8).reshape(1, BLOCK)
        return str(made.text(*words_of(block))[0].as_py())

    def _is_in(self, key: str, form: str, token: str) -> bool | None:
        """Say whether a file has the token; None: it is not there any more."""
        try:
            with self.store.opened(key) as file:
                if file is None:
                    return None
                return _in_parquet(file, token) if form == PARQUET else _in_csv(file, token)
        except pa.ArrowException as error:
            raise EngineFailed(type(error).__name__) from None


def _in_parquet(file: BinaryIO, token: str) -> bool:
    opened = pq.ParquetFile(file)
    names = opened.schema_arrow.names
    if TOKEN_COLUMN not in names:  # of a group that is about nobody
        return False
    place = names.index(TOKEN_COLUMN)
    groups = (
        number
        for number in range(opened.num_row_groups)
        if _may_have(opened.metadata.row_group(number).column(place).statistics, token)
    )
    return any(_has(opened.read_row_group(n, [TOKEN_COLUMN])[TOKEN_COLUMN], token) for n in groups)


def _may_have(statistics: pq.Statistics | None, token: str) -> bool:
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min <= token <= statistics.max)


def _in_csv(file: BinaryIO, token: str) -> bool:
    columns = pa_csv.ConvertOptions(
        include_columns=[TOKEN_COLUMN],
        include_missing_columns=True,
        column_types={TOKEN_COLUMN: pa.string()},
    )
    parsed = pa_csv.ParseOptions(newlines_in_values=True)
    with pa_csv.open_csv(file, convert_options=columns, parse_options=parsed) as batches:
        return any(_has(batch.column(0), token) for batch in batches)


def _has(tokens: pa.Array | pa.ChunkedArray, token: str) -> bool:
    return bool(pc.any(pc.equal(tokens, token)).as_py())
