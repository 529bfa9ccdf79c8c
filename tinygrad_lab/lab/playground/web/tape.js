/* All values in the order in which they are made, with arcs from what an operation takes to what it makes. */

const SVG = "http://www.w3.org/2000/svg";
const GUTTER = 56, ROW = 44; // pixels

function draw(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

class Tape {
  constructor(box, onChoose) {
    Object.assign(this, { box, onChoose });
  }

  /* Draw another expression. */
  show(trace) {
    this.trace = trace;
    this.makers = new Map(trace.steps.map((step) => [step.output, step]));
    const places = new Map(trace.values.map((value, place) => [value, place]));
    const height = ROW * trace.values.length;
    this.arcs = [];
    const svg = draw("svg", { width: GUTTER, height, viewBox: `0 0 ${GUTTER} ${height}`, "aria-hidden": "true" });
    for (const step of trace.steps) {
      for (const { value } of step.inputs) {
        if (places.has(value)) this.arc(svg, step, places.get(value), places.get(step.output));
      }
    }
    this.rows = trace.values.map((value, place) => this.row(value, place));
    const list = make("ol", {}, ...this.rows.map((row) => row.item));
    this.box.replaceChildren(svg, list);
  }

  arc(svg, step, from, to) {
    const [y0, y1] = [from, to].map((place) => ROW * (place + 0.5)), bow = Math.min(GUTTER - 8, 10 + 9 * Math.sqrt(to - from));
    const x = GUTTER - 4, path = draw("path", { d: `M${x} ${y0}C${x - bow} ${y0} ${x - bow} ${y1} ${x} ${y1}`, class: "arc" });
    this.arcs.push({ step, path });
    svg.append(path);
  }

  row(value, place) {
    const number = make("span", { class: "number" }), gradient = make("span", { class: "number gradient" });
    const name = make("span", { class: "name", title: value.name }, value.name), made = this.makers.get(value);
    const about = make("span", { class: "quiet" }, made ? made.called.name : "given");
    const button = make("button", { type: "button" }, make("span", { class: "label" }, name, about), number, gradient);
    button.addEventListener("click", () => this.onChoose(place));
    return { button, number, gradient, item: make("li", { class: value.kind }, button) };
  }

  /* Numbers of a trace of the same form, as they are at a position: what is not made yet is blank. */
  fill({ values, steps }, { known, passed, step, phase }) {
    this.rows.forEach((row, place) => {
      const value = values[place];
      row.number.textContent = known.has(value) ? brief(value.array, 3) : "";
      row.gradient.textContent = passed.has(value) ? `∂ ${brief(passed.get(value), 3)}` : "";
      const current = step.output === value, near = step.inputs.some((given) => given.value === value);
      row.item.className = `${value.kind}${current ? " now" : near ? " near" : ""}${known.has(value) ? "" : " later"}`;
      row.button.tabIndex = current ? 0 : -1;
      if (current) row.button.setAttribute("aria-current", "step"); else row.button.removeAttribute("aria-current");
      if (current) this.within(row.item);
    });
    const drawn = this.trace.steps[steps.indexOf(step)];
    for (const arc of this.arcs) arc.path.setAttribute("class", arc.step === drawn ? `arc flow ${phase}` : "arc");
  }

  within(item) {
    const box = this.box, top = item.offsetTop;
    if (box.scrollHeight <= box.clientHeight) return;
    if (top < box.scrollTop || top > box.scrollTop + box.clientHeight - 2 * ROW) box.scrollTop = top - box.clientHeight / 2;
  }
}
