// What the page of one case can do more with JavaScript: spread a pasted row, link, print.
"use strict";
(() => {
  const FEATURES = 30;
  const MOST_IN_FIELD = 2; // a text with more numbers is a row, or part of one
  const caseLabel = document.getElementById("case");
  const status = document.getElementById("status");

  // The table shows the measurements by rows; the data set has all means first, then errors, worst.
  const inputs = [...document.querySelectorAll(".measurements input")];
  const inOrder = [0, 1, 2].flatMap((column) => inputs.filter((_, place) => place % 3 === column));

  const count = (values) => {
    const filled = values.filter(Boolean).length;
    return filled < FEATURES ? `${filled} of ${FEATURES} values` : `${FEATURES} values`;
  };

  const fill = (values, label, note) => {
    inOrder.forEach((input, place) => { input.value = values[place]; });
    if (label) caseLabel.value = label;
    document.querySelector(".example")?.remove();
    status.textContent = `${note} Check them, then classify.`;
    inputs[0].focus();
  };

  // The page of many cases takes the text of a file in a field of its form, too.
  const offer = (table, cases) => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: "/batch", enctype: "multipart/form-data" });
    const field = Object.assign(document.createElement("input"), { type: "hidden", name: "cases" });
    field.value = table;
    const button = document.createElement("button");
    button.textContent = `Classify all ${cases}`;
    form.append(field, button);
    status.append(" ", form);
  };

  // What pasted text holds, the server says: it reads the same text without this script, too.
  const read = async (text) => {
    const response = await fetch("/paste", { method: "POST", headers: { "Content-Type": "text/plain" }, body: text });
    if (!response.ok) throw new Error((await response.json()).detail);
    return response.json();
  };

  document.querySelector(".measurements").addEventListener("paste", async (event) => {
    const text = event.clipboardData.getData("text");
    if (text.trim().split(/[\s;,]+/).length <= MOST_IN_FIELD) return;
    event.preventDefault();
    try {
      const pasted = await read(text);
      if (pasted.values.length) return fill(pasted.values, pasted.label, pasted.note);
      status.textContent = pasted.note;
      if (pasted.table) offer(pasted.table, pasted.cases);
    } catch (error) {
      status.textContent = `The pasted text was not read (${error.message}). Nothing was changed.`;
    }
  });

  const decoded = (text) => {
    try { return decodeURIComponent(text); } catch { return ""; }
  };

  // A fragment stays in the browser: it is not sent to the server.
  const readLink = () => {
    if (!location.hash.startsWith("#case=")) return;
    const values = decoded(location.hash.slice(6)).split(",");
    if (values.length === FEATURES && values.some(Boolean)) fill(values, "", `${count(values)} filled in from the link.`);
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
    status.textContent = `The address bar now holds a link to ${count(values)}. They stay in it: the server does not see them.`;
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
