"""
The shapes of the API models that the operations use.

Source: service-2.json, 2017-05-13; for the duplex operation the model of ``sagemaker-runtime-http2``, 2025-10-01.
"""

from __future__ import annotations

from sagemaker_runtime.operations.base import Shape

_NAME = "^[a-zA-Z0-9](-*[a-zA-Z0-9])*"
_PRINT = r"\A\S[\p{Print}]*\z"
_EXPIRES = r";\sExpires=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"

ASYNC_BODY_BLOB = Shape("AsyncBodyBlob", "blob", max=128_000, sensitive=True)
BODY_BLOB = Shape("BodyBlob", "blob", max=6_291_456, sensitive=True)
COMPLETION_STATE = Shape("CompletionState", pattern="^(PARTIAL)$|^(COMPLETE)$")
CUSTOM_ATTRIBUTES_HEADER = Shape("CustomAttributesHeader", max=1024, pattern=r"\p{ASCII}*", sensitive=True)
DATA_TYPE = Shape("DataType", pattern="^(UTF8)$|^(BINARY)$")
ENABLE_EXPLANATIONS_HEADER = Shape("EnableExplanationsHeader", min=1, max=64, pattern=".*")
ENDPOINT_NAME = Shape("EndpointName", max=63, pattern=_NAME)
FILENAME_HEADER = Shape("FilenameHeader", min=1, max=32, pattern=r"^(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*$")
HEADER = Shape("Header", max=1024, pattern=r"\p{ASCII}*")
INFERENCE_COMPONENT_HEADER = Shape(
    "InferenceComponentHeader", max=63, pattern=r"^[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?$"
)
INFERENCE_ID = Shape("InferenceId", min=1, max=64, pattern=_PRINT)
INPUT_LOCATION_HEADER = Shape("InputLocationHeader", min=1, max=1024, pattern="^(https|s3)://([^/]+)/?(.*)$")
INVOCATION_TIMEOUT_SECONDS_HEADER = Shape("InvocationTimeoutSecondsHeader", "integer", min=1, max=3600)
INVOKED_PRODUCTION_VARIANT_HEADER = Shape("InvokedProductionVariantHeader", max=1024, pattern=r"\p{ASCII}*")
MODEL_INVOCATION_PATH_HEADER = Shape(
    "ModelInvocationPathHeader", max=100, pattern=r"^[A-Za-z0-9\-._]+(?:/[A-Za-z0-9\-._]+)*$"
)
_PAIR = r"[a-zA-Z0-9][A-Za-z0-9_-]*=(?:[A-Za-z0-9._~\-]|%[0-9A-Fa-f]{2})+"
MODEL_QUERY_STRING_HEADER = Shape("ModelQueryStringHeader", max=2048, pattern=f"^{_PAIR}(?:&{_PAIR})*$")
NEW_SESSION_RESPONSE_HEADER = Shape("NewSessionResponseHeader", max=256, pattern=_NAME + _EXPIRES)
PADDING = Shape("Padding")
PART_BLOB = Shape("PartBlob", "blob", sensitive=True)
PREFIX_AWARE_ID_HEADER = Shape("PrefixAwareIdHeader", min=1, max=64, pattern=_PRINT)
REQUEST_TTL_SECONDS_HEADER = Shape("RequestTTLSecondsHeader", "integer", min=60, max=21_600)
RESPONSE_STREAM = Shape("ResponseStream", "structure")
S3_OUTPUT_PATH_EXTENSION_HEADER = Shape(
    "S3OutputPathExtensionHeader", min=1, max=512, pattern="^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$"
)
SESSION_ID_HEADER = Shape("SessionIdHeader", max=256, pattern=_NAME + "$")
SESSION_ID_OR_NEW_HEADER = Shape(
    "SessionIdOrNewSessionConstantHeader", max=256, pattern="^(NEW_SESSION)$|" + _NAME + "$"
)
TARGET_CONTAINER_HOSTNAME_HEADER = Shape("TargetContainerHostnameHeader", max=63, pattern=_NAME)
TARGET_MODEL_HEADER = Shape("TargetModelHeader", min=1, max=1024, pattern=_PRINT)
TARGET_VARIANT_HEADER = Shape("TargetVariantHeader", max=63, pattern=_NAME)
