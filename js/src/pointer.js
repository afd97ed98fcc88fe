/** Dragging: it pans, and with Shift or while selecting it brushes candles. */
export function followPointer(view) {
  const { body } = view.frame;
  let drag = null;

  const xOf = (event) => event.clientX - body.getBoundingClientRect().left;

  const down = (event) => {
    const box = body.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (!event.isPrimary) stop();
    if (!event.isPrimary || event.button !== 0 || !view.isPlot(x, y) || event.target.closest("a")) return;
    view.frame.root.focus({ preventScroll: true });
    const brush = event.shiftKey || view.selecting;
    drag = { x, brush, moved: false, shown: [...view.shown], time: view.timeAtX(x) };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", up);
    window.addEventListener("pointercancel", stop);
  };

  const move = (event) => {
    const x = xOf(event);
    if (!drag.moved && Math.abs(x - drag.x) < 3) return;
    drag.moved = true;
    if (drag.brush) {
      view.sketch(drag.time, view.timeAtX(x));
      return;
    }
    const shift = ((drag.x - x) / view.plotWidth) * (drag.shown[1] - drag.shown[0]);
    view.move([drag.shown[0] + shift, drag.shown[1] + shift]);
  };

  const up = (event) => {
    const { brush, moved, time } = drag;
    stop();
    if (!brush) return;
    if (moved) view.choose(time, view.timeAtX(xOf(event)));
    else view.unchoose();
  };

  const stop = () => {
    drag = null;
    window.removeEventListener("pointermove", move);
    window.removeEventListener("pointerup", up);
    window.removeEventListener("pointercancel", stop);
  };

  body.addEventListener("pointerdown", down);
  return () => {
    stop();
    body.removeEventListener("pointerdown", down);
  };
}

const NOTCH = 1.15; // a turn of the wheel shows so much more or less time
const LINE = 32; // pixels, where a wheel counts lines

/** The wheel: it zooms about the cursor, and pans when it turns sideways. */
export function followWheel(view) {
  const { body } = view.frame;
  const turn = (event) => {
    const box = body.getBoundingClientRect();
    const share = (event.clientX - box.left) / view.plotWidth;
    if (!(share >= 0 && share <= 1)) return;
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE;
    const [x, y] = [event.deltaX * unit, event.deltaY * unit];
    if (Math.abs(x) > Math.abs(y)) view.pan(x / view.plotWidth);
    else view.zoomBy(NOTCH ** Math.max(-1, Math.min(1, y / 100)), share);
  };
  body.addEventListener("wheel", turn, { passive: false });
}

/** Two fingers: they zoom about what lies between them. */
export function followPinch(view) {
  const { body } = view.frame;
  let apart = null;
  const touch = ({ touches }) => {
    if (touches.length !== 2) {
      apart = null;
      return;
    }
    const [first, second] = touches;
    const now = Math.hypot(first.clientX - second.clientX, first.clientY - second.clientY);
    const middle = (first.clientX + second.clientX) / 2 - body.getBoundingClientRect().left;
    if (apart && now) view.zoomBy(apart / now, Math.max(0, Math.min(1, middle / view.plotWidth)));
    apart = now;
  };
  for (const event of ["touchstart", "touchmove", "touchend"]) {
    body.addEventListener(event, touch, { passive: true });
  }
}
