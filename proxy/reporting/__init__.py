"""A summary for people who decide: what reranking did last week, what speaks for it, what to do next.

    figures.py   what the records of a period add up to, by collection
    changes.py   how much orders were changed
    judged.py    what judged queries among the searches say
    advice.py    the next step for a collection, and what is missing to say more
    sentences.py the same in plain sentences
    document.py  sentences and tables: what all forms of the report show
    as_text.py, as_markdown.py, as_html.py, as_json.py   these forms
    wording.py   how numbers, days and names are written
    live.py      what a running midrank adds

`midrank report` calls `summarise`, then `document`, then one of the forms.
"""
