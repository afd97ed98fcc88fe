"""What every test stands on: no network, no waiting, no traces on this machine."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.parse import parse_qs, urlparse

import polars as pl
import pytest
import requests
import stamina
from hypothesis import settings

import gekko_lab
from gekko_lab.limits.ledger import ledger
from gekko_lab.server import serve
from gekko_lab.simulation import Parameters, SimulatedMarket

settings.register_profile("gekko_lab", deadline=None)  # no test is about time
settings.load_profile("gekko_lab")

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def pytest_configure(config):
    """Notebooks and docstrings count elsewhere too; they run without the fixtures below."""
    folder = tempfile.TemporaryDirectory(prefix="gekko-lab-state-", ignore_cleanup_errors=True)
    os.environ.setdefault("GEKKO_LAB_STATE_DIR", folder.name)
    config.add_cleanup(folder.cleanup)


@pytest.fixture(scope="session", autouse=True)
def only_loopback():
    """A test that leaves this machine fails."""
    real = socket.socket.connect

    def connect(self, address):
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in LOOPBACK:
            raise AssertionError(f"a test wanted to reach {address}")
        return real(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


@pytest.fixture(autouse=True)
def no_waiting():
    """Retries come at once, as many as ever."""
    with stamina.set_testing(True, attempts=8, cap=True):
        yield


@pytest.fixture(autouse=True)
def data_dir(tmp_path):
    """Market lists of one test are not those of another."""
    with gekko_lab.options(data_dir=tmp_path / "data", progress="off"):
        yield tmp_path / "data"


@pytest.fixture(autouse=True)
def state_dir(tmp_path, monkeypatch):
    """What one test asks for is not counted in the next, nor on this machine."""
    folder = tmp_path / "state"
    # threads and other processes see a variable, unlike a `with` block
    monkeypatch.setenv("GEKKO_LAB_STATE_DIR", str(folder))
    yield folder
    if folder.exists():
        ledger(folder).close()


@pytest.fixture(scope="session")
def ms():
    """From ISO text to milliseconds, by datetime alone."""

    def to_milliseconds(text):
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)

    return to_milliseconds


@pytest.fixture(scope="session")
def market():
    """One simulated market behind all loopback exchanges."""
    return SimulatedMarket(Parameters())


@pytest.fixture
def binance(market, ms):
    """Serve the market as Binance, and give the server and a source that talks to it."""
    opened = []

    def start(clock="2024-03-01T00:00:30", config=None, data=None, **options):
        server = serve(data or market, clock=lambda: ms(clock), **options)
        settings = {"enableRateLimit": False, **server.ccxt_config(), **(config or {})}
        source = gekko_lab.CcxtMarketData("binance", config=settings)
        opened.extend([source, server])
        return server, source

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def fake_exchange():
    """Put an exchange's pages behind ccxt's own class: its requests end in a function."""

    def start(exchange, answer, **config):
        settings = {"session": FakeSession(answer), "enableRateLimit": False, **config}
        return gekko_lab.CcxtMarketData(exchange, config=settings)

    return start


class FakeSession(requests.Session):
    """Answers a request from a function of path and query, as the network would."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer
        self.asked = []

    def request(self, method, url, **_):
        address = urlparse(url)
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        self.asked.append((address.path, query))
        status, body = self.answer(address.path, query)
        response = requests.Response()
        response.status_code = status
        response.reason = "OK" if status == 200 else "Error"
        response.url = url
        response.headers["Content-Type"] = "application/json"
        response._content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        response._content_consumed = True
        return response


@pytest.fixture(scope="session")
def rows_of():
    """Rows of candles with times in seconds, as several exchanges write them."""

    def rows(frame):
        columns = ["open", "high", "low", "close", "volume"]
        return frame.select(pl.col("timestamp").dt.epoch("s"), *columns).rows()

    return rows


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for this machine that signs itself, and its key, as files."""
    from cryptography import x509  # slow to import, and for few tests
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "certificate.pem", folder / "key.pem"
