"""`hessweep watch` as a user starts it, and what others on the machine get from it."""

import http.client
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from html import unescape
from urllib.parse import urlsplit

import psutil
import pytest
from watching.conftest import HOSTILE, fill, store, watching

from hessweep.outputs import load_study


def get(address, path="", method="GET", host=None):
    """Ask the server, naming it by any host; return the status, the headers and the text."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.putrequest(method, parts.path + path, skip_host=True)
    if host != "":
        connection.putheader("Host", host or parts.netloc)
    connection.endheaders()
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read().decode()


def text_of(html):
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def wait_for(address, words):
    end = time.monotonic() + 120
    while words not in (shown := text_of(get(address, "now")[2])):
        assert time.monotonic() < end, shown
        time.sleep(0.2)


def test_who_has_no_token_or_names_another_host_gets_nothing(folder):
    fill(load_study("study.yaml"))
    with watching(folder) as (_, address):
        port = urlsplit(address).port
        root = f"http://127.0.0.1:{port}/"
        for path in ("", "now", "x" * 32 + "/", "x" * 32 + "/now", "../../etc/passwd", "%2e%2e/"):
            status, _, text = get(root, path)
            assert (status, "demo" in text) == (404, False)
        for path in ("other", "now/", "now/x", "./now", "../"):
            assert get(address, path)[0] == 404
        for host in ("evil.example", f"evil.example:{port}", "", "127.0.0.1.evil.example:80", "["):
            status, _, text = get(address, host=host)
            assert (status, "demo" in text) == (403, False)
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            assert get(address, method=method)[0] == 501
        for host in (None, f"localhost:{port}", "127.0.0.1:9999", "localhost:80"):
            status, headers, text = get(address, "now", host=host)
            assert (status, "demo" in text) == (200, True)
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in headers
        assert get(address, method="HEAD")[2] == ""


def test_it_listens_on_loopback_alone(folder):
    with watching(folder) as (process, address):
        port = urlsplit(address).port
        listening = [
            connection.laddr.ip
            for connection in psutil.Process(process.pid).net_connections(kind="inet")
            if connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
        ]
        assert listening == ["127.0.0.1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_cleanly(folder, number):
    with watching(folder) as (process, address):
        assert get(address)[0] == 200
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
        assert process.returncode == 0
        assert told == "hessweep: stopped watching; a run that is going on does not notice\n"


def test_it_follows_a_run_from_before_its_first_point_to_its_end(folder):
    with watching(folder, "study.yaml", "--refresh", "0.5") as (_, address):
        wait_for(address, "No results yet: this page shows them when they come.")
        command = [sys.executable, "-m", "hessweep", "run", "study.yaml", "--workers", "1"]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        requested = re.search(r"demo: (\d+) requested, \1 computed", run.stdout)[1]
        wait_for(address, f"{requested} of {requested} points computed. Every point has been")
        assert "1 of 1 setups finished, 1 reached the error" in text_of(get(address, "now")[2])


def test_failures_damage_and_a_deleted_folder(folder):
    study = load_study("study.yaml")
    fill(study)
    with watching(folder, "study.yaml", "--refresh", "0.5") as (_, address):
        shown = get(address)[2]
        assert f"ArithmeticError: {HOSTILE}" in unescape(shown)
        assert HOSTILE not in shown
        text = text_of(shown)
        assert "55 of at least 150 points computed, 3 failed" in text
        assert "1 segment can not be read: what is in there counts as missing" in text
        assert "are not those that were written" in text
        shutil.rmtree(study.results)
        wait_for(address, "No results yet")
        store(study, study.sweeps["small"].points()[:4])
        wait_for(address, "4 of at least 150 points computed")


def test_results_that_can_not_be_read_are_a_message_until_they_can(folder):
    study = load_study("study.yaml")
    study.results.mkdir(parents=True)
    (study.results / "index.cache").mkdir()
    fill(study)
    with watching(folder, "study.yaml", "--refresh", "0.5") as (_, address):
        assert get(address)[0] == 200
        shutil.rmtree(study.results / "segments")
        (study.results / "segments").symlink_to("segments")  # It leads to itself.
        wait_for(address, "segments")
        assert "Watching demo" in text_of(get(address, "now")[2])
        (study.results / "segments").unlink()
        wait_for(address, "No results yet")


def test_results_alone_and_two_watchers_at_once(folder):
    fill(load_study("study.yaml"))
    with watching(folder) as (_, one), watching(folder, "results/demo") as (_, other):
        assert urlsplit(one).path != urlsplit(other).path
        assert "55 of at least 150 points" in text_of(get(one, "now")[2])
        text = text_of(get(other, "now")[2])
        assert "55 points stored, 3 failed" in text
        assert "Results without a study" in text
        assert "Spectra so far" in text


def test_a_port_that_is_taken_and_what_is_not_there(folder):
    def told(*arguments):
        command = [sys.executable, "-m", "hessweep", "watch", *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
        return ended.stderr

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        message = told("study.yaml", "--port", str(port))
        assert f"port {port} can not be used (Address already in use); name another" in message
    assert "nothing.yaml" in told("nothing.yaml")
    (folder / "empty").mkdir()
    assert "found no `segments` in it; give the study" in told("empty")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("socket")
        assert "socket: expected a study" in told("socket")
    with zipfile.ZipFile(folder / "bundle.zip", "w") as bundle:
        bundle.writestr("a", "b")
    assert "a bundle does not change" in told("bundle.zip")
    assert "of this machine" in told("https://example.org/results")


def test_many_pages_share_one_look(folder):
    fill(load_study("study.yaml"))
    with watching(folder, "study.yaml", "--refresh", "60") as (_, address):
        first = get(address, "now")[2]
        store(load_study("study.yaml"), load_study("study.yaml").sweeps["small"].points()[60:62])
        for _ in range(20):
            with urllib.request.urlopen(f"{address}now", timeout=30) as answer:
                assert answer.read().decode() == first
