// Code that does what the panel does, with a button that copies it.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages that aren't served securely have no clipboard of their own.
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("aria-hidden", "true");
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "gl-code";
  const shown = document.createElement("pre");
  shown.append(document.createElement("code"));
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy the code");
  box.append(shown, button);
  el.append(box);

  const draw = () => {
    shown.firstChild.textContent = model.get("code");
  };
  let timer;
  button.addEventListener("click", async () => {
    await copy(model.get("code"));
    button.textContent = "Copied";
    clearTimeout(timer);
    timer = setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  model.on("change:code", draw);
  draw();
  return () => {
    clearTimeout(timer);
    model.off("change:code", draw);
  };
}

export default { render };
