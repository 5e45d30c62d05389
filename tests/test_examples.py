"""The examples run, and do what they say: they are what newcomers copy."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from sagemaker_runtime import ATTEMPTS

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def classifier(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("iris_classifier")


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("iris_demo")


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("story_model")


@pytest.fixture
def stream_demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("stream_demo")


@pytest.fixture
def telegraph(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("telegraph_model")


@pytest.fixture
def duplex_demo(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module("duplex_demo")


async def test_the_demo_gets_150_answers_with_one_call_retried(
    demo: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """It shows the stack at work, so the stack must have been at work: 150 calls, one 503, 151 attempts."""
    report = await demo.main()

    assert 150 == len(report.calls)
    assert {200: 150, 503: 1} == report.statuses
    (retried,) = report.retried
    assert [503, None] == [attempt.status for attempt in retried.output.result_metadata[ATTEMPTS]]
    assert {"tenant=acme"} == {call.output.custom_attributes for call in report.calls}
    assert "UserAgent RecursionDetection TagTenant" in " ".join(str(report.stack).split())
    assert "Retry CountAttempts RetryMetricsHeader" in " ".join(str(report.stack).split())

    demo.show(report)

    printed = capsys.readouterr().out
    assert "calls      150 at once; TagTenant told the container: tenant=acme" in printed
    assert "attempts   151; CountAttempts saw 150 x 200, 1 x 503" in printed
    assert "retried    attempt 1: ServiceUnavailable, status 503" in printed
    assert "retried    attempt 2: success" in printed


async def test_the_stream_demo_puts_a_story_together_from_parts_that_align_with_nothing(
    story: ModuleType, stream_demo: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed is what the model said: a demo whose parts happened to be whole would show nothing."""
    words = story.StoryModel(story.load()).continuation("Alice was", seed=1)

    report = await stream_demo.main(pause=0.0)
    stream_demo.show(report)

    assert " ".join(["Alice was", *words]) == report.text
    assert "Alice was beginning to get very tired of being all alone here!\u2019 As she said" in report.text
    assert 61 == len(report.events)
    parts = [part.data for part in report.parts]
    assert "[DONE]" == report.events[-1].data
    assert {story.PART} == {len(part) for part in parts[:-1]}
    assert any("\ufffd" in part.decode(errors="replace") for part in parts), "a character was cut"
    printed = capsys.readouterr().out
    assert printed.startswith(f"{report.text}\n\n")
    assert f"parts        {len(parts)}," in printed
    assert "events       61:" in printed
    assert f"request id   {report.request_id}\n" in printed


def test_the_story_model_goes_on_as_its_text_does(story: ModuleType) -> None:
    """Of two words that occur once together only one can follow; a seed gives the same story, another one another."""
    model = story.StoryModel(story.load())

    def told(prompt: str, **arguments: int) -> str:
        return " ".join(model.continuation(prompt, **arguments))

    assert "with pink eyes ran close by her." == told("suddenly a White Rabbit", words=7, seed=3)
    assert told("The Rabbit") == told("The Rabbit")
    assert told("The Rabbit", seed=1) != told("The Rabbit", seed=2)
    assert 60 == len(told("").split()), "whatever it is asked"
    assert set(told("No such words").split()) <= set(story.load())


def test_the_text_is_carrolls(story: ModuleType) -> None:
    """Its opening and its end, and none of the lines about its source."""
    words = story.load()

    assert "CHAPTER I Down the Rabbit-Hole Alice was beginning to get very tired" == " ".join(words[:12])
    assert "and the whole party swam to the shore." == " ".join(words[-8:])
    assert 4_200 < len(words) < 4_300


async def test_the_duplex_demo_hears_while_it_is_still_spoken_to(
    duplex_demo: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed is what the model understood, and it came before all had been said."""
    report = await duplex_demo.main(["Alice", "was", "beginning", "to", "get"], pace=50.0)
    duplex_demo.show(report)

    said = [word for _, word in report.sent]
    assert said == [word for _, word in report.heard]
    assert ["ALICE", "WAS", "BEGINNING"] == said[:3]
    assert report.letters[0] < report.sent[-1][0]
    assert sum(len(word) for word in said) == len(report.letters)
    printed = capsys.readouterr().out
    assert "keys  ALICE" in printed
    assert "heard  ALICE" in printed
    assert f"understood   {len(said)} of {len(said)} words" in printed
    assert f"request id   {report.request_id}\n" in printed


@pytest.mark.parametrize(("tone", "noise", "size"), [(600, 0, 160), (700, 3_000, 1_601), (440, 6_000, 7)])
def test_the_telegraphist_hears_through_noise_in_pieces_of_any_size(
    telegraph: ModuleType, tone: int, noise: int, size: int
) -> None:
    """It is a model of sound, and not of what the demo happens to send."""
    text = "THE QUICK BROWN FOX JUMPS OVER 13 LAZY DOGS."
    sound = b"".join(telegraph.sound_of(word, tone=tone, noise=noise) for word in text.split())
    telegraphist = telegraph.Telegraphist(tone)

    heard = "".join(
        letter for start in range(0, len(sound), size) for letter in telegraphist.hear(sound[start : start + size])
    )

    assert f"{text} " == heard + "".join(telegraphist.end())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("iris_demo.py", (b"TagTenant", b"p99")),
        ("stream_demo.py", (b"Alice was", b"request id")),
        ("bulk_demo.py", (b"19,999 results", b"1 dead letter", b"each row is there exactly once")),
        ("duplex_demo.py", (b"heard  ALICE", b"request id")),
    ],
)
async def test_a_demo_runs_with_the_interpreter_alone(name: str, words: tuple[bytes, ...], tmp_path: Path) -> None:
    """As make does, from any directory, with no AWS configuration and nothing on the standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", EXAMPLES / name),
        cwd=tmp_path,
        env={**environment, "HOME": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaints = await process.communicate()

    assert (0, b"") == (process.returncode, complaints)
    assert [] == [word for word in words if word not in printed]
    assert [] == [secret for secret in (b"AKIA", b"AWS4-HMAC", b"Credentials(") if secret in printed]


def test_the_classifier_is_right_about_flowers_it_has_not_seen(classifier: ModuleType) -> None:
    """A model that knows something makes the demo's answers worth checking; guessing would reach a third."""
    irises = classifier.load()

    right = [0, 0]
    for fitted, tested in ((0, 1), (1, 0)):
        model = classifier.IrisClassifier(irises[fitted::2])
        right[tested] = sum(model.classify(iris.measurements) == iris.species for iris in irises[tested::2])

    assert 150 == len(irises)
    assert {"setosa", "versicolor", "virginica"} == {iris.species for iris in irises}
    assert min(right) >= 70, "of 75"


def test_the_data_are_fishers(classifier: ModuleType) -> None:
    """Copies with typing errors go round; rows 35 and 38 are where they differ from the paper of 1936."""
    irises = classifier.load()

    assert ((4.9, 3.1, 1.5, 0.2), "setosa") == irises[34]
    assert ((4.9, 3.6, 1.4, 0.1), "setosa") == irises[37]
    assert [876.5, 458.6, 563.7, 179.9] == [
        round(sum(column), 1) for column in zip(*(iris.measurements for iris in irises), strict=True)
    ]
