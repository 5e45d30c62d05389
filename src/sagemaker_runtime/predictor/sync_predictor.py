"""`SyncPredictor`: values in, values out, for code without an event loop."""

from __future__ import annotations

from contextlib import contextmanager
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
from sagemaker_runtime.predictor.streams import SyncPredictionStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable
    from contextlib import AbstractContextManager
    from typing import Literal, Unpack

    from sagemaker_runtime import Client, InvokeEndpointAsyncOutput, InvokeEndpointInput, OptFn, SyncClient
    from sagemaker_runtime.bulk import Result
    from sagemaker_runtime.plugins.concurrency import KneeLimit
    from sagemaker_runtime.predictor.codec import Codec, Encoded
    from sagemaker_runtime.predictor.formats import StreamFormat
    from sagemaker_runtime.predictor.json_lines_codec import Documents
    from sagemaker_runtime.predictor.members import AsyncMembers, InvokeMembers, Members, StreamMembers
    from sagemaker_runtime.predictor.requests import Prediction, SessionBody

T = TypeVar("T")


class SyncPredictor(BasePredictor[I_contra, O_co]):
    """
    `Predictor` for code without an event loop: the same methods, without ``await``::

        with SyncClient(options) as client:
            iris = SyncPredictor(client, "iris", codec=JSONCodec())
            print(iris.predict([[5.1, 3.5, 1.4, 0.2]]))

    Any number of threads may share it. Values are encoded and decoded in the caller's thread.

    Args:
        client: Makes the calls. It stays open.

        endpoint_name: The name of the endpoint.

        codec: Encodes values, and decodes responses.

        members: Members of the input of every call. A call refuses members that its operation does not have.

    Raises:
        ConfigError: There is no such member, or *codec* is not a codec.
    """

    def __init__(
        self, client: SyncClient, endpoint_name: str, *, codec: Codec[I_contra, O_co], **members: Unpack[Members]
    ) -> None:
        check_client(client, awaits=False)
        super().__init__(Requests(endpoint_name, codec, members))
        self._client = client

    def predict(self, value: I_contra, /, *opt_fns: OptFn, **members: Unpack[InvokeMembers]) -> O_co:
        """Send a value, and return the one in the model's response; see `Predictor.predict`."""
        return self.invoke(value, *opt_fns, **members).value

    def invoke(self, value: I_contra, /, *opt_fns: OptFn, **members: Unpack[InvokeMembers]) -> Prediction[O_co]:
        """Like `predict`, but return the output as well: its variant, its metadata, its body."""
        output = self._client.invoke_endpoint(self._requests.invoke(value, members), *opt_fns)
        return self._requests.prediction(output)

    @overload
    def stream(
        self, value: I_contra, /, *opt_fns: OptFn, format: StreamFormat[T], **members: Unpack[StreamMembers]
    ) -> SyncPredictionStream[T]: ...

    @overload  # the documents of the codec; the protocol does not know them, so the next one is for all other codecs
    def stream(  # type: ignore[overload-overlap]
        self: SyncPredictor[I_contra, Documents[T]],
        value: I_contra,
        /,
        *opt_fns: OptFn,
        **members: Unpack[StreamMembers],
    ) -> SyncPredictionStream[T]: ...

    @overload
    def stream(
        self, value: I_contra, /, *opt_fns: OptFn, **members: Unpack[StreamMembers]
    ) -> SyncPredictionStream[str]: ...

    def stream(
        self,
        value: I_contra,
        /,
        *opt_fns: OptFn,
        format: StreamFormat[object] | None = None,
        **members: Unpack[StreamMembers],
    ) -> SyncPredictionStream[object]:
        """Send a value, and read the model's response piece by piece; see `Predictor.stream`."""
        params = self._requests.stream(value, members)
        return SyncPredictionStream(
            lambda: self._client.invoke_endpoint_with_response_stream(params, *opt_fns),
            self._requests.format_or(format),
        )

    def predict_many(
        self,
        values: Iterable[I_contra],
        /,
        *opt_fns: OptFn,
        limit: int | KneeLimit | None = None,
        ordered: bool = True,
        on_error: Literal["return", "raise"] = "return",
        **members: Unpack[InvokeMembers],
    ) -> Generator[Result[I_contra, O_co]]:
        """
        Send many values, with as many concurrent calls as the endpoint can take; see `Predictor.predict_many`.

        They are encoded and decoded in the thread of the client's event loop.
        """
        from sagemaker_runtime.bulk.many import Manner, call_many_in_thread

        self._requests.check_invoke(members)
        requests = self._requests

        def caller(client: Client, opt_fns: tuple[OptFn, ...]) -> Callable[[I_contra], Awaitable[O_co]]:
            async def predict(value: I_contra) -> O_co:
                output = await client.invoke_endpoint(requests.invoke(value, members), *opt_fns)
                return requests.prediction(output).value

            return predict

        manner = Manner(opt_fns, limit, ordered=ordered, on_error=on_error)
        return call_many_in_thread(self._client, caller, values, manner)

    def predict_async(
        self,
        value: I_contra | str,
        /,
        *opt_fns: OptFn,
        timeout: float | None = DEFAULT_WAIT,
        **members: Unpack[AsyncMembers],
    ) -> O_co:
        """Queue a value for an asynchronous endpoint, wait for the result, and decode it; see `Predictor.predict_async`."""
        submitted = self.submit_async(value, *opt_fns, **members)
        return self.wait_for_prediction(submitted, *opt_fns, timeout=timeout)

    def submit_async(
        self, value: I_contra | str, /, *opt_fns: OptFn, **members: Unpack[AsyncMembers]
    ) -> InvokeEndpointAsyncOutput:
        """The first half of `predict_async`: queue a value. Pass the output to `wait_for_prediction`."""
        return self._client.invoke_endpoint_async(self._requests.submit(value, members), *opt_fns)

    def wait_for_prediction(
        self, submitted: InvokeEndpointAsyncOutput, *opt_fns: OptFn, timeout: float | None = DEFAULT_WAIT
    ) -> O_co:
        """The second half of `predict_async`. May be called again after a timeout."""
        result = self._client.wait_for_output(submitted, *opt_fns, timeout=timeout)
        return self._requests.result(result, submitted)

    def session(
        self,
        *opt_fns: OptFn,
        open_body: SessionBody = OPEN_BODY,
        close_body: SessionBody = CLOSE_BODY,
        **members: Unpack[InvokeMembers],
    ) -> AbstractContextManager[SyncPredictor[I_contra, O_co]]:
        """Open a session, and close it at the end of the ``with``, whatever happens in it; see `Predictor.session`."""
        requests = self._requests.for_session(members)
        return self._session(opt_fns, requests, requests.open_session(open_body), session_body(close_body))

    @contextmanager
    def _session(
        self,
        opt_fns: tuple[OptFn, ...],
        requests: Requests[I_contra, O_co],
        opening: InvokeEndpointInput,
        close_body: Encoded,
    ) -> Generator[SyncPredictor[I_contra, O_co]]:
        session_id = opened_session(self._client.invoke_endpoint(opening, *opt_fns))
        inside = requests.with_members({"session_id": session_id})
        closing = requests.close_session(close_body, session_id)
        try:
            yield SyncPredictor(self._client, inside.endpoint_name, codec=inside.codec, **inside.members)
        except BaseException as error:
            with NoteOn(error):
                self._client.invoke_endpoint(closing, *opt_fns)
            raise
        self._client.invoke_endpoint(closing, *opt_fns)
