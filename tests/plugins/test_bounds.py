"""Whatever keeps something keeps a bounded amount: names from outside must not make a process grow until it dies."""

from __future__ import annotations

import ast
import contextlib
import gc
import pkgutil
from collections import deque
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from support import ManualClock, answer, options

import sagemaker_runtime
from sagemaker_runtime import (
    APIOption,
    Client,
    ConnectionLostError,
    InvokeEndpointInput,
    NopRetryer,
    Request,
    Response,
    Timeout,
    override,
    plugins,
    with_api_options,
)
from sagemaker_runtime.plugins.circuit_breaker import CircuitBreaker
from sagemaker_runtime.plugins.concurrency import ConcurrencyLimit, KneeLimit
from sagemaker_runtime.plugins.custom_attributes import CustomAttributes
from sagemaker_runtime.plugins.hedging import ENDPOINTS, Hedging
from sagemaker_runtime.plugins.metrics import Metrics
from sagemaker_runtime.plugins.response_cache import ResponseCache
from sagemaker_runtime.plugins.tracing import Tracing
from sagemaker_runtime.plugins.waterfall import Waterfall

NAMES = 20_000
KEPT = 100  # of each plugin that can be told how many


class Outside:
    """A transport: every other endpoint is not there. It keeps nothing."""

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        if int(request.path.split("/")[2].rpartition("-")[2]) % 2:
            raise ConnectionLostError("lost")
        return answer()

    async def close(self) -> None:
        pass


def all_plugins() -> dict[str, APIOption]:
    """One of each; the codecs keep nothing, and take no bytes."""
    meter_provider = MeterProvider(
        [InMemoryMetricReader()], shutdown_on_exit=False, exemplar_filter=AlwaysOffExemplarFilter()
    )
    return {
        "circuit_breaker": CircuitBreaker(2, max_circuits=KEPT),
        "concurrency": ConcurrencyLimit(8),
        "concurrency, knee": KneeLimit(8),
        "custom_attributes": CustomAttributes(lambda ctx: f"a={len(ctx)}"),
        "hedging": Hedging(min_samples=1),
        "response_cache": ResponseCache(ttl=60.0, max_bytes=KEPT * 1_026),
        "metrics": Metrics(meter_provider, max_endpoints=KEPT),
        "tracing": Tracing(TracerProvider(shutdown_on_exit=False), propagate_in_custom_attributes=True),
        "waterfall": Waterfall(),
    }


def entries_of_all_containers() -> int:
    """Of the whole process: a tenth of the time that tracemalloc takes, and nothing is left out by mistake."""
    gc.unfreeze()  # what was there before the tests may grow too
    gc.collect()
    return sum(len(held) for held in gc.get_objects() if isinstance(held, dict | list | set | deque | tuple))


@pytest.mark.slow
async def test_endpoint_names_from_outside_do_not_make_anything_grow() -> None:
    """A gateway passes on the names that it is asked for: 20,000 of them, through all plugins and the client itself."""
    used = all_plugins()
    rest = [api_option for name, api_option in used.items() if name != "waterfall"]
    given = options(Outside(), retryer=NopRetryer(), clock=ManualClock(), api_options=rest)
    sizes: list[int] = []
    # Waterfall takes as long as all others together, so it sees every tenth call.
    async with Client(given) as client, Client(given, with_api_options(used["waterfall"])) as timed:
        for number in range(NAMES):
            timeout = override(timeout=Timeout(read=1.0 + number // 16))  # what is left of a budget, say
            params = InvokeEndpointInput(endpoint_name=f"from-outside-{number}", body=b"x")
            with contextlib.suppress(ConnectionLostError):
                await (client if number % 10 else timed).invoke_endpoint(params, timeout)
            if number in (NAMES // 2, NAMES - 1):
                sizes.append(entries_of_all_containers())

    assert sizes[1] - sizes[0] < NAMES // 10, f"entries after half of the names, and after all: {sizes}"
    breaker, cache, hedging = used["circuit_breaker"], used["response_cache"], used["hedging"]
    assert isinstance(breaker, CircuitBreaker)
    assert isinstance(cache, ResponseCache)
    assert isinstance(hedging, Hedging)
    assert KEPT == len(breaker.circuits) == len(cache._entries)
    assert ENDPOINTS == len(hedging._endpoints)


def test_no_plugin_is_missing_from_the_walk() -> None:
    """A new one keeps things too."""
    public = {module.name for module in pkgutil.iter_modules(plugins.__path__) if not module.name.startswith("_")}

    assert public - {"waterfall_view", "codecs", "numpy_codec"} == {name.partition(",")[0] for name in all_plugins()}


UNBOUNDED = {
    ("operations.routes", "_pattern"): "by the names of the operations, of which there are four",
    ("operations.routes", "_labels"): "by the names of the operations, of which there are four",
    ("local.front.constraints", "constraints_of"): "by the names of the operations",
    ("local.front.constraints", "body_of"): "by the names of the operations",
    ("local.front.front", "_not_served"): "by the operations",
}
"""Caches without a bound, with the reason."""


def test_every_cache_of_a_function_has_a_bound() -> None:
    """What its arguments are today may come from outside tomorrow."""
    root = Path(sagemaker_runtime.__file__).parent
    unbounded: set[tuple[str, str]] = set()
    for path in root.rglob("*.py"):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
                if decorators & {"cache", "functools.cache", "lru_cache(maxsize=None)", "lru_cache(None)"}:
                    unbounded.add((module, node.name))

    assert set(UNBOUNDED) == unbounded
