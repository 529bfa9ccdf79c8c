/* All values in the order in which they are made, with arcs from what an operation takes to
   what it makes. */

const SVG = "http://www.w3.org/2000/svg";
const ROWS = 6,
  COLUMNS = 4; // of a matrix that is shown in full

function draw(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

class Tape {
  constructor(box, onChoose) {
    Object.assign(this, { box, onChoose, trace: null });
    new ResizeObserver(() => this.trace && this.drawArcs()).observe(box);
  }

  /* Show another expression. */
  show(trace) {
    this.trace = trace;
    this.makers = new Map(trace.steps.map((step) => [step.output, step]));
    this.rows = trace.values.map((value, place) => this.row(value, place));
    this.svg = draw("svg", { "aria-hidden": "true" });
    this.arcs = null;
    this.box.replaceChildren(this.svg, make("ol", {}, ...this.rows.map((row) => row.item)));
  }

  row(value, place) {
    const number = make("span", { class: "number" }),
      gradient = make("span", { class: "number gradient" });
    const name = make("span", { class: "name", title: value.name }, value.name),
      made = this.makers.get(value);
    const about = make("span", { class: "quiet" }, made ? made.called.name : "given");
    const button = make(
      "button",
      { type: "button" },
      make("span", { class: "label" }, name, about),
      number,
      gradient,
    );
    button.addEventListener("click", () => this.onChoose(place));
    const { shape } = value.array,
      columns = inFull(shape) ? (shape[shape.length - 1] ?? 0) : 0;
    return { button, number, gradient, item: make("li", { "data-columns": columns }, button) };
  }

  /* An arc for each input of each step; rows have the heights that their numbers need. */
  drawArcs() {
    const { trace } = this,
      places = new Map(trace.values.map((value, place) => [value, place]));
    const list = this.box.querySelector("ol"),
      top = list.offsetTop;
    const middles = this.rows.map(({ item }) => item.offsetTop - top + item.offsetHeight / 2);
    const width = this.svg.clientWidth;
    this.svg.style.height = `${list.offsetHeight}px`;
    this.arcs = trace.steps.flatMap((step) =>
      step.inputs
        .filter(({ value }) => places.has(value))
        .map(({ value }) => {
          const from = places.get(value),
            to = places.get(step.output),
            bow = Math.min(width - 6, 8 + 9 * Math.sqrt(to - from));
          const [x, y0, y1] = [width - 4, middles[from], middles[to]];
          return {
            step,
            path: draw("path", {
              d: `M${x} ${y0}C${x - bow} ${y0} ${x - bow} ${y1} ${x} ${y1}`,
              class: "arc",
            }),
          };
        }),
    );
    this.svg.replaceChildren(...this.arcs.map(({ path }) => path));
    this.light();
  }

  light() {
    for (const { step, path } of this.arcs)
      path.setAttribute("class", step === this.lit ? `arc flow ${this.phase}` : "arc");
  }

  /* The numbers of a trace of the same form, as they are at a position: what is not made yet
     is blank. */
  fill({ values, steps }, { known, passed, step, phase }) {
    this.rows.forEach((row, place) => {
      const value = values[place],
        now = step.output === value,
        near = step.inputs.some((given) => given.value === value);
      put(row.number, value.array, known.has(value));
      put(row.gradient, passed.get(value) || value.gradient, passed.has(value));
      const part = now ? "now" : near ? "near" : "";
      row.item.className = `${value.kind} ${part} ${known.has(value) ? "" : "later"}`;
      row.button.tabIndex = now ? 0 : -1;
      if (now) row.button.setAttribute("aria-current", "step");
      else row.button.removeAttribute("aria-current");
    });
    const lit = this.trace.steps[steps.indexOf(step)],
      moved = lit !== this.lit;
    Object.assign(this, { lit, phase });
    if (this.arcs) this.light();
    else this.drawArcs();
    if (moved) this.within(this.rows[values.indexOf(step.output)].item);
  }

  within(item) {
    const { box } = this,
      top = item.offsetTop - box.offsetTop;
    if (top < box.scrollTop || top + item.offsetHeight > box.scrollTop + box.clientHeight)
      box.scrollTop = top - box.clientHeight / 2;
  }
}

const inFull = (shape) =>
  shape.length < 3 &&
  (shape[shape.length - 1] ?? 1) <= COLUMNS &&
  (shape.length < 2 || shape[0] <= ROWS);

/* Numbers into their place; those that are not known yet take room, but are not seen. */
function put(place, x, known) {
  place.classList.toggle("unknown", !x || !known);
  if (!x) return;
  const cells = place.querySelectorAll("td");
  if (!inFull(x.shape)) place.textContent = `${crosses(x.shape)} numbers`;
  else if (!x.shape.length) place.textContent = digits(x.data[0]);
  else if (cells.length !== x.data.length) place.replaceChildren(table(x));
  else fillCells(cells, x);
}

function table(x) {
  const box = make("span", { class: "small" });
  tables(x.shape, () => make("td"), box);
  fillCells(box.querySelectorAll("td"), x);
  return box;
}

/* Three digits of each number. */
function fillCells(cells, x) {
  const largest = largestOf(x);
  cells.forEach((cell, place) => {
    const text = digits(x.data[place], 3);
    if (cell.textContent !== text) cell.textContent = text;
    cell.style.backgroundColor = tint(x.data[place], largest);
  });
}
