"""Whether reranking is worth it: judged questions, asked of a store and of midrank in front of it.

run             all of it, top to bottom

judged          questions with graded answers, out of files; lines: how those are read
dense           vectors of texts, by the built-in model; kept_vectors: what the next run finds again
embedded_store  an exact index over them, which speaks Chroma's API on a loopback port
live            a store that is there; doors: how either is searched
child           another program beside this one, on a leash; arms: a midrank for every policy
asking          one question, to a store or to the midrank in front of it; passes: all of them, of all arms
measures        how good answers are, by trec_eval's own code; findings: replies to figures
results         what all of it comes to: the values that the rest is made of

verdict         what a reader should do; notes: what was left out; wording: how figures are written
table           for a terminal; as_json: for machines
page            for people who were not there; html, plots, svg, cases: what it is made of
"""
