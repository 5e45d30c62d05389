"""`spreading`: the driver for an engine, chosen by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.engines.base import Assignment
from sagemaker_runtime.bulk.engines.on_dask import OnDask
from sagemaker_runtime.bulk.engines.on_ray import OnRay
from sagemaker_runtime.bulk.engines.spreading import Spreading
from sagemaker_runtime.bulk.engines.travel import check_travels
from sagemaker_runtime.bulk.recipe import ClientRecipe

if TYPE_CHECKING:
    from sagemaker_runtime.bulk.places import Destination, Source
    from sagemaker_runtime.bulk.progress import Display
    from sagemaker_runtime.bulk.settings import RunSettings
    from sagemaker_runtime.plugins.concurrency import KneeLimit


def spreading(
    engine: Literal["ray", "dask"],
    workers: int | None,
    recipe: object,
    settings: RunSettings,
    source: Source,
    destination: Destination,
    display: Display | None,
    *,
    limit: int | KneeLimit,
    drain: float,
) -> Spreading:
    """
    The driver of a run on an engine; the arguments are those of `run_bulk`, or made from them.

    Raises:
        ConfigError: The engine is not installed, or an argument cannot be sent to its workers; the text names it.
    """
    if not isinstance(recipe, ClientRecipe):
        raise ConfigError("an engine takes a ClientRecipe instead of a client")
    given: dict[str, object] = {
        "the ClientRecipe": recipe,
        "format": settings.format,
        "body": settings.body,
        "members": settings.members,
        "limit": limit,
    }
    check_travels(given)
    assignment = Assignment(
        recipe=recipe, settings=settings, run_id="", output=destination.where, limit=limit, drain=drain
    )
    made = OnRay(workers) if engine == "ray" else OnDask(workers)
    return Spreading(made, assignment, source, display)
