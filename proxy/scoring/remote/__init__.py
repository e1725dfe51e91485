"""Rerankers behind an HTTP API, hosted or one's own.

Remote      the scorer: splits a job into calls, and merges what is there in time
Asking      one call: which endpoint, once more or hedged, and what its answer means
dialects/   what the calls and answers of one API look like: pure, one file each
Places      how many calls at once, and how many that are late
Endpoints   the URLs of one API: who is busy, wants to be left alone, or fails
RemoteHttp  POST in, answer out, within time and bounds; LLMs are asked through it too
"""
