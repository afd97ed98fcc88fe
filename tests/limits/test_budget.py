"""Requests wait for their turn, for holds, and for what others use; and say why."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from gekko_lab.errors import RateLimited
from gekko_lab.limits import accounts, on_wait
from gekko_lab.limits.budget import Budget, Pace
from gekko_lab.limits.clock import SECOND
from gekko_lab.limits.limit import Limit

BEGIN = 1_704_067_200 * SECOND
KLINES = "https://api.binance.com/api/v3/klines?symbol=BTCUSDT&limit=1000"
TRADES = "https://api.binance.com/api/v3/aggTrades?symbol=BTCUSDT"


def passed(hands):
    return (hands.now - BEGIN) / SECOND


def dated(hands, **headers):
    """Headers of an answer that is sent now."""
    moment = datetime.fromtimestamp(hands.now / SECOND, UTC)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"Date": format_datetime(moment, usegmt=True), **named}


@pytest.fixture
def budget(hands, tmp_path):
    return Budget("binance", tmp_path / "state")


def test_a_burst_passes_at_once_and_the_rest_at_the_pace(budget, hands):
    for _ in range(90):  # a hundred and eighty of weight
        budget.acquire(KLINES)
    assert hands.slept == []
    for _ in range(92):
        budget.acquire(KLINES)
    assert passed(hands) == pytest.approx(2, abs=0.05)


def test_each_endpoint_has_its_weight(budget, hands):
    for _ in range(45):
        budget.acquire(TRADES)
    assert hands.slept == []
    budget.acquire(TRADES)
    assert passed(hands) == pytest.approx(4 / 92, abs=1e-6)


def test_what_is_not_listed_costs_the_part_of_the_limit_that_ccxt_would_wait(budget, hands):
    for _ in range(2):
        budget.acquire("https://api.binance.com/sapi/v1/odd", Pace(50, 18))
    assert hands.slept == []
    budget.acquire("https://api.binance.com/sapi/v1/odd", Pace(50, 18))
    assert passed(hands) == pytest.approx(90 / 92)


def test_unknown_exchanges_keep_ccxt_s_pace(hands, tmp_path):
    budget = Budget("bitvavo", tmp_path / "state")
    for _ in range(11):
        budget.acquire("https://api.bitvavo.com/v2/markets", Pace(60, 5))
    assert passed(hands) == pytest.approx(10 * 0.3 / 0.95)


def test_sources_of_one_folder_share_and_hosts_do_not(hands, tmp_path):
    pair = [Budget("binance", tmp_path / "state") for _ in range(2)]
    for _ in range(45):
        for each in pair:
            each.acquire(KLINES)
    pair[0].acquire("http://127.0.0.1:4000/api/v3/klines")
    pair[0].acquire("https://fapi.binance.com/fapi/v1/klines?limit=499")
    assert hands.slept == []
    pair[1].acquire("https://api4.binance.com/api/v3/klines")  # counts with api.binance.com
    assert passed(hands) == pytest.approx(2 / 92, abs=1e-6)


def test_a_proxy_is_another_address(hands, tmp_path):
    configs = [{}, {"httpsProxy": "http://me:secret@proxy.example:80"}, {"proxies": {"https": "x"}}]
    for config in configs:
        budget = Budget("binance", tmp_path / "state", config=config)
        for _ in range(90):
            budget.acquire(KLINES)
    assert hands.slept == []


def test_a_user_s_own_rate_limit_holds_as_well(hands, tmp_path):
    budget = Budget("binance", tmp_path / "state", config={"rateLimit": 1000})
    for _ in range(3):
        budget.acquire(KLINES, Pace(1000, 1))
    assert passed(hands) == pytest.approx(2 / 0.95)


@pytest.mark.parametrize("status", [429, 418, 403])
def test_a_refusal_holds_everyone_as_long_as_it_says(budget, hands, tmp_path, status):
    budget.learn(KLINES, status, {"Retry-After": "30"})
    other = Budget("binance", tmp_path / "state")
    other.acquire(KLINES)
    assert passed(hands) == 30


def test_a_date_says_for_how_long(budget, hands, monkeypatch):
    monkeypatch.setattr("time.time", lambda: hands.now / SECOND)
    until = datetime.fromtimestamp(hands.now / SECOND + 45, UTC)
    budget.learn(KLINES, 429, {"retry-after": format_datetime(until, usegmt=True)})
    budget.acquire(KLINES)
    assert passed(hands) == 45


def test_a_date_counts_from_the_server_s_clock(budget, hands):
    """Ours may be wrong by hours."""
    sent = datetime(2024, 5, 1, tzinfo=UTC)
    until = datetime(2024, 5, 1, 0, 0, 45, tzinfo=UTC)
    headers = {"Date": format_datetime(sent, usegmt=True)}
    budget.learn(KLINES, 429, {**headers, "Retry-After": format_datetime(until, usegmt=True)})
    budget.acquire(KLINES)
    assert passed(hands) == 45


def test_a_ban_s_text_says_for_how_long(budget, hands):
    until = hands.now // 1_000_000 + 90_000
    budget.learn(KLINES, 418, {}, f'{{"code":-1003,"msg":"IP banned until {until}. Please"}}')
    budget.acquire(KLINES)
    assert passed(hands) == 90


@pytest.mark.parametrize(("url", "seconds"), [(KLINES, 60), ("https://x.test/", 5)])
@pytest.mark.parametrize(
    "headers", [{}, {"Retry-After": "0"}, {"Retry-After": "soon"}, {"Retry-After": "nan"}]
)
def test_a_refusal_that_does_not_say_holds_for_a_while(budget, hands, url, seconds, headers):
    budget.learn(url, 429, headers)
    budget.acquire(url)
    assert passed(hands) == seconds


@pytest.mark.parametrize("status", [200, 400, 403, 451, 503])
def test_other_answers_hold_nobody(budget, hands, status):
    budget.learn(KLINES, status, {})
    budget.acquire(KLINES)
    assert hands.slept == []


def test_a_longer_hold_is_not_cut_short(budget, hands):
    budget.learn(KLINES, 418, {"Retry-After": "100"})
    budget.learn(KLINES, 429, {"Retry-After": "1"})
    budget.acquire(KLINES)
    assert passed(hands) == 100


def test_a_hold_begins_also_for_those_who_wait_already(budget, hands, tmp_path):
    other = Budget("binance", tmp_path / "state")
    for _ in range(90):
        budget.acquire(KLINES)
    sleep, heard = hands.sleep, []

    def sleep_and_hear(seconds):
        sleep(seconds)
        if seconds > 1e-3 and not heard:
            heard.append(other.learn(KLINES, 429, {"Retry-After": "20"}))

    hands.sleep = sleep_and_hear
    budget.acquire(KLINES)
    assert passed(hands) == pytest.approx(20 + 2 / 92, abs=0.01)
    assert len(hands.slept) == 2


@pytest.mark.parametrize("seconds", [120.5, 7200, 86_400])
def test_a_hold_of_more_than_two_minutes_is_an_error_with_its_length(budget, hands, seconds):
    budget.learn(KLINES, 418, {"Retry-After": str(seconds)})
    with pytest.raises(RateLimited, match=r"api\.binance\.com is on hold \(hold after 418\)") as e:
        budget.acquire(KLINES)
    assert e.value.retry_after == pytest.approx(seconds)
    assert hands.slept == []


@pytest.mark.parametrize("text", ["1e12", "inf"])
def test_no_hold_is_longer_than_the_longest_ban(budget, hands, text):
    budget.learn(KLINES, 418, {"Retry-After": text})
    with pytest.raises(RateLimited) as told:
        budget.acquire(KLINES)
    assert told.value.retry_after == 3 * 86_400


def test_a_queue_of_more_than_two_minutes_is_an_error_too(hands, tmp_path, serve_at):
    serve_at(Limit("requests", 1, 200, burst=1))
    budget = Budget("binance", tmp_path / "state")
    budget.acquire("https://api.test/1")
    with pytest.raises(RateLimited, match=r"much is being asked at once") as told:
        budget.acquire("https://api.test/2")
    assert told.value.retry_after > 120
    hands.now += 1000 * SECOND
    budget.acquire("https://api.test/1")  # what was refused has taken nothing


def test_weight_that_others_use_makes_all_wait_until_it_fits(budget, hands):
    budget.acquire(KLINES)
    hands.now += 10 * SECOND
    budget.learn(KLINES, 200, dated(hands, X_MBX_USED_WEIGHT_1M="4000"))
    weight = 0
    while True:
        budget.acquire(KLINES)
        if passed(hands) >= 60:
            break
        weight += 2
    assert 1500 <= weight <= 5700 - 4000 + 92


def test_a_minute_that_others_have_used_up_is_waited_out(budget, hands):
    hands.now += 20 * SECOND
    budget.learn(TRADES, 200, dated(hands, X_MBX_USED_WEIGHT_1M="5990"))
    told = []
    with on_wait(told.append):
        budget.acquire(KLINES)
    assert 59 <= passed(hands) <= 60
    assert told[0].reason == "others use api.binance.com from here (5990 of 6000)"


def test_our_own_use_never_pauses_us(budget, hands):
    """The server counts in whole minutes of its clock, which differs from ours."""
    ahead = 23.4
    used, minute = 0, None
    while passed(hands) < 130:
        budget.acquire(TRADES)
        theirs = hands.now / SECOND + ahead
        if int(theirs // 60) != minute:
            used, minute = 0, int(theirs // 60)
        used += 4
        assert used <= 0.95 * 6000
        moment = datetime.fromtimestamp(theirs, UTC)
        headers = {"Date": format_datetime(moment, usegmt=True), "x-mbx-used-weight-1m": str(used)}
        budget.learn(TRADES, 200, headers)
    assert max(hands.slept) < 0.1


@pytest.mark.parametrize("text", ["", "much", "-5"])
def test_a_header_that_tells_nothing_changes_nothing(budget, hands, text):
    budget.learn(KLINES, 200, dated(hands, X_MBX_USED_WEIGHT_1M=text))
    budget.acquire(KLINES)
    assert hands.slept == []


def test_a_clock_that_is_put_back_blocks_nobody(budget, hands):
    for _ in range(200):
        budget.acquire(KLINES)
    budget.learn(KLINES, 429, {"Retry-After": "30"})
    hands.now -= 3600 * SECOND
    before = hands.now
    budget.acquire(KLINES)
    assert (hands.now - before) / SECOND == pytest.approx(30, abs=0.1)  # what was left of the hold
    budget.acquire(KLINES)
    assert (hands.now - before) / SECOND == pytest.approx(30, abs=0.1)


def test_a_clock_that_is_put_back_while_someone_sleeps_blocks_nobody(budget, hands):
    for _ in range(90):
        budget.acquire(KLINES)

    def sleep(seconds):
        hands.slept.append(seconds)
        hands.now += round(seconds * SECOND) - (3600 * SECOND if len(hands.slept) == 1 else 0)

    hands.sleep = sleep
    budget.acquire(KLINES)
    assert len(hands.slept) == 2
    assert sum(hands.slept) < 1


def test_a_moment_that_cannot_be_is_no_reason_to_wait(budget, hands):
    budget.acquire(KLINES)
    budget._ledger.write(lambda db, _: db.execute("UPDATE budgets SET full_at = 1 << 62"))
    budget._ledger.write(lambda db, _: db.execute("UPDATE holds SET until = 1 << 62"))
    budget.acquire(KLINES)
    assert passed(hands) < 1


def test_waits_of_half_a_second_are_told_with_their_reason(budget, hands, caplog):
    caplog.set_level("INFO", logger="gekko_lab")
    told = []
    with on_wait(told.append):
        for _ in range(100):
            budget.acquire(KLINES)
        assert told == []
        budget.learn(KLINES, 429, {"Retry-After": "7"})
        budget.acquire(KLINES)
    budget.learn(KLINES, 429, {"Retry-After": "7"})
    budget.acquire(KLINES)  # nobody listens
    assert [str(wait) for wait in told] == ["hold after 429: 7 s"]
    assert told[0].host == "api.binance.com"
    assert "waiting for api.binance.com: hold after 429: 7 s" in caplog.text


def test_ctrl_c_ends_a_wait(budget, hands):
    def interrupted(_):
        raise KeyboardInterrupt

    budget.learn(KLINES, 429, {"Retry-After": "7"})
    hands.sleep = interrupted
    with pytest.raises(KeyboardInterrupt):
        budget.acquire(KLINES)


def test_the_longest_hold_is_that_of_binance():
    assert accounts.LONGEST_HOLD == 3 * 24 * 3600 * SECOND
