"""midrank: a sidecar proxy that reranks vector-store searches, in the store's own wire format.

One page of architecture. Bytes come in at a listener; a codec says whether they are a search; the
pipeline asks the store for more candidates than the app wanted, a scorer reads them, and the codec cuts
the store's own answer back to the page the app asked for::

    listeners/  sockets in: HTTP today; decides by method and path, streams everything it does not know
    pipeline    one exchange, top to bottom: decode, recover the text, widen, fetch, decode, rank, encode
    codecs/     one file per store protocol; pure: bytes in, bytes out, no I/O, no clock
    recovery    where the query's text comes from, since a vector search carries only numbers
    scoring/    (query, texts) -> scores; `Ranker` owns the deadline and never raises
    cache/      where scores are kept: memory, Redis; never raises, never late
    upstream/   sockets out: one pooled client per store
    evidence/   what live traffic proves: shadow, experiments, feedback, harm; records/: what is written down
    evaluation/ whether it is worth it, on judged queries; tuning/: the best policy; reporting/: for people
    stats/      the numbers behind both: pure
    rerank_api/ the same scorers for applications that fetch candidates themselves; offline/: for files
    policy      YAML -> frozen values, all errors at once
    app         the composition root: reads the policy, builds the stack above, starts and stops it

Three seams hold it together: `codecs.base.Codec`, `scoring.base.Scorer` and `listeners.http.Exchange`.
A ranking holds indices into the store's own hits, so midrank can select and permute, never invent.
`docs/architecture.md` follows one search through all of it.
"""

__version__ = "0.1.0"
