"""What `assert_conforms` takes for a change of a middleware's state."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from attrs import define

from sagemaker_runtime import build_middleware
from sagemaker_runtime.testing import StubHTTPClient
from sagemaker_runtime.testing.snapshot import changes, snapshot


@define
class Part:
    """Of this package, so it is looked into."""

    value: object = None


class Slotted:
    """Without a ``__dict__``."""

    __slots__ = "only"  # noqa: PLC0205 - which is allowed, and means one


def counting() -> Callable[[], None]:
    count = 0

    def add() -> None:
        nonlocal count
        count += 1

    return add


def defined_later() -> Callable[[], object]:
    def get() -> object:
        return later

    if get is None:
        later = 1
    return get


class Holder:
    """What a middleware is here."""

    shared = 0

    def __init__(self, held: object) -> None:
        self.held = held

    def method(self) -> object:
        return self.held


def changed_by(holder: Holder, change: Callable[[], object]) -> list[str]:
    before = snapshot(holder)
    change()
    return changes(before, snapshot(holder))


@pytest.mark.parametrize(
    ("held", "change"),
    [
        ([1], lambda held: held.append(2)),
        (deque([1]), lambda held: held.append(2)),
        ({"a": {"b": [1]}}, lambda held: held["a"]["b"].append(2)),
        ({"a"}, lambda held: held.add("b")),
        ({object()}, lambda held: held.add(object())),
        (([],), lambda held: held[0].append(1)),
        (Part(), lambda held: setattr(held, "value", 1)),
        (Part([Part()]), lambda held: setattr(held.value[0], "value", 1)),
        (SimpleNamespace(), lambda held: setattr(held, "value", 1)),
        (Slotted(), lambda held: setattr(held, "only", 1)),
        (counting(), lambda held: held()),
        (Holder([]).method, lambda held: held.__self__.held.append(1)),
    ],
)
def test_a_change_is_seen_wherever_it_lies(held: object, change: Callable[[object], object]) -> None:
    """State hides in closures, slots, bound methods and objects within objects."""
    assert ["held"] == changed_by(Holder(held), lambda: change(held))


@pytest.mark.parametrize(
    "held", [[1], {"a": {"b"}}, Part(Part()), Slotted(), counting(), defined_later(), 1.5, float("nan")]
)
def test_what_does_not_change_is_not_reported(held: object) -> None:
    """A check that sees ghosts is switched off."""
    assert [] == changed_by(Holder(held), lambda: None)


def test_an_attribute_that_is_new_replaced_or_of_the_class_is_seen() -> None:
    """Those are the ways to write `self.last = ...`."""
    holder = Holder(object())

    def change() -> None:
        holder.new, holder.held, Holder.shared = 1, object(), Holder.shared + 1

    assert ["held", "new", "shared"] == changed_by(holder, change)


def test_what_another_package_does_inside_its_objects_is_its_own_business() -> None:
    """A logger's cache and a tracer's buffer are no state of the call."""
    logger = logging.getLogger("sagemaker_runtime.testing.of_a_test")

    assert [] == changed_by(Holder(logger), lambda: logger.isEnabledFor(10))


def test_a_circle_has_an_end() -> None:
    """Objects that know each other are common."""
    ring: list[object] = []
    ring.append(ring)
    part = Part()
    part.value = [part]

    assert [] == changed_by(Holder([ring, part]), lambda: None)


@pytest.mark.parametrize(("held", "seen"), [(Part(), ["handle_build"]), (StubHTTPClient([]), [])])
def test_a_function_is_at_home_where_it_was_written(held: Part | StubHTTPClient, seen: list[str]) -> None:
    """Its state is in its closure; what it holds of this package, such as a second client, is not its own."""

    @build_middleware("Closure")
    async def closure(ctx, step, next):
        return held

    before = snapshot(closure)
    if isinstance(held, Part):
        held.value = 1
    else:
        held.closed += 1

    assert seen == changes(before, snapshot(closure))
