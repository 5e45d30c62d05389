"""`Sessions`: an endpoint's sticky sessions, from ``NEW_SESSION`` until they expire or are closed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from attrs import evolve

from sagemaker_runtime import ConfigError, SystemClock
from sagemaker_runtime.local.backends.backends import as_backend, begin, end
from sagemaker_runtime.local.backends.outline import Outline, outline_of
from sagemaker_runtime.local.front.failures import failure

if TYPE_CHECKING:
    from sagemaker_runtime import Clock
    from sagemaker_runtime.local.backends.backends import Backend
    from sagemaker_runtime.local.backends.invocation import Answer, Invocation, Model

T = TypeVar("T")

NEW_SESSION = "NEW_SESSION"
MAX_SESSIONS = 10_000  # open at the same time; above that, the oldest is forgotten
MAX_LIFETIME = 315_576_000.0  # seconds; an expiry must be within the calendar
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class Sessions:
    """
    Keeps the sessions of a model: of a function, which need not know about them, or of any other backend.

    For ``NEW_SESSION``, a function gets a new id, with ``invocation.new_session``; a `Container`, which may have its own
    sessions, gets ``NEW_SESSION`` itself. The id and the expiry that the model sets in ``Answer.new_session_id`` take
    precedence over those made here. A request in a session that is not open is refused. The model closes a session by
    naming it in ``Answer.closed_session_id``.

    The same variant responds to all requests of a session, whether `Variants` are inside or outside.

    Args:
        model: The model.

        lifetime: Seconds from a session's opening to its expiry.

        clock: Measures *lifetime*. None for the machine's.

    Raises:
        ConfigError: The lifetime is 0 or less, or more than ten years; or the model cannot be called.
    """

    def __init__(self, model: Model | Backend, *, lifetime: float = 1200.0, clock: Clock | None = None) -> None:
        if not 0 < lifetime <= MAX_LIFETIME:
            raise ConfigError(f"lifetime is {lifetime!r}; it takes a number of seconds above 0, and ten years at most")
        self._backend = as_backend(model)
        self._lifetime = lifetime
        self._clock = clock or SystemClock()
        self._expiries: dict[str, float] = {}

    async def start(self) -> None:
        """Start the model."""
        await begin(self._backend)

    async def stop(self) -> None:
        """Stop the model, and forget all sessions."""
        self._expiries.clear()
        await end(self._backend)

    async def invoke(self, invocation: Invocation) -> Answer:
        """
        The model's response.

        Raises:
            FailureError: The session is not open.
        """
        session_id = invocation.session_id
        if session_id == NEW_SESSION:
            answer = await self._open(invocation)
        else:
            if session_id is not None and self._expiries.get(session_id, 0.0) <= self._clock.now():
                raise failure("ValidationError", f"Session {session_id} does not exist, or is closed, or has expired.")
            answer = await self._backend.invoke(invocation)
        if answer.closed_session_id is not None:
            self._expiries.pop(answer.closed_session_id, None)
        return answer

    def outline(self) -> Outline:
        """The model's outline, with sessions."""
        return evolve(outline_of(self._backend), sessions=True)

    async def _open(self, invocation: Invocation) -> Answer:
        session_id = str(uuid4())
        answer = await self._backend.invoke(evolve(invocation, session_id=session_id, new_session=True))
        expires = self._clock.now() + self._lifetime
        their_id, theirs = opened(answer.new_session_id or "")
        if not their_id:
            shown = datetime.fromtimestamp(expires, UTC).strftime(_TIME)
            answer = evolve(answer, new_session_id=f"{session_id}; Expires={shown}")
        else:
            session_id = their_id
            expires = expires if theirs is None else theirs
        remember(self._expiries, session_id, expires)
        return answer


def opened(new_session_id: str) -> tuple[str, float | None]:
    """The id in ``Answer.new_session_id``, and its expiry in seconds since 1970; None if it has none that can be parsed."""
    session_id, _, expires = new_session_id.partition(";")
    try:
        moment = datetime.strptime(expires.strip(), f"Expires={_TIME}").replace(tzinfo=UTC)
    except ValueError:
        return session_id.strip(), None
    return session_id.strip(), moment.timestamp()


def remember(table: dict[str, T], session_id: str, value: T) -> None:
    """Store the value of a session, and remove the oldest one if there are too many. An empty id is ignored."""
    if not session_id:
        return
    table[session_id] = value
    if len(table) > MAX_SESSIONS:
        del table[next(iter(table))]
