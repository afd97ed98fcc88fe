"""The simulator fitted to recorded candles, and how close it comes.

`recording` reads what was recorded, `moments` measures it, `markets` makes simulated markets to
compare it with, `fitting` turns their numbers until they match, and `calibration` is the door.
"""

from __future__ import annotations
