"""What to do when a service refuses credentials: ask their source whether it has others by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.credentials.base import RenewableCredentialsProvider, checked_credentials, same_keys
from sagemaker_runtime.errors import CredentialsError

if TYPE_CHECKING:
    from sagemaker_runtime.credentials.base import Credentials, CredentialsProvider
    from sagemaker_runtime.errors import ServiceError

# The keys are unknown or have expired. Source: "Common errors" of AWS's services, and "Error responses" of S3.
KEY_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)
# The secret is not that of the key, or something on the way has changed the request.
SIGNATURE_CODES = frozenset({"InvalidSignatureException", "SignatureDoesNotMatch"})


def may_be_renewed(error: ServiceError, refused: Credentials) -> bool:
    """
    Whether *error* refuses the credentials themselves, so that others may fare better.

    A wrong signature has many reasons. It is laid to the credentials only if the clock is right and nothing says until
    when they are valid: a secret in a file may have been mistyped and put right since, and not one that was issued.
    """
    if error.code in SIGNATURE_CODES:
        return error.clock_skew is None and refused.expires_at is None
    return error.code in KEY_CODES


async def renewed(provider: CredentialsProvider, refused: Credentials, error: Exception) -> bool:
    """
    Ask the source of credentials that were refused; whether it has others by now.

    A failure to ask is noted on *error*, which is what the call fails with.
    """
    try:
        if isinstance(provider, RenewableCredentialsProvider):
            credentials = await provider.renew(refused)
        else:
            credentials = await provider.retrieve()
        return not same_keys(checked_credentials(credentials), refused)
    except Exception as failure:  # noqa: BLE001 - a provider's own; the refusal is what the call fails with
        reason = failure.message if isinstance(failure, CredentialsError) else type(failure).__name__
        error.add_note(f"a request for new credentials failed: {reason}")
        return False
