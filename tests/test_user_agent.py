"""The User-Agent that AWS reads its telemetry from."""

from __future__ import annotations

import platform
import re
import sys

import pytest
from hypothesis import given, strategies as st

from sagemaker_runtime.user_agent import component, user_agent


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value is kept for the process; each test wants its own."""
    user_agent.cache_clear()
    monkeypatch.delenv("AWS_EXECUTION_ENV", raising=False)


def test_the_parts_stand_in_the_order_the_aws_sdks_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who we are, the format, the machine, the language, the service, where it runs, features, the application."""
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11")

    value = user_agent("1.2.3", app_id="shop", features=("E", "b"))

    names = [part.partition("/")[0] for part in value.split(" ")]
    assert names == ["sagemaker-runtime-python", "ua", "os", "lang", "md", "api", "exec-env", "m", "app"]
    assert value.startswith("sagemaker-runtime-python/1.2.3 ua/2.1 os/")
    assert value.endswith(" api/sagemaker-runtime#1.2.3 exec-env/AWS_Lambda_python3.11 m/E,b app/shop")
    assert f"lang/python#{'.'.join(map(str, sys.version_info[:3]))} md/pyimpl#" in value


def test_what_is_not_known_is_left_out() -> None:
    """An empty part would be read as a name."""
    value = user_agent("1", app_id=None, features=())

    assert not re.search(r" (exec-env|m|app)/", value)


@pytest.mark.parametrize(("system", "name"), [("Darwin", "macos#"), ("Windows", "windows#"), ("Plan9", "other ")])
def test_an_operating_system_has_its_shared_name(system: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS counts by these names, whatever Python calls the system."""
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "release", lambda: "7.0")

    assert f" os/{name}" in user_agent("1", app_id=None, features=())


@pytest.mark.parametrize(
    ("prefix", "name", "value", "expected"),
    [
        ("app", "shop", "", "app/shop"),
        ("md", "py impl", "C/Python#3", "md/py-impl#C-Python-3"),
        ("app", "a\r\nX: 1", "", "app/a--X--1"),
        ("app", "caf\u00e9", "", "app/caf-"),
        ("m", "!$%&'*+-.^_`|~", "", "m/!$%&'*+-.^_`|~"),
    ],
)
def test_what_may_not_stand_in_a_part_becomes_a_hyphen(prefix: str, name: str, value: str, expected: str) -> None:
    """The application's name comes from a user; it must neither end the header nor start a part of its own."""
    assert expected == component(prefix, name, value)


@given(st.text(min_size=1))
def test_no_application_name_breaks_the_header(app_id: str) -> None:
    """One part for the application, whatever it is called, and nothing but printable ASCII."""
    value = user_agent("1", app_id=app_id, features=())

    assert value.isascii()
    assert value.isprintable()
    assert value.count(" app/") == 1
    assert len(value.split(" ")) == len(user_agent("1", app_id="x", features=()).split(" "))
