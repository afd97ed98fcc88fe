// Tells Python whether the page is dark, and figures when their place changes its width.
function isDark() {
  const theme = document.body.dataset.jpThemeLight;
  if (theme !== undefined) return theme === "false";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

function render({ model, el }) {
  const tell = () => {
    if (model.get("dark") === isDark()) return;
    model.set("dark", isDark());
    model.save_changes();
  };
  const themes = new MutationObserver(tell);
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", tell);

  let width = 0;
  let frame;
  const sizes = new ResizeObserver(([{ contentRect }]) => {
    if (contentRect.width === width) return;
    width = contentRect.width;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => window.dispatchEvent(new Event("resize")));
  });
  sizes.observe(el);
  tell();
  return () => {
    themes.disconnect();
    sizes.disconnect();
    system.removeEventListener("change", tell);
    cancelAnimationFrame(frame);
  };
}

export default { render };
