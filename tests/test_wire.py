"""URLs, requests, time limits and dates."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given, strategies as st
from support import NOON, answer

from sagemaker_runtime import ConfigError, Request, Timeout
from sagemaker_runtime.clock import SystemClock
from sagemaker_runtime.clock_skew import ClockSkew
from sagemaker_runtime.dates import amz_date, http_date, utc
from sagemaker_runtime.url import BaseURL


@pytest.mark.parametrize(
    ("url", "scheme", "host", "path", "query"),
    [
        ("https://host", "https", "host", "", ""),
        ("https://host/", "https", "host", "", ""),
        ("HTTPS://HOST.Example:443/a%2Fb/", "https", "host.example", "/a%2Fb", ""),
        ("http://host:80", "http", "host", "", ""),
        ("https://host:80/x", "https", "host:80", "/x", ""),
        ("http://[::1]:8080/p?a=1&b", "http", "[::1]:8080", "/p", "a=1&b"),
        ("https://[2001:DB8::1]", "https", "[2001:db8::1]", "", ""),
    ],
)
def test_a_url_falls_into_the_parts_a_request_needs(url: str, scheme: str, host: str, path: str, query: str) -> None:
    """The host is what the Host header and the signature must say: lower case, and no port that goes without saying."""
    assert BaseURL.parse(url) == BaseURL(scheme, host, path, query)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "not absolute"),
        ("host/path", "not absolute"),
        ("//host/path", "not absolute"),
        ("ftp://host", "not absolute"),
        ("https://", "not absolute"),
        ("https:///path", "not absolute"),
        ("https://host/a b", "has a blank"),
        ("https://host\n", "has a blank"),
        ("https://h\u00f6st", "non-ASCII character"),
        ("https://host:99999", "cannot be read"),
        ("https://host:port", "cannot be read"),
        ("https://[::1", "cannot be read"),
        ("https://host/#top", "has a fragment"),
        ("https://host#", "has a fragment"),
    ],
)
def test_a_url_that_cannot_be_sent_to_is_refused_with_the_reason(url: str, complaint: str) -> None:
    """A wrong base_endpoint should fail when the client is made, and say what to mend."""
    with pytest.raises(ConfigError, match=complaint):
        BaseURL.parse(url)


def test_a_url_with_a_password_is_refused_without_repeating_it() -> None:
    """The text of an error ends up in logs."""
    with pytest.raises(ConfigError, match="has a user name") as caught:
        BaseURL.parse("https://user:hush@host/")

    assert "hush" not in str(caught.value)


def test_setting_the_url_of_a_request_sets_its_parts_and_its_host_header() -> None:
    """A middleware that redirects a call must not forget the header that is signed."""
    request = Request()

    request.url = "http://localhost:8080/v1?debug=1"

    assert (request.scheme, request.host, request.path) == ("http", "localhost:8080", "/v1")
    assert request.query == "debug=1"
    assert request.headers["Host"] == "localhost:8080"
    assert request.url == "http://localhost:8080/v1?debug=1"
    request.url = "https://host"
    assert request.url == "https://host/"


def test_a_copied_request_has_headers_of_its_own() -> None:
    """Each attempt signs a copy; the next one must not see that signature."""
    request = Request(host="host", path="/p", body=b"abc")

    copy = request.copy()
    copy.headers["authorization"] = "hush"

    assert "authorization" not in request.headers
    assert copy.body is request.body
    assert "hush" not in repr(copy)
    assert repr(request) == "<Request POST https://host/p, Headers({}), body of 3 bytes>"


def test_a_response_shows_its_head_and_not_its_body() -> None:
    """Bodies are sensitive by the model."""
    response = answer(200, b"hush", set_cookie="a=secret")

    text = repr(response)

    assert "hush" not in text
    assert "secret" not in text
    assert text.startswith("<Response 200, Headers({'content-length': '4'")


@pytest.mark.parametrize("name", ["connect", "write", "read", "total"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "5", b"5"])
def test_a_limit_that_is_no_length_of_time_is_refused_by_name(name: str, value: object) -> None:
    """Zero would fail every call, NaN and infinity the arithmetic later on; a text is a forgotten conversion."""
    with pytest.raises(ConfigError, match=f"Timeout.{name} is "):
        Timeout(**{name: value})


def test_the_default_limits_are_those_the_service_advises() -> None:
    """A model may take 60 s, so the read limit must lie above; no total limit unless asked."""
    assert Timeout() == Timeout(connect=10, write=30, read=70, total=None)
    assert Timeout(connect=1).connect == 1
    with pytest.raises(ConfigError, match=r"Timeout.connect"):
        Timeout(connect=None)


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_date_is_read_back_as_the_standard_library_writes_it(moment: datetime) -> None:
    """Ours is written out to save 7 ms of import; it must agree on every day of the calendar."""
    moment = moment.replace(microsecond=0)

    assert moment.timestamp() == http_date(format_datetime(moment, usegmt=True))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, \u0660\u0666 Nov 1994 08:49:37 GMT",
    ],
)
def test_what_is_no_date_gives_none(text: str) -> None:
    """A server's odd Date header must not fail a call that has succeeded."""
    assert http_date(text) is None


@given(st.integers(0, 253402300799))
def test_a_date_for_aws_names_the_same_second(seconds: int) -> None:
    """The signature's scope is cut from this text, so a shift of a zone would break every call of some hours."""
    written = datetime.strptime(amz_date(utc(seconds)), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    assert seconds == written.timestamp()


@pytest.mark.parametrize("date", [-1.0, 0.0, 350.0, 700.0, 701.0])
def test_a_date_between_sending_and_receiving_says_that_the_clocks_agree(date: float) -> None:
    """A model may take minutes; half of them, taken for a skew, would have the next signature refused."""
    skew = ClockSkew()

    assert skew.seconds is None
    skew.measure(NOON + date, sent=NOON, received=NOON + 700.0)

    assert skew.seconds == 0.0


@pytest.mark.parametrize(("date", "seconds"), [(1100.0, 400.0), (702.0, 2.0), (-2.0, -702.0)])
def test_a_date_outside_is_taken_as_of_the_moment_of_receiving(date: float, seconds: float) -> None:
    """A response is dated with its head, and that comes when the model is done."""
    skew = ClockSkew()

    skew.measure(NOON + date, sent=NOON, received=NOON + 700.0)

    assert skew.seconds == seconds


def test_a_slow_response_takes_no_correction_away_that_explains_it_too() -> None:
    """Or the clock would be wrong after each slow call on a machine whose clock is wrong, and right after each fast one."""
    skew = ClockSkew()
    skew.measure(NOON + 400.0, sent=NOON, received=NOON)

    skew.measure(NOON + 500.0, sent=NOON, received=NOON + 700.0)
    kept = skew.seconds
    skew.measure(NOON + 700.0, sent=NOON + 700.0, received=NOON + 700.5)

    assert (400.0, 0.0) == (kept, skew.seconds)


def test_a_refused_time_is_measured_though_the_correction_explains_the_date() -> None:
    """The service has just said that the correction is wrong, however long it took to say so."""
    skew = ClockSkew()
    skew.seconds = 400.0

    skew.measure(NOON + 700.0, sent=NOON, received=NOON + 700.0, refused=True)

    assert skew.seconds == 0.0


@pytest.mark.parametrize("date", [-62_135_596_800.0, 0.0, 253_402_300_799.0])
def test_a_date_that_no_service_writes_is_not_measured_by(date: float) -> None:
    """With the last second of the year 9999 there would be no time to sign with, and so no response to put it right."""
    skew = ClockSkew()
    skew.measure(NOON + 100.0, sent=NOON, received=NOON)

    skew.measure(date, sent=NOON, received=NOON)

    assert skew.seconds == 100.0


async def test_the_machines_clock_gives_time_and_a_wait_that_can_be_skipped() -> None:
    """It is the default of every client; a wait of nothing must return."""
    clock = SystemClock()
    before = clock.monotonic()

    await clock.sleep(0)

    assert clock.monotonic() >= before
    assert datetime.fromtimestamp(clock.now(), UTC).year >= 2025


@pytest.mark.parametrize("host", ["a..b", ".a", "a b", "-", "[::1", "[zz]", "a,b"])
def test_a_host_that_is_none_is_refused_when_it_is_given(host):
    """Else it is found only by the transport, in the middle of a call."""
    if host == "-":
        assert "-" == BaseURL.parse(f"https://{host}").host  # odd, and a name all the same
        return

    with pytest.raises(ConfigError):
        BaseURL.parse(f"https://{host}/path")
