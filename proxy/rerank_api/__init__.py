"""A rerank API of midrank's own, in the words of three others.

    POST /v1/rerank   `jina.py`    Jina, vLLM, Infinity, LocalAI; clients of Cohere's v1 too
    POST /v2/rerank   `cohere.py`  Cohere
    POST /rerank      `tei.py`     text-embeddings-inference; for a body with `documents` `jina.py`, too
    GET /health, /openapi.json

A dialect is pure: bytes to an `Asked`, rows to bytes (`base.py`). `gate.py` answers what needs no body, and
`service.py` puts the ranker in the middle, with the scorers, budget, caches, outcome words and spans of
searches. `scale.py` makes comparable scores of what the models say, and `openapi.py` describes all of it out
of the types that decode and encode.
"""
