"""Real clients of other rerank APIs, with nothing but their base URL changed."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import cohere
import pytest
from haystack import Document as HaystackDocument
from haystack.utils import Secret
from haystack_integrations.components.rankers.cohere import CohereRanker
from haystack_integrations.components.rankers.jina import JinaRanker
from langchain_cohere import CohereRerank as LangchainCohereRerank
from langchain_core.documents import Document as LangchainDocument
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llama_index.postprocessor.cohere_rerank import CohereRerank
from llama_index.postprocessor.jinaai_rerank import JinaRerank
from llama_index.postprocessor.tei_rerank import TextEmbeddingInference

from proxy.model import Reason
from proxy.policy import Policy
from tests.fakes.odd_scorers import Refusing, TermOverlap
from tests.fakes.running import running

KEY = "the-key-of-the-clients"
QUERY = "blue whales eat krill"
DOCUMENTS = ["the road is closed", "whales eat krill", "blue paint", "blue whales eat krill daily"]
# The best three of `DOCUMENTS`, by the number of the query's words that they hold.
BEST = [3, 1, 2]


@pytest.fixture(scope="module")
def url():
    with _served(TermOverlap()) as addresses:
        yield addresses["rerank_api"].url


@pytest.fixture
def opened():
    """Give `opened(client)`: the client, and closes its connections after the test."""
    with ExitStack() as stack:
        yield stack.enter_context


def _served(scorer, **settings):
    api = {"listen": "127.0.0.1:0", "api_key": KEY, "budget_ms": 5000, **settings}
    return running(Policy.model_validate({"rerank_api": api}), {"default": scorer}, warm=True)


def _falling(scores):
    return scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)


def test_cohere_v2(url, opened):
    answer = opened(cohere.ClientV2(KEY, base_url=url)).rerank(
        model="rerank-v3.5", query=QUERY, documents=DOCUMENTS, top_n=3, max_tokens_per_doc=512
    )

    assert [result.index for result in answer.results] == BEST
    assert _falling([result.relevance_score for result in answer.results])
    assert answer.id
    assert answer.meta.api_version.version == "2"


def test_cohere_v2_async(url):
    async def ask():
        async with cohere.AsyncClientV2(KEY, base_url=url) as client:
            return await client.rerank(model="rerank-v3.5", query=QUERY, documents=DOCUMENTS, top_n=3)

    assert [result.index for result in asyncio.run(ask()).results] == BEST


@pytest.mark.parametrize("documents", [DOCUMENTS, [{"text": text} for text in DOCUMENTS]])
def test_cohere_v1(url, opened, documents):
    answer = opened(cohere.Client(KEY, base_url=url)).rerank(
        query=QUERY, documents=documents, top_n=3, return_documents=True
    )

    assert [(result.index, result.document.text) for result in answer.results] == [
        (place, DOCUMENTS[place]) for place in BEST
    ]
    assert answer.meta.api_version.version == "1"


def test_cohere_v1_with_fields_of_its_own(url, opened):
    documents = [{"title": text.split(" ", 1)[0], "rest": text.split(" ", 1)[1]} for text in DOCUMENTS]

    answer = opened(cohere.Client(KEY, base_url=url)).rerank(
        query=QUERY, documents=documents, rank_fields=["title", "rest"], return_documents=False
    )

    assert [result.index for result in answer.results] == [*BEST, 0]
    assert answer.results[0].document is None


@pytest.mark.parametrize("client", [cohere.Client, cohere.ClientV2])
def test_cohere_tells_what_is_wrong(url, opened, client):
    with pytest.raises(cohere.UnauthorizedError) as refused:
        opened(client("wrong", base_url=url)).rerank(model="m", query=QUERY, documents=DOCUMENTS)
    assert "message" in refused.value.body

    with pytest.raises(cohere.BadRequestError, match="documents"):
        opened(client(KEY, base_url=url)).rerank(model="m", query=QUERY, documents=[])


def test_cohere_hears_of_trouble_as_the_policy_wants_it(opened):
    trouble = Refusing(reason=Reason.OVERLOADED)
    asked = {"model": "m", "query": QUERY, "documents": DOCUMENTS}
    with _served(trouble) as addresses:
        client = opened(cohere.ClientV2(KEY, base_url=addresses["rerank_api"].url))
        raw = client.with_raw_response.rerank(**asked)
        assert [result.index for result in raw.data.results] == [0, 1, 2, 3]
        assert raw.headers["x-midrank-reason"] == "overloaded"
    with _served(trouble, on_trouble="error") as addresses:
        client = opened(cohere.ClientV2(KEY, base_url=addresses["rerank_api"].url))
        with pytest.raises(cohere.ServiceUnavailableError, match="overloaded"):
            client.rerank(**asked, request_options={"max_retries": 0})


def test_langchain(url, opened):
    reranker = LangchainCohereRerank(model="rerank-v3.5", cohere_api_key=KEY, base_url=url, top_n=3)
    opened(reranker.client)
    documents = [LangchainDocument(text, metadata={"place": place}) for place, text in enumerate(DOCUMENTS)]

    ranked = reranker.compress_documents(documents, QUERY)

    assert [document.metadata["place"] for document in ranked] == BEST
    assert _falling([document.metadata["relevance_score"] for document in ranked])
    fields = [{"text": text, "place": 1} for text in DOCUMENTS]
    found = reranker.rerank(fields, QUERY, rank_fields=["text"])
    assert [one["index"] for one in found] == BEST


def test_llama_index_s_cohere(url, opened):
    reranker = CohereRerank(top_n=3, api_key=KEY, base_url=url)
    opened(reranker._client)
    _check_llama_index(reranker)


def test_llama_index_s_jina(url, opened):
    reranker = JinaRerank(top_n=3, api_key=KEY, base_url=f"{url}/v1")
    opened(reranker._session)
    _check_llama_index(reranker)


def test_llama_index_s_tei(url):
    _check_llama_index(TextEmbeddingInference(top_n=3, base_url=url, auth_token=f"Bearer {KEY}"))


def _check_llama_index(reranker):
    nodes = [NodeWithScore(node=TextNode(text=text), score=0.5) for text in DOCUMENTS]

    ranked = reranker.postprocess_nodes(nodes, QueryBundle(QUERY))

    assert [node.text for node in ranked] == [DOCUMENTS[place] for place in BEST]
    assert _falling([node.score for node in ranked])


def test_haystack_s_cohere(url, opened):
    ranker = CohereRanker(api_key=Secret.from_token(KEY), api_base_url=url)
    ranker.warm_up()
    opened(ranker._cohere_client)
    _check_haystack(ranker)


def test_haystack_s_jina(url):
    ranker = JinaRanker(api_key=Secret.from_token(KEY), base_url=f"{url}/v1/rerank")
    _check_haystack(ranker)


def _check_haystack(ranker):
    documents = [HaystackDocument(content=text) for text in DOCUMENTS]

    ranked = ranker.run(query=QUERY, documents=documents, top_k=3)["documents"]

    assert [document.content for document in ranked] == [DOCUMENTS[place] for place in BEST]
    assert _falling([document.score for document in ranked])


def test_haystack_s_jina_tells_what_is_wrong(url):
    ranker = JinaRanker(api_key=Secret.from_token("wrong"), base_url=f"{url}/v1/rerank")

    with pytest.raises(RuntimeError, match="the key in"):
        ranker.run(query=QUERY, documents=[HaystackDocument(content="text")])
