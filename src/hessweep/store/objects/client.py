"""The client of an object store, made from the environment, and how long it is patient."""

import os
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache

from obstore.store import ObjectStore, from_url

from hessweep.address import Address
from hessweep.errors import InputError

SECONDS = "HESSWEEP_STORE_SECONDS"
"""The environment variable that says for how many seconds a request is tried again."""

_DEFAULT_SECONDS = 60.0
_MAX_RETRIES = 10
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two tries of a request; each pause is twice the one before."""

_TRIES = 6
"""How often reading is begun, or a conditional write is tried, which the client does once."""

_VARIABLES = ("AWS_", "GOOGLE_", "AZURE_", "HESSWEEP_STORE_")
"""How the names of the environment variables begin that a client depends on."""

Environment = tuple[tuple[str, str], ...]


def client_of(address: Address) -> ObjectStore:
    """Return the client of what is below an address, for this process's environment."""
    return _client(address.text, environment_of_client())


def environment_of_client() -> Environment:
    """Return the variables that a client depends on, with their values."""
    return tuple(sorted((k, v) for k, v in os.environ.items() if k.startswith(_VARIABLES)))


@lru_cache(maxsize=32)
def _client(address: str, environment: Environment) -> ObjectStore:
    variables = dict(environment)
    seconds = _seconds(variables.get(SECONDS, ""))
    # The client takes the other variables from the environment itself.
    allow_http = variables.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true", "yes", "on")
    return from_url(
        address,
        client_options={
            "allow_http": allow_http,
            "connect_timeout": timedelta(seconds=min(seconds, 10)),
            "timeout": timedelta(seconds=2 * seconds),
        },
        retry_config={
            "max_retries": _MAX_RETRIES,
            "retry_timeout": timedelta(seconds=seconds),
            "backoff": {
                "init_backoff": timedelta(seconds=_FIRST_PAUSE),
                "max_backoff": timedelta(seconds=_LONGEST_PAUSE),
                "base": 2,
            },
        },
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text or _DEFAULT_SECONDS)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise InputError(f"{SECONDS}: expected seconds, at most 3600, got {text[:100]!r}")
    return seconds


def pauses() -> Iterator[float | None]:
    """Yield how long to wait after each try if it fails; None after the last."""
    for number in range(_TRIES - 1):
        yield min(_FIRST_PAUSE * 2**number, _LONGEST_PAUSE)
    yield None
