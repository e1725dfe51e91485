"""How many threads the native libraries start: as many as there are CPUs for them, not as the host has.

They count the host's CPUs when they are loaded, so this comes before: 64 threads in a container of two CPUs
are throttled for most of every scheduling period, and each holds memory.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from proxy.scoring.cpus import usable_cpus

if TYPE_CHECKING:
    from collections.abc import MutableMapping

# NumPy's products, OpenMP's loops (torch), and the tokenizers' batches.
VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS")


def bound_native_threads(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set the variables that are not set, for this process and what it starts."""
    cpus = str(usable_cpus())
    for name in VARIABLES:
        environment.setdefault(name, cpus)
