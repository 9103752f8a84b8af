"""What is wrong with the certificates between this machine and Temporal, in words."""

import os
import socket
import ssl
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from temporalio.envconfig import ClientConfig
from temporalio.service import TLSConfig

HANDSHAKE_TIMEOUT: Final = 3.0
"""Seconds."""


def certificate_problem(address: str) -> str | None:
    """Why TLS with the Temporal server at `address` fails, as a sentence.

    None if TLS is not used, or if no certificate is the cause. The SDK does not say: it tells the
    reason of a failure in its own words only.
    """
    config = ClientConfig.load_client_connect_config(
        disable_file=True, override_env_vars={**os.environ, "TEMPORAL_ADDRESS": address}
    )
    tls = config.get("tls")
    if not tls:
        return None
    tls = tls if isinstance(tls, TLSConfig) else TLSConfig()
    return _own_problem(tls) or _server_problem(address, tls)


def _own_problem(tls: TLSConfig) -> str | None:
    if tls.client_cert is None:
        return None
    try:
        own = x509.load_pem_x509_certificate(tls.client_cert)
    except ValueError:
        return "The client's certificate cannot be read."
    end = own.not_valid_after_utc
    if end < datetime.now(UTC):
        return f"The client's certificate has expired ({end:%Y-%m-%d %H:%M} UTC)."
    return None


def _server_problem(address: str, tls: TLSConfig) -> str | None:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    name = tls.verification_server_name or tls.domain or host
    authorities = tls.server_root_ca_cert
    try:
        context = ssl.create_default_context(cadata=authorities.decode() if authorities else None)
        context.set_alpn_protocols(["h2"])
        with (
            socket.create_connection((host, int(port)), HANDSHAKE_TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=name),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return f"The server's certificate is not valid: {error.verify_message}."
    except (OSError, ValueError):
        return None
