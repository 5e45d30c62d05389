"""`Inputs`: makes the inputs of calls from the records of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sagemaker_runtime import ConfigError, InvalidParamsError, InvokeEndpointInput
from sagemaker_runtime.bulk.expressions import compiled
from sagemaker_runtime.predictor import EncodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sagemaker_runtime.bulk.bodies.base import Body
    from sagemaker_runtime.bulk.formats.base import Batch, Format
    from sagemaker_runtime.predictor import InvokeMembers


class Inputs:
    """
    Makes the input of a call for consecutive records of a batch.

    Args:
        endpoint_name: The endpoint.

        format: The format that the records were read with.

        body: Encodes records as request bodies.

        members: Members of every call's input.

        session_id: A JMESPath expression that finds the session id in a record. None for none.

        custom_attributes: A JMESPath expression that finds the custom attributes in a record. None for none.

        id_prefix: What inference ids begin with; the position of the record follows. None for no ids.

        files: The names of the input files, in order; an inference id contains the number of its file.

        first_file: The number of the first of them.

    Raises:
        ConfigError: An expression is not valid JMESPath, or applies to each record while requests have several.
    """

    def __init__(
        self,
        endpoint_name: str,
        format: Format,
        body: Body,
        members: InvokeMembers,
        *,
        session_id: str | None = None,
        custom_attributes: str | None = None,
        id_prefix: str | None = None,
        files: Iterable[str] = (),
        first_file: int = 0,
    ) -> None:
        self._format = format
        self._body = body
        self._members: Mapping[str, object] = {"endpoint_name": endpoint_name, "accept": body.accept, **members}
        self._id_prefix = id_prefix
        self._files = {} if id_prefix is None else {name: number for number, name in enumerate(files, first_file)}
        self._of_record: dict[str, Callable[[object], object]] = {}
        for name, expression in (("session_id", session_id), ("custom_attributes", custom_attributes)):
            if expression is not None:
                if body.max_rows > 1:
                    raise ConfigError(
                        f"{name} is taken from each record, but {body!r} puts several into a request; set max_rows=1"
                    )
                self._of_record[name] = compiled(expression, name)

    def inference_id(self, batch: Batch, offset: int) -> str | None:
        """The inference id of the call for a batch's records from *offset* on; None without *id_prefix*."""
        if self._id_prefix is None:
            return None
        return f"{self._id_prefix}-{self._files.get(batch.file, 0)}-{batch.begin}-{batch.first + offset}"

    def shared(self) -> InvokeEndpointInput:
        """The input that all calls share, without the members that depend on records."""
        members: Any = self._members
        return InvokeEndpointInput(body=b"", **members)

    def is_shared(self, error: InvalidParamsError) -> bool:
        """Whether an input was refused only for members that all calls share, and none that depend on records."""
        names = {problem.partition(" ")[0] for problem in error.problems}
        return bool(names) and names <= self._members.keys() - self._of_record.keys()

    def input(self, batch: Batch, offset: int, records: Sequence[bytes]) -> InvokeEndpointInput:
        """
        The input of the call for *records*, which begin at *offset* in the batch.

        Raises:
            EncodeError: A record cannot be encoded.
        """
        encoded = self._body.encode(records, self._format, batch.file)
        members: Any = self._members
        if self._of_record:
            members = {**members, **self._members_of(records[0])}
        if self._id_prefix is not None:
            members = {**members, "inference_id": self.inference_id(batch, offset)}
        if "content_type" not in members:
            return InvokeEndpointInput(body=encoded.body, content_type=encoded.content_type, **members)
        return InvokeEndpointInput(body=encoded.body, **members)

    def _members_of(self, record: bytes) -> Mapping[str, str | None]:
        document: object = json.loads(self._format.document(record))
        found: dict[str, str | None] = {}
        for name, find in self._of_record.items():
            value = find(document)
            if value is not None and not isinstance(value, str):
                raise EncodeError(
                    f"the {name} of the record is of type {type(value).__name__}; it takes a string or null"
                )
            found[name] = value
        return found
