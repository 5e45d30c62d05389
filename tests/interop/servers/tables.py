"""
A container that reads and writes tables with pandas, NumPy and pyarrow, behind FastAPI. It stops when its standard input closes.

Usage: ``python tables.py PORT``. It answers with the sums of the rows, in the type that it was asked for.
"""

from __future__ import annotations

import io
import os
import sys
import threading

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import uvicorn
from fastapi import FastAPI, Request, Response

ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/x-parquet"
app = FastAPI()


def table_in(body: bytes, kind: str) -> pd.DataFrame:
    """What others' libraries make of the body."""
    match kind:
        case "application/json":
            return pd.DataFrame(pd.read_json(io.BytesIO(body), typ="series")["instances"])
        case "application/jsonlines":
            return pd.read_json(io.BytesIO(body), lines=True)
        case "text/csv":
            return pd.read_csv(io.BytesIO(body), header=None)
        case "application/x-npy":
            return pd.DataFrame(np.load(io.BytesIO(body), allow_pickle=False))
        case _ if kind == ARROW:
            return pa.ipc.open_stream(body).read_all().to_pandas()
        case _ if kind == PARQUET:
            return pd.read_parquet(io.BytesIO(body))
        case _:
            raise ValueError(kind)


def table_out(sums: pd.DataFrame, kind: str) -> bytes:
    """The sums, as others' libraries write them."""
    sink = io.BytesIO()
    match kind:
        case "application/json":
            return sums.to_json(orient="records").encode()
        case "application/jsonlines":
            return sums.to_json(orient="records", lines=True).encode()
        case "text/csv":
            return sums.to_csv(header=False, index=False).encode()
        case "application/x-npy":
            np.save(sink, sums.to_numpy())
        case _ if kind == ARROW:
            table = pa.Table.from_pandas(sums, preserve_index=False)
            with pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table)
        case _:
            pq.write_table(pa.Table.from_pandas(sums, preserve_index=False), sink)
    return sink.getvalue()


@app.get("/ping")
def ping() -> Response:
    return Response()


@app.post("/invocations")
async def invoke(request: Request) -> Response:
    table = table_in(await request.body(), request.headers["content-type"].partition(";")[0])
    kind = request.headers["accept"]
    return Response(table_out(pd.DataFrame({"sum": table.sum(axis="columns")}), kind), media_type=kind)


if __name__ == "__main__":
    threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
