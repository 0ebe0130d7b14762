// What the page of one case can do more with JavaScript: spread a pasted row, link, print.
"use strict";
(() => {
  const FEATURES = 30;
  const SEPARATORS = [/\t/, /;/, /,/, /\s+/];
  const NUMBER = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?$/i;
  const status = document.getElementById("status");

  // The table shows the measurements by rows; the data set has all means first, then errors, worst.
  const inputs = [...document.querySelectorAll(".measurements input")];
  const inOrder = [0, 1, 2].flatMap((column) => inputs.filter((_, place) => place % 3 === column));

  const cells = (text, separator) => {
    const found = text.trim().split(separator).map((cell) => cell.trim().replace(/^"|"$/g, "").trim());
    while (found.length > FEATURES && !found.at(-1)) found.pop();
    return found;
  };

  const numbers = (row) => row.filter((cell) => NUMBER.test(cell)).length;

  // The same as web/paste.py does without JavaScript.
  const spread = (text) => {
    const fitting = SEPARATORS.map((separator) => cells(text, separator))
      .filter((row) => row.length >= FEATURES && row.length <= FEATURES + 2)
      .sort((one, other) => numbers(other) - numbers(one));
    return fitting[0]?.slice(-FEATURES).map((cell) => cell.replaceAll(",", "."));
  };

  const fill = (values, where) => {
    inOrder.forEach((input, place) => { input.value = values[place]; });
    document.querySelector(".example")?.remove();
    status.textContent = `30 values filled in from ${where}. Check them, then classify.`;
    inputs[0].focus();
  };

  document.querySelector(".measurements").addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text");
    const count = Math.max(...SEPARATORS.map((separator) => cells(text, separator).length));
    if (count <= 2) return;
    event.preventDefault();
    const values = spread(text);
    if (values) fill(values, "the pasted row");
    else status.textContent = `What was pasted holds ${count} values; a row has 30, or 32 with id and diagnosis. Nothing was changed.`;
  });

  const decoded = (text) => {
    try { return decodeURIComponent(text); } catch { return ""; }
  };

  // A fragment stays in the browser: it is not sent to the server.
  const readLink = () => {
    if (!location.hash.startsWith("#case=")) return;
    const values = spread(decoded(location.hash.slice(6)));
    if (values) fill(values, "the link");
    else status.textContent = "The link does not hold 30 values. Nothing was changed.";
  };

  const link = document.getElementById("link");
  link.hidden = false;
  link.addEventListener("click", async () => {
    const values = inOrder.map((input) => encodeURIComponent(input.value.trim().replace(",", ".")));
    history.replaceState(null, "", `#case=${values.join(",")}`);
    status.textContent = "The address bar now holds a link to these values. They stay in it: the server does not see them.";
    try {
      await navigator.clipboard.writeText(location.href);
      status.textContent += " It was copied, too.";
    } catch { /* without permission, the address bar has to do */ }
  });

  const print = document.getElementById("print");
  if (print) {
    print.hidden = false;
    print.addEventListener("click", () => window.print());
  }

  addEventListener("hashchange", readLink);
  readLink();
})();
