"""What is written down of searches, to be replayed, tuned on and reported about.

    recorded.py        the lines: searches, what was of use in them, and what the harm guard did about it
    redaction.py       what is taken out of texts that are kept; own_patterns.py: as the policy says
    transcript.py      what midrank saw of a search, made into a record
    segments.py        the files of a folder: their names, and which of them go
    segment_writer.py  lines into segments, on whatever disk
    recorder.py        what the serving side tells; a bounded queue, and the one thread that writes
    reader.py          all records of a folder in the order of their time

Serving needs the recorder alone; `midrank replay`, `tune` and `report` need the reader.
"""
