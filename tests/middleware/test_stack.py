"""The list operations, what they say when they cannot, and the fold into one handler."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import pytest
from attrs import frozen
from support import client

from sagemaker_runtime import (
    AFTER,
    BEFORE,
    BuildHandler,
    BuildInput,
    ClientLogMode,
    Context,
    DeserializeHandler,
    DeserializeInput,
    FinalizeHandler,
    FinalizeInput,
    InitializeInput,
    InvokeEndpointInput,
    Key,
    Output,
    Stack,
    StackError,
    build_middleware,
    deserialize_middleware,
    finalize_middleware,
    initialize_middleware,
    serialize_middleware,
)
from sagemaker_runtime.middleware.build import RecursionDetection
from sagemaker_runtime.middleware.deserialize import RequestResponseLogger

TRACE = Key[list[str]]("trace")
PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"")


@frozen
class Tracer:
    """Says when it is passed, on the way down and up, in build and finalize."""

    id: str

    async def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        ctx[TRACE].append(f"{self.id} build")
        output = await next(ctx, step)
        ctx[TRACE].append(f"{self.id} done")
        return output

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        ctx[TRACE].append(f"{self.id} finalize")
        return await next(ctx, step)


def stack_of(*ids: str) -> Stack:
    stack = Stack("InvokeEndpoint")
    for id in ids:
        stack.build.add(Tracer(id))
    return stack


async def end(ctx: Context, step: object) -> Output:
    ctx[TRACE].append("end")
    return Output()


async def trace(stack: Stack) -> list[str]:
    """What a request passes."""
    ctx = Context()
    ctx[TRACE] = []
    await stack.compile(end)(ctx, InitializeInput(PARAMS))
    return ctx[TRACE]


@pytest.mark.parametrize(
    ("change", "ids"),
    [
        (lambda build: build.add(Tracer("X")), ["A", "B", "C", "X"]),
        (lambda build: build.add(Tracer("X"), AFTER), ["A", "B", "C", "X"]),
        (lambda build: build.add(Tracer("X"), position=BEFORE), ["X", "A", "B", "C"]),
        (lambda build: build.insert(Tracer("X"), before="A"), ["X", "A", "B", "C"]),
        (lambda build: build.insert(Tracer("X"), before="C"), ["A", "B", "X", "C"]),
        (lambda build: build.insert(Tracer("X"), after="A"), ["A", "X", "B", "C"]),
        (lambda build: build.insert(Tracer("X"), after="C"), ["A", "B", "C", "X"]),
        (lambda build: build.swap("B", Tracer("X")), ["A", "B", "C"]),
        (lambda build: build.remove("B"), ["A", "C"]),
        (lambda build: build.clear(), []),
    ],
)
def test_each_list_operation_changes_the_order_as_it_says(change: Callable[[object], object], ids: list[str]) -> None:
    """Outermost first; BEFORE is the front."""
    stack = stack_of("A", "B", "C")

    change(stack.build)

    assert ids == stack.build.ids()


def test_get_swap_and_remove_give_who_stood_there() -> None:
    """A middleware that wraps the default one needs it."""
    stack = stack_of("A")
    first, second = stack.build.get("A"), Tracer("Mine")

    assert first == Tracer("A")
    assert stack.build.get("B") is None
    assert first is stack.build.swap("A", second)
    assert second is stack.build.get("A")
    assert second is stack.build.remove("A")


def test_swap_keeps_the_name_of_the_place_and_the_print_shows_both() -> None:
    """Somebody else's ``insert(..., before="Signing")`` must go on working."""
    stack = stack_of("Signing", "Last")

    stack.build.swap("Signing", Tracer("CorporateSigning"))
    stack.build.insert(Tracer("X"), before="Signing")
    stack.build.swap("Last", Tracer("Last"))

    assert stack.build.ids() == ["X", "Signing", "Last"]
    assert str(stack.build) == "Build\n    X\n    Signing (CorporateSigning)\n    Last"
    stack.build.swap("Signing", Tracer("Signing"))
    assert "(" not in str(stack.build)


def function(ctx: object, step: object, next: object) -> None:
    """Not a middleware yet."""


class Odd:
    """Its method is none."""

    id = "Odd"
    handle_build = 5


finalizer = finalize_middleware("Sign")(function)


@pytest.mark.parametrize(
    ("operation", "complaint"),
    [
        (lambda b: b.remove("Sining"), "build has no 'Sining'; it has Signing, UserAgent. Did you mean 'Signing'?"),
        (lambda b: b.swap("useragent", Tracer("X")), "build has no 'useragent'; it has Signing, UserAgent. Did you"),
        (lambda b: b.insert(Tracer("X"), before="Retry"), "build has no 'Retry'; it has Signing, UserAgent."),
        (lambda b: b.insert(Tracer("X"), after=5), "build has no 5; it has Signing, UserAgent."),
        (lambda b: (b.clear(), b.remove("A")), "build has no 'A'; it has nothing."),
        (lambda b: b.add(Tracer("Signing")), "build already has 'Signing'; replace it with swap('Signing', ...)"),
        (lambda b: b.insert(Tracer("Signing"), after="UserAgent"), "build already has 'Signing'"),
        (lambda b: b.swap("Signing", Tracer("UserAgent")), "build already has a place 'UserAgent', so the middleware"),
        (lambda b: b.add(Tracer("")), "build: the id of Tracer(id='') is ''; it takes a name such as 'TagTenant'"),
        (lambda b: b.add(Tracer("  ")), "build: the id of Tracer(id='  ') is '  '"),
        (lambda b: b.add(Tracer("a\nb")), "build: the id of Tracer(id='a\\nb') is 'a\\nb'"),
        (lambda b: b.add(Tracer(5)), "build: the id of Tracer(id=5) is 5"),
        (lambda b: b.swap("Signing", Tracer("")), "build: the id of Tracer(id='') is ''"),
        (lambda b: b.add(Tracer), "build got the class Tracer; pass an object: Tracer(...)"),
        (lambda b: b.insert(Tracer, before="Signing"), "build got the class Tracer; pass an object: Tracer(...)"),
        (lambda b: b.swap("Signing", Tracer), "build got the class Tracer; pass an object: Tracer(...)"),
        (lambda b: b.add(finalizer), "it has handle_finalize: add it to stack.finalize"),
        (lambda b: b.add(function), "write it with @build_middleware('Name')"),
        (lambda b: b.add(None), "None has no handle_build, so it cannot be in build"),
        (lambda b: b.add(Odd()), "is not a method"),
        (lambda b: b.add(Tracer("X"), "before"), "build: 'before' is not a position; use BEFORE (the front) or AFTER"),
        (lambda b: b.insert(Tracer("X")), "build.insert takes either before= or after="),
        (lambda b: b.insert(Tracer("X"), before="Signing", after="Signing"), "build.insert takes either before= or"),
    ],
)
def test_a_mistake_is_told_with_what_stands_there_and_changes_nothing(
    operation: Callable[[object], object], complaint: str
) -> None:
    """An error says what, where, and what to do."""
    stack = stack_of("Signing", "UserAgent")

    with pytest.raises(StackError, match=re.escape(complaint)):
        operation(stack.build)

    assert stack.build.ids() in (["Signing", "UserAgent"], [])


def test_a_middleware_of_several_other_steps_is_sent_to_all_of_them() -> None:
    """The advice names each step it could stand in."""
    stack = Stack("X")

    with pytest.raises(
        StackError, match=r"no handle_deserialize.*it has handle_build: add it to stack.build or stack.fin"
    ):
        stack.deserialize.add(Tracer("A"))


@pytest.mark.parametrize("step", ["initialize", "serialize", "build", "finalize", "deserialize"])
def test_each_decorator_makes_a_middleware_of_its_step(step: str) -> None:
    """The function itself is the method, so it adds no call to the path."""
    decorators = {
        "initialize": initialize_middleware,
        "serialize": serialize_middleware,
        "build": build_middleware,
        "finalize": finalize_middleware,
        "deserialize": deserialize_middleware,
    }
    stack = Stack("X")

    made = decorators[step]("Mine")(function)
    getattr(stack, step).add(made)

    assert made.id == "Mine"
    assert function is getattr(made, f"handle_{step}")
    assert stack.list()[-6:] == [
        name for each in decorators for name in ([each.capitalize(), "Mine"] if each == step else [each.capitalize()])
    ]


def test_the_whole_stack_is_printed_as_an_outline_and_listed() -> None:
    """What a user looks at before anchoring something on it."""
    stack = stack_of("A", "B")
    stack.finalize.add(Tracer("A"))

    assert str(stack) == (
        "InvokeEndpoint\n    Initialize\n    Serialize\n    Build\n        A\n        B\n    Finalize\n        A\n"
        "    Deserialize"
    )
    assert stack.list() == [
        "InvokeEndpoint",
        "Initialize",
        "Serialize",
        "Build",
        "A",
        "B",
        "Finalize",
        "A",
        "Deserialize",
    ]


def test_a_copy_is_changed_on_its_own() -> None:
    """`Client.stack` gives a copy, so that looking cannot change a client."""
    stack = stack_of("A")

    copy = stack.copy()
    copy.build.add(Tracer("B"))
    copy.finalize.add(Tracer("C"))
    stack.build.remove("A")

    assert copy.list() == [
        "InvokeEndpoint",
        "Initialize",
        "Serialize",
        "Build",
        "A",
        "B",
        "Finalize",
        "C",
        "Deserialize",
    ]
    assert stack.build.ids() == []


async def test_a_request_passes_outermost_first_and_comes_back_the_other_way() -> None:
    """The order on the page is the order that runs; one object may stand in several steps, under each step's own list."""
    stack = stack_of("A", "B")
    both = Tracer("C")
    stack.build.add(both)
    stack.finalize.add(both)

    passed = await trace(stack)

    assert passed == ["A build", "B build", "C build", "C finalize", "end", "C done", "B done", "A done"]


async def test_changing_a_stack_does_not_change_the_handler_made_of_it() -> None:
    """A stack is a plan; the Go SDK's changes as it runs."""
    stack = stack_of("A")
    handler = stack.compile(end)
    stack.build.clear()
    ctx = Context()
    ctx[TRACE] = []
    await handler(ctx, InitializeInput(PARAMS))

    assert ctx[TRACE] == ["A build", "end", "A done"]


class OwnRecursionDetection(RecursionDetection):
    """A user's, built on one that is left out of the handler outside Lambda."""

    async def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        ctx[TRACE].append("own")
        return await next(ctx, step)


class OwnLogger(RequestResponseLogger):
    """A user's, built on one that is left out of the handler where the client logs nothing."""

    async def handle_deserialize(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        ctx[TRACE].append("own")
        return await next(ctx, step)


async def test_a_subclass_of_what_has_nothing_to_do_is_called_all_the_same() -> None:
    """Else a logger built on ours would fall silent where the client logs nothing by itself."""
    stack = Stack("InvokeEndpoint")
    stack.build.add(OwnRecursionDetection(in_lambda=False))
    stack.deserialize.add(OwnLogger(ClientLogMode(0)))

    assert await trace(stack) == ["own", "own", "end"]


def test_what_joins_two_middleware_is_no_coroutine() -> None:
    """A plain function hands the awaitable through, so a traceback has one line for each middleware and no more."""
    handler = client().stack("InvokeEndpoint").build.compile(end)

    assert not inspect.iscoroutinefunction(handler)
