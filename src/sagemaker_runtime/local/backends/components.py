"""`InferenceComponents`: several models behind one endpoint; each request names one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.local.backends.backends import Backends
from sagemaker_runtime.local.backends.outline import Outline
from sagemaker_runtime.local.front.constraints import constraints_of
from sagemaker_runtime.local.front.failures import ACCOUNT, failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_runtime.local.backends.backends import Backend
    from sagemaker_runtime.local.backends.invocation import Answer, Invocation, Model


class InferenceComponents:
    """
    Calls the model that ``inference_component_name`` names.

    Args:
        components: The models by the component's name.

    Raises:
        ConfigError: There is no component, or a name is invalid.
    """

    def __init__(self, components: Mapping[str, Model | Backend]) -> None:
        self._backends = Backends(components, constraints_of("InvokeEndpoint")["inference_component_name"])

    async def start(self) -> None:
        """Start all components."""
        await self._backends.start()

    async def stop(self) -> None:
        """Stop all components."""
        await self._backends.stop()

    async def invoke(self, invocation: Invocation) -> Answer:
        """
        The response of the component that the request names.

        Raises:
            FailureError: The request names no component, or one that does not exist.
        """
        name = invocation.inference_component_name
        if name is None:
            raise failure(
                "ValidationError",
                "Inference Component Name header is required for endpoints to which you plan to deploy inference "
                "components. Please include Inference Component Name header or consider using SageMaker models.",
            )
        backend = self._backends.get(name)
        if backend is None:
            raise failure("ValidationError", f"Inference Component {name} of account {ACCOUNT} not found.")
        return await backend.invoke(invocation)

    def outline(self) -> Outline:
        """The components."""
        parts = self._backends.outlines()
        return Outline(name="InferenceComponents", member="inference_component_name", parts=parts)
