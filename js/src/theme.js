const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

export const LIGHT = {
  ground: "#ffffff",
  text: "#1f2328",
  grid: "#eceef1",
  border: "#8c959f",
  rise: "#067d68",
  fall: "#c62828",
  riseVolume: "rgba(6, 125, 104, 0.45)",
  fallVolume: "rgba(198, 40, 40, 0.45)",
  gap: "rgba(110, 119, 129, 0.28)",
  band: "rgba(9, 105, 218, 0.16)",
  edge: "#0969da",
  lines: ["#0969da", "#9a6700", "#8250df", "#bf3989", "#1b7c83", "#57606a"],
};

export const DARK = {
  ground: "#111111",
  text: "#e6e6e6",
  grid: "#23272e",
  border: "#6e7681",
  rise: "#2bb3a3",
  fall: "#ef5350",
  riseVolume: "rgba(43, 179, 163, 0.5)",
  fallVolume: "rgba(239, 83, 80, 0.5)",
  gap: "rgba(139, 148, 158, 0.3)",
  band: "rgba(88, 166, 255, 0.2)",
  edge: "#58a6ff",
  lines: ["#58a6ff", "#d29922", "#bc8cff", "#f778ba", "#39c5cf", "#8b949e"],
};

const MARKS = ["data-jp-theme-light", "data-vscode-theme-kind", "data-theme", "class", "style"];

/** Whether the page around is dark: Jupyter, VS Code and marimo say so, else the system does. */
function isDark() {
  const { body, documentElement: html } = document;
  const jupyter = body.dataset.jpThemeLight;
  if (jupyter) return jupyter === "false";
  const code = body.dataset.vscodeThemeKind;
  if (code) return code.includes("dark") || code === "vscode-high-contrast";
  for (const element of [body, html]) {
    const named = element.dataset.theme ?? "";
    if (named.includes("dark") || element.classList.contains("dark")) return true;
    if (named.includes("light") || element.classList.contains("light")) return false;
  }
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Calls with the palette when it changes, until the function that is returned is called. */
export function followTheme(model, apply) {
  let last = null;
  const look = () => {
    const theme = model.get("theme");
    const palette = theme === "dark" || (theme !== "light" && isDark()) ? DARK : LIGHT;
    if (palette !== last) apply(palette);
    last = palette;
  };
  const observer = new MutationObserver(look);
  for (const element of [document.body, document.documentElement]) {
    observer.observe(element, { attributes: true, attributeFilter: MARKS });
  }
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", look);
  model.on("change:theme", look);
  look();
  return () => {
    observer.disconnect();
    system.removeEventListener("change", look);
    model.off("change:theme", look);
  };
}

/** What the palette means for the chart as a whole. */
export function chartOptions(palette) {
  return {
    layout: {
      background: { color: palette.ground },
      textColor: palette.text,
      fontFamily: FONT,
      attributionLogo: true,
      panes: { enableResize: false, separatorColor: palette.border },
    },
    grid: { vertLines: { color: palette.grid }, horzLines: { color: palette.grid } },
    rightPriceScale: { borderColor: palette.border },
    timeScale: { borderColor: palette.border },
  };
}

/** Rising candles are hollow, so that color is never the only sign. */
export function candleOptions(palette) {
  return {
    upColor: "rgba(0, 0, 0, 0)",
    borderUpColor: palette.rise,
    wickUpColor: palette.rise,
    downColor: palette.fall,
    borderDownColor: palette.fall,
    wickDownColor: palette.fall,
  };
}
