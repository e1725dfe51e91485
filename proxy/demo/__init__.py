"""`midrank demo`: real questions, asked of a real Chroma server, directly and through midrank.

corpus      what is searched: the documentation of the installed Python standard library
questions   what is asked, with graded answers that were written before any search was run
kept        what the next run finds again
servers     a Chroma server and a midrank in front of it, as processes of their own
store       the corpus inside Chroma
asking      the unmodified chromadb client, to both, in turn
results     what all of them add up to; report: what is printed
steps       all of it, top to bottom; run: the same as a command
"""
