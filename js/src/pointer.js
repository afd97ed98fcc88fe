/** Dragging: it pans, and with Shift or while selecting it brushes candles. */
export function followPointer(view) {
  const { body } = view.frame;
  let drag = null;

  const xOf = (event) => event.clientX - body.getBoundingClientRect().left;

  const down = (event) => {
    const box = body.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (event.button !== 0 || !view.isPlot(x, y) || event.target.closest("a")) return;
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
