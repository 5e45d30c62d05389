"""`Scorer`: a picklable function that scores the batches of other pipelines (pandas, Dask, Ray Data)."""

from __future__ import annotations

import atexit
import json
from contextlib import asynccontextmanager
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from attrs import field, frozen

from sagemaker_runtime import ConfigError, SageMakerRuntimeError
from sagemaker_runtime.bulk.bodies.file_body import FileBody
from sagemaker_runtime.bulk.bodies.json_body import JSONBody
from sagemaker_runtime.bulk.failures import is_about_run
from sagemaker_runtime.bulk.formats.batching import batched
from sagemaker_runtime.bulk.formats.files import Files
from sagemaker_runtime.bulk.formats.json_lines import JSONLines
from sagemaker_runtime.bulk.many import Manner, call_many
from sagemaker_runtime.bulk.recipe import ClientRecipe, opened
from sagemaker_runtime.bulk.requests import Inputs
from sagemaker_runtime.bulk.rows import Rows, facts_of_letter
from sagemaker_runtime.bulk.sending import Sender, Sent
from sagemaker_runtime.bulk.tables import table_of
from sagemaker_runtime.plugins.concurrency import KneeLimit
from sagemaker_runtime.sync import LoopThread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from sagemaker_runtime import Client, OptFn
    from sagemaker_runtime.bulk.bodies.base import Body
    from sagemaker_runtime.bulk.formats.base import Batch, Format
    from sagemaker_runtime.predictor import InvokeMembers

Table = TypeVar("Table")

MAX_CALLS = 1_024
_AT_EXIT = 5.0  # seconds that a process waits at exit for its client to close


@frozen
class Scorer:
    """
    Sends the rows of a batch to an endpoint, and returns the batch with two more columns: results and errors.

    A batch is a ``pandas.DataFrame``, a ``pyarrow.Table``, or a dictionary of NumPy arrays or lists::

        scorer = Scorer(ClientRecipe(region="eu-west-1"), "iris")
        frame = scorer(frame)  # pandas
        frame = frame.map_partitions(scorer, meta=scorer.meta(frame))  # Dask
        dataset = dataset.map_batches(scorer, batch_format="pandas")  # Ray Data

    It can be pickled and holds no credentials. The first call in a process makes a client, which all threads of the process
    share; it is closed by `close`, or when the process ends.

    Every error of a call becomes a value, so no row can make the pipeline fail or drop a block. Calls are retried as by
    `invoke_many`: while the endpoint is overloaded or unavailable, the scorer waits.

    Raises:
        ConfigError: *recipe* is not a `ClientRecipe`, or a number is less than 1.
    """

    recipe: ClientRecipe
    """How each process makes its client."""

    endpoint: str
    """The name of the endpoint."""

    body: Body = field(factory=JSONBody, kw_only=True)
    """How rows become requests. The default sends each as a JSON object."""

    columns: Sequence[str] | str | None = field(default=None, kw_only=True)
    """
    The columns to send; each row becomes a JSON object. None for all. A single name, as a string, sends the bare value instead;
    bytes are sent as they are, for `FileBody`.
    """

    output: str = field(default="output", kw_only=True)
    """The column for results: the decoded JSON value, or None for a row that failed."""

    error: str = field(default="error", kw_only=True)
    """The column for errors: ``"code: message"``, or None for a row with a result."""

    members: InvokeMembers | None = field(default=None, kw_only=True, repr=False)
    """Members of every call's input, such as ``{"content_type": "image/png"}``."""

    max_calls: int = field(default=MAX_CALLS, kw_only=True)
    """The most concurrent calls of all processes together. A `KneeLimit` in each finds how many the endpoint can take."""

    workers: int = field(default=1, kw_only=True)
    """How many processes use the scorer concurrently; *max_calls* is divided among them."""

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.recipe, ClientRecipe):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller is checked
            raise ConfigError(
                f"the recipe of a Scorer is a {type(self.recipe).__name__}, which cannot be sent to other processes; pass a "
                "ClientRecipe, such as ClientRecipe(region='eu-west-1')"
            )
        for name in ("max_calls", "workers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it takes a number, 1 or more")

    def __call__(self, batch: Table) -> Table:
        """
        Score a batch, and return it with results and errors.

        Raises:
            ConfigError: The batch is of another type, lacks one of *columns*, or already has one of the new ones; or no client
                can be made.
            EncodeError: A value cannot be written as JSON.
        """
        table = table_of(batch)
        records = table.records(self.columns, besides=(self.output, self.error))
        outputs: list[object] = [None] * len(records)
        errors: list[str | None] = [None] * len(records)
        if records:
            process = _process(self)
            for sent in process.thread.run(self._send, process, records):
                for row in map(json.loads, sent.lines.split(b"\n")[:-1]):
                    outputs[row["record"]] = row["output"]
                for letter in map(facts_of_letter, sent.dead):
                    errors[letter["record"]] = f"{letter['code']}: {letter['message']}"
        added: Table = table.with_columns({self.output: outputs, self.error: errors})
        return added

    def meta(self, frame: object) -> Mapping[str, object]:
        """
        The columns and types of the data frame that Dask's ``map_partitions`` makes with this scorer.

        Without ``meta=``, Dask would infer them by calling the endpoint with made-up rows.

        Args:
            frame: The Dask data frame, or a pandas one.
        """
        types: Mapping[str, object] = dict(getattr(frame, "dtypes", {}))
        return {**types, self.output: "object", self.error: "object"}

    def close(self) -> None:
        """Close the client of this process. The next call makes a new one."""
        with _LOCK:
            process = _PROCESSES.pop(self.recipe, None)
        if process is not None:
            process.thread.close()

    async def _send(self, process: _Process, records: Sequence[bytes]) -> list[Sent]:
        places = ((record, place) for place, record in enumerate(records, 1))
        batches = batched("", places, at=0, number=0, rows=self.body.max_rows, size=self.body.max_bytes)
        manner = Manner((), process.limit_of(self), ordered=False, on_error="return")
        results = call_many(process.client, self._caller, batches, manner)
        return [result.output async for result in results]

    def _caller(self, client: Client, opt_fns: tuple[OptFn, ...]) -> Callable[[Batch], Awaitable[Sent]]:
        format: Format = Files() if isinstance(self.body, FileBody) else JSONLines()
        rows = Rows(format, join=False, select=None)
        inputs = Inputs(self.endpoint, format, self.body, {} if self.members is None else self.members)
        sender = Sender(lambda params, _: client.invoke_endpoint(params, *opt_fns), inputs, self.body, rows)

        async def send(batch: Batch) -> Sent:
            try:
                return await sender.send(batch, 0, batch.records)
            except SageMakerRuntimeError as error:
                if isinstance(error, ConfigError) or not is_about_run(error):
                    raise
                letters = [rows.dead_letter(batch, offset, error) for offset in range(len(batch.records))]
                return Sent(b"", 0, [], letters)

        return send


class _Process:
    """What the scorers of one recipe share in one process."""

    def __init__(self, recipe: ClientRecipe) -> None:
        self.client: Client
        self.thread = LoopThread(self._keep(recipe), name="sagemaker-runtime-scorer")
        self._limits: dict[tuple[str, int, int], KneeLimit] = {}
        self.thread.open()

    @asynccontextmanager
    async def _keep(self, recipe: ClientRecipe) -> AsyncGenerator[None]:
        async with opened(recipe) as self.client:
            yield

    def limit_of(self, scorer: Scorer) -> KneeLimit:
        """The limit that all threads and batches share, so that each starts from what the last one learnt."""
        bounds = KneeLimit(min(4, scorer.max_calls), maximum=scorer.max_calls).split(scorer.workers)
        return self._limits.setdefault((scorer.endpoint, scorer.max_calls, scorer.workers), bounds)


_PROCESSES: dict[ClientRecipe, _Process] = {}
_LOCK = Lock()


def _process(scorer: Scorer) -> _Process:
    with _LOCK:
        process = _PROCESSES.get(scorer.recipe)
        if process is None or not process.thread.is_open:  # closed, or inherited through a fork
            process = _PROCESSES[scorer.recipe] = _Process(scorer.recipe)
        return process


@atexit.register
def _close_all() -> None:
    for process in list(_PROCESSES.values()):
        process.thread.close_at_exit(_AT_EXIT)
