"""What an object store, or the way to it, refuses: in words, with what to do, without secrets.

The texts of the client hold whole answers of servers, and those of S3 repeat key identifiers and
what was signed. Of them only the code of the error and the number of the HTTP status are told.
"""

import re

from hessweep.address import Address
from hessweep.errors import NO_CREDENTIALS, AddressError, StoreAccessError

WITHOUT = (
    "without which two runs at once could not be kept apart; use a newer version of it, or a "
    "folder"
)
"""How messages end about stores that do not know conditional writes."""

_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9.]{1,60})</Code>")

_VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), AWS_REGION and, for "
    "other stores than Amazon's, AWS_ENDPOINT_URL",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}

_ENDPOINTS = {
    "s3": "check AWS_ENDPOINT_URL and the network",
    "gs": "check the network",
    "az": "check AZURE_STORAGE_ACCOUNT_NAME and the network",
}

_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound", "InvalidBucketName"}
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired")
_NO_CONDITIONS = ("NotImplemented", "MethodNotAllowed")


def refusal(error: Exception, purpose: str, where: Address) -> StoreAccessError:
    """Return the error in words that says what an object store refused.

    Args:
        error: What the client raised.
        purpose: What was wanted, such as `read`.
        where: Of which object.
    """
    text = str(error)
    status = next(iter(_STATUS.findall(text)), "")
    code = next(iter(_CODE.findall(text)), "")
    scheme = where.text.partition("://")[0]
    begin = f"can not {purpose} {where}: "
    if remedy := _remedy(text, status, code, scheme, where):
        return AddressError(begin + remedy)
    if status:
        told = f"the store answers {' '.join(filter(None, (status, code)))}"
        return StoreAccessError(f"{begin}{told}; try again later, nothing is lost")
    if "HTTP error" in text:
        return StoreAccessError(
            f"{begin}no answer from the store, or the connection was lost; "
            f"{_ENDPOINTS[scheme]}; nothing is lost"
        )
    return StoreAccessError(f"{begin}{_first_line(text)}")


def _remedy(text: str, status: str, code: str, scheme: str, where: Address) -> str:
    """Return what is wrong and what to do about it where the user must; otherwise nothing."""
    if "169.254.169.254" in text or "metadata.google" in text:
        return f"{NO_CREDENTIALS}; set {_VARIABLES[scheme]}"
    if "Account must be specified" in text:
        return f"the account is not known; set {_VARIABLES[scheme]}"
    if code in _NO_BUCKET:
        return (
            f"there is no bucket {where.bucket}; create it, or name another in the study "
            f"({_ENDPOINTS[scheme]})"
        )
    if code in _EXPIRED:
        return (
            f"the credentials have expired ({code}); get new ones, set {_VARIABLES[scheme]}, and "
            "run again: what was computed is stored"
        )
    if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthenticationFailed"):
        return f"the store does not know the credentials ({code}); set {_VARIABLES[scheme]}"
    if status in ("401", "403"):
        told = " ".join(filter(None, (status, code)))
        return (
            f"the store refuses access ({told}); ask its owner for permission, or set "
            f"{_VARIABLES[scheme]}"
        )
    if status in ("301", "307", "400") and code != "RequestTimeout":
        told = " ".join(filter(None, (status, code)))
        return f"the store answers {told}; is AWS_REGION that of the bucket?"
    if status == "501" or code in _NO_CONDITIONS:
        return f"the store has no conditional writes (If-Match, If-None-Match), {WITHOUT}"
    if "builder error" in text:
        return (
            "the endpoint is not encrypted or is no address; set AWS_ALLOW_HTTP=true if "
            "AWS_ENDPOINT_URL is http:// on purpose"
        )
    return ""


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:200]


def is_missing(error: Exception) -> bool:
    """Return whether the object is not there, although its bucket is."""
    return isinstance(error, FileNotFoundError) and not set(_CODE.findall(str(error))) & _NO_BUCKET


def is_transient(error: Exception) -> bool:
    """Return whether the same request may succeed a little later."""
    text = str(error)
    if status := next(iter(_STATUS.findall(text)), ""):
        return (status.startswith("5") and status != "501") or status in ("408", "409", "429")
    return "HTTP error" in text and "builder error" not in text
