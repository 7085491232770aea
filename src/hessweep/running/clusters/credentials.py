"""TLS credentials that are made for one run and are kept in memory only."""

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from distributed.security import Security


class MemoryCredentials(Security):
    """Dask's temporary credentials, of which no process writes a file to disk.

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


@contextmanager
def _file_in_memory(content: str) -> Iterator[str]:
    """Yield the path of an anonymous file with this content, which only this process can open."""
    number = os.memfd_create("credentials", os.MFD_CLOEXEC)
    with open(number, "w", encoding="ascii") as file:  # noqa: PTH123  # a descriptor, no path
        os.fchmod(number, 0o600)
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{number}"
