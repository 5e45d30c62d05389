"""`Sender`: a batch to the endpoint, and what came of each of its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

from sagemaker_runtime import ATTEMPTS, REQUEST_ID, SageMakerRuntimeError
from sagemaker_runtime.bulk.failures import is_about_run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sagemaker_runtime import AttemptRecord, InvokeEndpointInput, InvokeEndpointOutput
    from sagemaker_runtime.bulk.bodies.base import Body
    from sagemaker_runtime.bulk.formats.base import Batch
    from sagemaker_runtime.bulk.requests import Inputs
    from sagemaker_runtime.bulk.rows import Rows
    from sagemaker_runtime.bulk.tally import Tally

_THROTTLED = 429  # HTTP status


@define
class Sent:
    """What came of a batch."""

    rows: list[bytes] = field(factory=list[bytes], repr=False)
    """The lines of results."""

    dead: list[bytes] = field(factory=list[bytes], repr=False)
    """The lines of dead letters."""

    codes: list[str] = field(factory=list[str])
    """The codes of the errors in those."""

    requests: list[tuple[str | None, Sequence[AttemptRecord]]] = field(
        factory=list[tuple["str | None", "Sequence[AttemptRecord]"]], repr=False
    )
    """Of each request, the variant that responded, and its attempts."""

    @property
    def size(self) -> int:
        """Bytes of the lines."""
        return sum(map(len, self.rows)) + sum(map(len, self.dead))

    def count(self, tally: Tally) -> None:
        """Add it to a tally."""
        tally.rows += len(self.rows)
        tally.dead += len(self.dead)
        tally.codes.update(self.codes)
        for variant, attempts in self.requests:
            tally.requests += 1
            tally.attempts += len(attempts)
            if attempts:
                tally.took(variant or "", attempts[-1].seconds)
                tally.throttled += sum(map(_is_throttled, attempts)) if len(attempts) > 1 else 0


def _is_throttled(attempt: AttemptRecord) -> bool:
    kind = attempt.error_type or ""
    return "Throttl" in kind or (attempt.status == _THROTTLED and kind != "ModelNotReadyException")


@frozen
class Sender:
    """
    Sends batches.

    A batch that fails is halved until the records that spoil it stand alone: they become dead letters, and the others get
    their results.
    """

    invoke: Callable[[InvokeEndpointInput, Batch], Awaitable[InvokeEndpointOutput]]
    """Makes the call for records of a batch."""

    inputs: Inputs
    body: Body
    rows: Rows

    async def send(self, batch: Batch, offset: int) -> Sent:
        """
        Send the records of a batch from *offset* on.

        Raises:
            Exception: What every other batch would meet too.
        """
        sent = Sent()
        await self._send(batch, offset, batch.records[offset:], sent)
        return sent

    async def _send(self, batch: Batch, offset: int, records: Sequence[bytes], sent: Sent) -> None:
        request_id: str | None = None
        try:
            params = self.inputs.input(batch, offset, records)
            output = await self.invoke(params, batch)
            request_id = output.result_metadata.get(REQUEST_ID)
            sent.requests.append((output.invoked_production_variant, output.result_metadata.get(ATTEMPTS, ())))
            texts = self.body.decode(output.body, output.content_type, len(records))
            sent.rows += self.rows.results(batch, offset, records, texts, params.inference_id)
        except SageMakerRuntimeError as error:
            if is_about_run(error):
                raise
            problem = error
        else:
            return
        if problem.attempts:
            sent.requests.append((None, problem.attempts))
        if len(records) == 1:
            problem.request_id = problem.request_id or request_id  # a codec knows nothing of the response but its body
            sent.dead.append(self.rows.dead_letter(batch, offset, problem))
            sent.codes.append(str(getattr(problem, "code", type(problem).__name__)))
            return
        half = len(records) // 2
        await self._send(batch, offset, records[:half], sent)
        await self._send(batch, offset + half, records[half:], sent)
