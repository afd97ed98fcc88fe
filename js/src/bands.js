/** Bands over the whole height of a pane: hatched where candles are missing, plain where selected. */
export class Bands {
  constructor(chart, read) {
    this.chart = chart;
    this.read = read;
    const renderer = { draw() {}, drawBackground: (target) => this.draw(target) };
    this.views = [{ zOrder: () => "bottom", renderer: () => renderer }];
  }

  attached({ requestUpdate }) {
    this.requestUpdate = requestUpdate;
  }

  paneViews() {
    return this.views;
  }

  draw(target) {
    const scale = this.chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (!range) return;
    const spacing = scale.width() / (range.to - range.from + 1);
    target.useBitmapCoordinateSpace((scope) => {
      const { context, bitmapSize, horizontalPixelRatio: ratio } = scope;
      for (const band of this.read()) {
        // the chart's own function knows whole numbers only
        const left = (band.from - range.from) * spacing * ratio;
        const right = (band.to - range.from) * spacing * ratio;
        if (right < 0 || left > bitmapSize.width) continue;
        const width = Math.max(1, right - left);
        context.fillStyle = band.hatched ? hatching(context, band.color, ratio) : band.color;
        context.fillRect(left, 0, width, bitmapSize.height);
        if (!band.edge) continue;
        context.fillStyle = band.edge;
        context.fillRect(left, 0, ratio, bitmapSize.height);
        context.fillRect(left + width - ratio, 0, ratio, bitmapSize.height);
      }
    });
  }
}

const hatchings = new Map();

function hatching(context, color, ratio) {
  const key = `${color} ${ratio}`;
  if (!hatchings.has(key)) {
    const size = Math.max(4, Math.round(6 * ratio));
    const tile = new OffscreenCanvas(size, size);
    const pen = tile.getContext("2d");
    pen.strokeStyle = color;
    pen.lineWidth = Math.max(1, ratio);
    for (const shift of [-size, 0, size]) {
      pen.moveTo(shift - 1, size + 1);
      pen.lineTo(shift + size + 1, -1);
    }
    pen.stroke();
    hatchings.set(key, tile);
  }
  return context.createPattern(hatchings.get(key), "repeat");
}
