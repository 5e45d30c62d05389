"""What a response stream's bytes mean, however they were cut into parts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from itertools import pairwise

import attrs
import pytest
from hypothesis import example, given, strategies as st

from sagemaker_runtime.errors import StreamContentError
from sagemaker_runtime.streams.parsers import (
    JSONLinesParser,
    LineParser,
    StreamParser,
    TextParser,
)
from sagemaker_runtime.streams.server_sent_events import ServerSentEvent, ServerSentEventParser

BOM = b"\xef\xbb\xbf"
PARSERS: dict[str, Callable[[], StreamParser[object]]] = {
    "text": TextParser,
    "strict text": lambda: TextParser(errors="strict"),
    "UTF-16": lambda: TextParser("utf-16-le"),
    "lines": LineParser,
    "strict lines": lambda: LineParser(errors="strict"),
    "events": ServerSentEventParser,
    "JSON": JSONLinesParser,
}

# What the parsers tell apart, and what tends to be cut or to be malformed.
TOKENS = [
    *(b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b" ", b":", b"\0", BOM),
    *(b"data", b"data: a", b"data:[DONE]\n\n", b"event: x", b"id: 7", b"id: \0", b"retry: 10", b"retry: -1", b": ping"),
    *(b"1", b'{"a": 1}', b'["\xe2\x80\xa8"]', b"[", b"NaN", b'"'),
    *("é".encode(), "€".encode(), "😀".encode()),
    *(b"\xff", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\x80"),
]
STREAMS = st.lists(st.sampled_from(TOKENS) | st.binary(max_size=3), max_size=14).map(b"".join)
ONE_LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"))


def run(parser: StreamParser[object], parts: Iterable[bytes]) -> tuple[list[object], str | None]:
    """All a parser gives out for a stream, and the text of the error that ended it."""
    items: list[object] = []
    try:
        for part in parts:
            items += parser.feed(part)
        items += parser.end()
    except StreamContentError as error:
        return items, error.message
    return items, None


def cut(data: bytes, positions: Iterable[int]) -> list[bytes]:
    """*data* in parts; a position that comes twice makes an empty one."""
    edges = [0, *sorted(min(position, len(data)) for position in positions), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def events(*parts: bytes) -> list[tuple[str, str]]:
    """The type and the data of each event."""
    found, problem = run(ServerSentEventParser(), parts)
    assert problem is None
    return [(event.event, event.data) for event in found if isinstance(event, ServerSentEvent)]


def lines(*parts: bytes) -> list[object]:
    found, problem = run(LineParser(), parts)
    assert problem is None
    return found


# For every parser


@pytest.mark.parametrize("name", PARSERS)
@given(data=STREAMS, positions=st.lists(st.integers(0, 60), max_size=8))
@example(data=BOM + "data: 😀\r\n\r\ndata: €\r\r".encode(), positions=[1, 2, 2])
@example(data=b"1\r\n2\n{\n3\n\xff", positions=[])
@example(data=b"a\nb\xff\nc", positions=[])
@example(data=b"data: 1\n\n" + BOM + b"data: 2\n\n", positions=[])
def test_what_comes_out_does_not_depend_on_where_the_parts_end(name: str, data: bytes, positions: list[int]) -> None:
    """Content lost at a cut is the complaint about every client that has no such parser; it must hold for errors too."""

    def result(parts: list[bytes]) -> tuple[str, str | None]:
        items, problem = run(PARSERS[name](), parts)
        shown = [attrs.asdict(item) if isinstance(item, ServerSentEvent) else item for item in items]
        # Pieces of text end where parts do; all the rest is compared item by item, as a repr since NaN equals nothing.
        return "".join(map(str, items)) if isinstance(PARSERS[name](), TextParser) else repr(shown), problem

    whole = result([data])

    assert whole == result(cut(data, positions))
    assert whole == result(cut(data, range(1, len(data))))
    for position in range(len(data) + 1):
        assert whole == result(cut(data, [position])), position


@pytest.mark.parametrize("name", PARSERS)
def test_an_empty_stream_holds_nothing(name: str) -> None:
    """A model may answer nothing, and a part may be empty: neither makes an empty line or event."""
    assert ([], None) == run(PARSERS[name](), [])
    assert ([], None) == run(PARSERS[name](), [b"", b""])


@pytest.mark.parametrize("name", PARSERS)
def test_the_end_is_given_out_once(name: str) -> None:
    """A reader that ends twice, once in a ``finally``, must not see the last item again."""
    parser = PARSERS[name]()
    parser.feed(b'data: "a"' if name == "events" else b'["a"]')
    parser.end()

    assert [] == parser.end()


@pytest.mark.parametrize(
    ("parser", "line"),
    [(LineParser(), b"x"), (ServerSentEventParser(), b"data:x"), (JSONLinesParser(), b'"x')],
    ids=["lines", "events", "JSON"],
)
def test_a_long_line_in_many_parts_takes_linear_time(parser: StreamParser[object], line: bytes) -> None:
    """
    Ten megabytes in parts of a kilobyte, added to one string, would be copied five thousand times.

    Until the line ends, each part is held as the one piece it came in: nothing is copied, and nothing searched again.
    """
    splitter = parser._lines._lines if isinstance(parser, JSONLinesParser) else parser._lines
    parts = [line.ljust(1024, b"x"), *[b"x" * 1024] * 10_239]

    early = [item for part in parts for item in parser.feed(part)]
    held = [len(piece) for piece in splitter._pieces]
    (item,) = parser.feed(b'"\n\n' if isinstance(parser, JSONLinesParser) else b"\n\n")[:1]

    assert [] == early
    assert [1024] * 10_240 == held
    assert 10 * 2**20 - 6 < len(item.data if isinstance(item, ServerSentEvent) else item) <= 10 * 2**20
    assert [] == splitter._pieces


# Text


@given(STREAMS | st.binary())
def test_text_is_what_python_decodes_from_the_whole(data: bytes) -> None:
    """Characters and malformed bytes are Python's business; the parser only must not change what comes out."""
    pieces, _ = run(TextParser(), cut(data, range(1, len(data))))

    assert data.decode(errors="replace") == "".join(pieces)
    assert "" not in pieces


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32-be", "shift_jis", "iso2022_jp", "latin-1"])
def test_text_in_another_encoding_survives_every_cut(encoding: str) -> None:
    """A container may answer in the encoding its content type names, stateful ones included."""
    text = "naïve" if encoding == "latin-1" else "日本 and 語"
    data = text.encode(encoding)

    assert [text] == [*{"".join(run(TextParser(encoding), cut(data, [i]))[0]) for i in range(len(data))}]


def test_a_character_comes_with_its_last_byte() -> None:
    """Half a character must wait, and nothing else may: a user watches the answer grow."""
    parser = TextParser()

    assert [[], [], [], ["😀"], ["a"]] == [parser.feed(bytes([byte])) for byte in "😀a".encode()]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\xffb", "a\ufffdb"),
        (b"a\xed\xa0\x80b", "a\ufffd\ufffd\ufffdb"),
        (b"a\xf0\x9f\x98b", "a\ufffdb"),
        (b"a\xf0\x9f\x98", "a\ufffd"),
    ],
    ids=["no UTF-8", "a surrogate", "cut short", "cut short at the end"],
)
def test_malformed_bytes_are_replaced_and_cost_nothing_else(data: bytes, text: str) -> None:
    """One stray byte must not lose the rest of an answer that took a minute to compute."""
    pieces, problem = run(TextParser(), [data])

    assert (text, None) == ("".join(pieces), problem)


@pytest.mark.parametrize(
    ("encoding", "parts", "text", "problem"),
    [
        ("utf-8", [b"ab\xffcd"], "ab", "the stream is not utf-8: invalid start byte at byte 2"),
        (
            "utf-8",
            [b"ab", b"", b"\xe2", b"\x82x", b"y"],
            "ab",
            "the stream is not utf-8: invalid continuation byte at byte 4",
        ),
        ("utf-8", [b"ab\xe2", b"\x82"], "ab", "the stream is not utf-8: unexpected end of data at byte 4"),
        ("ascii", [b"ab\xc3"], "ab", "the stream is not ascii: ordinal not in range(128) at byte 2"),
        ("utf-16", [b"a\0b\0"], "", "tream does not start with BOM at byte 1"),
        ("iso2022_jp", [b"8l\x1b$B8l\xff"], "8l語", "not iso2022_jp: illegal multibyte sequence at byte 7"),
    ],
    ids=["wrong start", "over parts", "at the end", "ASCII", "no BOM", "after a shift"],
)
def test_strict_text_gives_out_what_is_good_and_then_says_where_it_ends(
    encoding: str, parts: list[bytes], text: str, problem: str
) -> None:
    """Who asked for strictness wants the place, and still the text before it; Python's decoders drop that text."""
    pieces, found = run(TextParser(encoding, errors="strict"), parts)

    assert text == "".join(pieces)
    assert problem in (found or "")


@pytest.mark.parametrize("parser", [TextParser, LineParser])
def test_a_misspelt_argument_is_found_at_once(parser: type[TextParser | LineParser]) -> None:
    """Python's decoders look the error handler up with the first malformed byte: in production."""
    with pytest.raises(LookupError, match="utf-9"):
        parser("utf-9")
    with pytest.raises(LookupError, match="stirct"):
        parser(errors="stirct")


# Lines


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"\n\r\n\n", ["", "", ""]),
        (b"10%\r20%\r\n", ["10%\r20%"]),
        (b"a\r\r\n", ["a\r"]),
        (b"a\r", ["a\r"]),
        ("a\u2028b\u0085c\vd\fe\x1cf\n".encode(), ["a\u2028b\u0085c\vd\fe\x1cf"]),
        (b"\xff\n\xe2\n\xe2", ["\ufffd", "\ufffd", "\ufffd"]),
    ],
    ids=["ended", "last not ended", "CRLF", "empty", "lone CR", "two CR", "CR at the end", "other ends", "malformed"],
)
def test_a_line_ends_with_lf_or_crlf_and_the_last_one_with_the_stream(data: bytes, expected: list[str]) -> None:
    """A last line without its end made a known reader wait for ever; ends of another kind occur within JSON."""
    assert expected == lines(data)


@given(st.text(st.sampled_from("ab\r\n\u2028")))
def test_lines_joined_again_are_the_stream(text: str) -> None:
    """Nothing is dropped or invented but the ends and an empty last line."""
    expected = re.split("\r?\n", text)

    assert expected[: len(expected) - (expected[-1] == "")] == lines(text.encode())


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_comes_with_the_byte_that_ends_it(end: bytes) -> None:
    """A line held back until the next part is a token the user sees late, or a hang."""
    parser = LineParser()

    assert [[]] * len(end) == [parser.feed(bytes([byte])) for byte in (b"a" + end)[:-1]]
    assert ["a"] == parser.feed(end[-1:])
    assert ["", "b"] == parser.feed(end + b"b" + end)


def test_strict_lines_stop_before_the_line_that_is_malformed() -> None:
    """Half a line is no line; the whole ones before it are good."""
    expected = (["a", "b"], "the stream is not utf-8: invalid start byte at byte 5")

    assert expected == run(LineParser(errors="strict"), [b"a\nb\nc\xff\nd\n"])


# Server-sent events


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"data: IBM\ndata: +2\ndata: 10\n\n", [("message", "IBM\n+2\n10")]),
        (b"data\n\ndata\ndata\n\n", [("message", ""), ("message", "\n")]),
        (b"data:test\n\ndata: test\n\n", [("message", "test"), ("message", "test")]),
        (b"data:  two blanks\n\ndata:\ttab\n\n", [("message", " two blanks"), ("message", "\ttab")]),
        (b"event: add\ndata: 1\n\ndata: 2\n\n", [("add", "1"), ("message", "2")]),
        (b"event: a\nevent: b\ndata: 1\n\nevent\ndata: 2\n\n", [("b", "1"), ("message", "2")]),
        (b"event: lost\n\ndata: 1\n\n", [("message", "1")]),
        (b": note\n:\n\n\ndata: 1\n:data: no\n\n", [("message", "1")]),
        (b"Data: no\nfoo: no\n data: no\ndata : no\ndata: 1\n\n", [("message", "1")]),
        (b"data: a:b: c\n\n", [("message", "a:b: c")]),
        (b"data: [DONE]\n\n", [("message", "[DONE]")]),
        (BOM + b"data: 1\n\n", [("message", "1")]),
        (BOM + BOM + b"data: no\ndata: 1\n\n", [("message", "1")]),
        (b"data: 0\n\n" + BOM + b"data: no\n\n", [("message", "0")]),
        (b"data: a\xffb\n\n", [("message", "a\ufffdb")]),
        ("data: a\u2028b\vc\n\n".encode(), [("message", "a\u2028b\vc")]),
        (b"data: 1\r\rdata: 2\r\n\r\ndata: 3\n\rdata: 4\r\n\n", [("message", str(n)) for n in (1, 2, 3, 4)]),
        (b"data: 1\r\n: one event\r\ndata: 2\r\n\r\n", [("message", "1\n2")]),
        (b"\ndata: 1\n\n\n\n", [("message", "1")]),
    ],
    ids=[
        "data lines are joined",
        "a field without a colon is empty",
        "one blank is stripped",
        "only one, and only a blank",
        "a type is for one event",
        "the last type counts, an empty one is none",
        "without data no event, and its type is forgotten",
        "comments",
        "names are exact",
        "the first colon counts",
        "[DONE] is data",
        "a byte order mark",
        "only one",
        "only at the start",
        "malformed UTF-8",
        "other line ends are data",
        "each line end, mixed",
        "CRLF is one end",
        "blank lines",
    ],
)
def test_events_are_interpreted_as_the_standard_says(data: bytes, expected: list[tuple[str, str]]) -> None:
    """HTML Living Standard, section 9.2.6: what browsers read is what servers are tested with."""
    assert expected == events(data)


def test_an_id_holds_until_another_is_set() -> None:
    """It says where to go on after a lost connection; an event without data sets it too, and NUL makes it void."""
    stream = b"data: 1\n\nid: 7\ndata: 2\n\ndata: 3\n\nid: a\0b\ndata: 4\n\nid: 8\n\ndata: 5\n\nid\ndata: 6\n\n"

    found = ServerSentEventParser().feed(stream)

    assert ["", "7", "7", "7", "8", ""] == [event.id for event in found]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"retry: 1500\ndata\n\ndata\n\n", [1500, None]),
        (b"retry: 1500\n\n\ndata\n\n", [1500]),
        (b"retry: 1\nretry: 0020\ndata\n\n", [20]),
        (b"retry\nretry: -1\nretry: 1.5\nretry: 1 \nretry: 1s\ndata\n\n", [None]),
        ("retry: ²\nretry: ٣\ndata\n\n".encode(), [None]),
        (b"retry: " + b"9" * 5000 + b"\ndata\n\n", [None]),
    ],
    ids=["its own", "before the event", "the last", "no digits", "no ASCII digits", "beyond all time"],
)
def test_a_retry_time_of_digits_goes_with_the_next_event(stream: bytes, expected: list[int | None]) -> None:
    """Any other value is ignored; int() would take some of them and raise for the longest."""
    assert expected == [event.retry for event in ServerSentEventParser().feed(stream)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: 1\n\ndata: 2\n", [("message", "1"), ("message", "2")]),
        (b"data: 1\n\nevent: x\r\ndata: 2\r", [("message", "1"), ("x", "2")]),
        (b"data: 1\ndata: 2", [("message", "1\n2")]),
        (b"data: 1\n\nevent: x\nid: 2\n", [("message", "1")]),
        (b"data: 1\n\ndat", [("message", "1")]),
        (b"data: \xe2\x82", [("message", "\ufffd")]),
    ],
    ids=["no blank line", "no blank line, CR", "no line end", "no data", "half a field", "half a character"],
)
def test_an_event_that_is_not_ended_comes_at_the_end(stream: bytes, expected: list[tuple[str, str]]) -> None:
    """Containers forget the last blank line, and the last token of the answer must not be lost with it."""
    assert expected == events(stream)


@pytest.mark.parametrize(("end", "late"), [(b"\n", 0), (b"\r", 0), (b"\r\n", 1)], ids=["LF", "CR", "CRLF"])
def test_an_event_comes_with_the_byte_that_completes_it(end: bytes, late: int) -> None:
    r"""A server ends its part after the blank line; an event that waits for the next part always comes one too late."""
    parser = ServerSentEventParser()
    stream = b"data: 1" + end + end

    came = [len(parser.feed(bytes([byte]))) for byte in stream]

    assert [0] * (len(stream) - 1 - late) + [1] + [0] * late == came
    assert ["2"] == [event.data for event in parser.feed(b"data: 2" + end + end)]
    assert [] == parser.end()


@given(
    st.lists(
        st.tuples(
            st.builds(
                ServerSentEvent,
                event=ONE_LINE.filter(bool),
                data=st.lists(ONE_LINE, min_size=1).map("\n".join),
                id=ONE_LINE.filter(lambda text: "\0" not in text),
                retry=st.none() | st.integers(0, 10**18 - 1),
            ),
            st.sampled_from(["\n", "\r\n", "\r"]),
        )
    )
)
def test_events_that_are_written_are_read_again(written: list[tuple[ServerSentEvent, str]]) -> None:
    """Whatever a server says in events, each with the line end it likes, is what the caller gets."""
    stream = ""
    for event, end in written:
        data = [f"data: {line}" for line in event.data.split("\n")]
        retry = [] if event.retry is None else [f"retry: {event.retry}"]
        stream += end.join([": note", f"id: {event.id}", *data, *retry, f"event: {event.event}", "", ""])

    assert ([event for event, _ in written], None) == run(ServerSentEventParser(), [stream.encode()])


def test_the_repr_of_an_event_does_not_show_its_data() -> None:
    """A body is sensitive, and events are what a debugger and a failed assertion print."""
    event = ServerSentEvent(data="hush", id="7")

    assert "ServerSentEvent(event='message', data=<4 characters>, id='7', retry=None)" == repr(event)


# JSON Lines


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b'{"a": 1}\n[2]\r\n"3"\nnull', [{"a": 1}, [2], "3", None]),
        (b"\n 1 \n\r\n \t\r\n2\n\n", [1, 2]),
        ('"a\u2028b\u0085c"\n2'.encode(), ["a\u2028b\u0085c", 2]),
        (BOM + b"1\n2\n", [1, 2]),
        (BOM + b"\n1", [1]),
        (b'{"a": 1, "a": 2}', [{"a": 2}]),
        (b"1e400\n-Infinity\n12345678901234567890", [math.inf, -math.inf, 12345678901234567890]),
        (rb'"\ud83d\ude00\ud800"', ["😀\ud800"]),
    ],
    ids=["each kind", "blank lines", "other line ends", "BOM", "BOM alone", "same key", "numbers", "escapes"],
)
def test_each_line_is_one_document(stream: bytes, expected: list[object]) -> None:
    """What json makes of a line is what the caller gets: U+2028 is allowed in a string, and numbers are Python's."""
    assert (expected, None) == run(JSONLinesParser(), [stream])


def test_not_a_number_is_let_pass() -> None:
    """The standard has none, but a Python container writes NaN for a missing score unless told otherwise."""
    (value,) = JSONLinesParser().feed(b"NaN\n")

    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.slow
@given(
    st.lists(st.recursive(st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")), st.lists))
)
def test_documents_that_are_written_are_read_again(documents: list[object]) -> None:
    """Raw characters beyond ASCII are what most servers send; here each of them is cut."""
    stream = "\n".join(json.dumps(document, ensure_ascii=False) for document in documents).encode()

    assert (documents, None) == run(JSONLinesParser(), cut(stream, range(1, len(stream))))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"hush": ', "line 3 of the stream cannot be read as JSON: Expecting value at column "),
        (b"1 hush", "line 3 of the stream cannot be read as JSON: Extra data at column 3"),
        (BOM + b"1", "line 3 of the stream cannot be read as JSON: Unexpected UTF-8 BOM"),
        (b"[" * 100_000, "line 3 of the stream cannot be read as JSON: it is nested too deeply"),
        (b"9" * 5000, "line 3 of the stream cannot be read as JSON: Exceeds the limit"),
        ("\u00a0".encode(), "line 3 of the stream cannot be read as JSON: Expecting value at column 1"),
        (b'"hush\xff"', "the stream is not utf-8: invalid start byte at byte 7"),
        (b'"\xed\xa0\x80"', "the stream is not utf-8: invalid continuation byte at byte "),
    ],
    ids=["cut", "two documents", "late BOM", "deep", "long number", "no JSON blank", "no UTF-8", "surrogate"],
)
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""], ids=["LF", "CRLF", "no end"])
def test_a_bad_line_is_named_without_its_content(line: bytes, problem: str, end: bytes) -> None:
    """The text of an error ends up in logs, and trackers collect what its context holds: json's error has the line."""
    parser = JSONLinesParser()

    with pytest.raises(StreamContentError) as caught:
        _ = [*parser.feed(b"\n"), *parser.feed(b"\n" + line + end), *parser.end()]

    assert problem in caught.value.message
    assert "hush" not in caught.value.message
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("JSON", [1, 2]),
        ("strict lines", ["1", "2"]),
        ("strict text", ["1\n2\n"]),
    ],
)
@pytest.mark.parametrize("seen_at", ["feed", "end"])
def test_an_error_waits_until_what_came_before_it_is_given_out(name: str, good: list[object], seen_at: str) -> None:
    """A caller who loops over the list gets the good items, and cannot miss the error; nor go on behind it."""
    parser = PARSERS[name]()

    assert good == parser.feed(b"1\n2\n\xff\n3\n")
    with pytest.raises(StreamContentError, match="not utf-8: invalid start byte at byte 4"):
        parser.end() if seen_at == "end" else parser.feed(b"4\n")


def test_a_bad_document_waits_as_well_and_comes_before_what_is_wrong_behind_it() -> None:
    """The first thing wrong is what there is to mend."""
    parser = JSONLinesParser()

    assert [1] == parser.feed(b"1\n{\n\xff\n")
    with pytest.raises(StreamContentError, match="line 2"):
        parser.end()


@pytest.mark.parametrize("bad", [b"{\n3\n", b"\xff\n3\n"], ids=["JSON", "UTF-8"])
def test_an_error_with_nothing_before_it_is_raised_at_once_and_ever_after(bad: bytes) -> None:
    """The next part may take a minute; and a caller who swallows the error must not go on with a gap in the stream."""
    parser = JSONLinesParser()

    for call in (lambda: parser.feed(bad), lambda: parser.feed(b"4\n"), parser.end, parser.end):
        with pytest.raises(StreamContentError, match=r"line 1|byte 0"):
            call()
