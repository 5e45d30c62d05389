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

    A prefix stands for all objects below it, except those whose name, or a folder's name on the way, begins with a dot or an
    underscore, and empty objects whose key ends with a slash, which stand for folders. In a glob, ``*`` and ``?`` do not match
    a slash, ``**`` does, and ``[[]`` is a bracket. It finds names that begin with a dot or an underscore only by name:
    ``rows/_*``.

    An open object is read in one version: it is an error if the object changes meanwhile.

    Args:
        s3: Makes the requests: `Client.s3_client`.

        places: ``s3://bucket/key``, ``s3://bucket/prefix/`` or ``s3://bucket/rows/**/*.jsonl``.

        besides: A prefix whose objects are not part of the input: the output, which may lie below one of *places*.

        loop: The event loop of the client. None for the running one.

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
        """The objects, sorted by name, with their current identity. Takes one request per 1,000 objects."""
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
        """Tell in which order files will be opened, so that small ones can be fetched ahead."""
        self._prefetch = Prefetch(self._calls, files)

    def identity(self, file: InputFile) -> Mapping[str, str | int]:
        """The current ETag and size of an object. Takes one request."""
        bucket, key = parse(file.location)
        found = find(self._calls, bucket, key)
        if found is None:
            raise ConfigError(f"input {file.location!r} no longer exists")
        return _identity(found)

    def open(self, file: InputFile) -> BinaryIO:
        """Open an object for reading. A small one is fetched whole, and those after it are fetched ahead; a large one not yet."""
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
        """The objects that a glob matches, or that are in a folder that it matches; each with the path that may make it hidden."""
        try:
            expression = re.compile(f"{_expression(pattern.rstrip('/'))}(?:/(.*))?", re.DOTALL)
        except re.error as error:
            raise ConfigError(f"the glob 's3://{bucket}/{pattern}' is invalid: {error}") from None
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
    """The deepest folder that contains all of them, with its slash."""
    first, last = min(locations), max(locations)  # what these two have in common, all others have as well
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
