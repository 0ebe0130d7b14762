// The slider of the model card: it shows one row of the table of thresholds, and its dot.
"use strict";
(() => {
  const rows = [...document.querySelectorAll(".thresholds tbody tr")];
  const slider = document.getElementById("threshold");
  const outcome = document.getElementById("outcome");
  const chosen = document.getElementById("chosen");
  const dot = document.getElementById("roc-point");

  const line = document.getElementById("threshold-line");
  const names = [...document.querySelectorAll(".thresholds thead th")].slice(1).map((cell) => cell.textContent);

  const show = () => {
    const row = rows[slider.value];
    const { threshold, x, y, line: place } = row.dataset;
    const pairs = [...row.querySelectorAll("td")].map((cell, column) => {
      const [pair, term, detail] = ["div", "dt", "dd"].map((name) => document.createElement(name));
      term.textContent = names[column];
      detail.textContent = cell.textContent.trim();
      pair.append(term, detail);
      return pair;
    });
    outcome.replaceChildren(...pairs);
    chosen.textContent = `${threshold} %`;
    slider.setAttribute("aria-valuetext", `${threshold} %`);
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", y);
    line.setAttribute("x1", place);
    line.setAttribute("x2", place);
    document.getElementById("roc-threshold").textContent = threshold;
    rows.forEach((other) => other.classList.toggle("shown", other === row));
  };

  slider.value = rows.findIndex((row) => row.hasAttribute("aria-current"));
  slider.addEventListener("input", show);
  document.getElementById("slider").hidden = false;
  show();
})();
