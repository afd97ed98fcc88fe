"""Which facts of real markets the simulated one shows, over many seeds: a table for the README.

    python benchmarks/realism.py --preset thin --seeds 20 --days 30

A fact is judged by the share of seeds that show it. Where its sampling error over so many days is
more than a third of its band, so that even a market that has it misses it now and then, the mean
over the seeds is judged instead.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import polars as pl
from joblib import Parallel, delayed

from gekko_lab import realism_report
from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.simulation import SimulatedMarket
from gekko_lab.simulation.presets import choose

START = 1_704_067_200_000  # 2024-01-01
NEEDED = 0.9
HERE = Path(__file__).parent
RESULTS, README = HERE / "results", HERE / "README.md"
BEGIN, END = "<!-- realism: written by realism.py -->", "<!-- end of realism -->"
MINUTES = Timeframe.parse("1m")


def report(preset: str, seed: int, days: int, symbols: tuple[str, str]) -> pl.DataFrame:
    """Give one seed's facts; those of the spread come from a market with a large tick."""
    market = SimulatedMarket(choose(preset, {"seed": seed}))
    until = START + days * DAY
    candles, other = (market.candles(symbol, MINUTES, START, until) for symbol in symbols)
    trades = market.trades(symbols[0], START, until)
    quotes = market.quotes(symbols[0], START, START + DAY)
    found = realism_report(
        candles,
        trades.with_columns(pl.col("id").cast(str)),
        kind=kind(preset),
        book=quotes,
        other=other,
    )
    spread = realism_report(candles, book=large_tick(preset, seed), kind=kind(preset))
    both = found.join(spread.select("fact", large="value", fits="passed"), on="fact")
    wide = pl.col("fact").str.starts_with("29")
    return both.with_columns(
        seed=pl.lit(seed),
        value=pl.when(wide).then("large").otherwise("value"),
        passed=pl.when(wide).then("fits").otherwise("passed"),
    ).drop("large", "fits")


def large_tick(preset: str, seed: int) -> pl.DataFrame:
    """Give a day of quotes of the symbol whose tick is the largest beside its usual move."""
    market = SimulatedMarket(choose(preset, {"seed": seed, "price_steps": 100.0}))
    moves = {
        symbol: usual_move(market, symbol) / rules.tick_size
        for symbol, rules in market.rules.items()
    }
    least = min((symbol for symbol in moves if moves[symbol] > 0), key=moves.__getitem__)
    return market.quotes(least, START, START + DAY)


def usual_move(market: SimulatedMarket, symbol: str) -> float:
    candles = market.candles(symbol, Timeframe.parse("1h"), START, START + DAY)
    return float((candles["high"] - candles["low"]).mean())


def kind(preset: str) -> str:
    return "thin" if preset == "thin" else "liquid"


def judge(reports: pl.DataFrame) -> pl.DataFrame:
    """Give a row a fact: mean, spread over seeds, share of seeds that pass, and the verdict."""
    table = reports.group_by("fact", "name", "low", "high", maintain_order=True).agg(
        mean=pl.col("value").mean(),
        sd=pl.col("value").std(),
        least=pl.col("value").min(),
        most=pl.col("value").max(),
        share=pl.col("passed").mean(),
        judged=pl.col("passed").is_not_null().any(),
    )
    width = pl.col("high") - pl.col("low").fill_null(0.0)
    noisy = (pl.col("sd") > width / 3).fill_null(value=False)
    inside = (pl.col("mean") >= pl.col("low").fill_null(-np.inf)) & (
        pl.col("mean") <= pl.col("high").fill_null(np.inf)
    )
    return table.with_columns(
        by=pl.when(noisy).then(pl.lit("mean")).otherwise(pl.lit("seeds")),
        verdict=pl.when(noisy).then(inside).otherwise(pl.col("share") >= NEEDED),
    ).with_columns(verdict=pl.when("judged").then("verdict"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="liquid")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--symbols", nargs=2, default=("BTC/USDT", "ETH/USDT"))
    parser.add_argument("--jobs", type=int, default=1)
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.seeds)
    work = (delayed(report)(asked.preset, seed, asked.days, tuple(asked.symbols)) for seed in seeds)
    table = judge(pl.concat(Parallel(n_jobs=asked.jobs)(work)))
    shown = {"tbl_rows": -1, "tbl_cols": -1, "fmt_str_lengths": 44, "float_precision": 3}
    with pl.Config(**shown, tbl_width_chars=150):
        print(table.drop("judged"))
    missed = table.filter(pl.col("verdict") == False)["fact"].to_list()  # noqa: E712 (nulls aren't)
    print(f"{asked.preset}: missed {', '.join(missed) or 'none'}")
    result = {
        "seeds": asked.seeds,
        "first": asked.first,
        "days": asked.days,
        "facts": table.to_dicts(),
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"realism-{asked.preset}.json"
    file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_table()


def write_table() -> None:
    """Write what is known of both presets into the README."""
    files = {name: RESULTS / f"realism-{name}.json" for name in ("liquid", "thin")}
    known = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    rows = ["| fact | " + " | ".join(f"{name}: band | mean ± sd | seeds" for name in known) + " |"]
    rows.append("| --- |" + " --- | ---: | ---: |" * len(known))
    facts = zip(*(result["facts"] for result in known.values()), strict=True)
    rows += [
        f"| {both[0]['fact']} {both[0]['name']} | " + " | ".join(map(cells, both)) + " |"
        for both in facts
    ]
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    told = "\n".join(rows)
    README.write_text(f"{before}{BEGIN}\n\n{told}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")


def cells(fact: dict[str, object]) -> str:
    low, high = (("" if fact[key] is None else f"{fact[key]:g}") for key in ("low", "high"))
    if not fact["judged"]:
        return f"| {fact['mean']:.3g} ± {fact['sd']:.2g} | "
    share = "mean" if fact["by"] == "mean" else f"{fact['share']:.0%}"
    verdict = "" if fact["verdict"] else " **missed**"
    return f"{low} … {high} | {fact['mean']:.3g} ± {fact['sd']:.2g} | {share}{verdict}"


if __name__ == "__main__":
    main()
