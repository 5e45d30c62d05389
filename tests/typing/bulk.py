"""What fits where in a bulk run, for type checkers. Never run."""

from __future__ import annotations

from sagemaker_runtime import JSONCodec, ParquetCodec
from sagemaker_runtime.bulk import (
    CSV,
    Body,
    CodecBody,
    CSVBody,
    FileBody,
    Files,
    Format,
    JSONBody,
    JSONLines,
    JSONLinesBody,
    Parquet,
    PromptBody,
    Selected,
)

formats: list[Format] = [JSONLines(), CSV(), CSV(header=False, delimiter="\t"), Parquet(), Parquet(["a"]), Files("a/b")]
bodies: list[Body] = [
    JSONBody(key="instances", max_rows=32),
    JSONLinesBody(max_rows=32),
    CSVBody(columns=["a", "b"]),
    PromptBody({"inputs": "{prompt}"}),
    PromptBody('{"inputs": "{prompt}"}'),
    FileBody(accept="application/json"),
    CodecBody(JSONCodec()),
    CodecBody(ParquetCodec(), max_rows=1000),
    Selected("[a, b]", CSVBody()),
]
