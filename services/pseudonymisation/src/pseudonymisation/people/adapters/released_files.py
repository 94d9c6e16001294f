"""Looks for a person in what was prepared: in the files themselves, and nothing is kept of it.

There is no index of who was in which release. A file's rows stand in the order of their tokens, so
that of a Parquet file one group of rows is read; a file that is CSV alone is read as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from catalogue import Treatment
from catalogue.relations import split
from pseudonymisation.engine.blocks import BLOCK, words_of
from pseudonymisation.engine.errors import EngineFailed, KeyDestroyed
from pseudonymisation.engine.keystore import KeyStore
from pseudonymisation.engine.sealing import PERSON
from pseudonymisation.engine.tokens import NUMBERED, Retokeniser
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
            tokens = self._tokens(person, domain)
        except KeyDestroyed:
            return Searched.CANNOT_BE_TOLD
        columns = _columns(extract)
        # Both forms of an extract have the same rows; of several groups each is a file of its own.
        formats = {form for _, form, _ in extract.files}
        form = PARQUET if PARQUET in formats else min(formats, default=PARQUET)
        looked_at = [
            self._is_in(key, form, columns, tokens) for _, of, key in extract.files if of == form
        ]
        if True in looked_at:
            return Searched.IN_IT
        return Searched.CANNOT_BE_TOLD if None in looked_at else Searched.NOT_IN_IT

    def _tokens(self, person: str, domain: PseudonymDomain) -> pa.StringArray:
        """Make the tokens that a person has in a domain, which may be closed by now.

        Whoever is the second person of a row has one of another kind (docs/adr/0109).
        """
        key = self.keys.get_even_closed(domain.key_name)
        words = words_of(np.frombuffer(bytes.fromhex(person), np.uint8).reshape(1, BLOCK))
        made = (
            Retokeniser(
                kind=kind,
                domain_key=key,
                domain_id=domain.id,
                haven_key=self.keys.get(PERSON),
            )
            for kind in sorted(NUMBERED, key=lambda kind: kind.value)
        )
        return pa.array([str(one.text(*words)[0].as_py()) for one in made], pa.string())

    def _is_in(
        self, key: str, form: str, columns: Sequence[str], tokens: pa.StringArray
    ) -> bool | None:
        """Say whether a file has one of the tokens; None: it is not there any more."""
        look = _in_parquet if form == PARQUET else _in_csv
        try:
            with self.store.opened(key) as file:
                return None if file is None else look(file, columns, tokens)
        except pa.ArrowException as error:
            raise EngineFailed(type(error).__name__) from None


def _columns(extract: PreparedExtract) -> Sequence[str]:
    """Name where people's tokens stand: of the rows' own, and in columns of pseudonyms.

    A second person is in one of these; other identifiers there have tokens of a kind of their own.
    """
    pseudonyms = (f.name for f in extract.permit.fields if f.treatment == Treatment.PSEUDONYM)
    return [*dict.fromkeys([TOKEN_COLUMN, *(split(name)[1] for name in pseudonyms)])]


def _in_parquet(file: BinaryIO, columns: Sequence[str], tokens: pa.StringArray) -> bool:
    opened = pq.ParquetFile(file)
    names = opened.schema_arrow.names
    # A group that is about nobody has none of them.
    return any(
        _has(opened.read_row_group(number, [column])[column], tokens)
        for column in columns
        if column in names
        for number in range(opened.num_row_groups)
        if _may_have(opened.metadata.row_group(number).column(names.index(column)), tokens)
    )


def _may_have(column: pq.ColumnChunkMetaData, tokens: pa.StringArray) -> bool:
    known = column.statistics
    if known is None or not known.has_min_max:
        return True
    return any(known.min <= token <= known.max for token in tokens.to_pylist())


def _in_csv(file: BinaryIO, columns: Sequence[str], tokens: pa.StringArray) -> bool:
    wanted = pa_csv.ConvertOptions(
        include_columns=columns,
        include_missing_columns=True,
        column_types=dict.fromkeys(columns, pa.string()),
    )
    parsed = pa_csv.ParseOptions(newlines_in_values=True)
    with pa_csv.open_csv(file, convert_options=wanted, parse_options=parsed) as batches:
        return any(_has(column, tokens) for batch in batches for column in batch.columns)


def _has(column: pa.Array | pa.ChunkedArray, tokens: pa.StringArray) -> bool:
    return bool(pc.any(pc.is_in(column, tokens)).as_py())
