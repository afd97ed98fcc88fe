"""The data log: candles, trades, order books and tickers on disk, as plain Parquet.

It lies below `gekko_lab.options.data_dir` and fetches nothing. `load` and `scan` read it,
`catalog`, `coverage` and `gaps` tell what it holds, `verify` checks and repairs it, `delete`
removes, `fold` brings the latest rows into the files, `import_files`, `export` and `write` exchange
rows with other programs and with you; `Series` is what whoever fetches or records writes to.

From the ground up: `names` and `layout` say where a series lies, `kinds` what its rows are,
`ledger` what is known of its time; `disk` and `lock` keep writes whole and apart; `records` in a
`journal` are what was written last, `files` all the rest, `folding` leads from one to the other;
`store` reads both as of one moment, and `series` writes.
"""

from __future__ import annotations

from gekko_lab.datalog.compaction import fold
from gekko_lab.datalog.interchange import export, import_files, write
from gekko_lab.datalog.ledger import Ledger
from gekko_lab.datalog.listing import catalog
from gekko_lab.datalog.queries import coverage, gaps, load
from gekko_lab.datalog.removal import delete
from gekko_lab.datalog.scanning import scan
from gekko_lab.datalog.series import Series
from gekko_lab.datalog.store import Holding
from gekko_lab.datalog.verification import verify
from gekko_lab.market.spans import Span

__all__ = [
    "Holding",
    "Ledger",
    "Series",
    "Span",
    "catalog",
    "coverage",
    "delete",
    "export",
    "fold",
    "gaps",
    "import_files",
    "load",
    "scan",
    "verify",
    "write",
]
