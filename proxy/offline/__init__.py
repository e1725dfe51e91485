"""Reranking without a store in between: queries and their documents out of a file, rankings into another.

    queries.py       lines to queries, or to what is wrong with them
    rankings.py      rankings to lines, and whether a line is the ranking of a query
    ranked_file.py   the output: only ever appended to, repaired and gone on with after whatever ended a run
    workplace.py     the scorers of a rule, on an event loop in a thread of its own
    batch.py         the run: a few queries at once, written in the order of the input
    beside.py        work in threads that nobody has to wait for

Files are written in the main thread and read in another, where they may block; a third one's event loop has
the scorers.
A run needs no orderly end: at any moment the output is a beginning of what it will be.
"""
