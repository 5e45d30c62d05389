"""`BulkError`: why a run stopped before its end."""

from __future__ import annotations

from sagemaker_runtime import SageMakerRuntimeError


class BulkError(SageMakerRuntimeError):
    """
    A bulk run stopped before its end: the disk is full, the input has changed, too many records have failed.

    What has been done is kept. Once the cause is gone, the same call continues from there.
    """


def too_many(failed: int, most: int, last: str = "") -> BulkError:
    """
    More records have failed than *max_errors* allows.

    Args:
        failed: How many have.

        most: How many may.

        last: What to say of the last one.
    """
    return BulkError(
        f"failed records: {failed}, and max_errors is {most}; the dead letters say why{last}. "
        "With a larger max_errors, the same call goes on"
    )
