"""How real a market looks: facts measured on candles, trades and quotes, and where they should lie.

`facts` is the table of facts with their bands and sources; `statistics` the estimators;
`returns`, `volumes`, `trades` and `book` measure; `report` puts it together.
"""

from __future__ import annotations
