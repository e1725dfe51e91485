"""Native libraries get as many threads as there are CPUs, unless somebody has said otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

from proxy.native_threads import VARIABLES, bound_native_threads
from proxy.scoring.cpus import usable_cpus


def test_what_is_set_stays_and_the_others_follow_the_cpus():
    environment = {"OMP_NUM_THREADS": "7"}

    bound_native_threads(environment)

    assert environment == {name: str(usable_cpus()) for name in VARIABLES} | {"OMP_NUM_THREADS": "7"}


def test_the_command_bounds_them_before_numpy_is_loaded():
    look = (
        "import os, sys; from proxy.cli import main\n"
        "main(['schema'])\n"
        "print(len(os.listdir('/proc/self/task')), file=sys.stderr)"
    )
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}

    ran = subprocess.run(
        [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{0}})\n{look}"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=True,
    )

    assert int(ran.stderr.split()[-1]) == 1
