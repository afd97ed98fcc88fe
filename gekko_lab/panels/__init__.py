"""Panels: what a user clicks on in a notebook; controls, and the code that does the same.

They stand on everything else, and are the only home of ipywidgets.
"""

from __future__ import annotations

from gekko_lab.frames.convert import load_pandas

load_pandas()  # plotly looks for it, while threads of panels may be loading it
