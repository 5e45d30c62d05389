"""`BasePredictor`: what both predictors have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from sagemaker_runtime.predictor.codec import I_contra, O_co
from sagemaker_runtime.predictor.members import Members

if TYPE_CHECKING:
    from sagemaker_runtime.predictor.codec import Codec
    from sagemaker_runtime.predictor.requests import Requests


class BasePredictor(Generic[I_contra, O_co]):
    """What `Predictor` and `SyncPredictor` have in common; use one of those."""

    def __init__(self, requests: Requests[I_contra, O_co]) -> None:
        self._requests = requests

    @property
    def endpoint_name(self) -> str:
        """The name of the endpoint."""
        return self._requests.endpoint_name

    @property
    def codec(self) -> Codec[I_contra, O_co]:
        """The codec."""
        return self._requests.codec

    @property
    def members(self) -> Members:
        """A copy of the members that are set for all calls."""
        return self._requests.members.copy()

    @property
    def session_id(self) -> str | None:
        """The session that its calls belong to; None if they belong to none."""
        return self._requests.members.get("session_id")

    def __repr__(self) -> str:
        codec = type(self.codec).__name__
        return f"<{type(self).__name__} of {self.endpoint_name!r} with {codec}>"
