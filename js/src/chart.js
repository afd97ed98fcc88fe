import {
  CandlestickSeries,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  createChart,
  createSeriesMarkers,
} from "lightweight-charts";
import { Asking } from "./asking.js";
import { Bands } from "./bands.js";
import { Bars } from "./bars.js";
import { Frame } from "./frame.js";
import { ZOOM, followKeys } from "./keys.js";
import { describe, showTick, showTime, showWidth } from "./legend.js";
import { followPinch, followPointer, followWheel } from "./pointer.js";
import { chooseStep, hasMargin } from "./steps.js";
import { DARK, candleOptions, chartOptions, followTheme } from "./theme.js";

const LEAST_SPACING = 0.25; // pixels of a bar, until a window with wider ones comes
const LEAST_BARS = 5;
const LABEL = "#57606a";
const TELL_MS = 100; // between words about the range that is shown
const MOST_LIVE = 1500; // live bars after which the window is asked for anew

/** One view of the model: it paints windows and asks for others as the user moves. */
export class Chart {
  constructor(model, el) {
    this.model = model;
    this.asking = new Asking(model, this);
    this.frame = new Frame({
      in: () => this.zoomBy(1 / ZOOM),
      out: () => this.zoomBy(ZOOM),
      all: () => this.showAll(),
      select: () => this.setSelecting(!this.selecting),
      dismiss: () => this.asking.send({ kind: "dismiss" }),
    });
    el.append(this.frame.root);
    this.selecting = false;
    this.cursor = null;
    this.sketched = null;
    this.lines = [];
    this.build();
    this.undo = [followPointer(this), followTheme(model, (palette) => this.color(palette))];
    followWheel(this);
    followPinch(this);
    followKeys(this);
    this.listen();
    this.layOut();
    this.takeState();
    this.watchSize();
    const { version, step } = this.bars.head;
    this.asking.send({ kind: "hello", version, step });
  }

  build() {
    this.chart = createChart(this.frame.body, {
      // who moves is this view alone: the chart's own ways know rows, which change under them
      handleScroll: false,
      handleScale: {
        mouseWheel: false,
        pinch: false,
        axisPressedMouseMove: { time: false, price: true },
        axisDoubleClickReset: { time: false, price: true },
      },
      kineticScroll: { touch: false, mouse: false },
      crosshair: {
        mode: CrosshairMode.Normal,
        vertLine: { labelBackgroundColor: LABEL },
        horzLine: { labelBackgroundColor: LABEL },
      },
      localization: { timeFormatter: (time) => showTime(time * 1000, this.bars.width) },
      timeScale: {
        minBarSpacing: LEAST_SPACING,
        shiftVisibleRangeOnNewBar: false,
        tickMarkFormatter: showTick,
      },
    });
    this.scale = this.chart.timeScale();
    this.candles = this.chart.addSeries(CandlestickSeries, { priceLineVisible: true });
    this.volumes = this.model.get("volume") ? this.addVolumes() : null;
    this.markers = createSeriesMarkers(this.candles, []);
    this.bands = this.chart.panes().map((pane) => {
      const bands = new Bands(this.chart, () => this.readBands());
      pane.attachPrimitive(bands);
      return bands;
    });
    // prices of more digits take from the width, and the chart would keep only its right end
    this.scale.subscribeSizeChange(() => this.shown && this.showRange(this.shown));
    this.chart.subscribeCrosshairMove(({ point }) => {
      this.cursor = point?.x ?? null;
      this.describe();
    });
  }

  addVolumes() {
    const quiet = { priceLineVisible: false, lastValueVisible: false };
    const options = { priceFormat: { type: "volume" }, ...quiet };
    const volumes = this.chart.addSeries(HistogramSeries, options, 1);
    volumes.priceScale().applyOptions({ scaleMargins: { top: 0.2, bottom: 0 } });
    this.chart.panes()[0].setStretchFactor(4);
    this.chart.panes()[1].setStretchFactor(1);
    return volumes;
  }

  listen() {
    const told = {
      "change:head": () => this.takeState(),
      "change:title": () => this.layOut(),
      "change:height": () => this.layOut(),
      "change:volume": () => this.rebuild(),
      "change:selected": () => this.paintBands(),
      "change:fault": () => this.layOut(),
      "msg:custom": (message, buffers) => this.hear(message, buffers),
    };
    for (const [event, call] of Object.entries(told)) {
      this.model.on(event, call);
      this.undo.push(() => this.model.off(event, call));
    }
  }

  rebuild() {
    this.chart.remove();
    this.lines = [];
    this.build();
    this.color(this.palette);
    this.fit();
    this.paint(this.bars);
  }

  layOut() {
    this.frame.label(this.model.get("title"));
    this.frame.root.style.height = `${this.model.get("height")}px`;
    this.frame.tellFault(this.model.get("fault"));
  }

  color(palette) {
    this.palette = palette;
    this.frame.color(palette === DARK);
    this.chart.applyOptions(chartOptions(palette));
    this.candles.applyOptions(candleOptions(palette));
    if (this.bars) this.paint(this.bars);
  }

  watchSize() {
    const observer = new ResizeObserver(() => this.fit());
    observer.observe(this.frame.body);
    this.undo.push(() => observer.disconnect());
  }

  /** Takes the size of its place and shows the same time there. */
  fit() {
    const { clientWidth, clientHeight } = this.frame.body;
    if (!clientWidth || !clientHeight) return;
    this.chart.resize(clientWidth, clientHeight);
    if (this.shown) this.showRange(this.shown);
    this.consider();
  }

  get plotWidth() {
    return this.scale.width();
  }

  isPlot(x, y) {
    const below = this.frame.body.clientHeight - this.scale.height();
    return x >= 0 && x < this.plotWidth && y >= 0 && y < below;
  }

  timeAtX(x) {
    return this.shown[0] + (x / this.plotWidth) * (this.shown[1] - this.shown[0]);
  }

  /** Takes the window of the model's state, and the range that it says. */
  takeState() {
    const head = this.model.get("head");
    this.shown = head.shown ?? [0, head.steps[0]];
    this.paint(new Bars(head, this.model.get("window")));
    this.consider();
  }

  /** Puts bars into the chart; the time at each pixel stays what it is. */
  paint(bars) {
    this.bars = bars;
    const { decimals, lines } = bars.head;
    const format = { type: "price", precision: decimals, minMove: 10 ** -decimals };
    this.candles.applyOptions({ priceFormat: format });
    const { width } = bars;
    this.scale.applyOptions({ timeVisible: width < 86_400_000, secondsVisible: width < 60_000 });
    this.candles.setData(bars.all((row) => bars.candle(row)));
    this.volumes?.setData(bars.all((row) => bars.volume(row, this.palette)));
    this.paintLines(lines);
    this.markers.setMarkers(this.readMarks(bars.head.marks));
    this.gaps = bars.gaps();
    this.showRange(this.shown);
    this.describe();
    this.paintBands();
  }

  paintLines(lines) {
    while (this.lines.length > lines.length) this.chart.removeSeries(this.lines.pop());
    this.frame.lines.replaceChildren();
    lines.forEach(({ name, color }, place) => {
      const { lines: colors } = this.palette;
      const chosen = color ?? colors[place % colors.length];
      const options = { color: chosen, lineWidth: 2, priceLineVisible: false };
      this.lines[place] ??= this.chart.addSeries(LineSeries, options);
      this.lines[place].applyOptions(options);
      this.lines[place].setData(this.bars.all((row) => this.bars.point(row, place)));
      const entry = document.createElement("span");
      const sign = document.createElement("i");
      sign.textContent = "━ ";
      sign.style.color = chosen;
      entry.append(sign, name);
      this.frame.lines.append(entry);
    });
  }

  readMarks(marks) {
    return marks.map(([time, side, text, price]) => {
      const up = side === "buy";
      const mark = {
        time: time / 1000,
        text,
        shape: side ? (up ? "arrowUp" : "arrowDown") : "circle",
        color: side ? (up ? this.palette.rise : this.palette.fall) : this.palette.edge,
        position: up ? "belowBar" : "aboveBar",
      };
      if (price === null) return mark;
      const at = side ? (up ? "atPriceBottom" : "atPriceTop") : "atPriceMiddle";
      return { ...mark, price, position: at };
    });
  }

  readBands() {
    const found = this.gaps.map(([from, to]) => {
      return { from, to, color: this.palette.gap, hatched: true };
    });
    const edges = this.sketched ?? this.model.get("selected");
    if (!edges) return found;
    const [from, to] = edges.map((time) => this.bars.placeOf(time));
    return [...found, { from, to, color: this.palette.band, edge: this.palette.edge }];
  }

  paintBands() {
    for (const bands of this.bands) bands.requestUpdate?.();
  }

  /** Shows a range of time; the chart's numbers name middles of bars, ours their edges. */
  showRange(shown) {
    this.shown = shown;
    const [from, to] = shown.map((time) => this.bars.placeOf(time));
    if (this.plotWidth > 0) this.scale.setVisibleLogicalRange({ from, to: to - 1 });
  }

  /** Asks for another window where this one no longer suits, once all that happens now has. */
  consider() {
    this.considering ??= Promise.resolve().then(() => {
      this.considering = null;
      if (!this.closed) this.decide();
    });
  }

  decide() {
    const { head } = this.bars;
    if (head.alone || !head.span || this.asking.busy || this.plotWidth <= 0) return;
    const length = this.shown[1] - this.shown[0];
    const step = chooseStep(length, head.steps, head.step, this.plotWidth);
    if (step !== head.step || !hasMargin(this.bars, this.shown, head.span)) {
      this.asking.ask(this.shown, step);
    }
  }

  refresh() {
    if (this.asking.busy) this.asking.again();
    else this.asking.ask(this.shown, this.bars.head.step);
  }

  tellRange() {
    this.telling ??= setTimeout(() => {
      this.telling = null;
      if (this.asking.told !== this.shown) this.asking.send({ kind: "range", shown: this.shown });
    }, TELL_MS);
  }

  hear(message, buffers) {
    if (message.kind === "live") this.takeLive(message);
    if (message.kind === "stale" && (message.view ?? this.asking.id) === this.asking.id) {
      this.asking.again();
    }
    if (message.kind !== "window" || !this.asking.answers(message)) return;
    this.paint(new Bars(message.head, buffers[0]));
    this.consider();
  }

  takeLive({ bars: all, span, count }) {
    const { bars } = this;
    const { head } = bars;
    Object.assign(head, { span, count });
    const news = all[head.step] ?? [];
    if (!news.length || news[0][0] > bars.until) {
      this.consider();
      return;
    }
    const before = bars.until;
    const follows = this.shown[1] >= before;
    for (const bar of news) {
      if (!bars.put(bar)) continue;
      const row = bars.rows - 1;
      this.candles.update(bars.candle(row));
      this.volumes?.update(bars.volume(row, this.palette));
      this.lines.forEach((line, place) => line.update(bars.point(row, place)));
      if (bars.isGap(row)) this.gaps = bars.gaps();
    }
    const shift = follows ? bars.until - before : 0;
    this.showRange(this.shown.map((time) => time + shift));
    if (shift) this.tellRange();
    this.describe();
    if (bars.rows > head.rows + MOST_LIVE) this.asking.again();
  }

  /** Tells of the bar under the cursor, else of the last one that is shown. */
  describe() {
    const { bars } = this;
    let row = null;
    if (this.cursor !== null && this.plotWidth > 0) {
      row = Math.floor(bars.placeOf(this.timeAtX(this.cursor)));
    } else {
      row = Math.min(bars.rows, Math.ceil(bars.placeOf(this.shown[1]))) - 1;
      while (row > 0 && bars.isGap(row)) row -= 1;
    }
    const texts = [showWidth(bars.head), describe(bars, row)];
    this.frame.text.textContent = (texts[0] ? texts : texts.slice(1)).join(" · ");
  }

  /** Tells readers of screens what is shown. */
  tell() {
    const { head, width } = this.bars;
    const [since, until] = this.shown.map((time) => showTime(time, width));
    const count = Math.round((this.shown[1] - this.shown[0]) / width);
    const name = showWidth(head);
    const few = head.count ? "1 candle" : "no candles";
    this.frame.say(`${since} to ${until}, ${name ? `${count} candles of ${name}` : few}`);
  }

  pan(share) {
    const shift = share * (this.shown[1] - this.shown[0]);
    this.move([this.shown[0] + shift, this.shown[1] + shift]);
  }

  /** Shows more or less time about a point, by default the middle, between 0 and 1. */
  zoomBy(factor, share = 0.5) {
    const { head } = this.bars;
    if (!head.span) return;
    const [since, until] = this.shown;
    const most = Math.max(2 * (head.span[1] - head.span[0]), LEAST_BARS * head.steps[0]);
    const wanted = (until - since) * factor;
    const length = Math.max(LEAST_BARS * head.steps[0], Math.min(most, wanted));
    const start = since + share * (until - since - length);
    this.move([start, start + length]);
  }

  toEnd(end) {
    const { span } = this.bars.head;
    if (!span) return;
    const length = this.shown[1] - this.shown[0];
    this.move(end ? [span[1] - length, span[1]] : [span[0], span[0] + length]);
  }

  showAll() {
    if (this.bars.head.span) this.move([...this.bars.head.span]);
  }

  move(shown) {
    this.showRange(shown);
    this.describe();
    this.consider();
    this.tellRange();
  }

  setSelecting(selecting) {
    this.selecting = selecting;
    this.frame.select.setAttribute("aria-pressed", String(selecting));
    this.frame.body.classList.toggle("selecting", selecting);
  }

  /** Gives two times in order, on the edges of bars. */
  onEdges(first, second) {
    const { bars } = this;
    const places = [first, second].map((time) => bars.placeOf(time)).sort((a, b) => a - b);
    return [bars.timeAt(Math.floor(places[0])), bars.timeAt(Math.ceil(places[1]))];
  }

  sketch(first, second) {
    this.sketched = this.onEdges(first, second);
    this.paintBands();
  }

  choose(first, second) {
    this.sketched = null;
    this.pick(this.onEdges(first, second));
    this.setSelecting(false);
  }

  unchoose() {
    this.sketched = null;
    this.pick(null);
  }

  pick(selected) {
    this.model.set("selected", selected);
    this.paintBands();
    this.asking.send({ kind: "select", selected });
  }

  /** Moves the end of the selection by a bar, or begins one at the last bar that is shown. */
  extend(bars) {
    const { span } = this.bars.head;
    if (!span) return;
    const selected = this.model.get("selected");
    const end = selected ? selected[1] : Math.min(this.shown[1], span[1]);
    const place = Math.round(this.bars.placeOf(end));
    const start = selected ? selected[0] : this.bars.timeAt(place - 1);
    const next = this.bars.timeAt(place + (selected ? bars : 0));
    if (next > start) this.pick([start, next]);
  }

  close() {
    this.closed = true;
    clearTimeout(this.telling);
    for (const undo of this.undo) undo();
    this.asking.close();
    this.chart.remove();
    this.frame.root.remove();
  }
}
