"""Texts for the errors of a step: which step was probably meant, and what to write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.checks import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

STEPS = ("initialize", "serialize", "build", "finalize", "deserialize")


def for_wrong_step(middleware: object, name: str) -> str:
    """The text for a middleware that has no method for the step *name*."""
    others = [other for other in STEPS if hasattr(middleware, f"handle_{other}")]
    where = " or ".join(f"stack.{other}" for other in others)
    advice = f"it has handle_{others[0]}: add it to {where}" if others else f"write it with @{name}_middleware('Name')"
    return f"{middleware!r} has no handle_{name}, so it cannot be in {name}; {advice}"


def for_unknown_place(id: str, name: str, places: Mapping[str, Collection[str]]) -> str:
    """
    The text for a place that is not in a step.

    Args:
        id: The id that was requested.

        name: The step that was searched.

        places: The ids in each step of the stack, by the step's name.
    """
    here = places[name]
    text = f"{name} has no {id!r}; it has {', '.join(here) or 'nothing'}."
    if not isinstance(id, str):  # pyright: ignore[reportUnnecessaryIsInstance] - for example a class
        return f"{text} Name a place by its id, a string"
    home_of = {place: step for step, ids in places.items() for place in ids}
    if id in home_of:
        return f"{text} {id!r} is in {home_of[id]}: use stack.{home_of[id]}"
    if near := did_you_mean(id, here):
        return f"{text}{near}"
    place = nearest(id, home_of)
    return (
        text
        if place is None
        else f"{text} Did you mean {place!r}? It is in {home_of[place]}: use stack.{home_of[place]}"
    )
