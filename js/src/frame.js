/** The elements around the canvas: legend, buttons, what went wrong, and text for readers. */

const KEYS =
  "Left and right arrow pan, plus and minus zoom, Home and End go to the ends, A shows all. " +
  "Shift with an arrow selects candles, Escape clears the selection.";

let count = 0;

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = `gekko-lab-chart-${name}`;
  if (text) element.textContent = text;
  return element;
}

function button(label, text, click) {
  const element = make("button", "", text);
  element.type = "button";
  element.title = label;
  element.setAttribute("aria-label", label);
  element.addEventListener("click", click);
  return element;
}

export class Frame {
  constructor(actions) {
    count += 1;
    this.root = document.createElement("div");
    this.root.className = "gekko-lab-chart";
    this.root.tabIndex = 0;
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-roledescription", "chart");
    // otherwise JupyterLab takes the keys for cells
    this.root.dataset.lmSuppressShortcuts = "true";
    const keys = make("div", "hidden", KEYS);
    keys.id = `gekko-lab-chart-keys-${count}`;
    this.root.setAttribute("aria-describedby", keys.id);
    this.name = make("b");
    this.text = make("span");
    this.lines = make("span", "lines");
    const legend = make("div", "legend");
    legend.append(this.name, this.text, this.lines);
    this.select = button("Select candles", "Select", actions.select);
    this.select.setAttribute("aria-pressed", "false");
    const buttons = make("div", "buttons");
    buttons.append(
      button("Zoom out", "−", actions.out),
      button("Zoom in", "+", actions.in),
      button("Show all candles", "All", actions.all),
      this.select,
    );
    const top = make("div", "top");
    top.append(legend, buttons);
    this.fault = make("div", "fault");
    this.fault.setAttribute("role", "alert");
    this.fault.hidden = true;
    this.faultText = make("span");
    this.fault.append(this.faultText, button("Dismiss the error", "Dismiss", actions.dismiss));
    this.body = make("div", "body");
    this.status = make("div", "hidden");
    this.status.setAttribute("role", "status");
    this.root.append(top, this.fault, this.body, this.status, keys);
  }

  label(title) {
    this.name.textContent = title;
    this.root.setAttribute("aria-label", title ? `Candles: ${title}` : "Candles");
  }

  say(text) {
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  tellFault(text) {
    this.fault.hidden = !text;
    this.faultText.textContent = text;
  }

  color(dark) {
    this.root.dataset.dark = String(dark);
  }
}
