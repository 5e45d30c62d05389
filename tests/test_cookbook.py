"""The recipes run, and the pages beside them name what exists."""

from __future__ import annotations

import ast
import asyncio
import builtins
import importlib.util
import inspect
import re
from pathlib import Path
from types import EllipsisType

import aiohttp.test_utils  # noqa: F401 - which pytest rewrites: in the middle of a test, CPython 3.11.7 may fail in that
import botocore.exceptions
import pytest
from attrs import fields_dict
from botocore import xform_name
from botocore.config import Config
from opentelemetry.metrics import MeterProvider, NoOpMeter
from support import client

import sagemaker_runtime
from sagemaker_runtime import (
    AFTER,
    BEFORE,
    Client,
    ClientLogMode,
    Context,
    CredentialsProvider,
    InvokeEndpointAsyncOutput,
    InvokeEndpointOutput,
    Options,
    Output,
    PayloadPart,
    Predictor,
    ResponseStream,
    SerializeInput,
    Stack,
    StandardRetryer,
    errors,
    middleware,
    override,
    testing,
)
from sagemaker_runtime.operations import OPERATIONS
from sagemaker_runtime.operations.base import bindings
from sagemaker_runtime.plugins import _telemetry
from sagemaker_runtime.plugins.metrics import Metrics
from sagemaker_runtime.plugins.tracing import Tracing

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS / "examples"

# What each recipe prints. The dots stand for lines with times, which change from run to run.
PRINTED: dict[str, list[str | EllipsisType]] = {
    "asynchronous": [
        "Alice was tired.",
        "The Rabbit ran.",
        'Received client error (400) from primary with message "there is no sentence"',
    ],
    "audit_log": [
        "InvokeEndpoint ok 2 attempts InvokeEndpointInput(endpoint_name='echo', body=<8 bytes>)",
        "InvokeEndpoint InvalidParamsError 0 attempts InvokeEndpointInput(endpoint_name='no such name', body=<8 bytes>)",
    ],
    "cached_responses": [
        "acme tibbar by the model",
        "acme tibbar from memory",
        "globex tibbar by the model",
        "2 requests",
    ],
    "chat_session": ["You said hello", "You said hello, goodbye", "0 sessions open"],
    "cold_start": [
        "WHITE RABBIT - first response: ModelNotReadyException",
        "WHITE RABBIT - first response: the model's",
        "White Rabbit - first response: ModelNotReadyException",
    ],
    "corporate_signing": ["accepted ['Retry', 'RetryMetricsHeader', 'Signing']"],
    "count_attempts": ["3 calls: {'ok': 3, 'InternalFailure': 1}"],
    "endpoint_resolver": ["1 request through the gateway", "https://runtime.sagemaker.us-east-1.amazonaws.com"],
    "graceful_shutdown": ["stopped; calls lost: 0"],
    "hedging": ["hedged: True", "waited for the slow one: False", "22 requests for 21 calls"],
    "json_logs": [
        '{"logger": "shop.models", "aws_operation": "InvokeEndpoint", "aws_attempt": 1, "http_status": 503}',
        (
            '{"logger": "shop.models", "aws_operation": "InvokeEndpoint", "aws_attempt": 1, '
            '"aws_error_code": "ServiceUnavailable", "http_status": 503}'
        ),
        '{"logger": "shop.models", "aws_operation": "InvokeEndpoint", "aws_attempt": 2, "http_status": 200}',
    ],
    "json_objects": [
        "[2.0, 5.0, nan]",
        (
            "the response, 7 bytes of type application/json, cannot be read as application/json: "
            "Expecting value at line 1 column 1"
        ),
        (
            "the value cannot be written as JSON: [0][1] is of type complex; "
            "convert it, or give the codec a default= that does"
        ),
    ],
    "measure": [
        "client.call.attempt_duration 1 measured ServiceUnavailable",
        "client.call.attempt_duration 3 measured ",
        "client.call.attempts 4 ",
        "client.call.auth.signing_duration 4 measured ",
        "client.call.duration 3 measured ",
        "client.call.errors 1 ServiceUnavailable",
        "client.call.in_flight 0 ",
        "client.call.resolve_endpoint_duration 3 measured ",
        "client.call.serialization_duration 3 measured ",
        "client.http.connections.usage 0 ",
        "client.http.time_to_first_byte 4 measured ",
        "client.retry_quota.available 500 ",
    ],
    "numpy_arrays": ["[5.0, 10.0] float32 writeable: False"],
    "one_call": ["unranked shoes", "unranked shoes", "3 requests for 3 calls"],
    "overload": [
        "at most 3 of 9 calls at once",
        "not sent, after 2 that failed",
        *["not sent, after 0 that failed"] * 4,
        "2 requests while it was down",
    ],
    "own_credentials": ["10 calls, asked 1 time", "Credentials(access_key_id='AKIDEXAMPLE')"],
    "own_retryer": ["1 ModelError", "2 None"],
    "prometheus_metrics": [
        'sagemaker_seconds_count{endpoint="iris",outcome="ok"} 1.0',
        'sagemaker_seconds_count{endpoint="other",outcome="ModelError"} 1.0',
        "sagemaker_retries_total 1.0",
    ],
    "pydantic_model": [
        "setosa 0.98",
        (
            "the response, 40 bytes of type application/octet-stream, cannot be read as application/json: "
            "probability: float_type"
        ),
    ],
    "rehearse_failures": [
        "Reset - response after 2",
        "TruncatedBody - TruncatedResponseError after 1",
        "ErrorAnswer - ModelError after 1",
        "the same faults again: True",
    ],
    "relay_stream": [
        "200 ['data: Alice', 'data: was', 'data: tired']",
        r"200 ['data: Alice', 'data: was', 'event: error\ndata: ModelStreamError']",
    ],
    "shared_quota": [
        "3 attempts, 2 tokens left",
        "",
        "1 attempts, 2 tokens left",
        (
            "not retried: the retry quota has 2 tokens left and a retry costs 14; "
            "too many calls through this client have failed recently"
        ),
    ],
    "slow_call": [..., "slowest: Deserialize Transport of attempt 1"],
    "stream_json_lines": [
        "{'row': 'red', 'score': 0.3}",
        "{'row': 'white', 'score': 0.5}",
        "read to its end: False",
    ],
    "stream_tokens": ["Alice was| so |naïve|", "Alice was|broke off: StreamBroken"],
    "tell_the_tenant": ["acme got priority=low,tenant=acme", "globex got priority=low,tenant=globex"],
    "tests_of_your_code": [
        "test a model that fails gives an unknown species - passed",
        "test a throttled request is sent again - passed",
    ],
    "through_a_proxy": ["proxied: POST /endpoints/echo/invocations", "hello"],
    "trace_the_container": ["one trace: True", "tenant=acme,traceparent=00"],
    "trace_to_console": [
        "POST [1, 503, 'ServiceUnavailable']",
        "POST [2, 200]",
        "SageMaker Runtime.InvokeEndpoint ['echo', 200]",
    ],
    "web_service": ['200 {"species": "setosa"}', '502 {"error": "out of memory"}'],
}

# Those that something else starts: test_deployed_recipes.py has them run by a server, and by pytest.
DEPLOYED = {"fastapi_events", "flask_stream", "lambda_function", "test_lambda_function"}
RECIPES = sorted(EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", sorted({path.stem for path in RECIPES} - DEPLOYED))
async def test_a_recipe_prints_what_it_is_to_show(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is copied from the cookbook must work; a warning, such as of something left open, fails it too."""
    spec = importlib.util.spec_from_file_location(f"recipe_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)

    await recipe.main()

    printed: list[str | EllipsisType] = [*capsys.readouterr().out.splitlines()]
    if PRINTED[name][0] is ...:
        printed[: 1 - len(PRINTED[name])] = [...]
    assert PRINTED[name] == printed


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_a_small_program_that_says_what_it_shows(path: Path) -> None:
    """One that does not fit on a screen, or that cannot be started as a file, is no recipe."""
    source = path.read_text()
    tree = ast.parse(source)

    assert len(source.splitlines()) <= 80
    assert (ast.get_docstring(tree) or "").count("\n\n") >= 1, "what it shows, and when to use it"
    if path.stem not in DEPLOYED:
        assert 'if __name__ == "__main__":\n    asyncio.run(main())' == ast.unparse(tree.body[-1]).replace("'", '"')


def test_the_cookbook_has_each_recipe_once() -> None:
    """A program that no page shows is not found."""
    page = (DOCS / "cookbook.md").read_text()

    shown = re.findall(r"^<!-- examples/(\w+)\.py -->$", page, re.MULTILINE)

    assert sorted(PRINTED.keys() | DEPLOYED) == sorted(shown)
    linked = set(re.findall(r"\]\(examples/(\w+\.ipynb)\)", page))
    assert {path.name for path in EXAMPLES.glob("*.ipynb")} == linked
    assert page.count("\n### ") == len(shown) + len(linked)


@pytest.mark.parametrize(
    "path", [path for path in DOCS.glob("*.md") if "<!-- examples/" in path.read_text()], ids=lambda path: path.name
)
def test_a_page_shows_the_programs_as_they_are(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that is out of date teaches what does not run. ``python docs/embed.py`` copies them anew."""
    monkeypatch.syspath_prepend(DOCS)
    page = path.read_text()

    assert importlib.import_module("embed").embedded(page) == page


MIGRATION = (DOCS / "migration.md").read_text()
OBSERVABILITY = (DOCS / "observability.md").read_text()


def tables(page: str) -> list[list[list[str]]]:
    """The tables of a page: rows of cells, the head first."""
    found = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    rows = [
        [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in each.splitlines()] for each in found
    ]
    return [[head, *body] for head, _, *body in rows]


def column(page: str, name: str) -> list[str]:
    """The pieces of code in the columns of that name, in all tables but those of members, in order."""
    return [
        code
        for head, *rows in tables(page)
        if name in head and not head[0].startswith("member")
        for row in rows
        for code in re.findall("`([^`]+)`", row[head.index(name)])
    ]


ERRORS = {name: each for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, Exception)}
OUTPUTS = (Output, InvokeEndpointOutput, InvokeEndpointAsyncOutput)

# What the small names in the tables stand for: an object, or the attributes that objects of the name have.
OBJECTS: dict[str, object] = {
    **{name: getattr(module, name) for module in (sagemaker_runtime, testing) for name in module.__all__},
    **vars(builtins),
    "asyncio": asyncio,
    "client": Client,
    "ctx": Context,
    "handle_build": middleware.BuildMiddleware.handle_build,
    "Metrics": Metrics,
    "predictor": Predictor,
    "retrieve": CredentialsProvider.retrieve,
    "retryer": StandardRetryer,
    "stack": Stack("InvokeEndpoint"),
    "stream": ResponseStream,
    "Tracing": Tracing,
}
ATTRIBUTES = {
    "error": {name for error in ERRORS.values() for name in dir(error)},
    "event": set(dir(PayloadPart)),
    "output": {name for each in OUTPUTS for name in dir(each)},
    "step": set(dir(SerializeInput)),
}
PLACEHOLDERS = {"aws_resolver", "config", "fallback_resolver", "fn", "functions", "KEY", "mw", "opt_fns", "options"}
PLACEHOLDERS |= {"params", "region", "value"}


def found(code: ast.expr) -> object:
    """What a name, or an attribute, stands for; None where that is known only when a program runs."""
    if isinstance(code, ast.Attribute) and isinstance(code.value, ast.Name) and code.value.id in ATTRIBUTES:
        assert code.attr in ATTRIBUTES[code.value.id]
        return None
    if isinstance(code, ast.Attribute):
        return getattr(found(code.value), code.attr)
    assert isinstance(code, ast.Name)
    return None if code.id in PLACEHOLDERS | ATTRIBUTES.keys() else OBJECTS[code.id]


@pytest.mark.parametrize(
    "text", sorted({*column(MIGRATION, "here")} - {"with", "async with", "async for event in stream"})
)
def test_what_the_migration_names_exists(text: str) -> None:
    """Each name, attribute and argument, so that what is copied from a table works."""
    for node in ast.walk(ast.parse(text, mode="eval")):
        if isinstance(node, ast.Name | ast.Attribute):
            found(node)
        if isinstance(node, ast.Call) and node.keywords:
            callee = found(node.func)
            assert callable(callee)
            takes = fields_dict(Options) if callee is override else inspect.signature(callee).parameters
            assert {keyword.arg for keyword in node.keywords} <= takes.keys()


class Anywhere:
    """A middleware with the methods of all steps."""

    id = "Anywhere"

    async def handle(self, ctx, step, next):
        return await next(ctx, step)

    handle_initialize = handle_serialize = handle_build = handle_finalize = handle_deserialize = handle


@pytest.mark.parametrize(
    "text", sorted({code for code in column(MIGRATION, "here") if re.match(r"stack\.\w+\.\w+\(", code)})
)
def test_a_place_that_the_migration_names_is_one_of_the_default_stack(text: str) -> None:
    """An id that has another name here, or stands in another step, would fail when the client is made."""
    names = {"stack": client().stack("InvokeEndpoint"), "mw": Anywhere(), "BEFORE": BEFORE, "AFTER": AFTER}

    eval(text, names)  # noqa: S307 - our own page

    assert "Anywhere" in str(names["stack"]) or "mw" not in text


@pytest.mark.parametrize("kind", ["Input", "Output"])
def test_the_migration_has_each_member_of_each_operation(kind: str) -> None:
    """By the API's own names, as botocore turns them into ours; and in the operations that have it."""
    (table,) = (table for table in tables(MIGRATION) if table[0][0] == f"member of the {kind.lower()}")
    named = {
        (letter, member.strip("`"))
        for member, here, letters in table[1:]
        for letter in letters.split(", ")
        if xform_name(member.strip("`")) == here.strip("`")
    }

    letters = {"I": "InvokeEndpoint", "S": "InvokeEndpointWithResponseStream", "A": "InvokeEndpointAsync"}
    members = {letter: set(bindings(getattr(sagemaker_runtime, name + kind))) for letter, name in letters.items()}
    assert {(letter, name) for letter in members for name in members[letter]} == {
        (letter, xform_name(member)) for letter, member in named
    }


def test_the_migration_from_go_has_every_option() -> None:
    """Who looks for an option by its name in Go must find what has become of it."""
    go = MIGRATION.partition("## From the Go SDK v2")[2].partition("\n### Options\n")[2].partition("\n### ")[0]

    named = {name for code in column(go, "here") for name in re.findall(r"Options\((\w+)=", code)}

    assert fields_dict(Options).keys() == named


def test_the_migration_has_every_operation_and_every_error() -> None:
    """An error without a line is one that nobody who comes from elsewhere catches."""
    here = " ".join(column(MIGRATION, "here"))

    assert [] == [name for name in ERRORS if not re.search(rf"\b{name}\b", here)]
    assert [] == [name for name in OPERATIONS if f".{xform_name(name)}(" not in here]


def test_the_migration_names_what_botocore_has() -> None:
    """The other side of the table: what nobody has written cannot be looked up."""
    boto3 = MIGRATION.partition("## From boto3")[2].partition("## From aiobotocore")[0]
    options = set(re.findall(r"`Config\((\w+)=", boto3))
    names = {code for code in column(boto3, "botocore") if re.fullmatch(r"[A-Z]\w+", code)}

    assert options - Config.OPTION_DEFAULTS.keys() == set()
    assert {name for name in names if not hasattr(botocore.exceptions, name)} == set()
    assert len(options) > 10 < len(names)


class RecordingMeter(NoOpMeter):
    """Notes which instruments are made of it: those that have measured nothing are in no report."""

    def __init__(self) -> None:
        super().__init__("recording")
        self.made: dict[str, tuple[str, str]] = {}

    def create_counter(self, name, unit="", description=""):
        self.made[name] = "counter", unit
        return super().create_counter(name, unit, description)

    def create_up_down_counter(self, name, unit="", description=""):
        self.made[name] = "up-down counter", unit
        return super().create_up_down_counter(name, unit, description)

    def create_histogram(self, name, unit="", description="", **advice):
        self.made[name] = "histogram", unit
        return super().create_histogram(name, unit, description, **advice)

    def create_observable_gauge(self, name, callbacks=None, unit="", description=""):
        self.made[name] = "gauge", unit
        return super().create_observable_gauge(name, callbacks, unit, description)


class RecordingMeters(MeterProvider):
    """Gives one meter to all."""

    def __init__(self) -> None:
        self.meter = RecordingMeter()

    def get_meter(self, *arguments, **named) -> RecordingMeter:
        return self.meter


def test_the_page_has_the_instruments_that_the_plugin_makes() -> None:
    """Dashboards are made by this table: a name or a unit that differs shows nothing at all."""
    provider = RecordingMeters()

    Metrics(provider)

    (table,) = (table for table in tables(OBSERVABILITY) if table[0][0] == "name")
    named = {name.rstrip(" *").strip("`"): (kind, unit.strip("`")) for name, kind, unit, _ in table[1:]}
    assert provider.meter.made == named


def test_the_page_has_the_attributes_of_spans_and_measurements() -> None:
    """Each name that the plugins use stands in a table, and none that they do not."""
    values = {value for name, value in vars(_telemetry).items() if name.isupper() and isinstance(value, str)}

    named = set(column(OBSERVABILITY, "attribute"))

    beside = {_telemetry.SCOPE, _telemetry.AWS_API, _telemetry.FIRST_PART}
    assert values - beside == {name for name in named - {"state"} if not name.startswith(("aws_", "http_"))}


def test_the_page_has_the_log_modes_and_the_attributes_of_records() -> None:
    """As the docstring of the modes has them, which is the reference."""
    modes = column(OBSERVABILITY, "mode")
    named = {code for code in column(OBSERVABILITY, "attribute") if code.startswith(("aws_", "http_"))}

    assert [mode.name for mode in ClientLogMode] == modes
    assert set(re.findall(r"``((?:aws|http)_\w+)``", ClientLogMode.__doc__ or "")) == named
