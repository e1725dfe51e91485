"""An evaluation that nobody ran: a help centre's questions, with orders, times and outcomes out of a seed."""

import random
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np

from proxy.evaluation.judged import Judged, JudgedQuery
from proxy.evaluation.results import Arm, Asked, Difference, Evaluation
from proxy.stats.ndcg import ndcg
from proxy.stats.paired import mean_difference

SUBJECTS = (
    "signing key", "backup", "invoice", "team member", "access token", "webhook", "custom domain",
    "search index", "audit log", "data region", "API quota", "status page", "mail template", "time zone",
)  # fmt: skip
VERBS = ("rotate", "restore", "delete", "export", "share", "rename", "schedule", "monitor", "test", "migrate")
WINDOW = 30
K = 10

# How much a grade weighs against chance: in the store's order, and in a policy's, with the seconds it adds.
STORE = 0.95
ARMS = {"balanced": (0.72, 0.021), "quality": (1.2, 0.088), "tiny": (0.4, 0.004)}


@cache
def questions(count=120):
    """Return the judged questions, each with one answer (grade 2) and something related (grade 1)."""
    pairs = list(product(SUBJECTS, VERBS))
    documents = {
        f"{verb}-{subject.replace(' ', '-').lower()}": _text(verb, subject) for subject, verb in pairs
    }
    names = dict(zip(pairs, documents, strict=True))
    queries = []
    for number, (subject, verb) in enumerate(random.Random(1).sample(pairs, count), 1):
        related = names[subject, VERBS[(VERBS.index(verb) + 1) % len(VERBS)]]
        relevant = {names[subject, verb]: 2.0, related: 1.0}
        queries.append(JudgedQuery(f"q{number}", f"How do I {verb} the {subject} of a project?", relevant))
    return Judged("help-centre", documents, tuple(queries))


@cache
def fabricated(count=120, arms=tuple(ARMS)):
    """Return what asking the store alone and some policies has found, alike every time."""
    judged = questions(count)
    chance = random.Random(7)
    windows = [_window(query, judged, chance) for query in judged.queries]
    store = tuple(
        Asked(
            query.id, tuple(window)[:K], seconds, seconds, 0.0, ndcg5=ndcg(tuple(window), query.relevant, 5)
        )
        for query, window in zip(judged.queries, windows, strict=True)
        for seconds in [chance.lognormvariate(-5.4, 0.3)]
    )
    alone = Arm("store alone", None, store, _measures(judged, store), {})
    return Evaluation(
        data=judged.name,
        live=False,
        queries=count,
        unjudged=3,
        documents=len(judged.documents),
        k=K,
        window=WINDOW,
        recall=0.97,
        arms=(alone, *(_policy(name, judged, windows, alone, chance) for name in arms)),
    )


def renamed(evaluation, *names):
    """Return the evaluation with policies of these names, whose figures are those of its first."""
    policies = (replace(evaluation.policies[0], name=name) for name in names)
    return replace(evaluation, arms=(evaluation.store, *policies))


def _text(verb, subject):
    return (
        f"{verb.capitalize()} a {subject} Open the settings of the project and choose the {subject} that you "
        f"want to {verb}. Only owners can {verb} it. A {subject} that is in use is kept until nobody has "
        f"asked for it for a day; the audit log says who has done what. To {verb} several, pass --all "
        "on the command line, and wait for the mail that says it is done. Nothing else changes meanwhile."
    )


def _scores(query, names, weight, chance):
    return {name: weight * query.relevant.get(name, 0) + chance.gauss(0, 1) for name in names}


def _window(query, judged, chance):
    """Return what the store finds, with its scores, best first: the relevant ones somewhere among others."""
    others = chance.sample([name for name in judged.documents if name not in query.relevant], WINDOW - 2)
    scores = _scores(query, (*others, *query.relevant), STORE, chance)
    return {name: scores[name] for name in sorted(scores, key=scores.__getitem__, reverse=True)}


def _policy(name, judged, windows, alone, chance):
    weight, seconds = ARMS[name]
    asked = []
    for query, window, direct in zip(judged.queries, windows, alone.asked, strict=True):
        kind = chance.choices(["reranked", "partial", "fallback"], [90, 7, 3])[0]
        added = chance.gammavariate(8, seconds / 8) if kind == "reranked" else seconds * 2.2
        order = tuple(window)
        if kind != "fallback":
            own = _scores(query, window, weight, chance)
            order = tuple(sorted(window, key=lambda one: 0.7 * own[one] + 0.3 * window[one], reverse=True))
        scored = {"reranked": WINDOW, "partial": WINDOW // 2, "fallback": 0}[kind]
        store = direct.store * chance.uniform(1.1, 1.5)
        asked.append(
            Asked(
                query.id,
                order[:K],
                store + added + 0.0004,
                store,
                added,
                kind,
                {"partial": "deadline", "fallback": "overloaded"}.get(kind, ""),
                scored,
                WINDOW,
                ndcg(order, query.relevant, 5),
            )
        )
    measures = _measures(judged, asked)
    before, after = (_values(judged, one) for one in (alone.asked, asked))
    compared = {measure: _difference(before[measure], after[measure]) for measure in measures}
    return Arm(name, f"policies/{name}.yaml", tuple(asked), measures, compared)


def _values(judged, asked):
    rows = [(one.ids, query.relevant) for one, query in zip(asked, judged.queries, strict=True)]
    return {
        "NDCG@5": [ndcg(ids, relevant, 5) for ids, relevant in rows],
        "NDCG@10": [ndcg(ids, relevant, 10) for ids, relevant in rows],
        "MRR@10": [
            max((1 / place for place, one in enumerate(ids, 1) if one in good), default=0)
            for ids, good in rows
        ],
        "MAP@10": [ndcg(ids, relevant, 10) * 0.8 for ids, relevant in rows],
    }


def _measures(judged, asked):
    return {measure: float(np.mean(values)) for measure, values in _values(judged, asked).items()}


def _difference(before, after):
    mean, low, high = mean_difference(before, after)
    change = np.sign(np.subtract(after, before))
    return Difference(mean, low, high, 0.0004, *(int((change == sign).sum()) for sign in (1, 0, -1)))
