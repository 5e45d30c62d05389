"""What cannot be sent to the workers of an engine is refused, by name, before anything is made."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest
from attrs import frozen

from sagemaker_runtime import (
    Client,
    ConfigError,
    Options,
    StaticCredentialsProvider,
    SyncClient,
    Timeout,
    override,
)
from sagemaker_runtime.bulk import ClientRecipe, JSONBody, JSONLines, Scorer, run_bulk
from sagemaker_runtime.bulk.engines.travel import check_travels
from sagemaker_runtime.plugins.concurrency import KneeLimit

RECIPE = ClientRecipe(region="us-east-1", endpoint_url="http://127.0.0.1:1")
SECRET = StaticCredentialsProvider("AKID", "a-secret-that-nobody-sees")


@frozen
class Holding:
    """A body that holds something."""

    held: object

    max_rows = 1
    max_bytes = 1
    accept = None

    def encode(self) -> None: ...


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("1\n")
    return path


def _of_the_program() -> None: ...


_of_the_program.__module__ = "__main__"


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (lambda: 1, "a function or class within a function"),
        (SECRET, "credentials; each worker finds its own"),
        (Client(Options(region="us-east-1")), "a Client, whose connections and credentials belong to this process"),
        (SyncClient(Options(region="us-east-1")), "a SyncClient, whose"),
        (_of_the_program, "which workers cannot import from the main program"),
        ((each for each in ()), "TypeError"),
    ],
    ids=["closure", "credentials", "client", "sync", "main", "generator"],
)
def test_what_an_argument_holds_is_looked_through(held: object, said: str) -> None:
    """An engine's own pickling takes closures with all that they have, secrets too, and fails with a text of its own."""
    with pytest.raises(
        ConfigError, match=f"body cannot be sent to the workers of an engine: it has .*{said}"
    ) as caught:
        check_travels({"format": JSONLines(), "body": Holding(held)})

    assert "nobody" not in str(caught.value)


def _count(name: str, old: int, new: int) -> None: ...


def test_what_a_module_has_may_be_sent() -> None:
    """A callback of a limit, and a body with settings."""
    check_travels({"limit": KneeLimit(on_change=_count), "body": JSONBody(max_rows=3), "members": None})


@pytest.mark.parametrize(
    ("client", "opt_fns", "arguments", "said"),
    [
        (
            Client(Options(region="us-east-1")),
            (),
            {},
            "client is a Client, whose connections and credentials cannot be sent",
        ),
        (RECIPE, (override(credentials=SECRET),), {}, "opt_fns cannot be sent"),
        (RECIPE, (), {"engine": "spark"}, "engine is 'spark'; it takes 'ray', 'dask' or None"),
        (RECIPE, (), {"workers": 0}, "workers is 0; it takes a number, 1 or more"),
        (RECIPE, (), {"workers": True}, "workers is True"),
        (RECIPE, (), {"engine": None, "workers": 2}, "workers needs an engine"),
        (RECIPE, (), {"limit": KneeLimit(on_change=lambda *_: None)}, "limit cannot be sent"),
        (RECIPE, (), {"body": Holding(SECRET)}, "body cannot be sent"),
        (RECIPE, (), {"engine": "ray"}, r"engine='ray' needs ray: pip install 'sagemaker-runtime\[ray\]'"),
        (RECIPE, (), {}, r"engine='dask' needs distributed: pip install 'sagemaker-runtime\[dask\]'"),
    ],
    ids=["client", "opt_fns", "engine", "workers", "flag", "alone", "limit", "body", "ray", "dask"],
)
async def test_an_engine_takes_what_can_be_sent(
    rows: Path,
    client: object,
    opt_fns: tuple[object, ...],
    arguments: dict[str, object],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A plan with arguments that are refused would stand in the way of the right ones."""
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "distributed", None)
    settings = {"engine": "dask", "progress": False} | arguments

    with pytest.raises(ConfigError, match=said) as caught:
        await run_bulk(client, "m", rows, rows.parent / "out", *opt_fns, **settings)  # type: ignore[arg-type]

    assert "nobody" not in str(caught.value)
    assert not (rows.parent / "out").exists()


def test_a_recipe_has_no_place_for_credentials() -> None:
    """Each process finds its own, as it would without one."""
    with pytest.raises(TypeError, match="credentials"):
        ClientRecipe(credentials=SECRET)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"client_factory": "make"}, "it takes 'module:function'"),
        ({"client_factory": "m:f", "region": "us-east-1"}, "makes the whole client; leave out region"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(arguments: dict[str, str], said: str) -> None:
    """Here, and not on every worker."""
    with pytest.raises(ConfigError, match=said):
        ClientRecipe(**arguments)


async def test_a_recipe_has_the_settings_of_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it leaves out is the machine's."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    recipe = ClientRecipe(endpoint_url="http://127.0.0.1:1", timeout=Timeout(read=5.0), app_id="nightly")
    async with await pickle.loads(pickle.dumps(recipe)).client() as client:  # noqa: S301 - it was made here
        options = client.options

    found = (options.region, options.base_endpoint, options.timeout.read, options.app_id)
    assert ("eu-west-1", "http://127.0.0.1:1", 5.0, "nightly") == found


def make() -> Client:
    return Client(Options(region="ap-south-1"))


async def make_later() -> Client:
    return make()


def make_nothing() -> None: ...


@pytest.mark.parametrize("name", ["make", "make_later"])
async def test_a_function_makes_what_no_setting_says(name: str) -> None:
    """Such as a client with middleware, made of what workers can import."""
    async with await ClientRecipe(client_factory=f"{__name__}:{name}").client() as client:
        assert "ap-south-1" == client.options.region


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("make_nothing", "returned a NoneType; it must return a Client"),
        ("RECIPE", "is a ClientRecipe; name a function"),
        ("gone", "cannot be imported: .* Install its module on every worker"),
    ],
)
async def test_a_function_that_makes_no_client_is_refused(name: str, said: str) -> None:
    """By its name."""
    with pytest.raises(ConfigError, match=f"{name}' {said}"):
        await ClientRecipe(client_factory=f"{__name__}:{name}").client()


def test_a_scorer_takes_a_recipe() -> None:
    """A client would be pickled with every batch, or fail in the first of a thousand tasks."""
    with pytest.raises(ConfigError, match="the recipe of a Scorer is a Client, which cannot be sent"):
        Scorer(Client(Options(region="us-east-1")), "m")  # type: ignore[arg-type]
