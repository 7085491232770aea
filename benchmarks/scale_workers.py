"""How many tasks a second a run gets done with many workers, which are simulated: tasks sleep.

Usage: `python benchmarks/scale_workers.py [WORKERS [PROCESSES]]`. Scheduler, workers and the
driver of a run are the real ones and speak by TCP; the workers share a few processes, and a task
sleeps instead of computing. Prints a line for each case: tasks a second, how busy workers were,
and which share of a core driver and scheduler took.
"""

import asyncio
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask
import psutil
from distributed import Client, Scheduler, Worker

import hessweep
from hessweep.running import driver
from hessweep.running.clusters.dask_settings import dask_settings
from hessweep.running.driver import Batch, Driver, Progress
from hessweep.setup import Point, Setup
from hessweep.store import write_segment

CASES = ((0.0, 1, 3_000), (1.0, 1, 3_000), (10.0, 1, 3_000), (10.0, 4_000, 1_000))
"""Seconds that a task sleeps, points that it has, and number of tasks."""

SETUP = Setup(hessweep.activation("erf"), 2, 2)


def sleep(seconds: float, segment: str) -> Any:
    """Return what stands for `compute_batch` in a task."""

    def computed(_: Sequence[Point], __: Path, ___: str) -> tuple[str, dict[int, str]]:
        time.sleep(seconds)
        return segment, {}

    return computed


async def serve_scheduler() -> None:
    """Run a scheduler until its standard input ends."""
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        print(scheduler.address, flush=True)
        await asyncio.to_thread(sys.stdin.read)


async def serve_workers(address: str, count: int) -> None:
    """Run workers of one thread in this process until its standard input ends."""
    options = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "validate": False}
    workers = [Worker(address, name=f"{id(address)}-{one}", **options) for one in range(count)]
    await asyncio.gather(*workers)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await asyncio.gather(*(worker.close() for worker in workers))


def started(*arguments: object) -> subprocess.Popen[str]:
    """Start this file with other arguments, in a process of its own."""
    command = [sys.executable, __file__, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)


def main(workers: int = 1_000, processes: int = 4) -> None:
    """Measure every case with that many workers."""
    scheduler = started("scheduler")
    address = scheduler.stdout.readline().strip()
    several = [started("workers", address, workers // processes) for _ in range(processes)]
    for one in several:
        one.stdout.readline()
    with Client(address, set_as_default=False) as client, tempfile.TemporaryDirectory() as folder:
        segment = write_segment(Path(folder), SETUP.compute([0]))
        for case in CASES:
            row = measure(client, Path(folder), segment, scheduler.pid, *case)
            print(json.dumps(row), flush=True)
    for one in (*several, scheduler):
        one.communicate("")


def measure(
    client: Client, root: Path, segment: str, pid: int, seconds: float, size: int, tasks: int
) -> dict[str, Any]:
    """Run one case."""
    driver.compute_batch = sleep(seconds, segment)
    points = tuple(SETUP.points(range(size)))
    batches = [Batch(points, (seconds / size,) * size)] * tasks
    processes = {"driver": psutil.Process(), "scheduler": psutil.Process(pid)}
    before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    threads = sum(client.nthreads().values())
    start = time.perf_counter()
    Driver(client, root, Progress(size * tasks), lambda _: None).run(batches)
    wall = time.perf_counter() - start
    used = {
        f"{name}, cores": round((sum(process.cpu_times()[:2]) - before[name]) / wall, 2)
        for name, process in processes.items()
    }
    ideal = seconds * tasks / threads
    about = {"workers": threads, "seconds a task": seconds, "points a task": size, "tasks": tasks}
    rate = {"tasks a second": round(tasks / wall), "busy": round(ideal / wall, 2)}
    return {**about, **rate, "wall": round(wall, 1), **used}


if __name__ == "__main__":
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with dask.config.set(dask_settings()):
        if sys.argv[1:2] == ["scheduler"]:
            asyncio.run(serve_scheduler())
        elif sys.argv[1:2] == ["workers"]:
            asyncio.run(serve_workers(sys.argv[2], int(sys.argv[3])))
        else:
            main(*map(int, sys.argv[1:]))
