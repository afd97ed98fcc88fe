"""The lists of markets that exchanges have sent, kept on disk for a day."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from gekko_lab.settings import options

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT_S = 86_400.0


def read(identity: str, *, version: str, newer_than: float | None = None) -> Any:  # noqa: ANN401
    """Give the markets that were kept for this source, or None.

    Parameters
    ----------
    identity
        The source's identity, so that a test server's markets never pass for a real exchange's.
    version
        Of the library that parsed them; another one's are not used.
    newer_than
        Wall-clock seconds that they must be younger than; by default a day ago.
    """
    try:
        kept = orjson.loads(_file(identity).read_bytes())
    except (OSError, ValueError):
        return None
    least = time.time() - KEPT_S if newer_than is None else newer_than
    if not _is_whole(kept) or kept["version"] != version:
        return None
    return kept["markets"] if least <= kept["saved"] <= time.time() else None


def write(identity: str, markets: Sequence[Any], *, version: str) -> None:
    """Keep the markets; a disk that refuses them costs a request later, never the fetch."""
    file = _file(identity)
    content = {"version": version, "saved": time.time(), "markets": markets}
    temporary = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
            temporary = Path(part.name)
            part.write(orjson.dumps(content, default=str, option=orjson.OPT_NON_STR_KEYS))
        os.replace(temporary, file)  # noqa: PTH105 (atomic on every platform, by this very name)
    except (OSError, TypeError):
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _is_whole(kept: Any) -> bool:  # noqa: ANN401 (whatever a file holds)
    if not isinstance(kept, dict) or not {"version", "saved", "markets"} <= kept.keys():
        return False
    markets = kept["markets"]
    listed = isinstance(markets, list) and all(isinstance(market, dict) for market in markets)
    return listed and isinstance(kept["saved"], (int, float))


def _file(identity: str) -> Path:
    return Path(options.data_dir) / "markets" / f"{identity}.json"
