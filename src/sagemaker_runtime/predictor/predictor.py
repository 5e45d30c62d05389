"""`Predictor`: values in, values out, for code with an event loop."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar, overload

from sagemaker_runtime.predictor.base import BasePredictor
from sagemaker_runtime.predictor.codec import I_contra, O_co
from sagemaker_runtime.predictor.requests import (
    CLOSE_BODY,
    DEFAULT_WAIT,
    OPEN_BODY,
    NoteOn,
    Requests,
    check_client,
    opened_session,
    session_body,
)
from sagemaker_runtime.predictor.streams import PredictionStream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
    from contextlib import AbstractAsyncContextManager
    from typing import Literal, Unpack

    from sagemaker_runtime import Client, InvokeEndpointAsyncOutput, InvokeEndpointInput, OptFn
    from sagemaker_runtime.bulk import Result
    from sagemaker_runtime.plugins.concurrency import KneeLimit
    from sagemaker_runtime.predictor.codec import Codec, Encoded
    from sagemaker_runtime.predictor.formats import StreamFormat
    from sagemaker_runtime.predictor.json_lines_codec import Documents
    from sagemaker_runtime.predictor.members import AsyncMembers, InvokeMembers, Members, StreamMembers
    from sagemaker_runtime.predictor.requests import Prediction, SessionBody

T = TypeVar("T")


class Predictor(BasePredictor[I_contra, O_co]):
    """
    An endpoint that takes and returns values. The codec encodes and decodes them::

        async with Client(options) as client:
            iris = Predictor(client, "iris", codec=JSONCodec())
            print(await iris.predict([[5.1, 3.5, 1.4, 0.2]]))

    It holds no connections, and any number of tasks may share it. Other members of the input, such as ``target_variant`` or
    ``custom_attributes``, are set here for all calls, or passed to one. The members of a call replace the predictor's, and
    None removes one. ``content_type`` and ``accept`` replace the codec's.

    Args:
        client: Makes the calls. It stays open.

        endpoint_name: The name of the endpoint.

        codec: Encodes values, and decodes responses.

        members: Members of the input of every call. A call refuses members that its operation does not have.

    Raises:
        ConfigError: There is no such member, or *codec* is not a codec.
    """

    def __init__(
        self, client: Client, endpoint_name: str, *, codec: Codec[I_contra, O_co], **members: Unpack[Members]
    ) -> None:
        check_client(client, awaits=True)
        super().__init__(Requests(endpoint_name, codec, members))
        self._client = client

    async def predict(self, value: I_contra, /, *opt_fns: OptFn, **members: Unpack[InvokeMembers]) -> O_co:
        """
        Send a value, and return the one in the model's response.

        Args:
            value: A value that the codec can encode.

            opt_fns: Change the client's options for this call: ``override(timeout=Timeout(total=5))``.

            members: Members of this call's input.

        Raises:
            EncodeError: The codec cannot encode the value; nothing was sent.
            DecodeError: The response is not in the codec's format.
            ConfigError: There is no such member.
            SageMakerRuntimeError: Any error of `Client.invoke_endpoint`; also the base class of these.
        """
        return (await self.invoke(value, *opt_fns, **members)).value

    async def invoke(self, value: I_contra, /, *opt_fns: OptFn, **members: Unpack[InvokeMembers]) -> Prediction[O_co]:
        """Like `predict`, but return the output as well: its variant, its metadata, its body."""
        output = await self._client.invoke_endpoint(self._requests.invoke(value, members), *opt_fns)
        return self._requests.prediction(output)

    @overload
    def stream(
        self, value: I_contra, /, *opt_fns: OptFn, format: StreamFormat[T], **members: Unpack[StreamMembers]
    ) -> PredictionStream[T]: ...

    @overload  # the documents of the codec; the protocol does not know them, so the next one is for all other codecs
    def stream(  # type: ignore[overload-overlap]
        self: Predictor[I_contra, Documents[T]], value: I_contra, /, *opt_fns: OptFn, **members: Unpack[StreamMembers]
    ) -> PredictionStream[T]: ...

    @overload
    def stream(
        self, value: I_contra, /, *opt_fns: OptFn, **members: Unpack[StreamMembers]
    ) -> PredictionStream[str]: ...

    def stream(
        self,
        value: I_contra,
        /,
        *opt_fns: OptFn,
        format: StreamFormat[object] | None = None,
        **members: Unpack[StreamMembers],
    ) -> PredictionStream[object]:
        """
        Send a value, and read the model's response piece by piece.

        Args:
            value: A value that the codec can encode. It is encoded now, and the call is made when the stream is read.

            opt_fns: Change the client's options for this call.

            format: The format of the pieces: `TEXT`, `LINES`, `JSON_LINES`, `json_lines`, `SERVER_SENT_EVENTS` or `BYTES`. None
                for the codec's ``stream_format``: documents for `JSONLinesCodec`, and text for `JSONCodec`, `CSVCodec` and
                codecs without one. The codecs of binary formats require a *format*.

            members: Members of this call's input.

        Raises:
            EncodeError: The codec cannot encode the value; nothing was sent.
            ConfigError: There is no such member, or a streaming call does not have it; or the codec's format is not text, and
                there is no *format*.
        """
        params = self._requests.stream(value, members)
        return PredictionStream(
            lambda: self._client.invoke_endpoint_with_response_stream(params, *opt_fns),
            self._requests.format_or(format),
        )

    def predict_many(
        self,
        values: Iterable[I_contra] | AsyncIterable[I_contra],
        /,
        *opt_fns: OptFn,
        limit: int | KneeLimit | None = None,
        ordered: bool = True,
        on_error: Literal["return", "raise"] = "return",
        **members: Unpack[InvokeMembers],
    ) -> AsyncGenerator[Result[I_contra, O_co]]:
        """
        Send many values, with as many concurrent calls as the endpoint can take, and yield a `Result` for each::

            async for result in iris.predict_many(rows):
                print(result.index, result.output)

        If the codec cannot encode a value or decode its response, that is the ``error`` of its result.

        Args:
            values: Values that the codec can encode.

            opt_fns: Change the client's options for these calls.

            limit: As for `invoke_many`, which also says how errors, overload and memory are handled.

            ordered: As for `invoke_many`.

            on_error: As for `invoke_many`.

            members: Members of the input of each of these calls.

        Raises:
            ConfigError: There is no such member, or an argument is invalid.
            SageMakerRuntimeError: Every value would fail this way; or, with ``on_error="raise"``, one did.
        """
        from sagemaker_runtime.bulk.many import Manner, call_many

        self._requests.check_invoke(members)

        def caller(_: Client, opt_fns: tuple[OptFn, ...]) -> Callable[[I_contra], Awaitable[O_co]]:
            return lambda value: self.predict(value, *opt_fns, **members)

        manner = Manner(opt_fns, limit, ordered=ordered, on_error=on_error)
        return call_many(self._client, caller, values, manner)

    async def predict_async(
        self,
        value: I_contra | str,
        /,
        *opt_fns: OptFn,
        timeout: float | None = DEFAULT_WAIT,
        **members: Unpack[AsyncMembers],
    ) -> O_co:
        """
        Queue a value for an asynchronous endpoint, wait for the result, and decode it.

        Args:
            value: A value that the codec can encode; or the location of an encoded value in S3, a ``str`` that starts with
                ``s3://``.

            opt_fns: Change the client's options for the call and the wait.

            timeout: Seconds to wait, by default an hour. 0 checks once; None waits without a limit.

            members: Members of this call's input.

        Raises:
            EncodeError: The codec cannot encode the value; nothing was sent.
            AsyncInferenceError: The inference failed.
            WaitTimeoutError: There was no result in that time. To be able to wait again, use `submit_async`.
            DecodeError: The result is not in the codec's format.
            ConfigError: There is no such member, or an asynchronous inference does not have it.
            SageMakerRuntimeError: Any error of `Client.invoke_endpoint_async` and `Client.wait_for_output`.
        """
        submitted = await self.submit_async(value, *opt_fns, **members)
        return await self.wait_for_prediction(submitted, *opt_fns, timeout=timeout)

    async def submit_async(
        self, value: I_contra | str, /, *opt_fns: OptFn, **members: Unpack[AsyncMembers]
    ) -> InvokeEndpointAsyncOutput:
        """The first half of `predict_async`: queue a value. Pass the output to `wait_for_prediction`."""
        return await self._client.invoke_endpoint_async(self._requests.submit(value, members), *opt_fns)

    async def wait_for_prediction(
        self, submitted: InvokeEndpointAsyncOutput, *opt_fns: OptFn, timeout: float | None = DEFAULT_WAIT
    ) -> O_co:
        """The second half of `predict_async`. May be called again after a timeout."""
        result = await self._client.wait_for_output(submitted, *opt_fns, timeout=timeout)
        return self._requests.result(result, submitted)

    def session(
        self,
        *opt_fns: OptFn,
        open_body: SessionBody = OPEN_BODY,
        close_body: SessionBody = CLOSE_BODY,
        **members: Unpack[InvokeMembers],
    ) -> AbstractAsyncContextManager[Predictor[I_contra, O_co]]:
        """
        Open a session, and close it at the end of the ``async with``, whatever happens in it::

            async with chat.session() as session:
                print(await session.predict("My name is Alice."))
                print(await session.predict("What is my name?"))

        Opening and closing are calls of InvokeEndpoint that the container handles; the default bodies are those of AWS's container
        toolkit. If closing fails after another error, the failure is added to that error as a note.

        Args:
            opt_fns: Change the client's options for the two calls.

            open_body: The body that opens a session: a JSON object, bytes of JSON, or `Encoded` for another type.

            close_body: The body that closes it; likewise.

            members: Members of the input of all calls in the session, and of the two around them, except for
                ``content_type`` and ``accept``.

        Raises:
            SessionError: The container did not open a session.
            ConfigError: There is no such member.
            SageMakerRuntimeError: Any error of `Client.invoke_endpoint`.
        """
        requests = self._requests.for_session(members)
        return self._session(opt_fns, requests, requests.open_session(open_body), session_body(close_body))

    @asynccontextmanager
    async def _session(
        self,
        opt_fns: tuple[OptFn, ...],
        requests: Requests[I_contra, O_co],
        opening: InvokeEndpointInput,
        close_body: Encoded,
    ) -> AsyncGenerator[Predictor[I_contra, O_co]]:
        session_id = opened_session(await self._client.invoke_endpoint(opening, *opt_fns))
        inside = requests.with_members({"session_id": session_id})
        closing = requests.close_session(close_body, session_id)
        try:
            yield Predictor(self._client, inside.endpoint_name, codec=inside.codec, **inside.members)
        except BaseException as error:
            with NoteOn(error):
                await self._client.invoke_endpoint(closing, *opt_fns)
            raise
        await self._client.invoke_endpoint(closing, *opt_fns)
