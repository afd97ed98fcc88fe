// One line: what is shown, how it is, and below it what went wrong.
function nameSliders(panel) {
  // ipywidgets' sliders have a label beside them that their handle doesn't know of.
  for (const handle of panel.querySelectorAll(".noUi-handle:not([aria-label])")) {
    const label = handle.closest(".jupyter-widgets")?.querySelector("label.widget-label");
    if (label?.textContent) handle.setAttribute("aria-label", label.textContent);
  }
}

function render({ model, el }) {
  const line = document.createElement("div");
  line.className = "gl-header";
  const error = document.createElement("div");
  error.setAttribute("role", "alert");
  const working = document.createElement("div");
  working.className = "gl-working";
  el.append(line, working, error);

  const drawLine = () => {
    const parts = model.get("parts");
    const badge = model.get("badge");
    const wanted = parts.length + (badge ? 1 : 0);
    while (line.children.length > wanted) line.lastChild.remove();
    parts.forEach((text, place) => {
      const tag = place === 0 ? "STRONG" : "SPAN";
      let node = line.children[place];
      if (!node || node.tagName !== tag || node.className) {
        const made = document.createElement(tag);
        if (node) node.replaceWith(made);
        else line.append(made);
        node = made;
      }
      if (node.textContent !== text) node.textContent = text;
    });
    if (badge) {
      let node = line.children[parts.length];
      if (!node) line.append((node = document.createElement("span")));
      node.className = "gl-badge";
      if (node.textContent !== badge) node.textContent = badge;
    }
  };
  const drawError = () => {
    const text = model.get("error");
    error.className = text ? "gl-error" : "";
    error.textContent = text;
  };
  const drawBusy = () => working.classList.toggle("gl-on", model.get("busy"));
  model.on("change:busy", drawBusy);
  drawBusy();
  model.on("change:parts", drawLine);
  model.on("change:badge", drawLine);
  model.on("change:error", drawError);
  drawLine();
  drawError();

  let watcher;
  const waiting = requestAnimationFrame(() => {
    const panel = el.closest(".gl-panel");
    if (!panel) return;
    nameSliders(panel);
    watcher = new MutationObserver(() => nameSliders(panel));
    watcher.observe(panel, { childList: true, subtree: true });
  });
  return () => {
    cancelAnimationFrame(waiting);
    watcher?.disconnect();
    model.off("change:busy", drawBusy);
    model.off("change:parts", drawLine);
    model.off("change:badge", drawLine);
    model.off("change:error", drawError);
  };
}

export default { render };
