"""`assert_conforms`: checks that a middleware keeps the rules of the stack."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any, NoReturn, TypeAlias

from attrs import define, field

from sagemaker_runtime import (
    APIOption,
    BuildMiddleware,
    Client,
    ConnectError,
    DeserializeMiddleware,
    FinalizeMiddleware,
    InitializeMiddleware,
    ModelError,
    NopRetryer,
    OperationInput,
    Request,
    SageMakerRuntimeError,
    SerializeMiddleware,
    ServiceError,
    ServiceUnavailable,
    Stack,
    StackError,
    Step,
    TotalTimeoutError,
    TruncatedResponseError,
    override,
)
from sagemaker_runtime.operations import bindings, method_name, operation as known, required
from sagemaker_runtime.operations.routes import route
from sagemaker_runtime.testing.failures import ConformanceError
from sagemaker_runtime.testing.members import input_of, stream_of
from sagemaker_runtime.testing.probe import CALL, Call, Inside, Notes, Outside
from sagemaker_runtime.testing.responses import StubResponse, respond, respond_stream
from sagemaker_runtime.testing.snapshot import changes, snapshot
from sagemaker_runtime.testing.transport import StubHTTPClient

AnyMiddleware: TypeAlias = (
    InitializeMiddleware | SerializeMiddleware | BuildMiddleware | FinalizeMiddleware | DeserializeMiddleware
)

_TURNS = 20  # of the event loop, for tasks that were cancelled or woken
_STEPS = ("initialize", "serialize", "build", "finalize", "deserialize")


async def assert_conforms(
    middleware: AnyMiddleware,
    *,
    install: APIOption | None = None,
    repeats: bool = False,
    answers: bool = False,
    state: Collection[str] = (),
    patience: float = 5.0,
) -> None:
    """
    Check that a middleware behaves as the other middleware expect, whatever its purpose.

    It is put into the stack of a client with a stub transport. That client makes calls of each operation: good ones,
    failing ones, cancelled ones, and two at once. The rules:

    - *fits its step*: it has an id and the method of a step.
    - *returns an Output* when it is awaited.
    - *calls next*, and *calls next once*, *passes on what next takes*: the context with everything in it, and a step of
      the same kind.
    - *gives each attempt its own* context and request, if it calls next again.
    - *lets good calls succeed*, and does so *after a failure* too.
    - *lets errors pass*: it raises the same exception, or one of the package's tree.
    - *lets cancellation pass*.
    - *comes to an end*.
    - *leaves nothing running* when it returns or raises. A background task for all calls must start with the first call.
    - *closes responses* that it does not return.
    - *keeps no call state* in its attributes, and *keeps calls apart*.

    Args:
        middleware: The object to check. It can still be used afterwards.

        install: Puts it into a stack: ``lambda stack: stack.finalize.insert(mine, before="Signing")``. It may leave out
            the stacks of some operations. None calls the middleware with the stack if it is callable, as an entry of
            ``api_options`` is; any other middleware is added to each step that it has a method for.

        repeats: Whether it may call next again, as a retry or a hedge does.

        answers: Whether it may return or raise something without the service, as a cache, a fallback and a circuit
            breaker do.

        state: The names of the attributes that hold state of all calls together, such as a counter.

        patience: Real seconds allowed for each call; only a middleware that hangs uses them up.

    Raises:
        ConformanceError: A rule is broken; ``rule`` names it, and the text says what to do.
    """
    notes = Notes(str(getattr(middleware, "id", middleware)), repeats, answers)
    run = _Run(middleware, install, frozenset(state), patience, notes)
    try:
        await run.check()
    finally:
        await run.clean_up()


@define(eq=False)
class _Run:
    middleware: AnyMiddleware
    install: APIOption | None
    state: frozenset[str]
    patience: float
    notes: Notes
    stub: StubHTTPClient = field(init=False)
    client: Client = field(init=False)
    before: dict[str, object] | None = field(default=None, init=False)
    """The middleware's attributes before the calls that are compared."""

    places: dict[str, set[str]] = field(factory=dict[str, set[str]], init=False)
    """The steps it stands in, by operation."""

    tasks: list[asyncio.Task[None]] = field(factory=list[asyncio.Task[None]], init=False)
    """One for each call."""

    running: set[asyncio.Task[object]] | None = field(default=None, init=False)
    """The tasks that ran before the calls that are compared."""

    async def check(self) -> None:
        self.stub = StubHTTPClient([_respond], repeat=True)
        try:
            self.client = Client(self.stub.options(), override(retryer=NopRetryer(), api_options=[self._install]))
        except StackError as error:
            raise ConformanceError(str(error), "fits its step") from error
        self.places = {operation: steps for operation, steps in self.places.items() if steps}
        if not self.places:
            raise ConformanceError(f"install put {self.notes.name} into no step", "fits its step")
        steps = [(operation, step) for operation, steps in self.places.items() for step in _STEPS if step in steps]
        one_operation = {step: operation for operation, step in reversed(steps)}

        for operation in self.places:
            await self._succeed(operation, "lets good calls succeed")
        # Only now: what is created at the first call and kept belongs to no single call.
        self.before, self.running = snapshot(self.middleware), self._others()
        for step in one_operation:
            await self._two_at_once([operation for operation, other in steps if other == step], step)
        for step, operation in one_operation.items():
            for made in _ERRORS:
                await self._fail(Call(self._name(), at=step, error=made), operation)
            await self._cancel(operation, step)
        for operation in self.places:
            await self._fail(Call(self._name(), broken=True), operation)
            await self._succeed(operation, "lets good calls succeed after a failure")

    def _install(self, stack: Stack) -> None:
        parts: dict[str, Step[Any, Any]] = {step: getattr(stack, step) for step in _STEPS}
        if self.install is not None:
            self.install(stack)
        elif callable(self.middleware):
            self.middleware(stack)
        else:  # if it has no method of any step, adding it to one raises the error that says so
            for step in [step for step in _STEPS if hasattr(self.middleware, f"handle_{step}")] or _STEPS[:1]:
                parts[step].add(self.middleware)
        for step, part in parts.items():
            for place in part.ids():
                if part.get(place) is self.middleware:
                    part.insert(Outside(step, self.notes), before=place)
                    part.insert(Inside(step, self.notes), after=place)
                    self.places.setdefault(stack.id, set()).add(step)

    async def clean_up(self) -> None:
        """Leave nothing behind, whatever the result."""
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=self.patience)
        for task in self.tasks:
            if task.done() and not task.cancelled():
                task.exception()  # or asyncio would report that nobody retrieved it
        for stream in self.notes.streams:
            stream.close()

    def _name(self) -> str:
        return f"call-{len(self.tasks) + 1}"

    async def _succeed(self, operation: str, rule: str) -> None:
        outcome = await self._finish(self._start(Call(self._name()), operation))
        refused = self.notes.answers and isinstance(outcome, SageMakerRuntimeError)
        if outcome is not None and not refused:
            raise ConformanceError(f"{self.notes.name} made a good call fail with {outcome!r}", rule) from outcome
        await self._look_around()

    async def _fail(self, call: Call, operation: str) -> None:
        await self._finish(self._start(call, operation))
        await self._look_around()

    async def _cancel(self, operation: str, step: str) -> None:
        call = Call(self._name(), at=step, held=True)
        task = self._start(call, operation)
        await self._entered(call, task)
        call.cancelled = True
        task.cancel()
        await self._finish(task)
        await self._look_around()

    async def _two_at_once(self, operations: list[str], step: str) -> None:
        first, second = Call("first", at=step, held=True), Call("second", at=step, held=True)
        tasks = [self._start(first, operations[0]), self._start(second, operations[-1])]
        for _ in range(_TURNS):  # one may wait for the other, as with a limit on concurrent calls
            await asyncio.sleep(0)
        during = snapshot(self.middleware)
        for call in (second, first):
            call.gate.set()
        for task in tasks:
            await self._finish(task)
        self._check_state(during)
        await self._look_around()

    def _start(self, call: Call, operation: str) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(self._make(call, operation), name=call.name))
        return self.tasks[-1]

    async def _make(self, call: Call, operation: str) -> None:
        """Make a call, and read a stream to its end."""
        CALL.set(call)
        method: Callable[[OperationInput], Awaitable[object]] = getattr(self.client, method_name(operation))
        output = await method(_input(operation, call.name))
        stream = stream_of(known(operation), output)
        if stream is not None:
            async with stream:
                async for _ in stream:
                    pass

    async def _entered(self, call: Call, task: asyncio.Task[None]) -> None:
        """Wait until a call arrives where it is held, or ends before that."""
        arrival = asyncio.create_task(call.entered.wait())
        await asyncio.wait({arrival, task}, timeout=self.patience, return_when=asyncio.FIRST_COMPLETED)
        arrival.cancel()

    async def _finish(self, task: asyncio.Task[None]) -> BaseException | None:
        """Wait for a call, and return what it raised; raises if it broke a rule."""
        await asyncio.wait({task}, timeout=self.patience)
        if not task.done():
            raise ConformanceError(
                f"{self.notes.name} kept a call for more than {self.patience:g} s: release what it holds (a lock, a "
                "place) whatever happens, in `finally` or `async with`",
                "comes to an end",
            )
        outcome = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self.notes.problems:
            raise self.notes.problems[0]
        return outcome

    async def _look_around(self) -> None:
        """Check that a call left nothing behind."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        if self.notes.problems:
            raise self.notes.problems[0]
        if any(visit.running for visit in self.notes.visits):
            self._break(
                "leaves nothing running",
                "returned while next was still running: await it, or cancel it and await that",
            )
        left = set[asyncio.Task[object]]() if self.running is None else self._others() - self.running
        if left:
            self._break(
                "leaves nothing running",
                f"left a task running, {min(task.get_name() for task in left)}: await it, or cancel it and await that",
            )
        if self.stub.unclosed:
            self._break(
                "closes responses",
                "left a response open: close the response, or the stream, that it does not return",
            )
        self._check_state(snapshot(self.middleware))

    def _others(self) -> set[asyncio.Task[object]]:
        """The tasks of the event loop, except for the calls."""
        return asyncio.all_tasks().difference(self.tasks)

    def _check_state(self, now: dict[str, object]) -> None:
        before = now if self.before is None else self.before
        changed = [name for name in changes(before, now) if name not in self.state]
        if changed:
            self._break(
                "keeps no call state",
                f"changed its {', '.join(changed)} during a call: keep the state of one call in local variables or in ctx; "
                f"if it is state of all calls together, set state={tuple(changed)!r}",
            )

    def _break(self, rule: str, problem: str) -> NoReturn:
        raise ConformanceError(f"{self.notes.name} {problem}", rule)


def _throttled() -> Exception:
    error = ServiceError(_RAISED)
    error.code, error.status = "ThrottlingException", 400
    return error


_RAISED = "raised by assert_conforms"
_ERRORS: tuple[Callable[[], Exception], ...] = (
    partial(ServiceUnavailable, _RAISED),
    partial(ModelError, _RAISED),
    _throttled,
    partial(ConnectError, _RAISED),
    partial(TotalTimeoutError, _RAISED),
    partial(RuntimeError, f"{_RAISED}, as by another middleware"),
)


def _respond(request: Request) -> StubResponse:
    """A response as the service sends it, which echoes the body that was sent."""
    error = TruncatedResponseError(_RAISED) if CALL.get().broken else None
    found = route(request.method, request.path)
    output = {} if found is None else bindings(found.operation.output_type)
    if found is not None and found.operation.streams:
        return respond_stream([request.body], error=error)
    if any(binding.location == "payload" for binding in output.values()):
        return respond(request.body, error=error)
    members = {binding.name: "1" for binding in output.values() if binding.location == "document"}
    headers = {binding.name: "s3://bucket/result" for binding in output.values() if binding.location == "header"}
    return respond(json.dumps(members).encode(), status=202, headers=headers, error=error)


def _input(operation: str, name: str) -> OperationInput:
    """An input with the required members only: *name* for each label, and for the body."""
    input_type = known(operation).input_type
    members: dict[str, object] = {}
    for member, binding in bindings(input_type).items():
        if binding.location == "payload":
            members[member] = name.encode()
        elif member in required(input_type):
            if binding.location != "label":
                raise ConformanceError(
                    f"{operation} cannot be called without {member}, and no value for it is known here: install the "
                    "middleware in other stacks only",
                    "fits its step",
                )
            members[member] = name
    return input_of(known(operation), members)
