// Draws a D2 diagram, SOURCE, as one SVG for light and dark, TARGET; `make diagram` runs it.
//
// D2 gives all lines of a label one weight, and colours that are not its own one scheme. Both are
// put right by CSS here.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { D2 } from "@terrastruct/d2";

const [source, target] = process.argv.slice(2);
const content = readFileSync(source);
const digest = createHash("sha256") // of all that the drawing is made by, for the test
  .update(content)
  .update(readFileSync(new URL(import.meta.url)))
  .digest("hex");

function style(id, dark) {
  const swaps = dark.split(", ").map((pair) => pair.split(" "));
  const rules = swaps.map(
    ([from, to]) => `[fill="${from}" i]{fill:${to}!important}[stroke="${from}" i]{stroke:${to}!important}`,
  );
  return `<style>
.${id} .box tspan:not(:first-child){font-family:"${id}-font-regular";font-size:14.5px}
.${id} .lane>text{transform:translate(29px,5px)}
@media (prefers-color-scheme:dark){${rules.join("")}}
</style>`;
}

const d2 = new D2();
const { diagram, renderOptions } = await d2.compile({
  fs: { index: content.toString() },
  options: { layout: "elk" },
});
const { title, description, dark } = diagram.config.data;
const drawn = await d2.render(diagram, { ...renderOptions, noXMLTag: true });
const id = drawn.match(/class="(d2-\d+) d2-svg"/)[1];
const named = drawn
  .replace("<svg ", `<svg role="img" aria-labelledby="title description" data-source="${digest}" `)
  .replace(">", `><title id="title">${title}</title><desc id="description">${description}</desc>`);
const end = named.lastIndexOf("</svg></svg>");
writeFileSync(target, `${named.slice(0, end)}${style(id, dark)}${named.slice(end)}\n`);
process.exit(); // D2's worker would go on
