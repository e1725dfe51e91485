"""The Grafana dashboards, as panels that people can read.

`python -m deploy.observability.dashboards` writes the JSON that Grafana imports, which is committed under
`../grafana`; a test says whether it is up to date. `overview.py` and `proof.py` put together what is shown;
`board.py` makes Grafana's own format of it, with the builders of Grafana's Foundation SDK.
"""
