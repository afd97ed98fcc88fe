"""Names say anything and lead nowhere."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.datalog.names import decode, decode_timeframe, encode, encode_timeframe
from gekko_lab.errors import InvalidArgument, InvalidType, UnknownTimeframe

NASTY = [
    *("..", ".", "/", "../../etc/passwd", "\\", "C:\\x", "a\0b", "CON", "nul.txt", "LPT1", "~"),
    *("BTC/USDT:USDT", "BTC/USDT.", "BTC ", " ", "\n", "a=b", "%2F", "%", "*?[a]", "é", "e\u0301"),
    *(
        "1000PEPE/USDT",
        "kPEPE/USDC",
        "KPEPE/USDC",
        "ß",
        "SS",
        "\u017f",
        "İ",
        "𝄞",
        "\u202e",
        "null",
        "-",
    ),
]
fields = st.sampled_from(["exchange", "symbol"])
texts = st.text(min_size=1, max_size=20) | st.sampled_from(NASTY)


@given(fields, texts)
def test_a_name_comes_back_as_it_was(field, text):
    assert decode(field, encode(field, text)) == text


@given(fields, texts)
def test_other_programs_decode_a_name_as_they_do_in_urls(field, text):
    assert unquote(encode(field, text), errors="strict") == f"{field}={text}"


@given(fields, texts)
def test_a_name_is_one_folder_on_every_system(field, text):
    folder = encode(field, text)
    assert folder.isascii()
    assert folder.isprintable()
    assert PurePosixPath(folder).parts == PureWindowsPath(folder).parts == (folder,)
    assert not set(folder) & set('/\\:*?"<>|. \0')
    assert not PureWindowsPath(folder).is_reserved()


@given(fields, texts, texts)
def test_names_that_differ_stay_apart_where_case_does_not_count(field, one, two):
    same = encode(field, one).casefold() == encode(field, two).casefold()
    assert same == (one == two)


def test_the_usual_names_are_readable():
    assert encode("symbol", "BTC/USDT") == "symbol=BTC%2FUSDT"
    assert encode("exchange", "simulator-816efa90") == "exchange=simulator-816efa90"


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("", InvalidArgument),
        ("\ud800", InvalidArgument),
        ("X" * 201, InvalidArgument),
        ("é" * 34, InvalidArgument),
        ("__HIVE_DEFAULT_PARTITION__", InvalidArgument),
        (5, InvalidType),
        (None, InvalidType),
    ],
    ids=repr,
)
def test_what_can_not_be_a_name_is_refused(value, error):
    with pytest.raises(error, match="symbol="):
        encode("symbol", value)


@pytest.mark.parametrize(
    "folder", ["symbol", "symbol=btc", "symbol=%2f", "symbol=%ZZ", "exchange=A", "symbol=%FF", ""]
)
def test_folders_of_others_are_not_taken_for_ours(folder):
    assert decode("symbol", folder) is None


@given(st.integers(1, 9999), st.sampled_from("smhdwMy"))
def test_a_timeframe_comes_back_as_it_was(count, unit):
    folder = encode_timeframe(f"{count}{unit}")
    assert decode_timeframe(folder) == f"{count}{unit}"
    assert folder == folder.lower()


def test_a_month_and_a_minute_stay_apart_where_case_does_not_count():
    assert encode_timeframe("1M") == "timeframe=1mo"
    assert encode_timeframe("1m") == "timeframe=1m"
    assert decode_timeframe("timeframe=1M") is None


@given(st.text(max_size=12))
def test_nothing_but_a_timeframe_names_a_folder(text):
    try:
        folder = encode_timeframe(text)
    except UnknownTimeframe:
        assert decode_timeframe(f"timeframe={text}") in {None, text.removesuffix("mo") + "M"}
    else:
        assert folder.isalnum() or "=" in folder
