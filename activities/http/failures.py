"""Translation of the HTTP client's exceptions into job errors."""

import errno
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

import h11
import httpx2

from core.errors import (
    BrokenCompression,
    CertificateExpired,
    ConnectionBroken,
    ConnectionFailed,
    HeadersTooLarge,
    InternalError,
    InvalidAnswer,
    JobError,
    TlsFailed,
)

OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
"""Error numbers of a machine without free file descriptors or memory; no site causes them."""


HAS_EXPIRED: Final = 10
"""X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL."""


def to_job_error(error: Exception, host: str) -> JobError:
    """The job error for an exception of an exchange with `host`."""
    causes = list(_causes(error))
    match error:
        case _ if any(is_out_of_resources(each) for each in causes):
            return out_of_connections()
        case ssl.SSLError():
            return ConnectionBroken(f"{host} broke the connection off: its TLS cannot be read.")
        case httpx2.LocalProtocolError():
            return InternalError(f"Diffy made a request of {host} that HTTP does not allow.")
        case httpx2.ConnectError():
            if tls := next((each for each in causes if isinstance(each, ssl.SSLError)), None):
                failure = CertificateExpired if _is_expired(tls) else TlsFailed
                return failure(f"{host} cannot be connected to: {_tls_reason(tls)}.")
            return ConnectionFailed(f"{host} cannot be connected to.")
        case httpx2.NetworkError():
            return ConnectionBroken(f"{host} broke the connection off.")
        case httpx2.DecodingError():
            return BrokenCompression(f"{host} sent a body whose compression is broken.")
        case _ if any(_over_limit(each) for each in causes):
            return HeadersTooLarge(f"{host} sent more headers than an answer may have, 100 KiB.")
        case _:
            return InvalidAnswer(f"{host} sent something that is not a valid HTTP answer.")


def is_out_of_resources(error: BaseException) -> bool:
    """Whether this machine, not the site, is the cause of the error."""
    return isinstance(error, OSError) and error.errno in OUT_OF_RESOURCES


def out_of_connections() -> InternalError:
    """The job error for a machine that is out of resources."""
    return InternalError("Diffy can open no more connections now: the system gives it none.")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _over_limit(error: BaseException) -> bool:
    too_large = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    return isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == too_large


def _is_expired(error: ssl.SSLError) -> bool:
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code == HAS_EXPIRED


def tls_problem(error: BaseException) -> str | None:
    """Why TLS is the cause of the error, as the end of a sentence; None if it is not."""
    found = next((each for each in _causes(error) if isinstance(each, ssl.SSLError)), None)
    return _tls_reason(found) if found else None


def _tls_reason(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    return "it does not speak TLS as we do"
