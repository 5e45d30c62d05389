"""Input and output of a bulk run in S3, through the client's own `S3Client`: no other dependency is needed."""

from __future__ import annotations

from sagemaker_runtime.bulk.s3.destination import S3Destination
from sagemaker_runtime.bulk.s3.source import S3Source

__all__ = ["S3Destination", "S3Source"]
