"""`RunSettings`: the settings that determine a run's requests and results, in every process that works on it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from attrs import field, frozen

from sagemaker_runtime.bulk.asynchronous import AsynchronousCalls
from sagemaker_runtime.bulk.plan import digest
from sagemaker_runtime.bulk.requests import Inputs
from sagemaker_runtime.bulk.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sagemaker_runtime.bulk.bodies.base import Body
    from sagemaker_runtime.bulk.formats.base import Format
    from sagemaker_runtime.bulk.outputs.convert import OutputFormat
    from sagemaker_runtime.predictor import InvokeMembers


@frozen(kw_only=True)
class RunSettings:
    """Arguments of `run_bulk`, under the same names, once the format and body are chosen."""

    endpoint: str
    format: Format
    body: Body
    output_format: OutputFormat
    join: bool
    select: str | None
    members: InvokeMembers | None = field(repr=False)
    session_id: str | None
    custom_attributes: str | None
    inference_ids: bool
    asynchronous: bool
    upload_to: str | None
    remove_uploads: bool
    encryption: str | None
    kms_key: str | None

    def recorded(self, output: str | None) -> Mapping[str, str | None]:
        """The settings as a `Plan` records them. *output* is where the parts go; None if that may change."""
        return {
            "endpoint": self.endpoint,
            "format": repr(self.format),
            "body": repr(self.body),
            "output_format": self.output_format,
            "join": str(self.join),
            "select": self.select,
            "members": None if self.members is None else digest(self.members),
            "session_id": self.session_id,
            "custom_attributes": self.custom_attributes,
            "inference_ids": str(self.inference_ids),
            "asynchronous": str(self.asynchronous),
            "output": output,
        }

    def inputs(self, run_id: str, files: Iterable[str], first_file: int = 0) -> Inputs:
        """
        The `Inputs` of the run, which makes the input of each call.

        Args:
            run_id: The run's id.

            files: The names of the input files, in order.

            first_file: The number of the first of them.

        Raises:
            ConfigError: An expression is not valid JMESPath, or applies to each record while the body puts several into a
                request.
        """
        return Inputs(
            self.endpoint,
            self.format,
            self.body,
            {} if self.members is None else self.members,
            session_id=self.session_id,
            custom_attributes=self.custom_attributes,
            id_prefix=run_id if self.inference_ids else None,
            files=files,
            first_file=first_file,
        )

    def rows(self) -> Rows:
        """The `Rows` of the run, which format results and dead letters."""
        return Rows(self.format, join=self.join, select=self.select)

    def calls(self) -> Callable[..., AsynchronousCalls] | None:
        """Makes the calls to an asynchronous endpoint, from a client and its ``opt_fns``; None for a real-time endpoint."""
        if not self.asynchronous:
            return None
        return partial(
            AsynchronousCalls,
            upload_to=self.upload_to,
            encryption=self.encryption,
            kms_key=self.kms_key,
            remove_uploads=self.remove_uploads,
        )
