"""`midrank overview`: is it well, what do searches get, and what does that cost."""

from __future__ import annotations

from deploy.observability.dashboards.board import Board
from deploy.observability.dashboards.caches import CACHES
from deploy.observability.dashboards.models import MODELS
from deploy.observability.dashboards.processes import PROCESSES
from deploy.observability.dashboards.searches import GLANCE, SEARCHES, TIME
from deploy.observability.dashboards.variables import OF_STORES

OVERVIEW = Board(
    "midrank-overview",
    "midrank overview",
    "Is midrank well, what do searches get, and what does it cost. The runbooks are in docs/operations.md.",
    OF_STORES,
    (GLANCE, SEARCHES, TIME, MODELS, CACHES, PROCESSES),
)
