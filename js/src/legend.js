/** Times as ISO text in UTC, as short as their width allows. */
export function showTime(time, width) {
  const text = new Date(time).toISOString();
  if (width >= 86_400_000) return text.slice(0, 10);
  return `${text.slice(0, 10)} ${width >= 60_000 ? text.slice(11, 16) : text.slice(11, 19)}`;
}

const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** The text of a tick: the chart's own asks for the language of the page, at a third of a paint. */
export function showTick(seconds, kind) {
  const text = new Date(seconds * 1000).toISOString();
  const texts = [
    () => text.slice(0, 4),
    () => MONTHS[Number(text.slice(5, 7)) - 1],
    () => String(Number(text.slice(8, 10))),
    () => text.slice(11, 16),
    () => text.slice(11, 19),
  ];
  return texts[kind]();
}

const UNITS = [
  [604_800_000, "w"],
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1000, "s"],
];

/** The name of a width, such as 4h; none where a single candle doesn't show it. */
export function showWidth(head) {
  const width = head.steps[head.step];
  if (head.step === 0) return head.timeframe;
  if (head.calendar) return `${Math.round(width / 2_629_746_000)}M`;
  const [unit, letter] = UNITS.find(([each]) => width % each === 0) ?? UNITS.at(-1);
  return `${width / unit}${letter}`;
}

function short(number) {
  if (!Number.isFinite(number)) return "–";
  return new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 2 }).format(
    number,
  );
}

/** A row of text about one bar. */
export function describe(bars, row) {
  const { head } = bars;
  if (!(row >= 0 && row < bars.rows)) return "";
  const time = showTime(bars.times[row], bars.width);
  if (bars.isGap(row)) return `${time} · no candle`;
  const [, open, high, low, close, volume] = bars.columns.map((column) => column[row]);
  const [o, h, l, c] = [open, high, low, close].map((price) => price.toFixed(head.decimals));
  const change = (close / open - 1) * 100;
  const sign = close < open ? "▼" : "▲";
  return `${time} · O ${o} H ${h} L ${l} C ${c} ${sign} ${Math.abs(change).toFixed(2)}% · V ${short(volume)}`;
}
