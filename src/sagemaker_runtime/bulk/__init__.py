"""
Send many records through an endpoint.

`invoke_many` takes any iterable of inputs and yields a result for each. `run_bulk` reads files and writes files. Both make as
many concurrent calls as the endpoint can take; a `KneeLimit` finds out how many that is.
"""

from __future__ import annotations

from sagemaker_runtime.bulk.bodies.base import Body
from sagemaker_runtime.bulk.bodies.codec_body import CodecBody
from sagemaker_runtime.bulk.bodies.csv_body import CSVBody
from sagemaker_runtime.bulk.bodies.file_body import FileBody
from sagemaker_runtime.bulk.bodies.json_body import JSONBody
from sagemaker_runtime.bulk.bodies.json_lines_body import JSONLinesBody
from sagemaker_runtime.bulk.bodies.prompt_body import PromptBody
from sagemaker_runtime.bulk.bodies.selected import Selected
from sagemaker_runtime.bulk.exceptions import BulkError
from sagemaker_runtime.bulk.failures import is_about_run
from sagemaker_runtime.bulk.formats.base import Batch, Format, Shard
from sagemaker_runtime.bulk.formats.csv_rows import CSV
from sagemaker_runtime.bulk.formats.files import Files
from sagemaker_runtime.bulk.formats.json_lines import JSONLines
from sagemaker_runtime.bulk.formats.parquet import Parquet
from sagemaker_runtime.bulk.many import invoke_many
from sagemaker_runtime.bulk.observers import BulkInterval, BulkRun, RunObserver
from sagemaker_runtime.bulk.places import InputFile, Source
from sagemaker_runtime.bulk.preview import BulkPreview, preview_bulk
from sagemaker_runtime.bulk.recipe import ClientRecipe
from sagemaker_runtime.bulk.report import BulkReport, read_report
from sagemaker_runtime.bulk.retryer import PatientRetryer
from sagemaker_runtime.bulk.run import run_bulk
from sagemaker_runtime.bulk.scorer import Scorer
from sagemaker_runtime.bulk.status import Status
from sagemaker_runtime.bulk.suffixes import body_for, format_for
from sagemaker_runtime.bulk.workload import Result

__all__ = [
    "CSV",
    "Batch",
    "Body",
    "BulkError",
    "BulkInterval",
    "BulkPreview",
    "BulkReport",
    "BulkRun",
    "CSVBody",
    "ClientRecipe",
    "CodecBody",
    "FileBody",
    "Files",
    "Format",
    "InputFile",
    "JSONBody",
    "JSONLines",
    "JSONLinesBody",
    "Parquet",
    "PatientRetryer",
    "PromptBody",
    "Result",
    "RunObserver",
    "Scorer",
    "Selected",
    "Shard",
    "Source",
    "Status",
    "body_for",
    "format_for",
    "invoke_many",
    "is_about_run",
    "preview_bulk",
    "read_report",
    "run_bulk",
]
