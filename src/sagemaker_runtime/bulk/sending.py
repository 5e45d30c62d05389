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
    """What came of a batch. Few objects, as many wait, and the garbage collector visits each of them."""

    lines: bytes = field(repr=False)
    """Of results."""

    succeeded: int
    """How many results those are."""

    requests: list[tuple[str | None, Sequence[AttemptRecord]]] = field(repr=False)
    """Of each request, the variant that responded, and its attempts."""

    dead: Sequence[bytes] = field(default=(), repr=False)
    """The lines of dead letters."""

    codes: Sequence[str] = ()
    """The codes of the errors in those."""

    @property
    def size(self) -> int:
        """Bytes of the lines."""
        return len(self.lines) + (sum(map(len, self.dead)) if self.dead else 0)

    def count(self, tally: Tally) -> None:
        """Add it to a tally."""
        tally.rows += self.succeeded
        if self.codes:
            tally.dead += len(self.dead)
            tally.codes.update(self.codes)
        for variant, attempts in self.requests:
            tally.requests += 1
            tally.attempts += len(attempts)
            if attempts:
                tally.took(variant or "", attempts[-1].seconds)
                if variant is None or len(attempts) > 1:  # others have one attempt, which succeeded
                    tally.throttled += sum(map(_is_throttled, attempts))


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

    async def send(self, batch: Batch, offset: int, records: Sequence[bytes]) -> Sent:
        """
        Send records of a batch.

        Args:
            batch: What they are of.

            offset: Where they stand in it.

            records: The records.

        Raises:
            Exception: What every other batch would meet too.
        """
        requests: list[tuple[str | None, Sequence[AttemptRecord]]] = []
        request_id: str | None = None
        try:
            params = self.inputs.input(batch, offset, records)
            output = await self.invoke(params, batch)
            request_id = output.result_metadata.get(REQUEST_ID)
            requests.append((output.invoked_production_variant, output.result_metadata.get(ATTEMPTS, ())))
            texts = self.body.decode(output.body, output.content_type, len(records))
            lines = self.rows.results(batch, offset, records, texts, params.inference_id)
        except SageMakerRuntimeError as error:
            if is_about_run(error):
                raise
            problem = error
        else:
            return Sent(lines, len(records), requests)
        if problem.attempts:
            requests.append((None, problem.attempts))
        if len(records) == 1:
            problem.request_id = problem.request_id or request_id  # a codec knows nothing of the response but its body
            letter = self.rows.dead_letter(batch, offset, problem)
            code = str(getattr(problem, "code", type(problem).__name__))
            return Sent(b"", 0, requests, [letter], [code])
        half = len(records) // 2
        first = await self.send(batch, offset, records[:half])
        second = await self.send(batch, offset + half, records[half:])
        return Sent(
            first.lines + second.lines,
            first.succeeded + second.succeeded,
            [*requests, *first.requests, *second.requests],
            [*first.dead, *second.dead],
            [*first.codes, *second.codes],
        )
