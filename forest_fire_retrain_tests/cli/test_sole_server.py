"""One `up` for a home; servers that outlived theirs are named, and nobody else's process is blamed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.process_identity import began, is_alive, is_group_alive
from forest_fire_retrain.cli.minder import Minder, stop_groups
from forest_fire_retrain.cli.sole_server import Running, ServingRecord, refuse_survivors, sole_server, this_process
from forest_fire_retrain.core.errors import ConfigurationError
from forest_fire_retrain.places import PROJECT_ROOT

SLEEP = "import time; time.sleep(300)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); {SLEEP}"
HOLD = """
import sys, time
from pathlib import Path
from forest_fire_retrain.cli.sole_server import sole_server
with sole_server(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(300)
"""
START = """
import subprocess, sys, time
from forest_fire_retrain.cli.minder import Minder
minder = Minder()
server = subprocess.Popen((sys.executable, "-c", sys.argv[1]), start_new_session=True, stdout=subprocess.PIPE)
if "ready" in sys.argv[1]:
    server.stdout.readline()
minder.mind(server.pid)
print(server.pid, flush=True)
time.sleep(300)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


AS_A_SERVER = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_DFL); "
    "signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})"
)
"""Servers set what a signal does; whatever the process that runs the tests ignores is not handed on."""


@contextmanager
def started(program: str, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """A process with a group of its own, of which nothing is left behind."""
    command = (sys.executable, "-c", f"{AS_A_SERVER}; {program}", *words)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def describe(pid: int) -> Running:
    return Running("Dagster", "http://127.0.0.1:3000", pid, began(pid))


def test_a_second_up_blames_no_process_that_an_earlier_up_had(home: Path) -> None:
    with started(HOLD, str(home)) as first:
        assert line_of(first) == "held"
        ServingRecord(home).note([Running("forest-fire up", "", os.getpid(), "1")])  # before the first notes itself
        with pytest.raises(ConfigurationError) as refusal, sole_server(home):
            pass
    assert "another `forest-fire up` works on this home. " in str(refusal.value)
    assert str(os.getpid()) not in str(refusal.value)


def wait_until_gone(leader: int, began_at: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while is_group_alive(leader, began_at) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not is_group_alive(leader, began_at)


def test_a_second_up_is_refused_and_names_the_first_and_its_servers(home: Path) -> None:
    with sole_server(home) as record:
        record.note([this_process(), describe(os.getpid())])
        with pytest.raises(
            ConfigurationError, match=rf"process {os.getpid()}, Dagster at http://127.0.0.1:3000"
        ) as told:
            with_home(home)
    assert f"stop it first: kill {os.getpid()}" in str(told.value)
    with_home(home)
    assert not (home / "serving.json").exists()


def with_home(home: Path) -> None:
    with sole_server(home, 0.3):
        pass


def test_the_lock_of_a_killed_up_is_free(home: Path) -> None:
    with started(HOLD, str(home)) as holder:
        assert line_of(holder) == "held"
        with pytest.raises(ConfigurationError, match=f"kill {holder.pid}"):
            with_home(home)
        holder.kill()
        holder.wait()
        with_home(home)


def test_a_copy_of_a_served_home_is_free_and_a_moved_one_is_not(home: Path) -> None:
    with started(SLEEP) as server, sole_server(home) as record:
        record.note([this_process(), describe(server.pid)])
        copy = shutil.copytree(home, home.parent / "copy")
        assert ServingRecord(copy).read() == []
        with_home(copy)
        moved = home.rename(home.parent / "moved")
        with pytest.raises(ConfigurationError, match="another"):
            with_home(moved)
        moved.rename(home)


def test_servers_that_outlived_their_up_are_named_with_the_command_that_stops_them(home: Path) -> None:
    record = ServingRecord(home)
    with started(SLEEP) as server:
        record.note([this_process(), describe(server.pid)])
        with pytest.raises(ConfigurationError) as told:
            with_home(home)
        text = str(told.value)
        assert f"  - Dagster: process {server.pid}, http://127.0.0.1:3000" in text
        (command,) = (line for line in text.splitlines() if line.startswith("Stop them with: "))
        subprocess.run(["bash", "-c", command.removeprefix("Stop them with: ")], check=True)
        server.wait(10)
        with_home(home)


def test_the_next_up_waits_for_servers_that_are_ending(home: Path) -> None:
    record = ServingRecord(home)
    with started("import time; time.sleep(1)") as server:
        record.note([this_process(), describe(server.pid)])
        refuse_survivors(record, 20)
        assert server.poll() is not None or not is_group_alive(server.pid, began(server.pid))


def test_a_process_that_got_the_number_since_is_not_blamed(home: Path) -> None:
    record = ServingRecord(home)
    with started(SLEEP) as other:
        record.note([this_process(), describe(other.pid)._replace(began="1")])
        with_home(home)
        assert other.poll() is None
        assert is_alive(other.pid, began(other.pid))
        assert not is_alive(other.pid, "1")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"home": 1}', '{"home": ["x", "1", "2"], "running": [{}]}'])
def test_a_record_that_says_nothing_hinders_nobody(home: Path, text: str) -> None:
    (home / "serving.json").write_text(text)
    with_home(home)


def test_a_record_of_another_machine_is_not_looked_at(home: Path) -> None:
    record = ServingRecord(home)
    with started(SLEEP) as other:
        record.note([this_process(), describe(other.pid)])
        kept = json.loads((home / "serving.json").read_text())
        (home / "serving.json").write_text(json.dumps({**kept, "home": ["elsewhere", *kept["home"][1:]]}))
        with_home(home)


@pytest.mark.parametrize("server", [SLEEP, pytest.param(STUBBORN, marks=pytest.mark.slow)], ids=["willing", "stubborn"])
def test_the_servers_of_an_up_that_was_killed_are_stopped(server: str) -> None:
    with started(START, server) as up:
        leader = int(line_of(up))
        began_at = began(leader)
        os.kill(up.pid, signal.SIGKILL)
        up.wait()
        assert wait_until_gone(leader, began_at, 25)


def test_a_minder_that_is_dismissed_stops_nothing() -> None:
    with started(SLEEP) as server:
        minder = Minder()
        minder.mind(server.pid)
        minder.dismiss()
        assert server.poll() is None


def test_a_group_whose_leader_is_gone_is_stopped_too() -> None:
    program = f"import subprocess, sys; print(subprocess.Popen((sys.executable, '-c', {SLEEP!r})).pid, flush=True)"
    with started(program) as leader:
        member, began_at = int(line_of(leader)), began(leader.pid)
        leader.wait()
        assert is_group_alive(leader.pid, began_at)
        member_began = began(member)
        stop_groups([(leader.pid, began_at)], 5)
        assert not is_group_alive(leader.pid, began_at)
        assert began(member) in ("unknown", member_began)
