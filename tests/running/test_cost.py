"""Predicted cost against what was measured."""

import subprocess
import sys
from dataclasses import replace

import pytest

from hessweep.activations import activation
from hessweep.errors import TooLargeError
from hessweep.kinds.exact import certificate_seconds
from hessweep.running.cost import (
    WORKER_BYTES,
    check_fits,
    needed_memory,
    predicted_seconds,
    stored_bytes,
)
from hessweep.setup import Setup
from hessweep.store import publish, write_segment
from hessweep.units import show_bytes, show_seconds

ERF = activation("erf")

MEASURE = """
import re, sys
from pathlib import Path
from hessweep.activations import activation
from hessweep.kinds.exact import certificate_seconds
from hessweep.setup import Setup
def peak():
    # Not ru_maxrss: that begins at the size of the parent process.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024
act = activation(sys.argv[1])
Setup(act, 2, 2).point(0).compute()
before = peak()
Setup(act, int(sys.argv[2]), int(sys.argv[3])).point(0).compute()
print(before, peak())
"""


@pytest.mark.parametrize(
    ("name", "N_i", "N_h"), [("erf", 40, 40), ("erf", 1, 700), ("quadratic", 60, 60)]
)
def test_memory_is_enough_and_not_far_off(name: str, N_i: int, N_h: int) -> None:
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, name, str(N_i), str(N_h)], capture_output=True, check=True
    )
    before, after = map(int, measured.stdout.split())
    predicted = Setup(activation(name), N_i, N_h).cost.peak_bytes
    # What the allocator and libraries add, once, is within WORKER_BYTES.
    assert after - before < predicted + 2e7
    assert predicted < 2 * (after - before) + 2e7
    assert before + 2e7 < WORKER_BYTES


def test_storage_is_about_what_is_written(tmp_path) -> None:
    # So many points that the metadata of the group, some 0.3 MB, count for little.
    setup = Setup(ERF, 20, 20)
    points = setup.points(range(300))
    write_segment(tmp_path, setup.compute(range(300)))
    publish(tmp_path)
    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert written / 2 < sum(stored_bytes(point.setup) for point in points) < written * 2


def test_time_grows_with_size() -> None:
    seconds = [predicted_seconds(Setup(ERF, N, N).point(0)) for N in (1, 5, 20, 100, 10**6)]
    assert seconds == sorted(seconds)
    assert 0 < seconds[0] < 0.01


@pytest.mark.parametrize(
    ("name", "hard", "easy"),
    [
        ("erf", (1, 12), (12, 2)),
        ("erf", (3, 20), (20, 3)),
        ("cubic", (8, 18), (8, 24)),
    ],
)
def test_points_that_float64_does_not_see_cost_their_certificate(name, hard, easy) -> None:
    function = activation(name)
    tiny, sure = (Setup(function, *size).point(0).compute() for size in (hard, easy))
    assert tiny.scalars["lambda_min"] < 1e-10 * tiny.scalars["lambda_max"]
    assert sure.scalars["lambda_min"] > 1e-9 * sure.scalars["lambda_max"]
    assert certificate_seconds(function, *hard) > 10 * certificate_seconds(function, *easy)
    ratio = Setup(function, *hard).cost.seconds / Setup(function, *easy).cost.seconds
    assert ratio > 3


@pytest.mark.parametrize(("N_i", "first"), [(1, 4), (2, 8)])
def test_certificates_cost_from_the_size_on_where_float64_fails(N_i, first) -> None:
    # These N_h (N_i + 1) functions reach polynomials of degree 6 in N_i variables.
    assert certificate_seconds(ERF, N_i, first) > 0
    assert certificate_seconds(ERF, N_i, first - 1) == 0


def test_what_fits_is_let_through() -> None:
    points = [Setup(ERF, N, N).point(0) for N in (3, 60)]
    check_fits(points, None)
    check_fits(points, 2 * 10**9)
    check_fits([], 1)


def test_a_worker_is_filled_to_nine_tenths_at_most() -> None:
    """Dask ends a worker at 0.95 of its limit."""
    point = Setup(ERF, 30, 30).point(0)
    needed = point.setup.cost.peak_bytes + WORKER_BYTES
    check_fits([point], int(needed / 0.89))
    with pytest.raises(TooLargeError):
        check_fits([point], int(needed / 0.91))


def test_what_does_not_fit_is_named_with_memory_and_limit() -> None:
    points = [Setup(ERF, N, N + 1).point(0) for N in (3, 60, 70)]
    with pytest.raises(TooLargeError) as caught:
        check_fits(points, 500_000_000)
    message = str(caught.value)
    assert "erf N_i=70 N_h=71 (P=5,041)" in message
    assert show_bytes(points[2].setup.cost.peak_bytes) in message
    assert "500 MB" in message
    assert "2 of the points" in message


@pytest.mark.parametrize(
    ("limit", "room"),
    [
        # Nine tenths of a worker's memory, less the 350 MB that it holds before it computes.
        (500_000_000, "100 MB"),
        (1_000_000_000, "550 MB"),
        (300_000_000, "0 B"),
    ],
)
def test_the_message_says_what_a_worker_has_to_spare(limit: int, room: str) -> None:
    with pytest.raises(TooLargeError, match=f"has {room} to spare"):
        check_fits([Setup(ERF, 100, 101).point(0)], limit)


def test_a_lighter_kind_is_offered_only_if_it_fits() -> None:
    heavy = Setup(ERF, 60, 60)
    lighter = needed_memory(replace(heavy, kind="density"))
    assert lighter < needed_memory(heavy) - 1
    with pytest.raises(TooLargeError, match="`kind: density`"):
        check_fits([heavy.point(0)], lighter)
    with pytest.raises(TooLargeError) as caught:
        check_fits([heavy.point(0)], lighter - 1)
    assert "density" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999_700, "1 MB"),
        (1_400_000, "1.4 MB"),
        (3e18, "3,000 PB"),
    ],
)
def test_sizes_for_people(size: float, shown: str) -> None:
    assert show_bytes(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "40 ms"),
        (0.9996, "1.0 s"),
        (1.26, "1.3 s"),
        (9.97, "10 s"),
        (12.4, "12 s"),
        (119, "119 s"),
        (600, "10 min"),
        (86400 * 365, "365 days"),
    ],
)
def test_durations_for_people(seconds: float, shown: str) -> None:
    assert show_seconds(seconds) == shown


def test_each_output_of_a_linear_network_costs_an_eigenproblem() -> None:
    two, eleven, twenty = (
        Setup(activation("linear"), 60, 60, N_o=N_o).cost.seconds for N_o in (2, 11, 20)
    )
    assert twenty - eleven == pytest.approx(eleven - two)
    assert twenty - eleven > 1e-4


def test_a_point_fits_into_exactly_the_memory_that_it_needs():
    point = Setup(ERF, 100, 100).point(0)
    needed = needed_memory(point.setup)
    check_fits([point], needed)
    with pytest.raises(TooLargeError, match="1 of the points do not fit"):
        check_fits([point], needed - 1)
