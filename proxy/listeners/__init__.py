"""Sockets in: `http` is the data path, `admin` answers probes."""
