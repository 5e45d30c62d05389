"""`BulkError`: why a run stopped before its end."""

from __future__ import annotations

from sagemaker_runtime import SageMakerRuntimeError


class BulkError(SageMakerRuntimeError):
    """
    A bulk run stopped before its end: the disk is full, the input has changed, too many records have failed.

    What has been done is kept. Once the cause is gone, the same call continues from there.
    """
