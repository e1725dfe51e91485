"""Whether two queries that look alike to an embedding ask the same: cheap, and in doubt they do not.

Cosine can't tell "enable 2FA" from "disable 2FA". Each guard here knows one way in which near queries differ,
and refuses when it sees it. What is refused costs a model run; what is let through wrongly costs quality.

`text` turns a query into words; `lexicon`, `stems` and `opposites` know English words; `numbers`, `names`,
`language`, `question`, `persons` and `order` each see to a kind of difference; `query_features` puts
together what is known of one query, `guards` compares two.
"""

from proxy.scoring.near_guards.guards import ALL, Guard, refusal
from proxy.scoring.near_guards.query_features import QueryFeatures, features

__all__ = ["ALL", "Guard", "QueryFeatures", "features", "refusal"]
