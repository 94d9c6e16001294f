"""Parquet: numbers as numbers, and beside each measure the mark where there is none."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

from disclosure.outputs.plain import schema
from disclosure.outputs.printed import Kind, Printed, number

MARK = "_mark"


def parquet_file(printed: Printed) -> bytes:
    """Write Parquet: `*` and `-` stand in `<measure>_mark`, footnotes in the file's metadata."""
    fields: list[pa.Field] = []
    arrays: list[pa.Array] = []
    names = {c.name for c in printed.columns}
    for at, column in enumerate(printed.columns):
        texts = [row[at] for row in printed.rows]
        if column.kind is Kind.LABEL:
            fields.append(pa.field(column.name, pa.string(), nullable=False))
            arrays.append(pa.array(texts, pa.string()))
            continue
        mark = column.name + MARK
        while mark in names:
            mark += "_"
        names.add(mark)
        numbers = [number(column, text) for text in texts]
        is_float = column.kind is Kind.NUMBER
        kind = pa.float64() if is_float else pa.int64()
        marks = [
            text if n is None and text else None for text, n in zip(texts, numbers, strict=True)
        ]
        fields += [pa.field(column.name, kind), pa.field(mark, pa.string())]
        values = [float(n) if is_float and n is not None else n for n in numbers]
        arrays += [pa.array(values, kind), pa.array(marks, pa.string())]
    told = {
        "title": printed.title,
        "footnotes": list(printed.footnotes),
        "about": dict(printed.about),
        "schema": schema(printed),
    }
    metadata = {"table": json.dumps(told, ensure_ascii=False)}
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=metadata))
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
