"""Write what is generated: the dashboards, and the rules as the Prometheus operator takes them.

    python -m deploy.observability.dashboards [FOLDER]

Into `deploy/observability`, or into another folder, to compare.
"""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import indent

from deploy.observability.dashboards.overview import OVERVIEW
from deploy.observability.dashboards.proof import PROOF

HERE = Path(__file__).parents[1]
BOARDS = {"overview": OVERVIEW, "proof": PROOF}

_RULE = """\
# Generated from rules.yaml, for the Prometheus operator: python -m deploy.observability.dashboards
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: midrank
  labels: {app.kubernetes.io/name: midrank}
spec:
"""


def write(folder: Path) -> None:
    """Write all of it into a folder."""
    (folder / "grafana").mkdir(parents=True, exist_ok=True)
    for name, board in BOARDS.items():
        (folder / "grafana" / f"{name}.json").write_text(board.as_json())
    rules = (HERE / "rules.yaml").read_text()
    (folder / "prometheusrule.yaml").write_text(_RULE + indent(rules[rules.index("groups:") :], "  "))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
