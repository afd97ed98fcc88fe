// A table whose rows have keys: only cells that changed are drawn anew, so nothing moves under a hand.
const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function drawBar(td, value, label) {
  let bar = td.firstElementChild;
  if (!bar) {
    bar = document.createElement("div");
    bar.className = "gl-bar";
    bar.setAttribute("role", "progressbar");
    bar.setAttribute("aria-valuemin", "0");
    bar.setAttribute("aria-valuemax", "100");
    bar.append(document.createElement("div"));
    td.append(bar);
  }
  bar.setAttribute("aria-label", label);
  const percent = Math.round((value ?? 0) * 100);
  if (value === null) bar.removeAttribute("aria-valuenow");
  else bar.setAttribute("aria-valuenow", percent);
  bar.title = value === null ? "unknown" : `${percent} %`;
  bar.firstElementChild.style.width = `${percent}%`;
}

// Height tells the state as well as color: held is full, failed half, empty and the rest are lines.
const HEIGHTS = { held: [1, 14], failed: [8, 7], empty: [6, 4], rest: [7.5, 1] };

function drawStrip(td, value, label) {
  const image = svg("svg", { class: "gl-strip", viewBox: "0 0 100 16", preserveAspectRatio: "none", role: "img" });
  image.setAttribute("aria-label", `${label}: ${value.text}`);
  const title = svg("title", {});
  title.textContent = value.text;
  image.append(title);
  for (const [from, to, state] of [[0, 1, "rest"], ...value.parts]) {
    const [y, height] = HEIGHTS[state];
    const width = Math.max((to - from) * 100, 0.5);
    image.append(svg("rect", { class: `gl-${state}`, x: from * 100, y, width, height }));
  }
  td.replaceChildren(image);
}

function drawSpark(td, values, label) {
  if (!values || values.length < 2) return td.replaceChildren();
  const low = Math.min(...values);
  const high = Math.max(...values);
  const span = high - low || 1;
  const at = (value, place) =>
    `${((place / (values.length - 1)) * 100).toFixed(1)},${(15 - ((value - low) / span) * 14).toFixed(1)}`;
  const image = svg("svg", { class: "gl-spark", viewBox: "0 0 100 16", preserveAspectRatio: "none", role: "img" });
  image.setAttribute("aria-label", label);
  image.append(svg("polyline", { points: values.map(at).join(" ") }));
  td.replaceChildren(image);
}

function draw(td, column, value, name) {
  const label = `${column.label} of ${name}`;
  if (column.kind === "bar") return drawBar(td, value, label);
  if (column.kind === "strip") return drawStrip(td, value ?? { parts: [], text: "unknown" }, label);
  if (column.kind === "spark") return drawSpark(td, value, label);
  const text = value ?? "";
  td.classList.toggle("gl-good", column.kind === "words" && String(text).startsWith("✔"));
  td.classList.toggle("gl-bad", column.kind === "words" && String(text).startsWith("✘"));
  td.textContent = text;
}

const CLASSES = { number: "gl-number", words: "gl-words" };

function render({ model, el }) {
  const scroll = document.createElement("div");
  scroll.className = "gl-scroll";
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", model.get("label"));
  const table = document.createElement("table");
  table.className = "gl-table";
  const caption = table.createCaption();
  caption.className = "gl-hidden";
  caption.textContent = model.get("label");
  const head = table.createTHead().insertRow();
  const body = table.createTBody();
  scroll.append(table);
  el.append(scroll);
  const shown = new Map();

  const drawHead = () => {
    head.replaceChildren();
    shown.clear();
    body.replaceChildren();
    const columns = model.get("columns");
    for (const column of model.get("selectable") ? [{ label: "", kind: "choice" }, ...columns] : columns) {
      const cell = document.createElement(column.label ? "th" : "td");
      if (column.label) cell.scope = "col";
      cell.textContent = column.label;
      if (column.kind === "number") cell.className = "gl-number";
      head.append(cell);
    }
  };

  const addChoice = (row, key, name) => {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.setAttribute("aria-label", `Select ${name}`);
    box.addEventListener("change", () => {
      const others = model.get("selected").filter((each) => each !== key);
      model.set("selected", box.checked ? [...others, key] : others);
      model.save_changes();
    });
    row.insertCell().append(box);
    return box;
  };

  const drawRows = () => {
    const columns = model.get("columns");
    const wanted = model.get("rows");
    const keys = new Set(wanted.map((row) => row.key));
    for (const [key, entry] of shown) {
      if (!keys.has(key)) {
        entry.row.remove();
        shown.delete(key);
      }
    }
    wanted.forEach(({ key, name, cells }, place) => {
      let entry = shown.get(key);
      if (!entry) {
        const row = document.createElement("tr");
        const box = model.get("selectable") ? addChoice(row, key, name) : null;
        entry = { row, box, values: {}, cells: columns.map((column) => {
          const cell = row.insertCell();
          cell.className = CLASSES[column.kind] ?? "gl-plain";
          return cell;
        }) };
        shown.set(key, entry);
      }
      if (body.children[place] !== entry.row) body.insertBefore(entry.row, body.children[place] ?? null);
      columns.forEach((column, index) => {
        const value = cells[column.key] ?? null;
        const told = JSON.stringify(value);
        if (entry.values[column.key] === told) return;
        entry.values[column.key] = told;
        draw(entry.cells[index], column, value, name);
      });
    });
    drawChoice();
  };

  const drawChoice = () => {
    const chosen = new Set(model.get("selected"));
    for (const [key, { box }] of shown) if (box) box.checked = chosen.has(key);
  };

  const drawAll = () => {
    drawHead();
    drawRows();
  };
  model.on("change:columns", drawAll);
  model.on("change:rows", drawRows);
  model.on("change:selected", drawChoice);
  drawAll();
  return () => {
    model.off("change:columns", drawAll);
    model.off("change:rows", drawRows);
    model.off("change:selected", drawChoice);
  };
}

export default { render };
