"""Widgets for notebooks: the candle chart. The only home of anywidget.

`content` holds what a chart shows and answers for windows of it, `pace` limits messages, `picture`
draws what a saved notebook shows, `page` writes HTML, and `chart` is the widget itself. The front
end is built from `js/` into `static/`.
"""

from __future__ import annotations
