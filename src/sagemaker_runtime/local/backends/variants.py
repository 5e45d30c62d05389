"""`Variants`: several production variants behind one endpoint."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING

from attrs import evolve

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local.backends.backends import Backends
from sagemaker_runtime.local.backends.outline import Outline
from sagemaker_runtime.local.backends.pieces import close
from sagemaker_runtime.local.backends.sessions import opened, remember
from sagemaker_runtime.local.duplex.conversation import DuplexBackend
from sagemaker_runtime.local.front.constraints import constraints_of
from sagemaker_runtime.local.front.failures import failure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from sagemaker_runtime.local.backends.backends import Backend
    from sagemaker_runtime.local.backends.invocation import Answer, Invocation, Model
    from sagemaker_runtime.local.duplex.conversation import Conversation, Part


class Variants:
    """
    Distributes requests among production variants by weight::

        Variants({"blue": (model, 9.0), "green": (Container("http://127.0.0.1:8080"), 1.0)})

    If ``target_variant`` names one, that one responds. The variant that opened a session responds to all its requests.

    Args:
        variants: Model and weight by the variant's name. A variant with the weight 0 responds only when it is named.

        seed: The same seed gives the same order of variants.

    Raises:
        ConfigError: There is no variant; a weight is negative or not finite; all weights are 0; or a name is invalid.
    """

    def __init__(self, variants: Mapping[str, tuple[Model | Backend, float]], *, seed: int = 0) -> None:
        self._backends = Backends(
            {name: model for name, (model, _) in variants.items()}, constraints_of("InvokeEndpoint")["target_variant"]
        )
        self._weights = {name: weight for name, (_, weight) in variants.items()}
        if not all(math.isfinite(weight) and weight >= 0 for weight in self._weights.values()):
            raise ConfigError(f"the weights are {self._weights}; each must be a number, 0 or more")
        if not any(self._weights.values()):
            raise ConfigError("all weights are 0, so that no variant would respond; give one a weight above 0")
        self._random = Random(seed)  # noqa: S311 - the choice of a variant is not a secret
        self._sessions: dict[str, str] = {}

    async def start(self) -> None:
        """Start all variants."""
        await self._backends.start()

    async def stop(self) -> None:
        """Stop all variants."""
        await self._backends.stop()

    async def invoke(self, invocation: Invocation) -> Answer:
        """
        The response of the variant that is named, or chosen.

        Raises:
            FailureError: There is no such variant.
        """
        name = self._choose(invocation)
        backend = self._backends.get(name)
        if backend is None:
            raise failure(
                "ValidationError", f"Production variant {name} of endpoint {invocation.endpoint_name} not found."
            )
        answer = await backend.invoke(invocation)
        self._note_session(invocation, answer, name)
        return evolve(answer, invoked_production_variant=name)

    async def converse(self, conversation: Conversation) -> AsyncGenerator[Part]:
        """
        The parts of the variant that is named, or chosen.

        Raises:
            FailureError: There is no such variant, or it does not support duplex calls.
        """
        name = conversation.target_variant or self._draw()
        backend = self._backends.get(name)
        if not isinstance(backend, DuplexBackend):
            problem = "not found" if backend is None else "does not support InvokeEndpointWithBidirectionalStream"
            raise failure(
                "ValidationError", f"Production variant {name} of endpoint {conversation.endpoint_name} {problem}."
            )
        conversation.invoked_production_variant = name
        parts = backend.converse(conversation)
        try:
            async for part in parts:
                yield part
        finally:
            await close(parts)

    def outline(self) -> Outline:
        """The variants, with their weights."""
        parts = self._backends.outlines()
        return Outline(name="Variants", member="target_variant", parts=parts, weights=dict(self._weights))

    def _choose(self, invocation: Invocation) -> str:
        if invocation.target_variant is not None:
            return invocation.target_variant
        sticky = self._sessions.get(invocation.session_id or "")  # the id of no session
        return sticky or self._draw()

    def _draw(self) -> str:
        return self._random.choices(list(self._weights), list(self._weights.values()))[0]

    def _note_session(self, invocation: Invocation, answer: Answer, name: str) -> None:
        if answer.new_session_id is not None:
            remember(self._sessions, opened(answer.new_session_id)[0], name)
        elif invocation.new_session and invocation.session_id is not None:
            remember(self._sessions, invocation.session_id, name)
        if answer.closed_session_id is not None:
            self._sessions.pop(answer.closed_session_id, None)
