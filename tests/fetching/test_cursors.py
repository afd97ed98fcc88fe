"""Trades of exchanges with their own cursors: each once, in order, whatever the pages are."""

from __future__ import annotations

import numpy as np
import pytest

import gekko_lab
from gekko_lab.errors import BadResponse, IncompleteData
from gekko_lab.sources.source import TradeCursor

START = 1_704_067_200_000  # 2024-01-01
HOUR = 3_600_000
EXCHANGES = ["binance", "coinbaseexchange", "kraken"]


def tape_rows(times, hole=0):
    """Trades at those nanoseconds, whose ids leave some out."""
    chance = np.random.default_rng(len(times))
    steps = 1 + chance.integers(0, hole + 1, len(times)) * (chance.random(len(times)) < 0.1)
    columns = (
        np.cumsum(steps).tolist(),
        times,
        chance.choice(["buy", "sell"], len(times)).tolist(),
        [f"{price / 100:.2f}" for price in chance.integers(1, 10**6, len(times))],
        [f"{amount / 1e8:.8f}" for amount in chance.integers(1, 10**9, len(times))],
    )
    return list(zip(*columns, strict=True))


def rows_of(frame):
    return [(int(time.timestamp() * 1e6 + 0.5), *rest) for time, *rest in frame.rows()]


def wild_times(count):
    """Bursts of trades within a millisecond, and hours without any."""
    chance = np.random.default_rng(count)
    steps = chance.choice([1000, 1000, 10**5, 10**8, 10**10], count)
    steps[chance.random(count) < 0.002] = 2 * HOUR * 10**6
    return (START * 10**6 + np.cumsum(steps)).tolist()


@pytest.mark.parametrize("page", [1000, 90])
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_every_trade_comes_once_in_order(trade_tape, exchange, page):
    rows = tape_rows(wild_times(3000), hole=300)
    now = rows[-1][1] // 10**6 + 5000
    tape, source = trade_tape(exchange, rows, now, page)
    got = gekko_lab.fetch_trades(source, "BTC/EUR", since=START)
    assert rows_of(got) == tape.truth(START, now)
    middle = rows[1234][1] // 10**6
    got = gekko_lab.fetch_trades(source, "BTC/EUR", since=middle, until=middle + HOUR)
    assert rows_of(got) == tape.truth(middle, middle + HOUR)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_more_trades_than_a_page_in_one_millisecond(trade_tape, exchange):
    times = [START * 10**6 + n * 100 for n in range(3500)] + [(START + 50) * 10**6]
    tape, source = trade_tape(exchange, tape_rows(times), START + HOUR)
    got = gekko_lab.fetch_trades(source, "BTC/EUR", since=START)
    assert rows_of(got) == tape.truth(START, START + HOUR)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_last_so_many(trade_tape, exchange):
    rows = tape_rows(wild_times(3000), hole=50)
    now = rows[-1][1] // 10**6 + 5000
    tape, source = trade_tape(exchange, rows, now)
    got = gekko_lab.fetch_trades(source, "BTC/EUR", limit=1200)
    assert rows_of(got) == tape.truth(START, now)[-1200:]


class TestCoinbase:
    def find(self, trade_tape, rows, time, page=1000):
        tape, source = trade_tape("coinbaseexchange", rows, rows[-1][1] // 10**6 + 5000, page)
        got = source.trades("BTC/EUR", TradeCursor(time), time + HOUR)
        want = [row for row in rows if row[1] // 10**6 >= time]
        assert got.frame["id"].to_list() == [str(row[0]) for row in want[: len(got.frame)]]
        assert len(got.frame) > 0 or not want
        return len(tape.asked)

    @pytest.mark.parametrize("place", [0, 17, 60_000, 99_999])
    def test_a_time_among_many_ids_is_found_by_few_requests(self, trade_tape, place):
        rows = tape_rows([START * 10**6 + n * 10**9 for n in range(100_000)])
        assert self.find(trade_tape, rows, rows[place][1] // 10**6) <= 6

    @pytest.mark.parametrize("share", [0.1, 0.7, 0.999])
    def test_also_in_a_history_that_grew_faster_and_faster(self, trade_tape, share):
        count = 100_000
        times = [START * 10**6 + int(10**17 * (n / count) ** 0.2) for n in range(count)]
        rows = tape_rows(times, hole=1000)
        assert self.find(trade_tape, rows, rows[int(share * count)][1] // 10**6) <= 30

    def test_times_before_and_behind_all_trades(self, trade_tape):
        rows = tape_rows([START * 10**6 + n * 10**9 for n in range(5000)])
        rows = [(row[0] + 10**9, *row[1:]) for row in rows]
        assert self.find(trade_tape, rows, START - HOUR) < 30
        assert self.find(trade_tape, rows, START + 6 * HOUR) == 1

    @pytest.mark.parametrize("page", [1000, 10])
    def test_a_hole_of_many_ids_is_leapt_over(self, trade_tape, page):
        times = [START * 10**6 + n * 10**9 for n in range(30)]
        rows = tape_rows(times)
        rows = [(row[0] + 10**7 * (n // 10), *row[1:]) for n, row in enumerate(rows)]
        tape, source = trade_tape("coinbaseexchange", rows, START + HOUR, page)
        got = gekko_lab.fetch_trades(source, "BTC/EUR", since=START)
        assert rows_of(got) == tape.truth(START, START + HOUR)
        assert len(tape.asked) < 200

    def test_an_answer_in_another_order_is_bad(self, trade_tape):
        rows = tape_rows([START * 10**6 + n * 10**9 for n in range(30)])
        tape, source = trade_tape("coinbaseexchange", rows, START + HOUR)
        sound = tape.coinbaseexchange
        tape.coinbaseexchange = lambda rows, query: sound(rows, query)[::-1]
        with pytest.raises(BadResponse, match="ids don't fall"):
            gekko_lab.fetch_trades(source, "BTC/EUR", since=START)

    def test_there_are_no_trades_in_a_new_market(self, trade_tape):
        _, source = trade_tape("coinbaseexchange", [], START + HOUR)
        assert gekko_lab.fetch_trades(source, "BTC/EUR", since=START).is_empty()


class TestKraken:
    def test_the_cursor_is_nanoseconds_and_times_are_exact(self, trade_tape):
        times = [START * 10**6 + 999_999 + n * 2_003_001_007 for n in range(2500)]
        tape, source = trade_tape("kraken", tape_rows(times), START + 6 * HOUR)
        got = gekko_lab.fetch_trades(source, "BTC/EUR", since=START)
        assert rows_of(got) == tape.truth(START, START + 6 * HOUR)
        assert str(times[999] - 1) in [query["since"] for query in tape.asked]

    def test_trades_of_one_nanosecond_on_both_sides_of_a_page(self, trade_tape):
        times = [START * 10**6 + (n // 7) * 10**9 for n in range(2500)]
        tape, source = trade_tape("kraken", tape_rows(times), START + HOUR)
        got = gekko_lab.fetch_trades(source, "BTC/EUR", since=START)
        assert rows_of(got) == tape.truth(START, START + HOUR)

    def test_more_of_them_than_a_page_are_told(self, trade_tape):
        times = [START * 10**6] * 10 + [START * 10**6 + 10**9] * 1500 + [START * 10**6 + 10**10]
        _, source = trade_tape("kraken", tape_rows(times), START + HOUR)
        with pytest.raises(IncompleteData, match="in one nanosecond and no way past") as told:
            gekko_lab.fetch_trades(source, "BTC/EUR", since=START)
        assert len(told.value.frame) == 1000

    def test_a_trade_that_shows_a_rounded_time_is_found_by_it(self, trade_tape):
        """It happened 22 µs before the second that it shows."""
        tape, source = trade_tape("kraken", tape_rows([START * 10**6 - 22_000]), START + HOUR)
        row = f'["4.0","1.0",{START // 1000}.0000,"s","l","",77]'
        last = START * 10**6 - 22_000
        tape.kraken = lambda rows, query: (
            f'{{"error":[],"result":{{"X":[{row if int(query["since"]) < last else ""}],'
            f'"last":"{last}"}}}}'
        )
        got = gekko_lab.fetch_trades(source, "BTC/EUR", since=START)
        assert rows_of(got) == [(START * 1000, "77", "sell", 4.0, 1.0)]

    def test_a_cursor_of_another_place_is_not_believed(self, trade_tape):
        times = [START * 10**6 + n * 10**9 for n in range(2500)]
        tape, source = trade_tape("kraken", tape_rows(times), START + HOUR)
        sound = tape.kraken
        tape.kraken = lambda rows, query: sound(rows, query).replace('"last":"', '"last":"9')
        got = gekko_lab.fetch_trades(source, "BTC/EUR", since=START)
        assert rows_of(got) == tape.truth(START, START + HOUR)

    @pytest.mark.parametrize(
        "body",
        [
            '{"error":[],"result":{}}',
            '{"error":[],"result":{"X":[["4.0","1.0",null,"s","l","",7]],"last":"1"}}',
            '{"error":[],"result":{"X":[["4.0","1.0",1704067200.5,"x","l","",7]],"last":"1"}}',
            '{"error":["EService:Unavailable"]}',
        ],
    )
    def test_what_is_no_page_is_told(self, trade_tape, body):
        tape, source = trade_tape("kraken", [], START + HOUR)
        tape.kraken = lambda rows, query: body
        with pytest.raises(gekko_lab.errors.SourceError):
            gekko_lab.fetch_trades(source, "BTC/EUR", since=START)
