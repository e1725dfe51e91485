"""Sockets out: one pooled client per store.

`http` speaks HTTP/1.1 to a store, buffered (`fetch`) or streamed (`send`); `http_headers` knows which headers
end at this hop; `decoding` undoes content codings within bounds.
"""
