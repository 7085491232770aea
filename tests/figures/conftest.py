import pytest


@pytest.fixture(scope="session")
def quadratic(published):
    return published("quadratic", [(N, N) for N in (4, 6, 8, 10)], seeds=8)


@pytest.fixture(scope="session")
def erf(published):
    return published("erf", [(N, N) for N in (4, 8, 12)], seeds=6)
