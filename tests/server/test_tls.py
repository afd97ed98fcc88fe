"""A server that speaks TLS."""

from __future__ import annotations

import asyncio
import ssl

import aiohttp
import pytest
import requests

from gekko_lab.server import serve

MINUTE = 60_000
START = 1_704_067_200_000


@pytest.fixture(params=["files", "context"])
def secure(simulated, clock, certificate, request):
    clock.now = START + 17_345
    tls = certificate
    if request.param == "context":
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*certificate)
    with serve(simulated, clock=lambda: clock.now, tls=tls) as running:
        yield running


def test_rest_and_streams_are_encrypted(secure, clock, certificate, listening, simulated):
    trust = ssl.create_default_context(cafile=certificate[0])

    async def listen():
        async with listening(secure, "/ws/btcusdt@trade", ssl=trust) as client:
            clock.now += MINUTE
            return [each["t"] for each in await client.take(10)]

    assert (secure.url[:8], secure.ws_url[:6]) == ("https://", "wss://")
    answer = requests.get(f"{secure.url}/api/v3/time", verify=str(certificate[0]), timeout=10)
    assert answer.json() == {"serverTime": clock.now}
    expected = simulated.trades("BTC/USDT", clock.now + 1, clock.now + MINUTE + 1)["id"]
    assert asyncio.run(listen()) == expected.to_list()[:10]


def test_who_does_not_trust_the_certificate_gets_nothing(secure, listening):
    async def listen():
        async with listening(secure):
            pass

    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        asyncio.run(listen())


def test_a_restart_stays_encrypted(secure, certificate):
    secure.restart()
    answer = requests.get(f"{secure.url}/api/v3/ping", verify=str(certificate[0]), timeout=10)
    assert answer.status_code == 200


def test_ccxt_is_pointed_at_encrypted_addresses(secure):
    spot = secure.ccxt_urls()["api"]["ws"]["spot"]
    assert spot == f"wss://{secure.url.removeprefix('https://')}/stream/ws"


def test_a_certificate_that_is_not_there_is_told(simulated, tmp_path):
    with pytest.raises(FileNotFoundError):
        serve(simulated, tls=(tmp_path / "no.pem", tmp_path / "no.key"))
