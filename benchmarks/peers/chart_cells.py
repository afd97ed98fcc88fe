"""What the kernel runs: ten million candles, and each contender's chart of them."""

from __future__ import annotations

CANDLES = """
import threading, time
import numpy as np
import polars as pl
import plotly.graph_objects as go
import gekko_lab
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.widgets.content import Content

random = np.random.default_rng(7)
close = 30_000 * np.exp(np.cumsum(random.normal(0, 2e-5, ROWS)))
opens = np.append(close[0], close[:-1])
times = 1_704_067_200_000_000 + 1_000_000 * np.arange(ROWS)
prices = [opens, np.maximum(opens, close), np.minimum(opens, close), close]
columns = dict(zip(CANDLES, [times, *prices, random.random(ROWS)]))
candles = pl.DataFrame(columns, schema=CANDLES)
del columns, prices, opens, close, times


def live(update, rate, seconds):
    def work():
        last = candles[-1]
        begin = time.perf_counter()
        for number in range(int(rate * seconds)):
            price = last["close"].item() * (1 + 1e-4 * (number % 7))
            late = begin + number / rate - time.perf_counter()
            time.sleep(max(0, late))
            update(price)
    threading.Thread(target=work).start()


gekko_lab.Chart, go.FigureWidget
"""

OURS = """
begun = time.time()
chart = gekko_lab.Chart(candles, title="BTC/USDT")
chart
"""

OURS_LIVE = """
def update(price):
    forming = candles[-1].with_columns(pl.lit(price).alias("close"), high=pl.max_horizontal(
        "high", pl.lit(price)), low=pl.min_horizontal("low", pl.lit(price)))
    chart.update(forming)

live(update, RATE, SECONDS)
"""

PLOTLY = """
begun = time.time()
content = Content(candles)


def bars(since, until):
    seen = content.seen(since, until, most=440)
    return np.array(content.axis.times(seen.places), dtype="datetime64[ms]"), seen


x, seen = bars(*content.span)
prices = {"open": seen.open, "high": seen.high, "low": seen.low, "close": seen.close}
figure = go.FigureWidget(
    [go.Candlestick(x=x, **prices), go.Bar(x=x, y=seen.volume, yaxis="y2")],
    {"height": 420, "dragmode": "pan", "xaxis": {"type": "date", "rangeslider": {"visible": False}},
     "yaxis": {"domain": [0.25, 1]}, "yaxis2": {"domain": [0, 0.2]}, "showlegend": False},
)
figure._config = {"scrollZoom": True, "responsive": True}


def zoomed(layout, edges):
    since, until = (np.datetime64(str(edge).replace(" ", "T"), "ms").astype(int) for edge in edges)
    x, seen = bars(float(since), float(until))
    with figure.batch_update():
        figure.data[0].update(x=x, open=seen.open, high=seen.high, low=seen.low, close=seen.close)
        figure.data[1].update(x=x, y=seen.volume)


figure.layout.xaxis.on_change(zoomed, "range")
figure
"""

PLOTLY_LIVE = """
def update(price):
    ended = np.array(figure.data[0].close)
    ended[-1] = price
    figure.data[0].close = ended

live(update, RATE, SECONDS)
"""
