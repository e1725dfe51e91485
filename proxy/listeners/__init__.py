"""Sockets in: `http` and its `http_*` siblings are the data path, `admin` answers probes."""
