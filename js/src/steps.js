const MOST = 660;
const PIXELS = 4; // a narrower candle shows neither its body nor whether it is hollow
const FINE = 1.35;
const COARSE = 3;

/** How many bars may be seen in so many pixels. */
export function mostBars(pixels) {
  return Math.max(40, Math.min(MOST, pixels / PIXELS));
}

/** Which of the widths suits a span of time; the present one stays where it will do. */
export function chooseStep(span, widths, present, pixels) {
  const most = mostBars(pixels);
  const found = widths.findIndex((width) => span / width <= most);
  const best = found < 0 ? widths.length - 1 : found;
  const bars = span / widths[present];
  if (present < best && bars <= most * FINE) return present;
  if (present > best && bars > most / COARSE) return present;
  return best;
}

/** Whether bars reach far enough beyond what is seen, or to the ends of the data. */
export function hasMargin(bars, shown, span) {
  const margin = (shown[1] - shown[0]) / 4;
  const left = bars.since <= Math.max(span[0], shown[0] - margin);
  const right = bars.until >= Math.min(span[1], shown[1] + margin);
  return left && right;
}
