"""What `Predictor` and `SyncPredictor` share: the inputs that they send, and what they read from the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeGuard, TypeVar, cast

from attrs import evolve, field, frozen

from sagemaker_runtime import (
    ConfigError,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    InvokeEndpointWithResponseStreamInput,
    SyncClient,
)
from sagemaker_runtime.predictor.codec import Encoded, I_contra, O_co
from sagemaker_runtime.predictor.documents import DocumentWriter
from sagemaker_runtime.predictor.exceptions import Caught, DecodeError, SessionError, decoded, with_facts
from sagemaker_runtime.predictor.formats import TEXT, StreamFormat
from sagemaker_runtime.predictor.kinds import is_kind, name_of
from sagemaker_runtime.predictor.members import Members, check_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from sagemaker_runtime import AsyncInferenceResult, InvokeEndpointAsyncOutput, Metadata, OperationInput
    from sagemaker_runtime.predictor.codec import Codec

In = TypeVar("In", bound="OperationInput")

DEFAULT_WAIT = 3_600.0  # seconds; the default of wait_for_output, for the same reasons
NEW_SESSION = "NEW_SESSION"
JSON = "application/json"


@frozen
class Prediction(Generic[O_co]):
    """
    A value with the output that it was decoded from.

    Attributes:
        value: The decoded response.

        output: The response as it came: its body, its content type, the variant, ``result_metadata``.
    """

    value: O_co = field(repr=False)
    output: InvokeEndpointOutput


SessionBody: TypeAlias = "bytes | Encoded | Mapping[str, object]"
"""The body that opens or closes a session: a JSON object; or bytes, which are JSON unless `Encoded` names another type."""

OPEN_BODY: SessionBody = {"requestType": "NEW_SESSION"}
CLOSE_BODY: SessionBody = {"requestType": "CLOSE"}


@frozen
class Requests(Generic[I_contra, O_co]):
    """
    Makes the inputs for one endpoint, and reads the outputs.

    Attributes:
        endpoint_name: The name of the endpoint.

        codec: Encodes and decodes.

        members: The members that all inputs have in common.
    """

    endpoint_name: str
    codec: Codec[I_contra, O_co]
    members: Members = field(repr=False)

    def __attrs_post_init__(self) -> None:
        check_names(self.members)
        missing = [name for name in ("content_type", "accept", "encode", "decode") if not hasattr(self.codec, name)]
        if missing or isinstance(self.codec, type):
            shown = self.codec.__name__ + " itself" if isinstance(self.codec, type) else type(self.codec).__name__
            lacks = "make one: codec=JSONCodec()" if isinstance(self.codec, type) else f"it has no {', '.join(missing)}"
            raise ConfigError(f"codec is {shown}, which is not a Codec; {lacks}")

    def with_members(self, members: Mapping[str, object]) -> Requests[I_contra, O_co]:
        """The same with more members."""
        merged: Any = {**self.members, **members}
        return evolve(self, members=merged)

    def invoke(self, value: I_contra, members: Mapping[str, object]) -> InvokeEndpointInput:
        """The input of InvokeEndpoint."""
        return self._input(InvokeEndpointInput, self._body(value), members)

    def stream(self, value: I_contra, members: Mapping[str, object]) -> InvokeEndpointWithResponseStreamInput:
        """The input of InvokeEndpointWithResponseStream."""
        return self._input(InvokeEndpointWithResponseStreamInput, self._body(value), members)

    def submit(self, value: I_contra | str, members: Mapping[str, object]) -> InvokeEndpointAsyncInput:
        """The input of InvokeEndpointAsync: with a value, or with the object in S3 that a ``str`` names."""
        if isinstance(value, str) and value.startswith("s3://"):
            content: dict[str, object] = {"input_location": value, "content_type": self.codec.content_type}
        else:
            content = self._body(cast("I_contra", value))
        return self._input(InvokeEndpointAsyncInput, content, members)

    def _body(self, value: I_contra) -> dict[str, object]:
        """The encoded value and its content type, as members."""
        encoded: object = self.codec.encode(value)
        if isinstance(encoded, Encoded):
            return {"body": encoded.body, "content_type": encoded.content_type}
        if not is_kind(encoded, bytes, bytearray, memoryview):
            codec, kind = type(self.codec).__name__, type(encoded).__name__
            raise ConfigError(
                f"encode of {codec} returned {kind}; it must return bytes, or Encoded(body, content_type)"
            )
        return {"body": encoded, "content_type": self.codec.content_type}

    def _input(self, input_type: type[In], content: Mapping[str, object], members: Mapping[str, object]) -> In:
        check_names(self.members, input_type)
        check_names(members, input_type)
        create: Callable[..., In] = input_type
        given = {"endpoint_name": self.endpoint_name, "accept": self.codec.accept, **content}
        return create(**given | {**self.members} | {**members})

    def check_invoke(self, members: Mapping[str, object]) -> None:
        """
        Refuse members that InvokeEndpoint does not have.

        Raises:
            ConfigError: There is one; the text names it.
        """
        check_names(self.members, InvokeEndpointInput)
        check_names(members, InvokeEndpointInput)

    def for_session(self, members: Mapping[str, object]) -> Requests[I_contra, O_co]:
        """
        The same with more members, for the calls of a session.

        Raises:
            ConfigError: InvokeEndpoint, which opens and closes a session, has no such member.
        """
        check_names(members, InvokeEndpointInput)
        return self.with_members(members)

    def format_or(self, format: StreamFormat[object] | None) -> StreamFormat[object]:
        """
        The format of a stream: *format*, or the codec's if that is None.

        Raises:
            ConfigError: It is not a format; or the codec's bodies are not text, so the caller must choose one.
        """
        if format is not None:
            return _checked_format(format, "format")
        found: object = getattr(self.codec, "stream_format", TEXT)
        if found is None:
            raise ConfigError(
                f"{self.codec.content_type} is not text to be read piece by piece; say what the pieces are: stream(format=BYTES)"
            )
        return _checked_format(found, f"stream_format of {type(self.codec).__name__}")

    def prediction(self, output: InvokeEndpointOutput) -> Prediction[O_co]:
        """
        The value in a response, with the response.

        Raises:
            DecodeError: The response is not in the codec's format.
        """
        value = self._decode(output.body, output.content_type, "InvokeEndpoint", output.result_metadata)
        return Prediction(value, output)

    def result(self, result: AsyncInferenceResult, submitted: InvokeEndpointAsyncOutput) -> O_co:
        """
        The value in the result of an asynchronous inference.

        Raises:
            DecodeError: The result is not in the codec's format.
        """
        return self._decode(result.body, result.content_type, "InvokeEndpointAsync", submitted.result_metadata)

    def _decode(self, body: bytes, content_type: str | None, operation: str, metadata: Metadata) -> O_co:
        try:
            return decoded(
                lambda body: self.codec.decode(body, content_type), body, content_type, self.codec.content_type
            )
        except DecodeError as error:
            with_facts(error, operation, metadata)
            raise

    def open_session(self, body: SessionBody) -> InvokeEndpointInput:
        """The input of the call that opens a session."""
        return self._session_input(body, NEW_SESSION)

    def close_session(self, body: SessionBody, session_id: str) -> InvokeEndpointInput:
        """The input of the call that closes a session."""
        return self._session_input(body, session_id)

    def _session_input(self, body: SessionBody, session_id: str) -> InvokeEndpointInput:
        """The members apply to this call as well, except those that describe the codec's bodies."""
        encoded = session_body(body)
        members = {"session_id": session_id, "content_type": encoded.content_type, "accept": None}
        return self._input(InvokeEndpointInput, {"body": encoded.body}, members)


def session_body(body: SessionBody) -> Encoded:
    """
    The body that opens or closes a session, with its type.

    Raises:
        ConfigError: It is of another type.
        EncodeError: It cannot be written as JSON.
    """
    if isinstance(body, Encoded):
        return body
    if isinstance(body, bytes):
        return Encoded(body, JSON)
    if not is_kind(body, Mapping):
        raise ConfigError(
            f"a body of a session is of type {name_of(body)}; it takes a dict, bytes of JSON, or Encoded(body, content_type)"
        )
    return Encoded(DocumentWriter(None).write({**body}), JSON)


def _checked_format(value: object, name: str) -> StreamFormat[object]:
    if not _is_format(value):
        raise ConfigError(
            f"{name} is of type {type(value).__name__}; it takes a StreamFormat, such as TEXT or SERVER_SENT_EVENTS"
        )
    return value


def _is_format(value: object) -> TypeGuard[StreamFormat[object]]:
    return isinstance(value, StreamFormat)


def opened_session(output: InvokeEndpointOutput) -> str:
    """
    The id of the session that a call has opened.

    Raises:
        SessionError: The container did not open one.
    """
    session_id = (output.new_session_id or "").partition(";")[0].strip()
    if session_id:
        return session_id
    error = SessionError(
        "the container responded without a session id, so no session is open; it must support sessions and set the header "
        "X-Amzn-SageMaker-New-Session-Id, and may need another open_body"
    )
    raise with_facts(error, "InvokeEndpoint", output.result_metadata)


class NoteOn(Caught):
    """A context manager for closing a session after an error. A failure to close must not hide that error, and becomes its note."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._first = error

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        caught = super().__exit__(exc_type, exc, traceback)
        if caught:
            failure = self.error
            self._first.add_note(f"the session could not be closed: {type(failure).__name__}: {failure}")
        return caught


def check_client(client: object, *, awaits: bool) -> None:
    """
    Refuse a client of the other kind: its calls would return coroutines that nobody awaits, or results that cannot be awaited.

    Args:
        client: The client that a predictor was given.

        awaits: Whether the predictor awaits its calls.

    Raises:
        ConfigError: It is not a client, or is of the other kind.
    """
    call: object = getattr(client, "invoke_endpoint", None)
    if not callable(call):
        raise ConfigError(
            f"the first argument of a predictor is of type {name_of(client)}; it takes a Client or a SyncClient"
        )
    if awaits and isinstance(client, SyncClient):
        raise ConfigError("Predictor takes a Client; for a SyncClient there is SyncPredictor")
    if not awaits and iscoroutinefunction(call):
        raise ConfigError("SyncPredictor takes a SyncClient; for a Client there is Predictor")
