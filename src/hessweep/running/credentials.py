"""TLS credentials that are made for one run, in memory unless workers elsewhere need files.

Every worker process loads this module, so that it imports nothing that a worker does not need.
"""

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from distributed.security import Security

VALID = timedelta(days=365)
"""The longest time that a run can last."""

CLOCK_SKEW = timedelta(days=1)
"""How far the clocks of two machines may differ."""


class MemoryCredentials(Security):
    """Credentials of which no process writes a file to disk.

    Python's `ssl` reads certificates and keys from files only. Dask writes them to a temporary
    folder for that, where a process that is killed leaves the key behind. Here the files are
    anonymous and end with the process, where the system has such files (Linux); elsewhere Dask's
    way remains.
    """

    def _get_tls_context(
        self, tls: Mapping[str, Any], purpose: ssl.Purpose
    ) -> ssl.SSLContext | None:
        with ExitStack() as stack:
            if hasattr(os, "memfd_create"):
                files = {
                    name: stack.enter_context(_file_in_memory(tls[name]))
                    for name in ("cert", "key")
                    if "\n" in (tls.get(name) or "")
                }
                tls = {**tls, **files}
            context: ssl.SSLContext | None = super()._get_tls_context(tls, purpose)
            return context


def new_credentials() -> MemoryCredentials:
    """Return new credentials that let all processes of one run, and no other, talk to each other.

    They are those of `Security.temporary`, but with a key on an elliptic curve: to make one of
    RSA takes up to 0.2 s.
    """
    key, certificate = _self_signed()
    roles = ("client", "scheduler", "worker")
    return MemoryCredentials(
        require_encryption=True,
        tls_ca_file=certificate,
        **{f"tls_{role}_key": key for role in roles},
        **{f"tls_{role}_cert": certificate for role in roles},
    )


def credentials_in(folder: Path) -> Security:
    """Return new credentials in files that only this user can read, for workers elsewhere."""
    paths = {}
    for name, content in zip(("key", "cert"), _self_signed(), strict=True):
        path = folder / f"{name}.pem"
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(content, encoding="ascii")
        paths[name] = str(path)
    roles = ("client", "scheduler", "worker")
    return Security(
        require_encryption=True,
        tls_ca_file=paths["cert"],
        **{f"tls_{role}_{name}": path for role in roles for name, path in paths.items()},
    )


def _self_signed() -> tuple[str, str]:
    """Return a new private key and its certificate, in PEM format."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hessweep run")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + VALID)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


@contextmanager
def _file_in_memory(content: str) -> Iterator[str]:
    """Yield the path of an anonymous file with this content, which only this process can open."""
    number = os.memfd_create("credentials", os.MFD_CLOEXEC)
    with open(number, "w", encoding="ascii") as file:  # noqa: PTH123  # a descriptor, no path
        os.fchmod(number, 0o600)
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{number}"
