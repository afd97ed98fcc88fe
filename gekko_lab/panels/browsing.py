"""`browse`: what the data log holds, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets
import polars as pl

from gekko_lab.datalog.listing import catalog
from gekko_lab.datalog.verification import verify
from gekko_lab.errors import GekkoLabError, InvalidArgument
from gekko_lab.fetching.updating import update
from gekko_lab.frames.convert import to_frame
from gekko_lab.panels import pictures
from gekko_lab.panels.catalog_rows import COLUMNS, key_of, named, row_of, verdict_of
from gekko_lab.panels.exploring import explore
from gekko_lab.panels.panel import Panel
from gekko_lab.panels.parts import Row, Table
from gekko_lab.panels.spelling import call
from gekko_lab.panels.strips import coverage_strip, last_closes
from gekko_lab.settings import options
from gekko_lab.sources.source import REPLAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gekko_lab.datalog.layout import Kind
    from gekko_lab.panels.exploring import ExplorePanel
    from gekko_lab.panels.pictures import Drawn

    Key = tuple[Kind, str, str, str | None]

_STILL = ("exchange", "symbol", "what", "rows", "first", "strip", "spark")
_NAMES = ("kind", "exchange", "symbol", "timeframe")


def browse(
    *, exchange: str | None = None, symbol: str | None = None, timeframe: str | None = None
) -> BrowsePanel:
    """Give a panel of what the data log holds: how much, since when, and what is missing.

    Choose rows to explore them, bring them up to now, verify or repair them; without a choice, all
    rows that are shown are meant.

    Parameters
    ----------
    exchange, symbol, timeframe
        Show only these, as `datalog.catalog` names them.

    Returns
    -------
    BrowsePanel
        Its `frame` is the catalog, its `selection` the chosen rows of it.

    Examples
    --------
    >>> import asyncio
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> _ = gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")
    >>> asyncio.run(gekko_lab.browse().ready())
    <browse: data log · 1 series · 48 rows · 0 missing · LOG>
    """
    return BrowsePanel(exchange, symbol, timeframe)


class BrowsePanel(Panel):
    """The data log as a panel; see `browse`.

    Parameters
    ----------
    exchange, symbol, timeframe
        Show only these.

    Attributes
    ----------
    explored : ExplorePanel or None
        The chart that was opened last.
    """

    name = "browse"

    def __init__(
        self, exchange: str | None = None, symbol: str | None = None, timeframe: str | None = None
    ) -> None:
        super().__init__()
        self._only: dict[str, Any] = {
            "exchange": exchange,
            "symbol": symbol,
            "timeframe": timeframe,
        }
        self._catalog = pl.DataFrame()
        self._seen: dict[str, dict[str, Any]] = {}
        self._table = Table.of("Series of the data log", COLUMNS, selectable=True)
        self._table.observe(lambda _: self._choose(), "selected")
        self._controls = {"find": _find_box(), **_buttons()}
        self._findings: pl.DataFrame | None = None
        self.explored: ExplorePanel | None = None
        acts: dict[str, Callable[[], object]] = {
            "find": self._show,
            "refresh": self.refresh,
            "explore": self.explore,
            "update": self.update,
            "verify": self.verify,
            "repair": lambda: self.verify(repair=True),
        }
        for name, act in acts.items():
            self._wire(self._controls[name], act)
        self._room = ipywidgets.VBox()
        self._lay_out(tuple(self._controls.values()), self._table, self._room)
        self._header.badge = "LOG"
        self._choose()
        self.refresh()

    @property
    def frame(self) -> Any:  # noqa: ANN401
        """The catalog, as far as it is shown."""
        return to_frame(self._shown(), options.frame)

    @property
    def selection(self) -> Any:  # noqa: ANN401
        """The chosen rows of the catalog; None for none."""
        chosen = self._chosen()
        return None if chosen is None else to_frame(chosen, options.frame)

    @property
    def findings(self) -> Any:  # noqa: ANN401
        """What the last `verify` or `update` told, as a frame; None before."""
        return None if self._findings is None else to_frame(self._findings, options.frame)

    def select(self, *rows: int) -> None:
        """Choose rows of `frame` by their numbers."""
        keys = [key_of(row) for row in self._shown().select(_NAMES).iter_rows()]
        self._table.selected = [keys[row] for row in rows]

    def refresh(self) -> None:
        """Read the log anew."""
        self._do("catalog", lambda: catalog(**self._only, frame="polars"), self._take)

    def explore(self) -> None:
        """Show the first of the chosen series as a chart below the table."""
        candles = [row for row in self._meant() if row[0] == "candles"]
        if not candles:
            raise InvalidArgument("a chart shows candles: choose a row that has a timeframe")
        _, exchange, symbol, timeframe = candles[0]
        names = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe}
        begin = self._catalog.filter(kind="candles", **names)["first"].item()
        before = self.explored
        self.explored = explore(
            f"{REPLAY}{exchange}", symbol, timeframe or "1h", since=begin, exchanges=()
        )
        self._room.children = (self.explored.widget,)
        if before is not None:
            before.close()

    def _close(self) -> None:
        if self.explored is not None:
            self.explored.close()

    def update(self) -> None:
        """Bring the chosen series up to now, all that are shown without a choice."""
        wanted = [row for row in self._meant() if row[0] in {"candles", "trades"}]
        self._mark(wanted, "▶ updating")
        self._do("act", lambda: self._updated(wanted), self._finish)

    def verify(self, *, repair: bool = False) -> None:
        """Read all files of the chosen series, and repair them if that is wanted."""
        wanted = self._meant()
        self._mark(wanted, "▶ repairing" if repair else "▶ verifying")
        self._do("act", lambda: self._verified(wanted, repair=repair), self._finish)

    def _take(self, table: pl.DataFrame) -> None:
        self._catalog = table
        kept = {key_of(row) for row in table.select(_NAMES).iter_rows()}
        self._seen = {key: self._seen.get(key, {}) for key in kept}
        self._table.selected = [key for key in self._table.selected if key in kept]
        self._show()
        self._do("details", self._look, lambda _: self._emit("change"))

    def _look(self) -> None:
        """Find strips and last closes, row after row, as the log may be large."""
        for row in self._catalog.select(_NAMES).iter_rows():
            if self._closed:
                return
            kind, exchange, symbol, timeframe = row
            found: dict[str, Any] = {"strip": coverage_strip(kind, exchange, symbol, timeframe)}
            if kind == "candles":
                found["spark"] = last_closes(exchange, symbol, timeframe)
            self._seen.setdefault(key_of(row), {}).update(found)
            self._show()

    def _updated(self, wanted: Iterable[Key]) -> tuple[dict[str, str], pl.DataFrame]:
        reports, told = [], {}
        for kind, exchange, symbol, timeframe in wanted:
            about: dict[str, Any] = {"kind": kind, "timeframes": timeframe}
            try:
                row = update(exchange, symbol, **about, frame="polars", progress="off")
            except GekkoLabError as error:
                told[key_of((kind, exchange, symbol, timeframe))] = f"✘ {error}"
                continue
            reports.append(row)
            status, why = row["status"].item(), row["error"].item() or row["gaps"].item()
            mark = "✔" if status in {"complete", "gaps"} else "✘"
            text = f"{mark} {status}" + (f": {why}" if why else "")
            told[key_of((kind, exchange, symbol, timeframe))] = text
        return told, pl.concat(reports) if reports else pl.DataFrame()

    def _verified(
        self, wanted: Iterable[Key], *, repair: bool
    ) -> tuple[dict[str, str], pl.DataFrame]:
        tables, told = [], {}
        for kind, exchange, symbol, timeframe in wanted:
            names: Any = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe}
            found = verify(kind, **names, repair=repair, frame="polars")
            tables.append(found)
            told[key_of((kind, exchange, symbol, timeframe))] = verdict_of(found)
        return told, pl.concat(tables) if tables else pl.DataFrame()

    def _finish(self, found: tuple[dict[str, str], pl.DataFrame]) -> None:
        told, self._findings = found
        for key, text in told.items():
            self._seen.setdefault(key, {})["status"] = text
        self.refresh()

    def _mark(self, wanted: Iterable[Key], status: str) -> None:
        for row in wanted:
            self._seen.setdefault(key_of(row), {})["status"] = status
        self._show()

    def _meant(self) -> list[Key]:
        chosen = self._chosen()
        rows = self._shown() if chosen is None else chosen
        if rows.is_empty():
            raise InvalidArgument(
                "there is no series to work on: fetch or download something first"
            )
        return list(rows.select(_NAMES).iter_rows())

    def _shown(self) -> pl.DataFrame:
        table = self._catalog
        words = str(self._controls["find"].value).lower().split()
        if not words or table.is_empty():
            return table
        text = pl.concat_str(_NAMES, separator=" ", ignore_nulls=True).str.to_lowercase()
        return table.filter(pl.all_horizontal(text.str.contains(w, literal=True) for w in words))

    def _chosen(self) -> pl.DataFrame | None:
        keys = set(self._table.selected)
        if not keys or self._catalog.is_empty():
            return None
        mask = [key_of(row) in keys for row in self._catalog.select(_NAMES).iter_rows()]
        return self._catalog.filter(pl.Series(mask, dtype=pl.Boolean))

    def _choose(self) -> None:
        self._show_code()
        self._emit("selection")

    def _show(self) -> None:
        table = self._shown()
        self._table.show(self._rows(table))
        missing = 0 if table.is_empty() else int(table["gaps"].sum())
        rows = 0 if table.is_empty() else int(table["rows"].sum())
        told = [f"{len(table)} series", f"{rows:,} rows", f"{missing:,} missing"]
        self._header.parts = ["data log", *told]
        self._show_code()

    def _show_code(self) -> None:
        chosen = self._chosen()
        if chosen is None:
            self._code.code = call("gekko_lab.datalog.catalog", **self._only)
            return
        lines = []
        for kind, exchange, symbol, timeframe in chosen.select(_NAMES).iter_rows():
            given = [exchange, symbol, *([timeframe] if timeframe else [])]
            of = None if kind == "candles" else kind
            lines.append(call("gekko_lab.datalog.load", *given, kind=of))
        self._code.code = "\n".join(lines)

    def _rows(self, table: pl.DataFrame) -> list[Row]:
        return [row_of(row, self._seen.get(key_of(named(row)), {})) for row in table.to_dicts()]

    def _drawn(self) -> Sequence[Drawn]:
        columns = [each for each in COLUMNS if each.key in _STILL]
        return [pictures.table(columns, self._rows(self._shown()))]


def _find_box() -> Any:  # noqa: ANN401
    box = ipywidgets.Text(description="Find", placeholder="exchange, symbol, timeframe")
    box.style.description_width = "initial"
    return box


def _buttons() -> dict[str, Any]:
    told = (
        ("refresh", "Refresh", "Read the log anew"),
        ("explore", "Explore", "Show the chosen candles as a chart, below"),
        ("update", "Update", "Ask for what is missing up to now"),
        ("verify", "Verify", "Read every file and say what is wrong"),
        ("repair", "Repair", "Set damaged files aside, so that they are fetched again"),
    )
    return {name: ipywidgets.Button(description=label, tooltip=tip) for name, label, tip in told}
