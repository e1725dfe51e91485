"""What other settings would have done: searches ranked again without their store, and the best of many ways.

    cases.py         what is asked, among which candidates, and which of them are good
    texts.py         the words that records of digests lack
    repeats.py       searches that ask the same, which are evidence once
    exercise.py      the models of a policy, loaded, and what they make of a case as they would serve it
    points.py        settings to try: models x depth x reading x budget
    trials.py        what came of a case at a point, in numbers
    journal.py       what has been measured, so that a run that was killed is gone on with
    sweep.py         all points on a few cases, fewer points on more of them
    gaps.py          how much better one way is, and how sure that is
    frontier.py      which points are worth their time, and which one to choose
    result.py        what a sweep has found; tables.py: for people
    chosen.py        the policy file of the chosen point; yaml_edit.py: changes that leave the rest as it is
    replay.py        recorded searches under another policy; replay_table.py: for people

`midrank tune` and `midrank replay` are thin shells around these.
"""
