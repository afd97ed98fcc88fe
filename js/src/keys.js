const PAN = 0.1;
export const ZOOM = 1.4;

/** What keys do while the chart, but none of its buttons, has the focus. */
export function followKeys(view) {
  const actions = {
    ArrowLeft: (event) => (event.shiftKey ? view.extend(-1) : view.pan(-PAN)),
    ArrowRight: (event) => (event.shiftKey ? view.extend(1) : view.pan(PAN)),
    "+": () => view.zoomBy(1 / ZOOM),
    "=": () => view.zoomBy(1 / ZOOM),
    "-": () => view.zoomBy(ZOOM),
    _: () => view.zoomBy(ZOOM),
    Home: () => view.toEnd(0),
    End: () => view.toEnd(1),
    a: () => view.showAll(),
    A: () => view.showAll(),
    Escape: () => view.unchoose(),
  };
  const press = (event) => {
    const action = actions[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target !== view.frame.root) return;
    event.preventDefault();
    event.stopPropagation();
    action(event);
    view.tell();
  };
  view.frame.root.addEventListener("keydown", press);
}
