"""`midrank demo`: real questions, asked of a real Chroma server, directly and through midrank.

corpus      what is searched: the documentation of the installed Python standard library
questions   what is asked, with graded answers that were written before any search was run
dense       the embeddings an application would have stored, kept on disk for the next run
servers     a Chroma server and a midrank in front of it, as processes of their own
asking      the unmodified chromadb client, to both, in turn
ndcg        how good an order is
report      what is printed
run         all of it, top to bottom
"""
