"""
How many images a second one worker decodes and sends, and how many two do: ``make bench-engines``.

Images are decoded and reduced by the client, so it is the CPU that decides, and not the endpoint. Whatever else the machine
does makes the second figure less.

::

    python throughput.py [ENGINE ...]
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import random
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, cast

from engines.clusters import ENGINES, beside
from engines.scoring import Pixels

from sagemaker_runtime.bulk import ClientRecipe, Files, run_bulk
from sagemaker_runtime.bulk.formats import files
from sagemaker_runtime.local import Invocation, LocalEndpoint

IMAGES, DIFFERENT, ROUNDS = 960, 8, 3  # of 320, the start of the second worker was a tenth of the time
SHARD = 40  # images

MOMENTS: list[float] = []
"""When the images came."""


def picture(number: int) -> bytes:
    """A photograph of noise, which takes its time to decode."""
    from PIL import Image

    noise = random.Random(number).randbytes(1_000 * 1_000 * 3 // 16)
    file = io.BytesIO()
    Image.frombytes("RGB", (250, 250), noise).resize((1_000, 1_000)).save(file, "JPEG", quality=90)
    return file.getvalue()


def brightness(invocation: Invocation) -> bytes:
    MOMENTS.append(time.monotonic())
    pixels = json.loads(invocation.body)
    return json.dumps(sum(pixels) / len(pixels)).encode()


async def rate(local: LocalEndpoint, engine: str, folder: Path, name: str, workers: int) -> tuple[float, float]:
    """Images a second, from the first call to the last; and the seconds before and after."""
    MOMENTS.clear()
    begin = time.monotonic()
    await run_bulk(
        ClientRecipe(endpoint_url=local.url),
        "m",
        folder / "in",
        folder / name,
        format=Files(),
        body=Pixels(),
        progress=False,
        engine=cast("Literal['ray', 'dask']", engine),
        workers=workers,
    )
    seconds = MOMENTS[-1] - MOMENTS[0]
    return len(MOMENTS) / seconds, time.monotonic() - begin - seconds


async def main() -> None:
    """Print a line for each round of each engine."""
    files._FILES = SHARD  # type: ignore[attr-defined]
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        pictures = [picture(number) for number in range(DIFFERENT)]
        for number in range(IMAGES):
            (folder / "in" / f"{number:04}.jpg").write_bytes(pictures[number % DIFFERENT])
        async with LocalEndpoint({"m": brightness}) as local:
            os.environ.update(local.environ())
            for engine in sys.argv[1:] or ENGINES:
                async with beside(engine):
                    await rate(local, engine, folder, f"{engine}-warm", 2)
                    for turn in range(ROUNDS):
                        one, start = await rate(local, engine, folder, f"{engine}-one-{turn}", 1)
                        two, _ = await rate(local, engine, folder, f"{engine}-two-{turn}", 2)
                        print(  # noqa: T201 - the figures
                            f"{engine}: {one:.0f} images/s with one worker, {two:.0f} with two: {two / one:.2f} times; "
                            f"{start:.1f} s besides",
                            flush=True,
                        )


if __name__ == "__main__":
    asyncio.run(main())
