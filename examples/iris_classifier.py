"""A real classifier, small enough to read: Gaussian naive Bayes on Fisher's irises, with the standard library only."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

from sagemaker_runtime.local import Answer, Invocation

IRIS = Path(__file__).with_name("iris.csv")


class Iris(NamedTuple):
    """One flower that Fisher published in 1936: its measurements in centimetres, and its species."""

    measurements: tuple[float, ...]
    species: str


def load(path: Path = IRIS) -> list[Iris]:
    """The 150 rows, in the order of the file: 50 of each species."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [Iris(tuple(map(float, row[:-1])), row[-1]) for row in rows]


class IrisClassifier:
    """Assumes that each measurement of a species is normally distributed, and that all species are equally frequent."""

    def __init__(self, irises: Iterable[Iris]) -> None:
        grouped: defaultdict[str, list[tuple[float, ...]]] = defaultdict(list)
        for iris in irises:
            grouped[iris.species].append(iris.measurements)
        self._species = {
            species: [NormalDist.from_samples(column) for column in zip(*flowers, strict=True)]
            for species, flowers in grouped.items()
        }

    def classify(self, measurements: Sequence[float]) -> str:
        """The species for which the measurements are most likely."""
        return max(self._species, key=lambda species: _log_likelihood(measurements, self._species[species]))

    def __call__(self, invocation: Invocation) -> Answer:
        """Four numbers as CSV in, the species out, with the caller's attributes. An invalid body is a ModelError."""
        measurements = [float(number) for number in invocation.body.decode().split(",")]
        return Answer(
            body=self.classify(measurements).encode(),
            content_type="text/plain",
            custom_attributes=invocation.custom_attributes,
        )


def _log_likelihood(measurements: Sequence[float], distributions: Sequence[NormalDist]) -> float:
    # Up to a constant. The logarithm is computed directly, because the density itself can underflow to 0.
    return sum(
        -math.log(normal.stdev) - normal.zscore(value) ** 2 / 2
        for value, normal in zip(measurements, distributions, strict=True)
    )
