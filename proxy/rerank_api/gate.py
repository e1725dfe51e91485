"""Who is let in: what a request to the rerank API is answered by its head alone, before its body is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_core import to_json

from proxy.bearer import BearerKey
from proxy.rerank_api.answers import answer, error
from proxy.rerank_api.cohere import CohereDialect
from proxy.rerank_api.jina import JinaDialect
from proxy.rerank_api.openapi import HEALTH_PATH, OPENAPI_PATH, openapi
from proxy.rerank_api.tei import TeiDialect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxy.model import WireResponse
    from proxy.policy_rerank_api import RerankApi
    from proxy.rerank_api.base import Dialect


class Gate:
    """Knows the paths and their dialects, the key, and how the models are."""

    def __init__(self, settings: RerankApi, states: Callable[[], Mapping[str, str]]) -> None:
        """Take the policy's part; `states` says of every model whether it is `warming`, `ready`, ..."""
        jina = JinaDialect()
        self._dialects: dict[str, Sequence[Dialect]] = {
            "/v1/rerank": (jina,),
            "/v2/rerank": (CohereDialect(),),
            # vLLM and Infinity are asked there too.
            "/rerank": (TeiDialect(), jina),
        }
        self._models = settings.rerank
        self._states = states
        self._key = BearerKey(settings.api_key)
        self._description = to_json(
            openapi(self._dialects, guarded=self._key.asked_for, max_documents=settings.max_documents)
        )

    def unread(self, method: str, path: str, headers: Mapping[str, str]) -> WireResponse | None:
        """Answer a request by its head; None if its body is to be read and ranked."""
        if path not in self._dialects:
            return self._about(method, path)
        dialect = self._dialects[path][0]
        if method != "POST":
            return error(dialect, 405, "a rerank request is a POST", ("allow", "POST"))
        if not self._key.admits(headers.get("authorization", "")):
            why = "the key in `Authorization: Bearer KEY` is missing or wrong"
            return error(dialect, 401, why, ("www-authenticate", "Bearer"))
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            return error(dialect, 415, "a body is taken without content coding")
        return None

    def too_large(self, path: str) -> WireResponse:
        """Answer a request whose body is larger than is read."""
        return error(self._dialects[path][0], 413, "the body is too large")

    def dialects(self, path: str) -> Sequence[Dialect]:
        """Return the dialects that a request that was let in may be in."""
        return self._dialects[path]

    def _about(self, method: str, path: str) -> WireResponse:
        if path not in (HEALTH_PATH, OPENAPI_PATH):
            paths = ", ".join((*self._dialects, HEALTH_PATH, OPENAPI_PATH))
            return answer(404, to_json({"message": f"there are {paths}"}))
        if method not in ("GET", "HEAD"):
            return answer(405, to_json({"message": "it can only be read"}), ("allow", "GET, HEAD"))
        if path == OPENAPI_PATH:
            return answer(200, self._description)
        states = self._states()
        mine = {states[model] for model in self._models}
        # A model that is left alone for a while makes nobody unready: requests are answered all the same.
        up = mine - {"warming", "failed"}
        status = "ready" if up else "warming" if "warming" in mine else "failed"
        return answer(200 if status == "ready" else 503, to_json({"status": status}))
