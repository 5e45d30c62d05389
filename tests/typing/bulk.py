"""What fits where in a bulk run, for type checkers. Never run."""

from __future__ import annotations

from sagemaker_runtime import Client, JSONCodec, ParquetCodec
from sagemaker_runtime.bulk import (
    CSV,
    Body,
    ClientRecipe,
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
    Scorer,
    Selected,
    run_bulk,
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


async def spread(client: Client, recipe: ClientRecipe) -> None:
    """Either may be given, and a scorer returns what it takes."""
    await run_bulk(client, "m", "in", "out")
    await run_bulk(recipe, "m", "in", "out", engine="ray", workers=4)
    await run_bulk(recipe, "m", "in", "out", engine="spark")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Scorer(client, "m")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    scored: dict[str, list[int]] = Scorer(recipe, "m", columns="x")({"x": [1]})
    del scored
