"""What is wrong with a deployment, and what to do about it: the checks of `midrank doctor`.

    finding.py       what a check finds
    surroundings.py  memory, threads, descriptors, files, collector: what the process would find here
    models.py        whether models are there, load, and how long they take
    stores.py        whether a store is there, and whether there is text in its collections
    search.py        one search through the midrank that runs
    redis.py         whether the shared cache is there, how fast, and how it is set up
    running.py       what the midrank that runs says about itself
    reasons.py       what to do about each reason for which searches are not reranked

No check prints a secret, a text or a vector, and none changes anything.
"""
