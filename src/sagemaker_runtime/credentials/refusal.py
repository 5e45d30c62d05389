"""After a service has refused credentials: whether their source has new ones."""

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
# The secret does not belong to the key, or the request was changed on the way.
SIGNATURE_CODES = frozenset({"InvalidSignatureException", "SignatureDoesNotMatch"})


def may_be_renewed(error: ServiceError, refused: Credentials) -> bool:
    """
    Whether *error* refuses the credentials themselves, so that new ones may be accepted.

    A wrong signature has many reasons. It is attributed to the credentials only if the clock is right and they have no
    expiry: a secret in a file may have been mistyped and corrected since, but a secret that was issued is not mistyped.
    """
    if error.code in SIGNATURE_CODES:
        return error.clock_skew is None and refused.expires_at is None
    return error.code in KEY_CODES


async def renewed(provider: CredentialsProvider, refused: Credentials, error: Exception) -> bool:
    """
    Ask the provider again after *refused* was refused; whether it now has other credentials.

    If the provider fails, *error* gets a note that says why, because *error* is what the call raises.
    """
    try:
        if isinstance(provider, RenewableCredentialsProvider):
            credentials = await provider.renew(refused)
        else:
            credentials = await provider.retrieve()
        return not same_keys(checked_credentials(credentials), refused)
    except Exception as failure:  # noqa: BLE001 - any error of a provider; the call raises the refusal
        reason = failure.message if isinstance(failure, CredentialsError) else type(failure).__name__
        error.add_note(f"a request for new credentials failed: {reason}")
        return False
