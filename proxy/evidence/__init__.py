"""What live traffic proves of reranking, and what follows from it.

    evidence.py      what the pipeline talks to: how a call stands, what is shown, who is told
    experiments.py   who takes part, on which side; drafts of two orders
    exchanges.py     what was shown, remembered for a while; posts.py, feedback.py: what was of use of it
    preferences.py   drafts: which order people preferred; trial.py: A/B tests; places.py: plain traffic
    shadow.py        what reranking would have changed, and cost
    harm_guard.py    whether it does good, by collection; cases.py: for how many there is room
    case.py          what its sources amount to; witness.py: what one of them has found
    probes.py        judged queries; reference.py: a stronger model's view; lift.py: what either says

All of it is told by the event loop, at once, and none of it waits: proof is worth less than an answer.
"""
