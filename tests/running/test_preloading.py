"""The process that forks for the jobs of a workflow: a job can not tell, except by its speed."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from hessweep.running import preloading

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux only")

CLIENT = """
import signal, sys, types
# Where nohup or a shell that starts this in the background has made all ignore it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
from hessweep.running.preloading import hand_over
job = types.SimpleNamespace(threads=int(sys.argv[2]), name="fig-1")
sys.path.append(sys.argv[3])
status = hand_over(sys.argv[1], job)
sys.exit("ran nowhere" if status is None else status)
"""


@pytest.fixture
def started(monkeypatch, tmp_path):
    """The process that forks has been started from here, and ends with the test."""
    monkeypatch.setenv(preloading.VARIABLE, "")
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "looks_for_a_folder.py").write_text("import tempfile; tempfile.gettempdir()")
    monkeypatch.setenv("PYTHONPATH", f"{modules}:{os.environ.get('PYTHONPATH', '')}")
    names = ["no_such_module", "hessweep.units", "numpy", "looks_for_a_folder"]
    preloading.start(sys.executable, names)
    process, pipe = preloading._kept.pop()
    yield process
    os.close(pipe)
    assert process.wait(20) == 0


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "job.py"
        path.write_text(textwrap.dedent(text))
        return path

    return write


def client(script, threads=1, path="", **options):
    command = [sys.executable, "-c", CLIENT, str(script), str(threads), str(path)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def ended(process):
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def wait_for(path):
    until = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    return path.read_text()


def is_running(pid):
    return Path(f"/proc/{pid}").exists()


def test_a_job_has_the_folder_environment_and_streams_of_its_script(started, script, tmp_path):
    path = script("""
        import os, sys
        assert __name__ == "__main__" and sys.argv == [__file__]
        print(snakemake.name, os.getcwd(), os.environ["WORD"], "HESSWEEP_PRELOADED" in os.environ)
        print(sys.stdin.readline().strip(), "hessweep.units" in sys.modules, file=sys.stderr)
        print(os.getppid() == int(os.environ["US"]))
    """)
    environment = {**os.environ, "WORD": "blue", "US": str(os.getpid())}
    process = client(path, cwd=tmp_path, env=environment, stdin=subprocess.PIPE)
    out, err = process.communicate("a line\n", timeout=30)
    assert (process.returncode, err) == (0, "a line True\n")
    assert out == f"fig-1 {tmp_path} blue False\nFalse\n"


def test_a_job_imports_and_writes_where_its_script_would(started, script, tmp_path):
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "helps.py").write_text("word = 'found'")
    path = script("import helps, tempfile; print(helps.word, tempfile.gettempdir())")
    process = client(path, path=tmp_path / "beside", env={**os.environ, "TMPDIR": str(tmp_path)})
    assert ended(process) == (0, f"found {tmp_path}\n", "")


def test_what_only_later_jobs_need_is_imported_while_no_job_comes(monkeypatch, script, tmp_path):
    (tmp_path / "is_first.py").write_text(
        "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)"
    )
    (tmp_path / "is_later.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv(preloading.VARIABLE, "")
    preloading.start(sys.executable, ["is_first"], ["no_such_module", "is_later"])
    process, pipe = preloading._kept.pop()
    path = script("import sys; print([n in sys.modules for n in ('is_first', 'is_later')])")
    waiting = client(path)
    address = os.environ[preloading.VARIABLE]
    until = time.monotonic() + 20
    while Path("/proc/net/unix").read_text().count(address) < 2:  # It has not connected yet.
        assert time.monotonic() < until
        time.sleep(0.01)
    (tmp_path / "go").touch()
    assert ended(waiting)[1] == "[True, False]\n"
    while ended(client(path))[1] != "[True, True]\n":
        assert time.monotonic() < until
    os.close(pipe)
    assert process.wait(20) == 0


def test_what_interrupts_the_workflow_does_not_reach_the_process(started):
    assert os.getpgid(started.pid) != os.getpgid(0)


@pytest.mark.parametrize(
    ("ending", "status", "said"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit('no')", 1, "no\n"),
        ("pass", 0, ""),
        ("os.kill(os.getpid(), 9)", 137, ""),
        ("os._exit(0)", 0, ""),
    ],
)
def test_a_script_ends_as_its_job(started, script, ending, status, said):
    assert ended(client(script(f"import os, sys\n{ending}\n"))) == (status, "", said)


@pytest.mark.parametrize(
    ("error", "expected"),
    [("OSError", 1), ("EOFError", 1), ("RuntimeError", 1), ("KeyboardInterrupt", 130)],
)
def test_an_error_of_a_script_is_its_own(started, script, error, expected):
    status, out, err = ended(client(script(f"raise {error}('the disk sings')")))
    assert (status, out) == (expected, "")
    assert err.startswith("Traceback")
    assert err.endswith(f"{error}: the disk sings\n")


def test_a_job_computes_with_the_threads_that_it_is_given(started, script):
    path = script("""
        import numpy, threadpoolctl
        print({pool["num_threads"] for pool in threadpoolctl.threadpool_info()})
    """)
    assert ended(client(path, 1))[1] == "{1}\n"
    assert ended(client(path, 2))[1] == "{2}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_reach_the_job(started, script, tmp_path, number):
    path = script(f"""
        import os, signal, sys, time
        signal.signal({int(number)}, lambda *_: sys.exit(7))
        open("running", "w").close()
        time.sleep(60)
    """)
    process = client(path, cwd=tmp_path)
    wait_for(tmp_path / "running")
    process.send_signal(number)
    assert ended(process)[0] == 7


WAITS = """
    import os, signal, sys, time
    def end(*_):
        open("ended", "w").close()
        sys.exit(1)
    signal.signal(signal.SIGTERM, end)
    with open("pid", "w") as file:
        file.write(str(os.getpid()))
    os.rename("pid", "running")
    time.sleep(60)
"""


def test_a_job_ends_in_order_when_its_script_is_killed(started, script, tmp_path):
    process = client(script(WAITS), cwd=tmp_path)
    pid = wait_for(tmp_path / "running")
    process.kill()
    wait_for(tmp_path / "ended")
    until = time.monotonic() + 10
    while is_running(pid):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_all_end_when_the_workflow_is_killed(script, tmp_path):
    path = script(WAITS)
    workflow = f"""
import subprocess, sys, time
from hessweep.running import preloading
preloading.start(sys.executable, [])
process, _ = preloading._kept[0]
print(process.pid, preloading.os.environ[preloading.VARIABLE], flush=True)
client = subprocess.Popen([sys.executable, "-c", {CLIENT!r}, {str(path)!r}, "1", ""])
print(client.pid, flush=True)
time.sleep(60)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", workflow], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    forking, socket = process.stdout.readline().split()
    waiting = process.stdout.readline().strip()
    job = wait_for(tmp_path / "running")
    process.kill()
    process.wait(20)
    wait_for(tmp_path / "ended")
    until = time.monotonic() + 10
    while any(map(is_running, (forking, waiting, job))) or Path(socket).parent.exists():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_where_nothing_answers_a_script_runs_in_its_own_process(script, tmp_path, monkeypatch):
    path = script("")
    monkeypatch.delenv(preloading.VARIABLE, raising=False)
    assert ended(client(path))[2] == "ran nowhere\n"
    monkeypatch.setenv(preloading.VARIABLE, str(tmp_path / "socket"))
    assert ended(client(path))[2] == "ran nowhere\n"
    listening = preloading.socket.socket(preloading.socket.AF_UNIX)
    with listening:  # that of a process which ended while it imported
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        process = client(path)
        listening.accept()[0].close()
        assert ended(process)[2] == "ran nowhere\n"
        process = client(path)
        connection, _ = listening.accept()
        with connection.makefile("rb", buffering=0) as stream:  # it reads before it ends
            assert stream.read(1) == preloading.ACCEPTED
            assert pickle.load(stream)["folder"] == str(Path.cwd())  # noqa: S301 - our own
        connection.close()
    assert ended(process)[2] == "ran nowhere\n"


def test_a_killed_process_leaves_its_jobs_and_later_ones_do_without(script, tmp_path, monkeypatch):
    monkeypatch.setenv(preloading.VARIABLE, "")
    preloading.start(sys.executable, [])
    process, pipe = preloading._kept.pop()
    path = script("""
        import os, time
        open("running", "w").close()
        while not os.path.exists("go on"):
            time.sleep(0.01)
    """)
    job = client(path, cwd=tmp_path)
    wait_for(tmp_path / "running")
    process.kill()
    process.wait(20)
    (tmp_path / "go on").touch()
    assert ended(job) == (0, "", "")
    assert ended(client(path, cwd=tmp_path))[2] == "ran nowhere\n"
    os.close(pipe)


def test_where_address_space_is_limited_nothing_is_started(monkeypatch):
    monkeypatch.delenv(preloading.VARIABLE, raising=False)
    monkeypatch.setattr(preloading, "is_address_space_limited", lambda: True)
    preloading.start(sys.executable, [])
    assert not preloading._kept
    assert preloading.VARIABLE not in os.environ
