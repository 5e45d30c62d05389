"""
Values in, values out: `Predictor`, and the codecs that turn values into request bodies, and responses into values.

::

    async with Client(options) as client:
        iris = Predictor(client, "iris", codec=JSONCodec())
        print(await iris.predict([[5.1, 3.5, 1.4, 0.2]]))

`SyncPredictor` is the same for code without an event loop. `Codec` is the protocol for formats of your own.
"""

from __future__ import annotations

from sagemaker_runtime.predictor.arrow_codecs import ArrowCodec, ParquetCodec
from sagemaker_runtime.predictor.codec import Codec, Encoded
from sagemaker_runtime.predictor.csv_codec import CSVCodec
from sagemaker_runtime.predictor.documents import DocumentDecoder, DocumentModel, DocumentType, DocumentValidator
from sagemaker_runtime.predictor.exceptions import DecodeError, EncodeError, SessionError, UnreadableError, decoded
from sagemaker_runtime.predictor.formats import (
    BYTES,
    JSON_LINES,
    LINES,
    SERVER_SENT_EVENTS,
    TEXT,
    StreamFormat,
    json_lines,
)
from sagemaker_runtime.predictor.json_codec import JSONCodec
from sagemaker_runtime.predictor.json_lines_codec import Documents, JSONLinesCodec
from sagemaker_runtime.predictor.members import AsyncMembers, InvokeMembers, Members, SharedMembers, StreamMembers
from sagemaker_runtime.predictor.numpy_codec import NumPyCodec
from sagemaker_runtime.predictor.predictor import Predictor
from sagemaker_runtime.predictor.requests import Prediction, SessionBody
from sagemaker_runtime.predictor.streams import PredictionStream, SyncPredictionStream
from sagemaker_runtime.predictor.sync_predictor import SyncPredictor
from sagemaker_runtime.predictor.triton_codec import TritonCodec

__all__ = [
    "BYTES",
    "JSON_LINES",
    "LINES",
    "SERVER_SENT_EVENTS",
    "TEXT",
    "ArrowCodec",
    "AsyncMembers",
    "CSVCodec",
    "Codec",
    "DecodeError",
    "DocumentDecoder",
    "DocumentModel",
    "DocumentType",
    "DocumentValidator",
    "Documents",
    "EncodeError",
    "Encoded",
    "InvokeMembers",
    "JSONCodec",
    "JSONLinesCodec",
    "Members",
    "NumPyCodec",
    "ParquetCodec",
    "Prediction",
    "PredictionStream",
    "Predictor",
    "SessionBody",
    "SessionError",
    "SharedMembers",
    "StreamFormat",
    "StreamMembers",
    "SyncPredictionStream",
    "SyncPredictor",
    "TritonCodec",
    "UnreadableError",
    "decoded",
    "json_lines",
]
