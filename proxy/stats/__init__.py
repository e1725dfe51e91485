"""Numbers about orders and differences: pure, no I/O, no clock; numpy alone.

Of one query: `ndcg` (how good an order is) and `overlap` (how much two orders differ). Of judged queries that
were all answered twice: `paired`. Of many waits: `latency`. Of live traffic, where one looks all the time:
`team_draft` (a page of two rankings that lets its users choose) and `sequences` (means and tests that looking
doesn't spoil).
"""
