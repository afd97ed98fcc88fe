import "./chart.css";
import { Chart } from "./chart.js";

/** Shows the model in an element; what it returns takes the view away again. */
function render({ model, el }) {
  const chart = new Chart(model, el);
  return () => chart.close();
}

export default { render };
