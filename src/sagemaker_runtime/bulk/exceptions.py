"""`BulkError`: why a run stopped before its end."""

from __future__ import annotations

from sagemaker_runtime import SageMakerRuntimeError


class BulkError(SageMakerRuntimeError):
    """
    A bulk run stopped before its end, for example because the disk is full, too many records failed, or an engine gave up.

    Finished work is kept. Once the cause is fixed, the same call continues from there.
    """


def too_many(failed: int, most: int, last: str = "") -> BulkError:
    """
    More records have failed than *max_errors* allows.

    Args:
        failed: How many have failed.

        most: How many may fail.

        last: A clause about the last one, which begins with a comma; or nothing.
    """
    return BulkError(
        f"failed records: {failed}, and max_errors is {most}; the dead letters say why{last}. "
        "With a larger max_errors, the same call continues the run"
    )
