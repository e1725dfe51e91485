"""Large language models as rerankers, for offline work and low volumes: a call takes seconds and costs money.

scorer.py      a model of the policy: what the rest of midrank sees; build.py makes it
pointwise.py   one call for every text, which is given a grade
listwise.py    one call for every window of the list, which is put in order; windows.py says which
methods.py     the seam of these two
llm.py         one chat model that is asked: in time, so many calls at once, again where it makes sense
openai_chat.py, anthropic.py   the two APIs, pure: a question to bytes, and bytes to what was said
chat.py        the seam of these two
answers.py     what was said to grades and orders, or to nothing
prompts.py     templates, which people may replace; prompts/ has the default ones
fences.py      texts inside a prompt that can't pass for a part of it
spending.py    tokens, what they cost, and a purse that can be empty
"""
