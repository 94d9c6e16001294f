"""A kill is a real SIGKILL of the real process, at the armed point and at no other."""

import signal
import subprocess
import sys

PROGRAM = """
import sys
from common import faults
faults.arm(sys.argv[1] or None)
faults.reach("K1")
print("after K1", flush=True)
faults.reach("K2")
print("after K2", flush=True)
"""


def run(point: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, point], capture_output=True, text=True, check=False
    )


def test_the_process_is_killed_at_the_armed_point():
    ended = run("K2")

    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.splitlines()[-1] == "after K1"


def test_nothing_happens_where_nothing_is_armed():
    ended = run("")

    assert ended.returncode == 0
    assert ended.stdout.splitlines()[-1] == "after K2"
