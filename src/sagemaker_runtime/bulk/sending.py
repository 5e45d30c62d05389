"""`Sender`: sends a batch to the endpoint, and collects the result or error of each record."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from sagemaker_runtime import ATTEMPTS, REQUEST_ID, InvalidParamsError, SageMakerRuntimeError
from sagemaker_runtime.bulk.failures import is_about_run
from sagemaker_runtime.bulk.tally import Tally, request_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sagemaker_runtime import InvokeEndpointInput, InvokeEndpointOutput
    from sagemaker_runtime.bulk.bodies.base import Body
    from sagemaker_runtime.bulk.formats.base import Batch
    from sagemaker_runtime.bulk.requests import Inputs
    from sagemaker_runtime.bulk.rows import Rows
    from sagemaker_runtime.bulk.tally import Request


@define
class Sent:
    """The outcome of a batch. It has few objects, because many outcomes wait and the garbage collector visits every object."""

    lines: bytes = field(repr=False)
    """The lines of results."""

    succeeded: int
    """The number of results."""

    requests: list[Request] = field(repr=False)

    dead: Sequence[bytes] = field(default=(), repr=False)
    """The lines of dead letters."""

    codes: Sequence[str] = ()
    """The error codes in those."""

    size: int = field(init=False)
    """The size of all lines in bytes."""

    def __attrs_post_init__(self) -> None:
        self.size = len(self.lines) + sum(map(len, self.dead))


@define
class Gathered:
    """The outcomes of several batches, to be counted together."""

    rows: int = 0
    codes: list[str] = field(factory=list[str])
    requests: list[Request] = field(factory=list["Request"], repr=False)

    def add(self, sent: Sent) -> None:
        """Add the outcome of a batch."""
        self.rows += sent.succeeded
        self.requests += sent.requests
        if sent.codes:
            self.codes += sent.codes

    def tally(self) -> Tally:
        """The counts of all outcomes."""
        tally = Tally(rows=self.rows, dead=len(self.codes), codes=Counter(self.codes))
        tally.count(self.requests)
        return tally


@frozen
class Sender:
    """
    Sends batches.

    A batch that fails is halved until each record that makes it fail is alone in a request. These records become dead letters;
    the others get their results.
    """

    invoke: Callable[[InvokeEndpointInput, Batch], Awaitable[InvokeEndpointOutput]]
    """Makes the call for records of a batch."""

    inputs: Inputs
    body: Body
    rows: Rows

    async def send(self, batch: Batch, offset: int, records: Sequence[bytes]) -> Sent:
        """
        Send records of a batch.

        Args:
            batch: The batch that they belong to.

            offset: The position of the first of them in the batch.

            records: The records.

        Raises:
            Exception: An error that every other batch would meet too.
        """
        number = len(records)
        requests: list[Request] = []
        request_id: str | None = None
        try:
            params = self.inputs.input(batch, offset, records)
            output = await self.invoke(params, batch)
            request_id = output.result_metadata.get(REQUEST_ID)
            requests.append(request_of(output.invoked_production_variant, output.result_metadata.get(ATTEMPTS, ())))
            texts = self.body.decode(output.body, output.content_type, number)
            lines = self.rows.results(batch, offset, records, texts, params.inference_id)
        except SageMakerRuntimeError as error:
            if is_about_run(error) or (isinstance(error, InvalidParamsError) and self.inputs.is_shared(error)):
                raise
            problem = error
        else:
            return Sent(lines, number, requests)
        if problem.attempts:
            requests.append(request_of(None, problem.attempts))
        if number == 1:
            problem.request_id = problem.request_id or request_id  # a codec knows nothing of the response but its body
            letter = self.rows.dead_letter(batch, offset, problem)
            code = str(getattr(problem, "code", type(problem).__name__))
            return Sent(b"", 0, requests, [letter], [code])
        half = number // 2
        first = await self.send(batch, offset, records[:half])
        second = await self.send(batch, offset + half, records[half:])
        return Sent(
            first.lines + second.lines,
            first.succeeded + second.succeeded,
            [*requests, *first.requests, *second.requests],
            [*first.dead, *second.dead],
            [*first.codes, *second.codes],
        )
