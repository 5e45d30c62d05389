"""`assert_conforms`: it catches each broken middleware of a zoo by the rule it breaks, and lets good ones pass."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import SimpleNamespace

import pytest
from attrs import define, field, frozen

from sagemaker_runtime import (
    AdaptiveRetryer,
    Client,
    ConnectError,
    Context,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    Key,
    ModelError,
    Output,
    ServiceError,
    ServiceUnavailable,
    StandardRetryer,
    TotalTimeoutError,
    build_middleware,
    deserialize_middleware,
    finalize_middleware,
    initialize_middleware,
    serialize_middleware,
)
from sagemaker_runtime.context import CLOCK
from sagemaker_runtime.middleware.finalize import Retry
from sagemaker_runtime.retry import RETRYER
from sagemaker_runtime.testing import ConformanceError, ManualClock, StubHTTPClient, assert_conforms, respond

TAG = Key[str]("tag")
OPERATIONS = ("InvokeEndpoint", "InvokeEndpointAsync", "InvokeEndpointWithResponseStream")


def middleware(handle):
    """A middleware of the build step, made of a function."""
    return build_middleware(handle.__name__)(handle)


# Good ones.


@initialize_middleware("Tag")
async def tag(ctx, step, next):
    ctx[TAG] = "acme"
    return await next(ctx, step)


@serialize_middleware("Pass")
def pass_on(ctx, step, next):
    return next(ctx, step)


@deserialize_middleware("LookAtBody")
async def look_at_body(ctx, step, next):
    output = await next(ctx, step)
    if output.raw_response.headers.get("content-type") is None:
        await output.raw_response.body.read()
    return output


class Everywhere:
    """Stands in two steps, with a method that is a coroutine and one that is not."""

    id = "Everywhere"

    async def handle_build(self, ctx, step, next):
        return await next(ctx, step)

    def handle_finalize(self, ctx, step, next):
        return next(ctx, step)


class Callable(Everywhere):
    """Knows where it belongs, and is an ``api_options`` entry itself."""

    id = "Callable"

    def __call__(self, stack) -> None:
        stack.build.insert(self, before="UserAgent")


class LimitToOne:
    """Lets calls through one by one."""

    id = "LimitToOne"

    def __init__(self) -> None:
        self.lock = asyncio.Lock()

    async def handle_initialize(self, ctx, step, next):
        async with self.lock:
            return await next(ctx, step)


@define
class Lazy:
    """Makes what it needs at its first call, and keeps it."""

    id = "Lazy"
    tracer: object = None

    async def handle_build(self, ctx, step, next):
        if self.tracer is None:
            self.tracer = object()
        return await next(ctx, step)


@define
class Count:
    """Counts for ever, and says so."""

    id = "Count"
    counts: Counter[str] = field(factory=Counter)

    async def handle_initialize(self, ctx, step, next):
        self.counts[type(step.parameters).__name__] += 1
        return await next(ctx, step)


class WatchInBackground:
    """Starts a task at its first call, for all calls together."""

    id = "WatchInBackground"

    def __init__(self) -> None:
        self.task = None

    async def handle_build(self, ctx, step, next):
        if self.task is None:
            self.task = asyncio.create_task(asyncio.Event().wait())
            background.append(self.task)
        return await next(ctx, step)


def falling_back_to_another_client():
    """A client of its own does its own work, and changes as it does it."""
    spare = Client(StubHTTPClient([respond(b"spare")], repeat=True).options())

    @initialize_middleware("FallBackElsewhere")
    async def fall_back(ctx, step, next):
        try:
            return await next(ctx, step)
        except ServiceUnavailable:
            output = await spare.invoke_endpoint(InvokeEndpointInput(endpoint_name="spare", body=b"1"))
            return Output(InvokeEndpointOutput(body=output.body))

    return fall_back


@finalize_middleware("Again")
async def again(ctx, step, next):
    for _ in range(2):
        try:
            return await next(ctx.for_attempt(), type(step)(step.request.copy()))
        except Exception as error:  # noqa: BLE001
            last = error
    raise last


@finalize_middleware("Hedge")
async def hedge(ctx, step, next):
    """The first response of two counts; the other attempt is cancelled, and awaited."""
    tasks = [asyncio.ensure_future(next(ctx.for_attempt(), type(step)(step.request.copy()))) for _ in range(2)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return next_good(tasks)


def next_good(tasks):
    good = [task for task in tasks if not task.cancelled() and task.exception() is None]
    return (good or tasks)[0].result()


@initialize_middleware("Fallback")
async def fallback(ctx, step, next):
    try:
        return await next(ctx, step)
    except Exception:  # noqa: BLE001
        return Output(InvokeEndpointOutput(body=b"fallback"))


@define
class Breaker:
    """Refuses after two failures."""

    id = "Breaker"
    failures: int = 0

    async def handle_initialize(self, ctx, step, next):
        if self.failures >= 2:
            raise ServiceUnavailable("refused")
        try:
            return await next(ctx, step)
        except Exception:
            self.failures += 1
            raise


def only_for_invoke_endpoint(middleware):
    return lambda stack: stack.initialize.add(middleware) if stack.id == "InvokeEndpoint" else None


fall_back_elsewhere = falling_back_to_another_client()


@pytest.mark.parametrize(
    ("good", "declared"),
    [
        (tag, {}),
        (pass_on, {}),
        (look_at_body, {}),
        (Everywhere(), {}),
        (Callable(), {}),
        (Lazy(), {}),
        (LimitToOne(), {"state": ["lock"]}),
        (Count(), {"state": ["counts"]}),
        (again, {"repeats": True}),
        (fallback, {"answers": True, "install": only_for_invoke_endpoint(fallback)}),
        (fall_back_elsewhere, {"answers": True, "install": only_for_invoke_endpoint(fall_back_elsewhere)}),
        (WatchInBackground(), {}),
        (Breaker(), {"answers": True, "state": ["failures"]}),
    ],
    ids=lambda value: value.id if hasattr(value, "id") else "",
)
async def test_a_good_middleware_passes(good: object, declared: dict[str, object]) -> None:
    """A check that cries wolf is switched off; what a middleware is for is declared in a word."""
    await assert_conforms(good, **declared)

    async with Client(StubHTTPClient([]).options()) as client:
        assert good.id not in client.stack("InvokeEndpoint").list()  # and it is nobody's but its owner's
    stop_background()


async def test_a_hedge_that_cleans_up_passes() -> None:
    """Two attempts at once are allowed by the contract of the stack."""

    def install(stack):
        if stack.id != "InvokeEndpointWithResponseStream":
            stack.finalize.insert(hedge, after="Retry")

    await assert_conforms(hedge, repeats=True, install=install)


DEFAULT = Client(StubHTTPClient([]).options()).stack("InvokeEndpoint")
PLACES = [
    (step, place)
    for step in ("initialize", "serialize", "build", "finalize", "deserialize")
    for place in getattr(DEFAULT, step).ids()
]
# What these keep is the client's: the codec's cache of heads, the skew of the clocks, the retryer's quota.
STATE = {
    "OperationInputValidation": {"marshaller"},
    "OperationSerializer": {"marshaller"},
}


@pytest.mark.parametrize(("step", "place"), PLACES, ids=[place for _, place in PLACES])
async def test_the_middleware_of_the_default_stack_pass(step: str, place: str) -> None:
    """They are what a user reads as examples, and the rules that they break would be no rules."""
    stack = Client(StubHTTPClient([]).options()).stack("InvokeEndpoint")
    found = getattr(stack, step).get(place)

    def install(stack):
        if stack.id == "InvokeEndpoint":
            getattr(stack, step).swap(place, found)

    await assert_conforms(found, install=install, repeats=place == "Retry", state=STATE.get(place, ()))


@pytest.mark.parametrize(
    "retryer", [StandardRetryer(), AdaptiveRetryer(clock=ManualClock())], ids=["standard", "adaptive"]
)
async def test_the_retry_middleware_passes_where_it_really_repeats(retryer) -> None:
    """Its attempts each have a context and a request of their own, and a cancelled wait ends the call."""
    retry = Retry()

    @initialize_middleware("OtherRetryer")
    def other_retryer(ctx, step, next):
        ctx[RETRYER] = retryer
        if isinstance(retryer, AdaptiveRetryer):
            ctx[CLOCK] = retryer.clock
        return next(ctx, step)

    def install(stack):
        stack.initialize.add(other_retryer)
        stack.finalize.swap("Retry", retry)

    await assert_conforms(retry, install=install, repeats=True)


# Broken ones.


@middleware
async def forgets_to_return(ctx, step, next):
    await next(ctx, step)


@middleware
async def forgets_to_await(ctx, step, next):
    async def later():
        return await next(ctx, step)

    return later()


@middleware
def is_no_coroutine(ctx, step, next):
    return None


@middleware
async def gives_the_result(ctx, step, next):
    return (await next(ctx, step)).result


@middleware
async def never_calls_next(ctx, step, next):
    return Output(InvokeEndpointOutput(body=b""))


@middleware
async def calls_next_twice(ctx, step, next):
    await next(ctx, step)
    return await next(ctx, step)


@middleware
async def calls_next_again_on_failure(ctx, step, next):
    try:
        return await next(ctx, step)
    except ServiceUnavailable:
        return await next(ctx, step)


@middleware
async def passes_the_request(ctx, step, next):
    return await next(ctx, step.request)


@middleware
async def passes_a_dict(ctx, step, next):
    return await next({}, step)


@middleware
async def passes_an_empty_context(ctx, step, next):
    return await next(Context(), step)


@middleware
async def puts_bytes_in_the_request(ctx, step, next):
    return await next(ctx, type(step)(b""))


@middleware
async def repeats_in_one_context(ctx, step, next):
    try:
        return await next(ctx, step)
    except ServiceUnavailable:
        return await next(ctx, type(step)(step.request.copy()))


@middleware
async def repeats_one_request(ctx, step, next):
    try:
        return await next(ctx.for_attempt(), step)
    except ServiceUnavailable:
        return await next(ctx.for_attempt(), step)


@middleware
async def never_gives_up(ctx, step, next):
    while True:
        try:
            return await next(ctx.for_attempt(), type(step)(step.request.copy()))
        except ServiceUnavailable:
            pass


@middleware
async def makes_good_calls_fail(ctx, step, next):
    return await next(ctx, step.nothing)


@middleware
async def swallows_errors(ctx, step, next):
    try:
        return await next(ctx, step)
    except Exception:  # noqa: BLE001
        return Output()


def swallowing(kind):
    """Replaces one kind of failure, as its author intended, without declaring answers=True."""

    @finalize_middleware(f"swallows_{kind.__name__}")
    async def swallow(ctx, step, next):
        try:
            return await next(ctx, step)
        except kind as error:
            if kind is ServiceError and error.code != "ThrottlingException":
                raise
            return Output()

    return swallow


@middleware
async def raises_another_error(ctx, step, next):
    try:
        return await next(ctx, step)
    except Exception as error:
        raise ValueError("something failed") from error


@middleware
async def swallows_cancellation(ctx, step, next):
    try:
        return await next(ctx, step)
    except asyncio.CancelledError:
        return Output()


@middleware
async def turns_cancellation_into_an_error(ctx, step, next):
    try:
        return await next(ctx, step)
    except asyncio.CancelledError:
        raise ServiceUnavailable("cancelled") from None


@middleware
async def shields_next(ctx, step, next):
    return await asyncio.shield(asyncio.ensure_future(next(ctx, step)))


@middleware
async def calls_next_after_it_has_returned(ctx, step, next):
    async def later():
        for _ in range(15):
            await asyncio.sleep(0)
        await next(ctx, step)

    background.append(asyncio.create_task(later()))
    return Output(InvokeEndpointOutput(body=b""))


background: list[asyncio.Task[object]] = []


def stop_background():
    for task in background:
        task.cancel()
    background.clear()


@middleware
async def leaves_a_task(ctx, step, next):
    background.append(asyncio.create_task(asyncio.Event().wait(), name="forgotten"))
    return await next(ctx, step)


class KeepsALock:
    """Takes a lock, and gives it back only where all goes well."""

    id = "keeps_a_lock"

    def __init__(self) -> None:
        self.lock = asyncio.Lock()

    async def handle_build(self, ctx, step, next):
        await self.lock.acquire()
        output = await next(ctx, step)
        self.lock.release()
        return output


class FailsAfterAFailure:
    """Is no use any more once something has failed."""

    id = "fails_after_a_failure"

    def __init__(self) -> None:
        self.broken = False

    async def handle_build(self, ctx, step, next):
        if self.broken:
            raise RuntimeError("still broken")
        try:
            return await next(ctx, step)
        except Exception:
            self.broken = True
            raise


class RemembersTheRequest:
    """The commonest mistake of all."""

    id = "remembers_the_request"

    async def handle_build(self, ctx, step, next):
        self.request = step.request
        return await next(ctx, step)


class RemembersForAWhile:
    """Cleans up after itself, and so shows it only while two calls are under way."""

    id = "remembers_for_a_while"

    def __init__(self) -> None:
        self.notes = SimpleNamespace(body=None)

    async def handle_build(self, ctx, step, next):
        self.notes.body = step.request.body
        try:
            return await next(ctx, step)
        finally:
            self.notes.body = None


class RemembersInItsClass:
    """Keeps it for all its objects, and for ever."""

    id = "remembers_in_its_class"
    seen = ()

    async def handle_build(self, ctx, step, next):
        type(self).seen = (*self.seen, step.request.body)
        return await next(ctx, step)


class RemembersInSlots:
    """Keeps it deep down, where ``vars`` does not look."""

    __slots__ = ("last",)
    id = "remembers_in_slots"

    async def handle_build(self, ctx, step, next):
        self.last = {"bodies": [{step.request.body}]}
        return await next(ctx, step)


def remembering_closure():
    last = None

    @build_middleware("remembering_closure")
    async def remember(ctx, step, next):
        nonlocal last
        last = step.request
        return await next(ctx, step)

    return remember


def closing_over_an_object():
    """What it remembers is in an object of its own module."""
    state = Lazy()

    @build_middleware("closing_over_an_object")
    async def remember(ctx, step, next):
        state.tracer = step.request
        return await next(ctx, step)

    return remember


class MixesContexts:
    """Waits between what it keeps and what it uses, so that another call comes between."""

    id = "mixes_contexts"

    async def handle_build(self, ctx, step, next):
        self.ctx = ctx
        await asyncio.sleep(0)
        return await next(self.ctx, step)


class MixesSteps:
    """Waits between what it keeps and what it uses."""

    id = "mixes_steps"

    async def handle_initialize(self, ctx, step, next):
        self.step = step
        await asyncio.sleep(0)
        return await next(ctx, self.step)


class MixesOutputs:
    """Waits between what it gets and what it gives."""

    id = "mixes_outputs"

    async def handle_build(self, ctx, step, next):
        self.output = await next(ctx, step)
        await asyncio.sleep(0)
        return self.output


@finalize_middleware("leaves_a_stream_open")
async def leaves_a_stream_open(ctx, step, next):
    await next(ctx.for_attempt(), type(step)(step.request.copy()))
    return await next(ctx.for_attempt(), type(step)(step.request.copy()))


@frozen
class HasNoId:
    """Has a method, and no name."""

    async def handle_build(self, ctx, step, next):
        return await next(ctx, step)


@frozen
class HasNoStep:
    """Has a name, and no method."""

    id = "has_no_step"


@pytest.mark.parametrize(
    ("broken", "rule", "declared"),
    [
        (HasNoId(), "fits its step", {}),
        (HasNoStep(), "fits its step", {}),
        (tag, "fits its step", {"install": lambda stack: None}),
        (forgets_to_return, "returns an Output", {}),
        (forgets_to_await, "returns an Output", {}),
        (is_no_coroutine, "returns an Output", {}),
        (gives_the_result, "returns an Output", {}),
        (never_calls_next, "calls next", {}),
        (calls_next_twice, "calls next once", {}),
        (calls_next_again_on_failure, "calls next once", {}),
        (passes_the_request, "passes on what next takes", {}),
        (passes_a_dict, "passes on what next takes", {}),
        (passes_an_empty_context, "passes on what next takes", {}),
        (puts_bytes_in_the_request, "passes on what next takes", {}),
        (repeats_in_one_context, "gives each attempt its own", {"repeats": True}),
        (repeats_one_request, "gives each attempt its own", {"repeats": True}),
        (never_gives_up, "comes to an end", {"repeats": True}),
        (makes_good_calls_fail, "lets good calls succeed", {}),
        (swallows_errors, "lets errors pass", {}),
        *((swallowing(kind), "lets errors pass", {}) for kind in (ModelError, ServiceError, ConnectError)),
        (swallowing(TotalTimeoutError), "lets errors pass", {}),
        (raises_another_error, "lets errors pass", {}),
        (swallows_cancellation, "lets cancellation pass", {}),
        (turns_cancellation_into_an_error, "lets cancellation pass", {}),
        (shields_next, "leaves nothing running", {}),
        (calls_next_after_it_has_returned, "leaves nothing running", {"answers": True}),
        (leaves_a_task, "leaves nothing running", {}),
        (leaves_a_stream_open, "closes responses", {"repeats": True}),
        (KeepsALock(), "comes to an end", {"state": ["lock"]}),
        (FailsAfterAFailure(), "lets good calls succeed after a failure", {"state": ["broken"]}),
        (RemembersTheRequest(), "keeps no call state", {}),
        (RemembersForAWhile(), "keeps no call state", {}),
        (RemembersInItsClass(), "keeps no call state", {}),
        (RemembersInSlots(), "keeps no call state", {}),
        (remembering_closure(), "keeps no call state", {}),
        (closing_over_an_object(), "keeps no call state", {}),
        (MixesContexts(), "keeps calls apart", {"state": ["ctx"]}),
        (MixesSteps(), "keeps calls apart", {"state": ["step"]}),
        (MixesOutputs(), "keeps calls apart", {"state": ["output"]}),
    ],
    ids=lambda value: getattr(value, "id", type(value).__name__) if not isinstance(value, (str, dict)) else "",
)
async def test_a_broken_middleware_is_caught_by_the_rule_that_it_breaks(
    broken: object, rule: str, declared: dict[str, object]
) -> None:
    """Each of these was written by somebody, and worked until a call failed, was cancelled or met another one."""
    with pytest.raises(ConformanceError) as caught:
        await assert_conforms(broken, patience=0.02, **declared)

    assert rule == caught.value.rule
    assert str(caught.value).endswith(f"[rule: {rule}]")
    stop_background()
