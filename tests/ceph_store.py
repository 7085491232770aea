"""An object store that shares no code with moto: Ceph's RADOS Gateway, as universities run it.

One monitor, one OSD that keeps objects in memory, and one gateway, all on loopback. Debian's
packages ceph-mon, ceph-osd and radosgw have them.
"""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from object_stores import KEY, PATIENCE, SECRET, free_port

CONFIGURATION = """
[global]
fsid = {identity}
mon host = v2:127.0.0.1:{monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = {folder}/keyring
run dir = {folder}
admin socket = {folder}/$name.$pid.socket
log file = {folder}/$name.log
osd pool default size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
osd crush chooseleaf type = 0
[mon.a]
mon data = {folder}/mon
mon data avail crit = 1
[osd.0]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 1G
[client.admin]
rgw data = {folder}
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
"""

RIGHTS = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
}


@contextmanager
def serving_ceph(folder: Path) -> Iterator[str]:
    """Start a Ceph, and yield the endpoint of its gateway; it forgets everything when it ends.

    Args:
        folder: For its configuration, its keys and its logs.
    """
    identity, osd, port, monitor = str(uuid4()), str(uuid4()), free_port(), free_port()
    configuration, keyring, map_file = folder / "ceph.conf", folder / "keyring", folder / "map"
    configuration.write_text(
        CONFIGURATION.format(identity=identity, monitor=monitor, folder=folder, port=port)
    )
    (folder / "osd").mkdir()
    variables = {**os.environ, "CEPH_CONF": str(configuration)}
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("wb"))

        def call(*command: str | Path) -> None:
            done = subprocess.run(
                command, check=False, timeout=120, stdout=log, stderr=log, env=variables
            )
            assert done.returncode == 0, (command, (folder / "log").read_text())

        def start(*command: str) -> None:
            # Nothing is left where the tests are killed.
            ending_with_us = ["setpriv", "--pdeathsig", "KILL", *command, "--foreground"]
            process = subprocess.Popen(ending_with_us, stdout=log, stderr=log, env=variables)
            stack.callback(process.wait)
            stack.callback(process.kill)

        keyring.touch(mode=0o600)
        for name, rights in RIGHTS.items():
            words = [word for part, right in rights.items() for word in ("--cap", part, right)]
            call("ceph-authtool", keyring, "--gen-key", "--name", name, *words)
        address = f"[v2:127.0.0.1:{monitor}]"
        call("monmaptool", "--create", "--fsid", identity, "--addv", "a", address, map_file)
        call("ceph-mon", "-i", "a", "--mkfs", "--monmap", map_file, "--keyring", keyring)
        start("ceph-mon", "-i", "a")
        call("ceph", "osd", "new", osd, "0")
        call("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        start("ceph-osd", "-i", "0")
        call(
            "radosgw-admin", "user", "create", "--uid=test", "--display-name=test",
            f"--access-key={KEY}", f"--secret-key={SECRET}",
        )  # fmt: skip
        start("radosgw", "-n", "client.admin")
        endpoint = f"http://127.0.0.1:{port}"
        wait_for_answer(endpoint)
        yield endpoint


def wait_for_answer(endpoint: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(endpoint, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except (TimeoutError, OSError):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return
