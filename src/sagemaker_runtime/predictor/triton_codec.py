"""`TritonCodec`: named arrays for NVIDIA Triton, with binary data; needs the extra ``sagemaker-runtime[numpy]``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sagemaker_runtime import ConfigError
from sagemaker_runtime.extras import require
from sagemaker_runtime.predictor.codec import Encoded
from sagemaker_runtime.predictor.exceptions import EncodeError, decoded
from sagemaker_runtime.predictor.kinds import is_kind, name_of
from sagemaker_runtime.predictor.triton_tensors import DATATYPES, datatype_of, read_tensors, tensor_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

BINARY_JSON = "application/vnd.sagemaker-triton.binary+json"


class TritonCodec:
    """
    Named arrays for NVIDIA Triton: a JSON header followed by binary data,
    ``application/vnd.sagemaker-triton.binary+json;json-header-size=N``.

    It takes a dict of arrays by the names of the model's inputs, and returns one by the names of its outputs. Types:

    - Triton's BOOL, INT8 … INT64, UINT8 … UINT64, FP16, FP32 and FP64 are NumPy's types of these sizes.
    - BYTES is an array of ``object`` whose elements are ``bytes``. Arrays of text, or with ``str`` as elements, are sent as BYTES
      in UTF-8.
    - BF16, which NumPy does not have, is returned as float32. To send it, pass an array of ``ml_dtypes.bfloat16``, or one of
      float32 that *datatypes* names.

    Arrays of a response share the memory of the body, so they are read-only, except for BYTES and BF16. A response whose
    data is JSON is read as well.

    Args:
        outputs: Names of the outputs to ask for. None for all.

        datatypes: ``{"input": "BF16"}`` for inputs that are float32 here and BF16 in the model. None for none.

        parameters: Parameters of the request, such as ``{"priority": 1}``: JSON values. None for none.

    Raises:
        ConfigError: A datatype is not one of Triton's, *outputs* is a single string, or NumPy is not installed.
    """

    content_type = BINARY_JSON
    accept = BINARY_JSON
    stream_format = None  # not text

    def __init__(
        self,
        *,
        outputs: Iterable[str] | None = None,
        datatypes: Mapping[str, str] | None = None,
        parameters: Mapping[str, object] | None = None,
    ) -> None:
        require("numpy", "numpy", type(self).__name__)
        if isinstance(outputs, str):
            raise ConfigError(f"outputs={outputs!r} is a string; it takes names: outputs=[{outputs!r}]")
        self._outputs = None if outputs is None else tuple(outputs)
        self._datatypes = {} if datatypes is None else dict(datatypes)
        self._parameters = {} if parameters is None else dict(parameters)
        for name, datatype in self._datatypes.items():
            if datatype not in DATATYPES:
                raise ConfigError(f"datatypes has {datatype!r} for {name!r}; Triton has {', '.join(sorted(DATATYPES))}")

    def encode(self, value: Mapping[str, npt.NDArray[Any]], /) -> Encoded:
        """
        The arrays, with a content type that gives the length of the header.

        Raises:
            EncodeError: The value is not a dict of arrays, or Triton does not have the type of one.
        """
        if not is_kind(value, Mapping):
            raise EncodeError(
                f"the value is of type {name_of(value)}; TritonCodec takes a dict of arrays by the names of the inputs"
            )
        inputs: list[dict[str, object]] = []
        data: list[bytes] = []
        for name, array in value.items():
            if not is_kind(name, str):
                raise EncodeError(f"the value has a key of type {name_of(name)}; names of inputs are strings")
            datatype = datatype_of(array, name, self._datatypes.get(name))
            tensor = tensor_bytes(array, name, datatype)
            data.append(tensor)
            inputs.append(
                {
                    "name": name,
                    "shape": list(array.shape),
                    "datatype": datatype,
                    "parameters": {"binary_data_size": len(tensor)},
                }
            )
        request: dict[str, object] = {"inputs": inputs}
        if self._outputs is None:
            request["parameters"] = {**self._parameters, "binary_data_output": True}
        else:
            request["outputs"] = [{"name": name, "parameters": {"binary_data": True}} for name in self._outputs]
            if self._parameters:
                request["parameters"] = self._parameters
        header = json.dumps(request, separators=(",", ":")).encode()
        return Encoded(b"".join((header, *data)), f"{BINARY_JSON};json-header-size={len(header)}")

    def decode(self, body: bytes, content_type: str | None, /) -> dict[str, npt.NDArray[Any]]:
        """
        The arrays in a response. Without a ``json-header-size`` in its content type, all of it is JSON.

        Raises:
            DecodeError: It is not a response of Triton, or its sizes contradict each other.
        """
        found = re.search(r";\s*json-header-size\s*=\s*\"?(\d{1,18})\b", content_type or "", re.IGNORECASE)
        size = None if found is None else int(found[1])
        return decoded(lambda body: read_tensors(body, size), body, content_type, self.content_type)
