// Flash attention, tile by tile: which tiles a kernel computes, in which order, and what it keeps meanwhile.
// Mounts on every <div data-widget="attention-tiles">. Buttons and arrow keys step; nothing moves by itself.

const QUERIES = 6;
const SVG = "http://www.w3.org/2000/svg";

/** Which tiles are full, on an edge, or skipped. */
function kindOf(row, column, window) {
  if (column > row || (window && column < row - 2)) return "skipped";
  return column === row || (window && column === row - 2) ? "edge" : "full";
}

/** The tiles in the order of one program a row. */
function walk(window) {
  const steps = [];
  for (let row = 0; row < QUERIES; row++)
    for (let column = 0; column <= row; column++) if (kindOf(row, column, window) !== "skipped") steps.push([row, column]);
  return steps;
}

function mount(root) {
  if (root.childElementCount) return;
  root.className = "tiles";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Flash attention, tile by tile");
  root.innerHTML = `
    <svg viewBox="-0.9 -0.7 7.2 6.9" aria-hidden="true"></svg>
    <p aria-live="polite"></p>
    <div class="tiles-buttons">
      <button type="button" data-by="-1">Back</button>
      <button type="button" data-by="1">Next tile</button>
      <button type="button" data-by="0">From the start</button>
      <label><input type="checkbox"> window of two tiles</label>
    </div>`;
  const [svg, words, box] = ["svg", "p", "input"].map((name) => root.querySelector(name));
  let at = 0;

  function draw() {
    const window = box.checked;
    const steps = walk(window);
    at = Math.max(0, Math.min(at, steps.length - 1));
    const [row, column] = steps[at];
    const done = new Set(steps.slice(0, at).map(String));
    svg.replaceChildren();
    const text = (x, y, content) => {
      const label = document.createElementNS(SVG, "text");
      label.setAttribute("x", x);
      label.setAttribute("y", y);
      label.textContent = content;
      svg.append(label);
    };
    text(0, -0.2, "keys →");
    text(-0.85, 0.6, "queries");
    for (let r = 0; r < QUERIES; r++)
      for (let c = 0; c < QUERIES; c++) {
        const tile = document.createElementNS(SVG, "rect");
        for (const [name, value] of Object.entries({ x: c + 0.06, y: r + 0.06, width: 0.88, height: 0.88, rx: 0.06 }))
          tile.setAttribute(name, value);
        const now = r === row && c === column;
        tile.setAttribute("class", [kindOf(r, c, window), now ? "now" : done.has(String([r, c])) ? "done" : ""].join(" "));
        svg.append(tile);
      }
    const first = steps.findIndex(([r]) => r === row);
    const kind = kindOf(row, column, window) === "edge" ? "on an edge, so it is masked" : "in full view, no mask";
    const last = at + 1 === steps.length || steps[at + 1][0] !== row;
    words.textContent =
      `Query tile ${row + 1}, key tile ${column + 1}: ${kind}. ` +
      (at === first ? "The row begins: maximum −∞, sum 0. " : "What was gathered is put right if the maximum grew. ") +
      (last ? "Last tile of the row: divide by the sum and store. " : "") +
      `${at + 1} of ${steps.length} tiles; ${QUERIES ** 2 - steps.length} are never loaded.`;
  }

  root.addEventListener("click", ({ target }) => {
    if (target.dataset.by === undefined) return;
    at = target.dataset.by === "0" ? 0 : at + Number(target.dataset.by);
    draw();
  });
  root.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    at += by;
    draw();
  });
  box.addEventListener("change", () => {
    at = 0;
    draw();
  });
  draw();
}

document.querySelectorAll('[data-widget="attention-tiles"]').forEach(mount);
