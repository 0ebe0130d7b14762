// The slider of the model card: it shows one row of the table of thresholds, and its cross.
"use strict";
(() => {
  const rows = [...document.querySelectorAll(".thresholds tbody tr")];
  const slider = document.getElementById("threshold");
  const outcome = document.getElementById("outcome");
  const chosen = document.getElementById("chosen");
  const crosses = document.querySelectorAll("#roc .at");

  const line = document.getElementById("threshold-line");
  const names = [...document.querySelectorAll(".thresholds thead th")].slice(1).map((cell) => cell.textContent);

  const show = () => {
    const row = rows[slider.value];
    const { threshold, line: place } = row.dataset;
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
    crosses.forEach((cross) => cross.classList.toggle("shown", cross.dataset.threshold === threshold));
    line.setAttribute("transform", `translate(${place})`);
    document.getElementById("roc-threshold").textContent = threshold;
    rows.forEach((other) => other.classList.toggle("shown", other === row));
  };

  slider.value = rows.findIndex((row) => row.hasAttribute("aria-current"));
  slider.addEventListener("input", show);
  document.getElementById("slider").hidden = false;
  show();
})();
