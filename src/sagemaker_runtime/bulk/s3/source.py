"""`S3Source`: the input in S3."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.places import InputFile
from sagemaker_runtime.bulk.s3.calls import S3Calls
from sagemaker_runtime.bulk.s3.listing import Listed, find, objects, parse
from sagemaker_runtime.bulk.s3.prefetching import Prefetch
from sagemaker_runtime.bulk.s3.reading import open_object

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterator, Mapping, Sequence

    from sagemaker_runtime import S3Client

_WILDCARD = re.compile(r"[*?\[]")


class S3Source:
    """
    Objects, prefixes and globs in S3.

    Of a prefix, all objects below it; not those whose name, or a folder of it, begins with a dot or an underscore, nor the
    empty objects whose key ends with a slash, which stand for folders. In a glob, ``*`` and ``?`` do not match a slash,
    ``**`` does, and ``[[]`` is a bracket; a name that begins with a dot or an underscore must be asked for: ``rows/_*``.

    What has been opened is read in one version: an object that is changed meanwhile is an error.

    Args:
        s3: Makes the requests: `Client.s3_client`.

        places: ``s3://bucket/key``, ``s3://bucket/prefix/`` or ``s3://bucket/rows/**/*.jsonl``.

        besides: A prefix whose objects are none of the input: the output, which may lie below one.

        loop: The event loop of the client. None for the one that runs.

    Raises:
        ConfigError: A place is not in S3.
    """

    def __init__(
        self,
        s3: S3Client,
        places: Sequence[str],
        *,
        besides: str | None = None,
        loop: AbstractEventLoop | None = None,
    ) -> None:
        self._calls = S3Calls(s3, loop)
        self._places = [(place, *parse(place)) for place in places]
        self._prefetch: Prefetch | None = None
        self._besides = None if besides is None else f"{besides.rstrip('/')}/"

    def files(self) -> Sequence[InputFile]:
        """See `Source.files`. A request for each 1,000 objects, which has their identities too."""
        found = {
            f"s3://{bucket}/{each.key}": each
            for place, bucket, key in self._places
            for each in self._below(place, bucket, key)
        }
        common = _common_folder(list(found))
        files = [
            InputFile(location.removeprefix(common) or each.key, location, each.size, _identity(each))
            for location, each in found.items()
        ]
        files.sort(key=lambda file: file.name)
        self.expect(files)
        return files

    def expect(self, files: Sequence[InputFile]) -> None:
        """Know in which order files will be opened, so that small ones can be fetched ahead."""
        self._prefetch = Prefetch(self._calls, files)

    def identity(self, file: InputFile) -> Mapping[str, str | int]:
        """See `Source.identity`: the ETag and the size, by one request."""
        bucket, key = parse(file.location)
        found = find(self._calls, bucket, key)
        if found is None:
            raise ConfigError(f"input {file.location!r} is not there any more")
        return _identity(found)

    def open(self, file: InputFile) -> BinaryIO:
        """See `Source.open`. Fetches a small object whole, and begins with those that follow it; nothing yet of a large one."""
        content = None if self._prefetch is None else self._prefetch.get(file)
        if content is not None:
            return BytesIO(content)
        bucket, key = parse(file.location)
        return open_object(self._calls, bucket, Listed(key, file.size, str(file.identity["etag"])))

    def _below(self, place: str, bucket: str, key: str) -> Iterator[Listed]:
        if _WILDCARD.search(key) is not None:
            found = self._matches(bucket, key)
        elif key and not key.endswith("/") and (single := find(self._calls, bucket, key)) is not None:
            yield single
            return
        else:
            found = self._inside(bucket, f"{key.rstrip('/')}/" if key else "")
        count = 0
        for each, inside in found:
            is_folder = each.size == 0 and each.key.endswith("/")
            is_beside = self._besides is not None and f"s3://{bucket}/{each.key}".startswith(self._besides)
            if not (is_folder or _is_hidden(inside) or is_beside):
                count += 1
                yield each
        if not count:
            raise ConfigError(f"input {place!r}: there is no such object, and none below it")

    def _inside(self, bucket: str, prefix: str) -> Iterator[tuple[Listed, str]]:
        for each in objects(self._calls, bucket, prefix):
            yield each, each.key.removeprefix(prefix)

    def _matches(self, bucket: str, pattern: str) -> Iterator[tuple[Listed, str]]:
        """What a glob finds, and what is in folders that it finds; each with the path that tells whether it is hidden."""
        try:
            expression = re.compile(f"{_expression(pattern.rstrip('/'))}(?:/(.*))?", re.DOTALL)
        except re.error as error:
            raise ConfigError(f"the glob 's3://{bucket}/{pattern}' makes no sense: {error}") from None
        beginning = _WILDCARD.split(pattern, maxsplit=1)[0]
        folder = beginning[: beginning.rfind("/") + 1]
        takes_hidden = _is_hidden(pattern.removeprefix(folder))
        for each in objects(self._calls, bucket, beginning):
            match = expression.fullmatch(each.key)
            if match is not None:
                yield each, (match[1] or "") if takes_hidden else each.key.removeprefix(folder)


def _is_hidden(path: str) -> bool:
    return any(name.startswith((".", "_")) for name in path.split("/"))


def _common_folder(locations: Sequence[str]) -> str:
    """The longest folder that all are in, with its slash."""
    first, last = min(locations), max(locations)  # what these two have in common, all between them have
    length = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[: first.rfind("/", 0, length) + 1]


def _identity(found: Listed) -> Mapping[str, str | int]:
    return {"etag": found.etag, "size": found.size}


_TOKENS = re.compile(
    r"(?P<folders>(?<![^/])\*\*/)|(?P<all>\*\*+)|(?P<any>\*)|(?P<one>\?)|\[(?P<set>[!^]?\]?[^]]*)\]|.", re.DOTALL
)


def _expression(pattern: str) -> str:
    """A glob as a regular expression."""
    parts = list[str]()
    for token in _TOKENS.finditer(pattern):
        kind = token.lastgroup
        if kind == "set":
            negated = token["set"].startswith(("!", "^"))
            members = re.sub(r"([\\\[&~|^])", r"\\\1", token["set"][negated:]).replace("]", r"\]")
            parts.append(f"[^/{members}]" if negated else f"[{members}]")
        elif kind is None:
            parts.append(re.escape(token[0]))
        else:
            parts.append({"folders": "(?:.*/)?", "all": ".*", "any": "[^/]*", "one": "[^/]"}[kind])
    return "".join(parts)
