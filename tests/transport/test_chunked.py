"""Bodies in chunks: what they are, wherever they are cut, and what they are not."""

from __future__ import annotations

from itertools import combinations
from traceback import format_exception

import pytest

from sagemaker_runtime.transport.chunked import ChunkedDecoder
from sagemaker_runtime.transport.response_head import MAX_LINE, MAX_LINES, NotHTTP

BODY = b"hello, world"
ENCODED = b'5;a="b;c"\r\nhello\r\n7 ;x\r\n, world\r\n0;last\r\nX-Sum: 1\r\nY:\r\n\r\n'
SURPLUS = b"HTTP/1.1"


def decoded(*pieces: bytes) -> tuple[bytes, bool, bytes]:
    """The body in *pieces*, whether it has ended, and what came behind it in its last piece."""
    decoder = ChunkedDecoder()
    body = b""
    for piece in pieces:
        assert not decoder.ended
        got = decoder.feed(piece)
        assert all(got), "no piece is empty: that is how the end of a body is told"
        body += b"".join(got)
    return body, decoder.ended, decoder.rest


def refused(data: bytes, match: str) -> None:
    """*data* is refused, whole and byte by byte."""
    with pytest.raises(NotHTTP, match=match):
        decoded(data)
    with pytest.raises(NotHTTP, match=match):
        decoded(*(data[at : at + 1] for at in range(len(data))))


def test_chunks_extensions_and_trailers_are_taken_off() -> None:
    """And what is behind the body is somebody else's."""
    assert (BODY, True, SURPLUS) == decoded(ENCODED + SURPLUS)


def test_a_body_may_be_cut_at_any_two_places() -> None:
    """A network cuts where it likes: within a size, between CR and LF, within a trailer."""
    data = ENCODED + SURPLUS
    for first, second in combinations(range(1, len(ENCODED) - 1), 2):
        body, ended, rest = decoded(data[:first], data[first:second], data[second:])

        assert (BODY, True, SURPLUS) == (body, ended, rest), (first, second)


def test_a_body_may_come_byte_by_byte() -> None:
    """The slowest of networks; and it has ended with its last byte, not before."""
    pieces = [ENCODED[at : at + 1] for at in range(len(ENCODED))]

    assert (BODY, True, b"") == decoded(*pieces)
    assert (BODY, False, b"") == decoded(*pieces[:-1])


def test_what_has_come_of_a_chunk_is_given_out_at_once() -> None:
    """A part of a stream must not wait for the rest of its chunk."""
    decoder = ChunkedDecoder()

    assert [b"he"] == decoder.feed(b"5\r\nhe")
    assert [b"ll"] == decoder.feed(b"ll")
    assert [b"o", b"!"] == decoder.feed(b"o\r\n1\r\n!\r\n")


@pytest.mark.parametrize("size", [b"5", b"05", b"000000000000005"])
def test_a_size_may_have_zeros_before_it(size: bytes) -> None:
    """Some servers write all sizes with eight digits."""
    assert (b"hello", True, b"") == decoded(size + b"\r\nhello\r\n0\r\n\r\n")


@pytest.mark.parametrize("size", [b"a", b"A", b"0a"])
def test_a_size_is_in_hex_of_either_case(size: bytes) -> None:
    """RFC 5234, appendix B.1."""
    assert (b"0123456789", True, b"") == decoded(size + b"\r\n0123456789\r\n0\r\n\r\n")


@pytest.mark.parametrize("extension", [b"", b";a", b";a=b", b";a;b=1", b" ;a", b"\t;a=b", b';a="\\""', b';a="\xe9"'])
@pytest.mark.parametrize("last", [False, True])
def test_an_extension_is_passed_over(extension: bytes, *, last: bool) -> None:
    """RFC 9112, section 7.1.1: a recipient ignores those that it does not know."""
    first, end = (b"", extension) if last else (extension, b"")

    assert (b"hello", True, b"") == decoded(b"5" + first + b"\r\nhello\r\n0" + end + b"\r\n\r\n")


def test_blanks_behind_a_size_are_passed_over() -> None:
    """Old servers pad their sizes; aiohttp and Go's net/http take it too."""
    assert (b"hello", True, b"") == decoded(b"5   \r\nhello\r\n0 \r\n\r\n")


@pytest.mark.parametrize(
    "size",
    [
        b"",
        b" 5",
        b"\t5",
        b"+5",
        b"-5",
        b"0x5",
        b"5h",
        b"1_0",
        b"g",
        b"5 5",
        b"5,5",
        b";a",
        b"\xd9\xa5",
        b"5\0",
        b"5\x0b",
        b"5.0",
    ],
)
def test_any_other_size_is_refused(size: bytes) -> None:
    """Python's int takes signs, blanks, underscores and a prefix; a proxy in between reads them otherwise."""
    refused(size + b"\r\nhello\r\n0\r\n\r\n", "does not begin with its size")


@pytest.mark.parametrize("size", [b"1" + b"0" * 15, b"f" * 16, b"f" * 17, b"0" * 15 + b"5", b"f" * 4000])
def test_a_size_has_at_most_15_digits(size: bytes) -> None:
    """Readers with 64 bits disagree on more."""
    refused(size + b"\r\nhello", "does not begin with its size")


@pytest.mark.parametrize("control", [*range(9), *range(10, 32), 127])
def test_a_control_character_in_an_extension_is_refused(control: int) -> None:
    """Above all a bare LF, which ends the line for some, and hides a chunk from them."""
    with pytest.raises(NotHTTP):
        decoded(b"5;a" + bytes([control]) + b"b\r\nhello\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    "extension", [b";", b";;", b";a b", b";a,b", b";=b", b";a=", b';a="b', b';a="b"c', b";a=b=c", b";\xe9"]
)
def test_an_extension_has_names_and_values(extension: bytes) -> None:
    """RFC 9112, section 7.1.1; aiohttp's parser in C refuses these too."""
    refused(b"5" + extension + b"\r\nhello\r\n0\r\n\r\n", "does not begin with its size")


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\n\r", b"\r\r\n", b"x\r\n", b"0\r\n", b" \r\n"])
def test_a_chunk_ends_in_cr_and_lf(end: bytes) -> None:
    """One that is longer than its size is not what its sender meant."""
    refused(b"5\r\nhello" + end + b"0\r\n\r\n", "does not end where it should")


@pytest.mark.parametrize(
    "line", [b"X", b" X: a", b"X : a", b": a", b"X: a\nY: b", b"X: a\rY: b", b"X: a\0", b"X(: a", b"0"]
)
def test_a_trailer_is_a_header(line: bytes) -> None:
    """A second response there, for one, would be lost as a trailer."""
    refused(b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n", "something else after the chunks")


@pytest.mark.parametrize(
    "line", [b"X: a", b"X:a", b"X:", b"X: a: b\t", b"X: gr\xc3\xb6\xc3\x9fe", b"Content-Length: 9", b"X: \xa0"]
)
def test_a_trailer_is_dropped(line: bytes) -> None:
    """Nothing of the API is in them; RFC 9110, section 6.5.1, forbids those that would say something of the body."""
    assert (b"hello", True, b"") == decoded(b"5\r\nhello\r\n0\r\n" + line + b"\r\n\r\n")


def test_a_value_of_a_trailer_may_be_what_a_headers_may() -> None:
    """Bytes that are no UTF-8 are kept in a head."""
    assert (b"", True, b"") == decoded(b"0\r\nX: gr\xf6\xdfe\r\n\r\n")


def test_there_may_be_1_000_trailers() -> None:
    """As there may be headers."""
    lines = b"X: a\r\n" * MAX_LINES

    assert (b"", True, b"") == decoded(b"0\r\n" + lines + b"\r\n")
    refused(b"0\r\n" + lines + b"Y: a\r\n\r\n", "something else after the chunks")


@pytest.mark.parametrize("start", [b"5;a=", b"0\r\nX: "])
def test_a_line_may_have_64_kib(start: bytes) -> None:
    """The same whether it comes at once or in pieces; one that never ends is not kept for ever."""
    end = b"\r\nhello\r\n0\r\n\r\n" if start.startswith(b"5") else b"\r\n\r\n"
    longest = start + b"a" * (MAX_LINE - len(start.rpartition(b"\r\n")[2]))
    middle = len(longest) // 2

    for line in (longest, longest + b"a"):
        for pieces in ([line + end], [line, end], [line[:middle], line[middle:] + end]):
            if line is longest:
                assert decoded(*pieces)[1]
            else:
                with pytest.raises(NotHTTP):
                    decoded(*pieces)
    with pytest.raises(NotHTTP, match="more than 65,536 bytes"):
        decoded(longest, b"a" * 100)


def test_many_sizes_are_not_all_remembered() -> None:
    """Sizes are looked up rather than read again; a stream with a different one for each chunk must not collect them."""
    body = b"".join(b"%x\r\n%s\r\n" % (size, b"a" * size) for size in range(1, 1_000))
    decoder = ChunkedDecoder()

    assert sum(range(1, 1_000)) == sum(map(len, decoder.feed(body)))
    assert not decoder.ended
    assert [b"a" * 999] == decoder.feed(b"3e7\r\n" + b"a" * 999 + b"\r\n")


@pytest.mark.parametrize("data", [b"SECRET\r\n", b"1\r\naSECRET", b"0\r\nSECRET\r\n", b"5;" + b"SECRET" * 20_000])
def test_a_reason_shows_nothing_of_what_came(data: bytes) -> None:
    """It may be logged, and a body may be secret."""
    with pytest.raises(NotHTTP) as caught:
        decoded(data)

    assert "SECRET" not in "".join(format_exception(caught.value))
