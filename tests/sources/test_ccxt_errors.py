"""What ccxt raises, in our terms; expectations follow the facts about exchanges, not the code."""

from __future__ import annotations

import ccxt
import pytest
import requests

from gekko_lab.errors import (
    AccessDenied,
    BadResponse,
    NetworkFailed,
    RateLimited,
    RequestRefused,
    SourceTimeout,
    SourceUnavailable,
    UnknownSymbol,
    UnsupportedBySource,
)
from gekko_lab.sources.ccxt_errors import translate

RETRYABLE = {NetworkFailed, SourceTimeout, RateLimited, SourceUnavailable, BadResponse}


def translated(error, status=None, headers=None):
    return translate(
        error, exchange="binance", asked="candles", status=status, headers=headers or {}
    )


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        # limits, whatever ccxt calls them
        (ccxt.DDoSProtection, 418, RateLimited),
        (ccxt.RateLimitExceeded, 429, RateLimited),
        (ccxt.ExchangeNotAvailable, 429, RateLimited),
        (ccxt.ExchangeError, 418, RateLimited),
        (ccxt.RateLimitExceeded, 200, RateLimited),  # Kraken's errors come with 200
        (ccxt.RateLimitExceeded, 400, RateLimited),
        (ccxt.DDoSProtection, 403, AccessDenied),
        # doors that stay closed
        (ccxt.ExchangeNotAvailable, 451, AccessDenied),
        (ccxt.ExchangeNotAvailable, 403, AccessDenied),
        (ccxt.AuthenticationError, 401, AccessDenied),
        (ccxt.PermissionDenied, None, AccessDenied),
        (ccxt.AccountSuspended, 200, AccessDenied),
        # wrong requests, which another try doesn't mend
        (ccxt.ExchangeNotAvailable, 404, RequestRefused),
        (ccxt.ExchangeNotAvailable, 410, RequestRefused),
        (ccxt.ExchangeError, 422, RequestRefused),
        (ccxt.BadRequest, 400, RequestRefused),
        (ccxt.BadSymbol, 400, RequestRefused),
        (ccxt.BadSymbol, 200, RequestRefused),
        (ccxt.ExchangeError, 200, RequestRefused),
        (ccxt.ArgumentsRequired, None, RequestRefused),
        # outages
        (ccxt.ExchangeNotAvailable, 500, SourceUnavailable),
        (ccxt.ExchangeNotAvailable, 502, SourceUnavailable),
        (ccxt.ExchangeNotAvailable, 503, SourceUnavailable),
        (ccxt.ExchangeError, 500, SourceUnavailable),
        (ccxt.OnMaintenance, 200, SourceUnavailable),
        (ccxt.OnMaintenance, 400, SourceUnavailable),
        (ccxt.ExchangeNotAvailable, 200, SourceUnavailable),
        (ccxt.OperationFailed, 200, SourceUnavailable),
        # the way there
        (ccxt.RequestTimeout, None, SourceTimeout),
        (ccxt.RequestTimeout, 504, SourceTimeout),
        (ccxt.RequestTimeout, 408, SourceTimeout),
        (ccxt.NetworkError, None, NetworkFailed),
        (requests.Timeout, None, SourceTimeout),
        (requests.ConnectionError, None, NetworkFailed),
        (requests.exceptions.ProxyError, None, NetworkFailed),
        (requests.exceptions.ChunkedEncodingError, 200, BadResponse),
        (requests.exceptions.ContentDecodingError, 200, BadResponse),
        # answers of another shape
        (ccxt.BadResponse, 200, BadResponse),
        (ccxt.NullResponse, 200, BadResponse),
        (ccxt.ChecksumError, 200, BadResponse),
        (KeyError, 200, BadResponse),
        (TypeError, 200, BadResponse),
        (ValueError, 200, BadResponse),
        (OverflowError, 200, BadResponse),
    ],
)
def test_an_error_is_named_after_what_happened(error, status, kind):
    ours = translated(error("words"), status)
    assert type(ours) is kind
    assert ours.retryable == (kind in RETRYABLE)
    assert "words" in str(ours)
    assert "binance didn't give candles" in str(ours)


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (requests.exceptions.ChunkedEncodingError("cut"), BadResponse),
        (requests.exceptions.ContentDecodingError("not gzip"), BadResponse),
        (requests.exceptions.SSLError("certificate"), NetworkFailed),
        (requests.exceptions.InvalidURL("http//x"), RequestRefused),
        (None, RequestRefused),
    ],
)
def test_the_cause_of_a_refusal_may_be_the_connection(cause, kind):
    error = ccxt.ExchangeError("binance GET https://api.binance.com")
    error.__cause__ = cause
    ours = translated(error)
    assert type(ours) is kind
    if cause is not None:
        assert str(cause) in str(ours)


@pytest.mark.parametrize("status", [400, 405, 409])
def test_a_refusal_that_ccxt_knows_only_by_its_status_is_no_outage(status):
    """ccxt has one class for 400 and 503; it writes the status only where it knows no more."""
    error = ccxt.ExchangeNotAvailable(f"x GET https://x.org/ {status} Bad Request {{}}")
    assert type(translated(error, status)) is RequestRefused
    busy = ccxt.ExchangeNotAvailable('okx {"code":"50013","msg":"System is busy"}')
    assert type(translated(busy, status)) is SourceUnavailable


def test_our_own_errors_pass_as_they_are():
    error = UnknownSymbol("no such market")
    assert translated(error, 200) is error


def test_what_an_exchange_lacks_is_no_failure_of_it():
    ours = translated(ccxt.NotSupported("binance fetchX() is not supported yet"))
    assert type(ours) is UnsupportedBySource
    assert "binance can't give candles" in str(ours)


@pytest.mark.parametrize("error", [ccxt.RateLimitExceeded, ccxt.ExchangeNotAvailable])
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (" 1.5 ", 1.5),
        ("-3", 0.0),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_nothing(error, text, seconds):
    assert translated(error("x"), 503, {"Retry-After": text}).retry_after == seconds


def test_retry_after_may_be_a_date(monkeypatch):
    import time

    monkeypatch.setattr(time, "time", lambda: 1_445_412_450.0)  # 2015-10-21T07:27:30Z
    ours = translated(
        ccxt.RateLimitExceeded("x"), 429, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}
    )
    assert ours.retry_after == 30


def test_without_the_header_the_exchange_asked_for_nothing():
    assert translated(ccxt.RateLimitExceeded("x"), 429).retry_after is None


def test_only_who_should_wait_is_told_how_long():
    assert translated(ccxt.ExchangeError("x"), 403, {"Retry-After": "9"}).retry_after is None


def test_a_long_page_does_not_become_a_long_message():
    ours = translated(ccxt.ExchangeNotAvailable("<html>" + "blah\n " * 5000), 503)
    assert len(str(ours)) < 500
    assert "\n" not in str(ours)
    assert "HTTP 503" in str(ours)


def test_an_error_without_words_is_named_by_its_class():
    assert "ConnectionError" in str(translated(requests.ConnectionError()))


@pytest.mark.parametrize(
    ("error", "status", "advice"),
    [
        (ccxt.RateLimitExceeded, 429, "fewer places"),
        (ccxt.ExchangeNotAvailable, 451, "region"),
        (ccxt.RequestTimeout, None, "timeout"),
        (ccxt.NetworkError, None, "proxy"),
        (ccxt.BadSymbol, 400, "change the request"),
    ],
)
def test_a_message_says_what_to_do_next(error, status, advice):
    assert advice in str(translated(error("x"), status))
