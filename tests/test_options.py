"""Options, and the functions that change them."""

from __future__ import annotations

import logging

import attrs
import pytest
from support import ManualClock, ScriptedHTTPClient

from sagemaker_runtime import (
    BotocoreCredentialsProvider,
    ClientLogMode,
    DefaultEndpointResolver,
    EndpointResolverOptions,
    NopRetryer,
    Options,
    SigV4Signer,
    Stack,
    Timeout,
    override,
    with_api_options,
)


def first(stack: Stack) -> None:
    """An API option."""


def second(stack: Stack) -> None:
    """Another one."""


# One value for each option, other than its default. A new option without a line here fails the tests below.
VALUES: dict[str, object] = {
    "api_options": [first],
    "client_log_mode": ClientLogMode.RETRIES,
    "credentials": BotocoreCredentialsProvider(profile="work"),
    "endpoint_options": EndpointResolverOptions(use_fips_endpoint=True),
    "endpoint_resolver": DefaultEndpointResolver(),
    "base_endpoint": "http://localhost:8080",
    "http_signer_v4": SigV4Signer(content_sha256_header=True),
    "logger": logging.getLogger("mine"),
    "region": "eu-west-1",
    "retryer": NopRetryer(),
    "retry_max_attempts": 7,
    "http_client": ScriptedHTTPClient(),
    "timeout": Timeout(total=5),
    "app_id": "shop",
    "clock": ManualClock(),
}


@pytest.mark.parametrize("name", attrs.fields_dict(Options))
def test_every_option_can_be_given_overridden_and_copied(name: str) -> None:
    """An option that only the constructor knows would be ignored in silence for a call."""
    value = VALUES[name]
    overridden = Options()

    override(**{name: value})(overridden)

    assert value == getattr(overridden, name)
    assert value == getattr(Options(**{name: value}), name)
    assert value == getattr(overridden.copy(), name)
    assert value != getattr(Options(), name) or name == "endpoint_resolver"


def test_a_copy_has_a_list_of_api_options_of_its_own() -> None:
    """A call that appends an API option must not append it to the client's."""
    options = Options(api_options=[first])

    copy = options.copy()
    copy.api_options.append(second)
    copy.region = "eu-west-1"

    assert options.api_options == [first]
    assert options.region is None


def test_with_api_options_appends_and_override_replaces() -> None:
    """Appending is what a call means nearly always, so it has a name of its own."""
    options = Options(api_options=[first])

    with_api_options(second, first)(options)
    assert options.api_options == [first, second, first]

    override(api_options=[second])(options)
    assert options.api_options == [second]


def test_equal_overrides_are_one_key() -> None:
    """A client keeps the stacks it compiled by them, so equality and hash must go by what they change."""
    assert override(region="a", app_id="x") == override(region="a", app_id="x")
    assert hash(override(region="a")) == hash(override(region="a"))
    assert override(region="a") != override(region="b")
    assert override(region="a") != override(app_id="a")
    assert with_api_options(first) == with_api_options(first)
    with pytest.raises(TypeError, match="unhashable"):
        hash(override(api_options=[first]))


def test_an_override_cannot_be_changed_and_shows_what_it_changes() -> None:
    """It stands at module level and in a cache; and it appears in tracebacks."""
    changed = override(region="eu-west-1", retryer=NopRetryer())

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        changed.changes = ()
    assert repr(changed) == "override(region='eu-west-1', retryer=NopRetryer(max_attempts=1))"


def test_an_unknown_option_is_named_with_those_there_are() -> None:
    """A misspelt option that is accepted in silence changes nothing, and nobody notices."""
    with pytest.raises(TypeError, match=r"no option 'regoin'; it has api_options, .*region"):
        override(regoin="eu-west-1")
    with pytest.raises(TypeError):
        override("eu-west-1")
    with pytest.raises(TypeError, match="regoin"):
        Options(regoin="eu-west-1")


def test_no_repr_of_options_shows_a_secret() -> None:
    """Options are printed while debugging."""
    from sagemaker_runtime import StaticCredentialsProvider  # noqa: PLC0415

    options = Options(credentials=StaticCredentialsProvider("AKID", "hush", "token-hush"))

    assert "hush" not in repr(options)
    assert "AKID" in repr(options)
