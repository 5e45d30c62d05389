"""Formats texts and numbers for the page. Whatever an endpoint, a file or a user wrote goes through `shown` or `plain`."""

from __future__ import annotations

import html
from datetime import UTC, datetime

LENGTH = 400  # characters of an untrusted text
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SMALL = 1e-3  # seconds
_LEAST, _TEN = 0.0001, 10  # percent
_COMPACT_FROM, _MILLION = 10_000, 1_000_000
_WHOLE_FROM = 100  # numbers from here on are shown without a fraction


def shown(text: object, length: int = LENGTH) -> str:
    """
    An untrusted text, as HTML: its markup escaped, its invisible and reordering characters replaced, and cut if it is too long.
    Its writing direction is isolated from that of the text around it.
    """
    return f"<bdi>{plain(text, length)}</bdi>"


def plain(text: object, length: int = LENGTH) -> str:
    """The same for places that allow no markup: an attribute, a title."""
    whole = str(text)
    cut = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in whole[:length])
    more = len(whole) - length
    return html.escape(cut) + (f" … and {more:,} more characters" if more > 0 else "")


def count(number: float) -> str:
    """A count: ``1,234``; or an average of counts: ``0.25``."""
    if number == int(number) or abs(number) >= _WHOLE_FROM:
        return f"{number:,.0f}"
    return f"{number:.3g}"


def compact(number: float) -> str:
    """The same, abbreviated for an axis: ``150k``, ``2.5M``."""
    if number < _COMPACT_FROM:
        return count(number)
    return f"{number / _MILLION:g}M" if number >= _MILLION else f"{number / 1_000:g}k"


def share(part: float, whole: float) -> str:
    """A percentage: ``12 %``; a small one has as many digits as it needs."""
    percent = 100 * part / whole if whole else 0.0
    if percent in (0.0, 100.0):
        return f"{percent:.0f} %"
    if percent < _LEAST:
        return f"below {_LEAST} %"
    return f"{percent:.2g} %" if percent < _TEN else f"{min(percent, 99.9):.3g} %"


def duration(seconds: float | None) -> str:
    """``210 ms``, ``1.2 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``; a dash for None."""
    if seconds is None:
        return "\N{EN DASH}"
    if seconds < 1:
        return (
            f"{seconds * 1_000:.3g} ms" if seconds >= _SMALL else "0 ms" if not seconds else f"{seconds * 1_000:.2g} ms"
        )
    if seconds < _MINUTE:
        return f"{seconds:.3g} s"
    for unit, small, name, part in ((_DAY, _HOUR, "d", "h"), (_HOUR, _MINUTE, "h", "min"), (_MINUTE, 1, "min", "s")):
        if seconds >= unit:
            whole, rest = divmod(round(seconds / small), unit // small)
            return f"{whole} {name} {rest} {part}" if rest else f"{whole} {name}"
    return f"{seconds:.0f} s"


def moment(at: float) -> str:
    """``30 Nov 2026 10:07:43``, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%d %b %Y %H:%M:%S}".removeprefix("0")


def period(begin: float, end: float) -> str:
    """``30 Nov 2026, 10:07:43 to 12:00:00 UTC``, with the day of the end if that differs."""
    until = clock(end) if day(begin) == day(end) and end - begin < _DAY else moment(end)
    return f"{moment(begin).removesuffix(clock(begin)).rstrip()}, {clock(begin)} to {until} UTC"


def day(at: float) -> str:
    """``30 Nov``."""
    return f"{datetime.fromtimestamp(at, UTC):%d %b}".removeprefix("0")


def clock(at: float, *, with_seconds: bool = True) -> str:
    """``10:07:43``, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}" if with_seconds else f"{datetime.fromtimestamp(at, UTC):%H:%M}"
