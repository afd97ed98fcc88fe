"""How fast each exchange may be asked from this machine, counted together by all its programs.

Exchanges count requests by address, so threads, processes, notebooks and the command line share one
budget for each host. It is kept in `options.state_dir`.

>>> import gekko_lab
>>> gekko_lab.limits.status(frame="polars").columns[:4]
['host', 'budget', 'used', 'limit']
"""

from __future__ import annotations

from gekko_lab.limits.connections import connection
from gekko_lab.limits.overview import status
from gekko_lab.limits.waiting import Wait, on_wait

__all__ = ["Wait", "connection", "on_wait", "status"]
