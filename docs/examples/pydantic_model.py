"""
A pydantic model in, a pydantic model out.

`predict` returns a `Species`, which type checkers know. If the response is not one, the
error names the field.
"""

from __future__ import annotations

import asyncio
import json

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from sagemaker_runtime import Client, DecodeError, JSONCodec, Predictor
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint


class Flower(BaseModel):
    sepal: tuple[float, float]
    petal: tuple[float, float]


class Species(BaseModel):
    name: str
    probability: float


def classify(invocation: Invocation) -> Answer:
    """Stands in for the model."""
    if json.loads(invocation.body)["petal"] == [1.4, 0.2]:
        return Answer(body=b'{"name": "setosa", "probability": 0.98}')
    return Answer(body=b'{"name": "unknown", "probability": null}')


async def main() -> None:
    codec = JSONCodec(type=Species, default=to_jsonable_python)
    async with (
        LocalEndpoint({"iris": classify}) as local,
        Client(local.options()) as client,
    ):
        iris = Predictor(client, "iris", codec=codec)

        species = await iris.predict(Flower(sepal=(5.1, 3.5), petal=(1.4, 0.2)))
        print(species.name, species.probability)

        try:
            await iris.predict(Flower(sepal=(7.9, 3.8), petal=(0.0, 9.9)))
        except DecodeError as error:
            print(error.message)


if __name__ == "__main__":
    asyncio.run(main())
