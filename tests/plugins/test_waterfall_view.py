"""A waterfall as text and as a picture."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from plugins.slow import traced
from support import ManualClock

from sagemaker_runtime.plugins.waterfall import Span, Trace

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_the_text_is_a_chart_of_at_most_a_hundred_columns(clock: ManualClock) -> None:
    """It is made for a terminal; a name that is too long is cut, and the cut is shown."""
    lines = str(await traced(clock, id="A" * 40)).splitlines()

    assert max(len(line) for line in lines) <= 100
    assert ["Initialize", "Serialize", "Build", "Finalize", "Finalize, attempt 1", "Deserialize, attempt 1"] == [
        line for line in lines if line and not line.startswith(" ") and "ms" not in line
    ][:6]
    assert f"  {'A' * 27}… 1000.000          2000.000" in "\n".join(lines)


def test_the_bar_shows_who_was_at_work_when() -> None:
    """42 cells of 1 s: blocks for itself, dots for those below, marks at the ends of what is too short for a block."""
    trace = Trace("InvokeEndpoint", seconds=42.0)
    trace.spans = [
        Span("Finalize", "Retry", None, start=0.0, end=42.0, below=[(0.1, 10.0), (20.0, 41.9)]),
        Span("Finalize", "Signing", 1, start=2.0, end=10.0, below=[(5.0, 9.9)]),
        Span("Deserialize", "Transport", 1, start=5.0, end=9.0),
        Span("Build", "UserAgent", None, start=42.0, end=42.0),
    ]

    bars = [line[58:] for line in str(trace).splitlines() if line.startswith("  ") and "in, ms" not in line]

    assert [
        "▏·········██████████·····················▕",
        "  ███·····▕",
        "     ████▕",
        " " * 41 + "▏",
    ] == bars


async def test_the_picture_is_well_formed_and_the_same_for_the_same_times(clock: ManualClock) -> None:
    """A viewer refuses what is not XML, and an id may hold any character that can be printed."""
    id = "<script>&\"'"
    trace = await traced(clock, id)

    drawn = trace.svg()
    root = ET.fromstring(drawn)  # noqa: S314 - our own

    assert drawn == (await traced(ManualClock(), id)).svg()
    texts = [element.text for element in root.iter(f"{SVG}text")]
    assert 2 == texts.count(id)
    assert {"Finalize, attempt 1", "Deserialize, attempt 2", "in, ms", "4000.000"} <= set(texts)
    assert [] == list(root.iter(f"{SVG}script"))
    assert "prefers-color-scheme: dark" in root.findtext(f"{SVG}style", "")


async def test_the_pictures_bars_are_as_long_as_the_times(clock: ManualClock) -> None:
    """One scale for all, so that lengths can be compared; nothing juts out."""
    trace = await traced(clock)

    root = ET.fromstring(trace.svg())  # noqa: S314 - our own
    bars = [rect for rect in root.iter(f"{SVG}rect") if rect.get("class") != "ground"]
    transports = [float(rect.get("width", "")) for rect in bars if rect.get("class") == "transport"]

    assert [4 / trace.seconds * 500, 5 / trace.seconds * 500] == pytest.approx(transports, abs=0.01)
    assert 240 <= min(float(rect.get("x", "")) for rect in bars)
    assert max(float(rect.get("x", "")) + float(rect.get("width", "")) for rect in bars) <= 741
    assert {"below", "own", "between", "transport"} == {rect.get("class") for rect in bars}


def test_a_call_that_took_no_time_can_be_drawn() -> None:
    """A manual clock that nobody turns is what users' tests have."""
    trace = Trace("InvokeEndpoint", [Span("Build", "UserAgent", None, start=0.0)])

    assert "▏" == str(trace).splitlines()[-1][-1]
    assert "UserAgent" in trace.svg()


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(9.9999, "9999.900"), (10.0, "10000"), (120.0, "120000"), (99_999.0, "99999000"), (1e6, "1.00e+09")],
)
def test_a_long_call_stays_within_the_columns(seconds: float, shown: str) -> None:
    """A model may take an hour, and an error's name may be long: what juts out breaks the chart of all others."""
    span = Span("Deserialize", "Transport", 1, start=0.0, end=seconds)
    trace = Trace("InvokeEndpoint", [span], seconds, error_type="E" * 100)

    lines = str(trace).splitlines()

    assert max(len(line) for line in lines) <= 100
    assert lines[0].endswith("E…")
    assert ["Transport", shown] == lines[-1].split()[:2]
