// What the page of one case can do more with JavaScript: spread a pasted row, link, print.
"use strict";
(() => {
  const FEATURES = 30;
  const MOST_BEFORE = 2; // UCI's line begins with an id and a diagnosis
  const SEPARATORS = [/\t/, /;/, /,/, /\s+/];
  const NUMBER = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/i;
  const ROW = "30 values, nothing behind them, and before them at most an id and a diagnosis (M or B)";
  const status = document.getElementById("status");

  // The table shows the measurements by rows; the data set has all means first, then errors, worst.
  const inputs = [...document.querySelectorAll(".measurements input")];
  const inOrder = [0, 1, 2].flatMap((column) => inputs.filter((_, place) => place % 3 === column));

  const cells = (text, separator) => {
    const found = text.trim().split(separator).map((cell) => cell.trim().replace(/^"|"$/g, "").trim());
    while (found.length > FEATURES && !found.at(-1)) found.pop();
    return found;
  };

  const isNumber = (cell) => NUMBER.test(cell);

  const fits = (row) => {
    const before = row.length - FEATURES;
    return before === 0 || (before > 0 && before <= MOST_BEFORE && !isNumber(row[before - 1]));
  };

  // The same as web/form.py does without JavaScript.
  const spread = (text) => {
    const [best] = SEPARATORS.map((separator) => cells(text, separator)).filter(fits)
      .sort((one, other) => other.filter(isNumber).length - one.filter(isNumber).length);
    return best && {
      values: best.slice(-FEATURES).map((cell) => cell.replaceAll(",", ".")),
      dropped: best.slice(0, -FEATURES),
    };
  };

  const counted = (values) => {
    const filled = values.filter(Boolean).length;
    return filled < FEATURES ? `${filled} of ${FEATURES} values` : `${FEATURES} values`;
  };

  const fill = ({ values, dropped }, where) => {
    inOrder.forEach((input, place) => { input.value = values[place]; });
    document.querySelector(".example")?.remove();
    const leftOut = dropped.length ? `; left out: ${dropped.join(", ")}` : "";
    status.textContent = `${counted(values)} filled in from ${where}${leftOut}. Check them, then classify.`;
    inputs[0].focus();
  };

  document.querySelector(".measurements").addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text");
    const count = Math.max(...SEPARATORS.map((separator) => cells(text, separator).length));
    if (count <= 2) return;
    event.preventDefault();
    const row = spread(text);
    if (row) fill(row, "the pasted row");
    else status.textContent = `What was pasted holds ${count} values; a row has ${ROW}. Nothing was changed.`;
  });

  const decoded = (text) => {
    try { return decodeURIComponent(text); } catch { return ""; }
  };

  // A fragment stays in the browser: it is not sent to the server.
  const readLink = () => {
    if (!location.hash.startsWith("#case=")) return;
    const row = spread(decoded(location.hash.slice(6)));
    if (row?.values.some(Boolean)) fill(row, "the link");
    else status.textContent = `The link does not hold ${FEATURES} values. Nothing was changed.`;
  };

  const link = document.getElementById("link");
  link.hidden = false;
  link.addEventListener("click", async () => {
    const values = inOrder.map((input) => input.value.trim().replace(",", "."));
    if (!values.some(Boolean)) {
      status.textContent = "There is nothing to link to yet: enter a value first.";
      return;
    }
    history.replaceState(null, "", `#case=${values.map(encodeURIComponent).join(",")}`);
    status.textContent = `The address bar now holds a link to ${counted(values)}. They stay in it: the server does not see them.`;
    try {
      await navigator.clipboard.writeText(location.href);
      status.textContent += " It was copied, too.";
    } catch { /* without permission, the address bar has to do */ }
  });
  document.querySelector(".measurements").addEventListener("input", () => { status.textContent = ""; });

  const print = document.getElementById("print");
  if (print) {
    print.hidden = false;
    print.addEventListener("click", () => window.print());
  }

  // On a phone the plots would stand between the result and the form; paper has them all the same.
  const places = document.getElementById("places");
  if (places) {
    places.open = !matchMedia("(max-width: 44rem)").matches;
    addEventListener("beforeprint", () => { places.open = true; });
  }

  addEventListener("hashchange", readLink);
  readLink();
})();
