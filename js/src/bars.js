/** Bars as they came from Python: columns of numbers, and which time lies where on the axis.
 *
 * A bar fills one unit of the axis: bar i lies from i to i + 1. The chart's own "logical" numbers
 * name the middles of bars.
 */
export class Bars {
  constructor(head, view) {
    this.head = head;
    const numbers = new Float64Array(
      view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength),
    );
    this.rows = head.rows;
    this.columns = [];
    for (let start = 0; start < numbers.length; start += this.rows) {
      this.columns.push(Array.from(numbers.subarray(start, start + this.rows)));
    }
    if (!this.columns.length) this.columns = Array.from({ length: 6 }, () => []);
    this.width = head.steps[head.step];
  }

  get times() {
    return this.columns[0];
  }

  get since() {
    return this.rows ? this.times[0] : 0;
  }

  get until() {
    return this.rows ? this.timeAt(this.rows) : 0;
  }

  /** The time at a place of the axis; months have different lengths, so between two bars. */
  timeAt(place) {
    if (!this.rows) return place * this.width;
    if (!this.head.calendar) return this.times[0] + place * this.width;
    const row = Math.floor(place);
    if (row < 0) return this.times[0] + place * this.width;
    if (row >= this.rows - 1) return this.times[this.rows - 1] + (place - this.rows + 1) * this.width;
    return this.times[row] + (place - row) * (this.times[row + 1] - this.times[row]);
  }

  /** The place on the axis of a time. */
  placeOf(time) {
    if (!this.rows) return time / this.width;
    const times = this.times;
    if (!this.head.calendar || time < times[0]) return (time - times[0]) / this.width;
    let [low, high] = [0, this.rows - 1];
    if (time >= times[high]) return high + (time - times[high]) / this.width;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (times[middle] <= time) low = middle;
      else high = middle;
    }
    return low + (time - times[low]) / (times[high] - times[low]);
  }

  /** Puts a newer bar, or the newest as it has become, at the end; tells whether it fits there. */
  put(bar) {
    const row = Math.round(this.placeOf(bar[0]));
    if (row < this.rows - 1 || row > this.rows) return false;
    this.columns.forEach((column, place) => {
      column[row] = bar[place] ?? NaN;
    });
    this.rows = Math.max(this.rows, row + 1);
    return true;
  }

  isGap(row) {
    return Number.isNaN(this.columns[4][row]);
  }

  candle(row) {
    const [times, open, high, low, close] = this.columns;
    const time = times[row] / 1000;
    if (this.isGap(row)) return { time };
    return { time, open: open[row], high: high[row], low: low[row], close: close[row] };
  }

  volume(row, colors) {
    const [times, open, , , close, volume] = this.columns;
    const time = times[row] / 1000;
    if (this.isGap(row)) return { time };
    const color = close[row] < open[row] ? colors.fallVolume : colors.riseVolume;
    return { time, value: volume[row], color };
  }

  point(row, line) {
    const time = this.times[row] / 1000;
    const value = this.columns[6 + line][row];
    return Number.isFinite(value) ? { time, value } : { time };
  }

  all(one) {
    const found = new Array(this.rows);
    for (let row = 0; row < this.rows; row += 1) found[row] = one(row);
    return found;
  }

  /** Ranges of the axis without candles. */
  gaps() {
    const found = [];
    for (let row = 0; row < this.rows; row += 1) {
      if (!this.isGap(row)) continue;
      const last = found.at(-1);
      if (last && last[1] === row) last[1] = row + 1;
      else found.push([row, row + 1]);
    }
    return found;
  }
}
