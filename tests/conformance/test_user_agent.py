"""The User-Agent against the cases that the AWS SDKs share, and against their ids for the features they count."""

from __future__ import annotations

import platform
import re
import sys

import pytest
from conformance.conftest import cases, load, tally
from support import ScriptedHTTPClient, client

from sagemaker_runtime import BEFORE, InvokeEndpointInput, build_middleware, override
from sagemaker_runtime.user_agent import RETRY_MODE_FEATURES, component, user_agent

PARAMS = InvokeEndpointInput(endpoint_name="iris", body=b"")

HASH = "a # in a value is made a hyphen too; the other SDKs keep it"
RAW = "no part goes in as it is but by a middleware"
OTHER_SDK = "the whole string of another SDK"
OTHER_SYSTEM = "of a system that has no shared name, its own is not told"
LIBRARIES = "there are no parts for libraries but by a middleware"
LEGACY = "there is no legacy mode"
NOT_TOLD = "a feature that is here, and is not told: where credentials come from, an endpoint of one's own"
NOT_HERE = "a feature that is not here"


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """The value is kept for the process, and holds what was so at its first use."""
    monkeypatch.delenv("AWS_EXECUTION_ENV", raising=False)
    user_agent.cache_clear()
    yield
    user_agent.cache_clear()


async def sent(**changes):
    """The User-Agent of a call."""
    transport = ScriptedHTTPClient()
    await client(transport, **changes).invoke_endpoint(PARAMS)
    return transport.requests[0].headers["user-agent"]


SANITIZE = cases(
    "misc/user-agent.json",
    lambda document: document["sanitize"]["cases"],
    id=lambda case: f"{case['value'] or 'nothing'}-{'value' if case['allow_hash'] else 'name'}",
    skip=lambda case: HASH if case["allow_hash"] and "#" in case["value"] else None,
)


@pytest.mark.parametrize("case", SANITIZE)
def test_what_may_not_stand_in_a_part_is_replaced_as_in_the_other_sdks(case):
    """AWS counts by these names, so one application must not have two; a # may stand in values only."""
    value, expected = case["value"], case["expect"]

    if case["allow_hash"]:
        assert (f"md/x#{expected}" if expected else "md/x") == component("md", "x", value)
    else:
        assert f"md/{expected}" == component("md", value)


COMPONENTS = cases(
    "misc/user-agent.json",
    lambda document: document["components"]["cases"],
    id=lambda case: case.get("raw") or f"{case['prefix']}-{case['name']}-{case.get('value')}",
    skip=lambda case: RAW if "raw" in case else HASH if "#" in case.get("value", "") else None,
)


@pytest.mark.parametrize("case", COMPONENTS)
def test_a_part_is_a_prefix_a_name_and_perhaps_a_value(case):
    """An empty value is none, and leaves no sign behind."""
    assert case["expect"] == component(case["prefix"], case["name"], case.get("value", ""))


SYSTEMS = cases(
    "misc/user-agent.json",
    lambda document: [case for case in document["full_strings"] if "platform " in str(case.get("inputs"))],
    id=lambda case: case["inputs"],
    skip=lambda case: OTHER_SYSTEM if "unknown" in case["inputs"] else None,
)


@pytest.mark.parametrize("case", SYSTEMS)
def test_a_system_is_called_by_its_shared_name(case, monkeypatch):
    """Python and its builds write the names of systems as they please."""
    monkeypatch.setattr(platform, "system", lambda: case["inputs"].removeprefix("platform "))
    monkeypatch.setattr(platform, "release", lambda: "1")

    assert f" {case['contains']}#1 " in user_agent("1", app_id=None, features=())


def whole(document):
    """The strings of botocore with all their inputs."""
    return [case for case in document["full_strings"] if isinstance(case.get("inputs"), dict)]


WHOLE = cases(
    "misc/user-agent.json",
    whole,
    id=lambda case: case["inputs"]["retry_mode"],
    skip=lambda case: LEGACY if case["inputs"]["retry_mode"] == "legacy" else None,
)


@pytest.mark.parametrize("case", WHOLE)
def test_the_parts_stand_in_the_order_that_the_sdks_share(case, monkeypatch):
    """AWS reads the front of the string by place; the mode of retries is told as a feature, as the Go SDK does."""
    inputs = case["inputs"]
    system, release = inputs["platform"].split(" ")
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "release", lambda: release)
    monkeypatch.setattr(sys, "version_info", tuple(map(int, inputs["python"].split("."))))
    monkeypatch.setenv("AWS_EXECUTION_ENV", inputs["execution_env"])
    ids = load("misc/user-agent-feature-ids.json")
    told = {f"cfg/retry-mode#{mode}": f"m/{ids[f'RETRY_MODE_{mode.upper()}']}" for mode in ("standard", "adaptive")}
    in_order = [part.replace("<sdk>/<version>", "sagemaker-runtime-python/1") for part in case["in_exact_order"]]

    value = user_agent("1", app_id=inputs["app_id"], features=(RETRY_MODE_FEATURES[inputs["retry_mode"]],))

    parts = value.split(" ")
    assert in_order == [part for part in parts if part in in_order]
    assert {told.get(part, part) for part in case["in_any_order"]} <= set(parts)


LAST_PARTS = cases(
    "misc/user-agent.json",
    lambda document: [
        case for case in document["full_strings"] if not isinstance(case.get("inputs"), dict) and "expect" in case
    ],
    id=lambda case: f"{case['origin']}-{case.get('inputs', 'all')}",
    skip=lambda case: (
        LIBRARIES
        if "frameworks" in case.get("inputs", "")
        else None
        if re.match("AWS_EXECUTION_ENV|app name|(one )?metrics? ", case.get("inputs", ""))
        else OTHER_SDK
    ),
)


@pytest.mark.parametrize("case", LAST_PARTS)
def test_what_a_caller_brings_is_told_as_by_the_other_sdks(case, monkeypatch):
    """Where it runs, the application, the features: their part is the last one in the string of the other SDK."""
    what, _, names = case["inputs"].replace("one ", "").replace("app name", "app").replace("=", " ").partition(" ")
    if what == "AWS_EXECUTION_ENV":
        monkeypatch.setenv(what, names)
    ids = load("misc/user-agent-feature-ids.json")
    features = tuple(ids[name] for name in names.split(", ")) if what.startswith("metric") else ()

    value = user_agent("1", app_id=names if what == "app" else None, features=features)

    assert case["expect"].split(" ")[-1] == value.split(" ")[-1]


def why_not_told(name):
    """Why a feature is not told; None if it is."""
    if name in ("RETRY_MODE_STANDARD", "RETRY_MODE_ADAPTIVE"):
        return None
    return NOT_TOLD if name == "ENDPOINT_OVERRIDE" or name.startswith("CREDENTIALS_") else NOT_HERE


FEATURES = cases(
    "misc/user-agent-feature-ids.json",
    lambda document: document.items(),
    id=lambda item: item[0],
    skip=lambda item: why_not_told(item[0]),
)


@pytest.mark.parametrize("feature", FEATURES)
async def test_a_feature_has_the_id_that_the_sdks_share(feature):
    """A wrong letter would be counted, as another feature."""
    name, expected = feature

    agent = await sent(retry_mode=name.removeprefix("RETRY_MODE_").lower())

    assert [expected] == re.findall(r" m/(\S+)", agent)


async def test_a_feature_of_one_call_is_not_told_of_the_next():
    """The string is kept, and a call may override what it tells."""
    ids = load("misc/user-agent-feature-ids.json")
    transport = ScriptedHTTPClient()
    sdk = client(transport)

    for mode in ("standard", "adaptive", "standard"):
        await sdk.invoke_endpoint(PARAMS, override(retry_mode=mode))

    told = [re.findall(r" m/(\S+)", request.headers["user-agent"]) for request in transport.requests]
    assert [[ids[f"RETRY_MODE_{mode}"]] for mode in ("STANDARD", "ADAPTIVE", "STANDARD")] == told


async def test_a_user_agent_that_is_there_already_is_kept_behind_ours():
    """The rule of the Go SDK: AWS reads the front, and a middleware that says who it is must not be silenced."""
    rules = [case["rule"] for case in load("misc/user-agent.json")["full_strings"] if "rule" in case]

    @build_middleware("Says")
    def says(ctx, step, next):
        step.request.headers["User-Agent"] = "previously set"
        return next(ctx, step)

    plain = await sent()
    agent = await sent(api_options=[lambda stack: stack.build.add(says, BEFORE)])

    assert "'<sdk string> previously set'" in rules[0]
    assert f"{plain} previously set" == agent


async def test_what_may_not_stand_in_the_name_of_the_application_becomes_a_hyphen():
    """The one of the rules for it that says what is sent."""
    _, example, _ = load("misc/user-agent.json")["app_id"]["rules"]
    given, expected = re.fullmatch(r"'(.*)' -> (\S+)", example).groups()

    assert f" {expected}" in await sent(app_id=given)


def test_what_is_skipped_of_the_user_agent_is_known():
    """A difference from the other SDKs is meant and has a name, or it is a mistake."""
    assert tally(SANITIZE) == {"run": 11, HASH: 2}
    assert tally(COMPONENTS) == {"run": 3, RAW: 1, HASH: 1}
    assert tally(SYSTEMS) == {"run": 2, OTHER_SYSTEM: 1}
    assert tally(WHOLE) == {"run": 1, LEGACY: 1}
    assert tally(LAST_PARTS) == {"run": 4, OTHER_SDK: 3, LIBRARIES: 1}
    assert tally(FEATURES) == {"run": 2, NOT_TOLD: 27, NOT_HERE: 39}
    document = load("misc/user-agent.json")
    assert len(document["full_strings"]) == sum(map(len, (SYSTEMS, WHOLE, LAST_PARTS))) + 1  # the Go SDK's rule
    assert len(document["metrics"]["rules"]) == 3
    assert len(document["metrics"]["truncate"]) == 8  # none runs: one feature at most is told, so no list is cut
    assert len(document["app_id"]["rules"]) == 3  # one runs; no name is warned of; tests/test_config.py has the last
    assert document["config_override"]["origin"] == "botocore"  # its option user_agent is a middleware's work here
