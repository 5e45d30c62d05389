"""The stack against smithy-go's list operations and the order of the Go SDK's stacks."""

from __future__ import annotations

from typing import Any

import pytest
from conformance.conftest import cases, load, tally

from sagemaker_runtime import (
    AFTER,
    BEFORE,
    BuildInput,
    Context,
    DeserializeInput,
    FinalizeInput,
    InitializeInput,
    Key,
    Metadata,
    Output,
    Request,
    SerializeInput,
    Stack,
    StackError,
    build_middleware,
    deserialize_middleware,
    finalize_middleware,
    initialize_middleware,
    serialize_middleware,
)
from sagemaker_runtime.operations.base import OperationInput

FACTORIES = {
    "initialize": initialize_middleware,
    "serialize": serialize_middleware,
    "build": build_middleware,
    "finalize": finalize_middleware,
    "deserialize": deserialize_middleware,
}
INPUTS = {
    "initialize": lambda: InitializeInput(OperationInput()),
    "serialize": lambda: SerializeInput(OperationInput(), Request()),
    "build": lambda: BuildInput(Request()),
    "finalize": lambda: FinalizeInput(Request()),
    "deserialize": lambda: DeserializeInput(Request()),
}
POSITIONS = {"before": BEFORE, "after": AFTER}


async def pass_on(ctx, step, next):
    return await next(ctx, step)


async def end(ctx, step):
    return Output()


class Machine:
    """One step of a stack, driven by the operations of a case."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.step = getattr(Stack("Conformance"), name)
        self.made: dict[str, Any] = {}

    async def run(self, op: dict[str, Any]) -> None:
        if "expect_error" in op:
            before = self.step.lines()
            with pytest.raises(StackError):
                await self.apply(op)
            assert before == self.step.lines(), "an operation that fails changes nothing"
            return

        returned = await self.apply(op)

        if "returned" in op:
            assert self.made[op["returned"].partition(" (")[0]] is returned
        if op.get("found") is False:
            assert returned is None
        if "list_after" in op:
            # After a swap, Go's list has the newcomer's id. Here the place keeps its name, and the newcomer stands in it.
            assert op["list_after"] == [self.step.get(place).id for place in self.step.ids()]

    async def apply(self, op: dict[str, Any]) -> Any:
        step = self.step
        match op["op"]:
            case "add":
                return step.add(self.make(op["id"]), POSITIONS.get(op["position"], op["position"]))
            case "insert" if op["position"] in POSITIONS:
                return step.insert(self.make(op["id"]), **{op["position"]: op["relative_to"]})
            case "insert":  # an unknown position cannot even be written here; the nearest mistake is to give none
                return step.insert(self.make(op["id"]))
            case "swap":
                return step.swap(op["relative_to"], self.make(op["id"]))
            case "remove":
                return step.remove(op["id"])
            case "get":
                return step.get(op["id"])
            case "clear":
                return step.clear()
            case "run":
                return await step.compile(end)(Context(), INPUTS[self.name]())
            case "list":
                return None
        raise AssertionError(f"unknown operation {op['op']!r}")

    def make(self, id: str) -> Any:
        middleware = FACTORIES[self.name](id)(pass_on)
        self.made.setdefault(id, middleware)
        return middleware


BY_INDEX = "places have names here, so nothing is inserted by index"
STEPS = cases(
    "middleware/steps.json",
    lambda document: document["steps"] + document["ordered"],
    id=lambda case: case["id"].replace(" ", "-"),
    skip=lambda case: BY_INDEX if case["id"] == "relativeOrder insert by index" else None,
)


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("case", STEPS)
async def test_the_operations_on_a_step_do_what_they_do_in_go(case, name):
    """Who knows the Go SDK's stacks can use these, in each of the five steps; duplicates are refused, as Go once did."""
    machine = Machine(name)

    for op in case["ops"]:
        await machine.run(op)


@pytest.mark.parametrize("name", FACTORIES)
def test_a_place_keeps_its_name_when_another_moves_in(name):
    """The one difference from Go's swap, so that whoever anchored on the place finds it again."""
    step = getattr(Stack("Conformance"), name)
    for id in ("A", "B", "C"):
        step.add(FACTORIES[name](id)(pass_on))

    step.swap("B", FACTORIES[name]("D")(pass_on))
    step.insert(FACTORIES[name]("E")(pass_on), before="B")

    assert step.ids() == ["A", "E", "B", "C"]
    assert step.lines() == ["A", "E", "B (D)", "C"]


def stack_of(adds: dict[str, list[str]]) -> Stack:
    stack = Stack("fooStack")
    for step, ids in adds.items():
        for id in ids:
            getattr(stack, step.lower()).add(FACTORIES[step.lower()](id)(pass_on))
    return stack


def case_of(id: str) -> dict[str, Any]:
    return next(case for case in load("middleware/stack.json")["cases"] if case["id"] == id)


def test_a_stack_lists_and_prints_what_go_lists_and_prints():
    """The same outline, in our words: the step's bare name, four spaces for a tab, no line end at the end."""
    stack = stack_of(case_of("stack list")["adds"])

    expected_list = [line.removesuffix(" stack step") for line in case_of("stack list")["list"]]
    expected_text = case_of("stack string")["string"].replace(" stack step", "").replace("\t", "    ").rstrip("\n")
    assert expected_list == stack.list()
    assert expected_text == str(stack)


async def test_the_first_in_the_list_is_the_outermost():
    """Each middleware sets a fact on the way back; the caller gets them all, the innermost one's first."""
    numbers = case_of("decorate handler")["middleware"]
    keys = [Key[str](f"mock {number}") for number in numbers]
    stack = Stack("Conformance")
    for number in numbers:

        @build_middleware(f"Mock{number}")
        async def mock(ctx, step, next, number=number):
            output = await next(ctx, step)
            output.metadata[keys[number]] = f"mock-{number}"
            return output

        stack.build.add(mock)

    output = await stack.build.compile(end)(Context(), BuildInput(Request()))

    assert [f"mock-{number}" for number in reversed(numbers)] == [output.metadata[key] for key in output.metadata]


def test_facts_of_an_attempt_do_not_reach_the_call():
    """Go's stack values: a child reads through and writes to itself alone; `for_attempt` is what makes a child here."""
    some, other = Key[str]("some key"), Key[str]("some other key")
    call = Context()

    attempt = call.for_attempt()
    attempt[some], attempt[other] = "foo", "bar"
    cleared = attempt.for_attempt()
    del cleared[some], cleared[other]

    assert call.get(some) is None
    assert (attempt[some], attempt[other]) == ("foo", "bar")
    assert (cleared.get(some), cleared.get(other)) == (None, None)


def test_metadata_is_copied_and_taken_over_whole():
    """Go's metadata clone and properties: the copy is on its own, and `update` takes over every fact."""
    abc, efg, unique = Key[str]("abc"), Key[str]("efg"), Key[str]("unique")
    first, second = Metadata(), Metadata()
    first[abc], first[efg] = "123", "hij"

    copy = first.copy()
    copy[unique] = "value"
    second.update(first)

    assert (copy[abc], copy[efg], copy[unique]) == ("123", "hij", "value")
    assert unique not in first
    assert (second[abc], second[efg]) == ("123", "hij")


def test_every_case_on_steps_and_stacks_is_accounted_for():
    """The cases on stacks are prose, so each has a test of its own above; a new one must be read by somebody."""
    tested = {"stack list", "stack string", "decorate handler", "stack values", "metadata clone", "properties"}
    without_counterpart = {"logger"}  # a context without a logger: here the options always have one

    assert {case["id"] for case in load("middleware/stack.json")["cases"]} == tested | without_counterpart
    assert tally(STEPS) == {"run": 17, BY_INDEX: 1}
