"""Creates the `S3Client` of a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.async_inference.s3 import S3Client
from sagemaker_runtime.clock_skew import ClockSkew, CorrectedClock
from sagemaker_runtime.errors import ConfigError

if TYPE_CHECKING:
    from sagemaker_runtime.options import Options
    from sagemaker_runtime.transport import HTTPClient


def s3_client_of(options: Options, http_client: HTTPClient, skew: ClockSkew) -> S3Client:
    """
    Create an `S3Client` with *options*.

    Args:
        options: The options of the client, or of a call.

        http_client: The transport, if the options have none.

        skew: How far the service's clock is ahead.

    Raises:
        ConfigError: There is no region.
    """
    if options.region is None:
        raise ConfigError("no region to look for buckets in: set Options.region")
    return S3Client(
        http_client=http_client if options.http_client is None else options.http_client,
        credentials=options.credentials,
        region=options.region,
        endpoint_url=options.s3_endpoint_url,
        endpoint_options=options.endpoint_options,
        clock=options.clock if options.disable_clock_skew_correction else CorrectedClock(options.clock, skew),
    )
