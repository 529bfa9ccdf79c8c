/* The graph of a trace as SVG, drawn once; a step changes the classes of the few nodes that it touches. */

const SVG = "http://www.w3.org/2000/svg";
const LONGEST = 20;
const LARGEST = 1.6; // times its drawn size

function draw(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

const shortened = (name) => name.length <= LONGEST ? name : "…" + name.slice(1 - LONGEST);

class Graph {
  constructor(trace, tensors, onChoose, onLook) {
    const { width, height, values, steps, lines } = trace.layout;
    this.trace = trace;
    this.tensors = tensors;
    this.svg = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `graph of ${trace.values.length} values and ${Object.keys(steps).length} operations` });
    this.edges = {};
    this.values = {};
    this.operations = {};
    this.lit = [];
    this.shown = -1;
    this.scale = 1;
    for (const step of trace.steps) if (step.phase === "forward") this.drawEdges(step, values, steps, lines);
    for (const value of trace.values) if (values[value.number]) this.drawValue(value, values[value.number], onLook);
    for (const step of trace.steps) if (step.phase === "forward") this.drawOperation(step, steps[step.index], onChoose);
  }

  /* A small graph grows into its pane. */
  fit(pane) {
    const { width, height } = this.trace.layout;
    this.scale = Math.max(1, Math.min(LARGEST, (pane.clientWidth - 20) / width, (pane.clientHeight - 20) / height));
    this.svg.setAttribute("width", width * this.scale);
    this.svg.setAttribute("height", height * this.scale);
  }

  drawEdges(step, values, steps, lines) {
    const ends = [...step.inputs.map((given) => [`${given.value}>${step.index}`, values[given.value], steps[step.index]]),
      ...step.outputs.map((number) => [`${step.index}<${number}`, steps[step.index], values[number]])];
    const counts = {};
    for (const [name, from, to] of ends) {
      counts[name] = (counts[name] || 0) + 1;
      const points = [from, ...(lines[name] || []), to];
      const bow = this.bow(step, name, counts[name]);
      let path = `M${from[0]} ${from[1]}`;
      for (let i = 1; i < points.length; i += 1) {
        const [x0, y0] = points[i - 1], [x1, y1] = points[i], middle = (y0 + y1) / 2;
        path += `C${x0 + bow} ${middle} ${x1 + bow} ${middle} ${x1} ${y1}`;
      }
      const edge = draw("path", { class: points.length > 8 ? "edge far" : "edge", d: path });
      (this.edges[name] = this.edges[name] || []).push(edge);
      this.svg.append(edge);
    }
  }

  /* The same value twice: two lines, bent away from each other. */
  bow(step, name, count) {
    const all = step.inputs.filter((given) => name === `${given.value}>${step.index}`).length;
    return all > 1 ? 44 * ((count - 1) / (all - 1) - 0.5) : 0;
  }

  box(kind, name, [x, y, width], height) {
    const group = draw("g", { class: `node ${kind}` });
    group.append(draw("title", {}, name),
      draw("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: kind.startsWith("operation") ? 4 : height / 2 }));
    this.svg.append(group);
    return group;
  }

  drawValue(value, place, onLook) {
    const group = this.box(value.kind, value.name, place, 36);
    const tensor = this.tensors[value.tensor];
    group.append(draw("text", { x: place[0], y: place[1] - 3 }, shortened(value.name)));
    const data = only(tensor) || shapeOf(tensor);
    const number = draw("text", { x: place[0], y: place[1] + 11, class: "number" }, data);
    group.append(number);
    group.addEventListener("click", () => onLook(value.number));
    this.values[value.number] = { group, number, data, kind: value.kind };
  }

  drawOperation(step, place, onChoose) {
    const fused = this.trace.operations[step.operation].fused;
    const group = this.box(fused ? "operation fused" : "operation", step.operation, place, 24);
    group.append(draw("text", { x: place[0], y: place[1] + 4 }, shortened(step.operation)));
    group.addEventListener("click", () => onChoose(step.index));
    this.operations[step.index] = { group, place };
  }

  /* Light the step; fade what has not been computed; ``gradient(number)`` is what a value's gradient reads now. */
  show(index, gradient) {
    for (const [element, name] of this.lit) element.classList.remove(name);
    this.lit = [];
    const step = this.trace.steps[index];
    const forward = step.phase === "forward" ? step : this.trace.steps[step.forward];
    this.svg.classList.toggle("backward", step.phase === "backward");
    this.light(this.operations[forward.index].group, "now");
    for (const given of forward.inputs) this.light(this.values[given.value].group, "near");
    for (const number of forward.outputs) this.light(this.values[number].group, "near");
    const moved = step.phase === "backward" ? new Set(step.contributions.map((given) => given.value)) : null;
    for (const [name, edges] of Object.entries(this.around(forward, moved))) for (const edge of edges) this.light(edge, "flow", name);
    this.fade(index);
    this.number(index, gradient);
    this.shown = index;
    return this.operations[forward.index].place;
  }

  around(forward, moved) {
    const found = {};
    for (const given of forward.inputs) {
      const name = `${given.value}>${forward.index}`;
      if (!moved || moved.has(given.value)) found[name] = this.edges[name];
    }
    for (const number of forward.outputs) found[`${forward.index}<${number}`] = this.edges[`${forward.index}<${number}`];
    return found;
  }

  light(element, name) {
    element.classList.add(name);
    this.lit.push([element, name]);
  }

  between(index) {
    const from = Math.min(index, this.shown), to = Math.max(index, this.shown);
    return this.shown < 0 ? this.trace.steps : this.trace.steps.slice(Math.max(0, from), to + 1);
  }

  fade(index) {
    for (const step of this.between(index)) {
      if (step.phase !== "forward") continue;
      const later = step.index > index;
      this.operations[step.index].group.classList.toggle("later", later);
      for (const number of step.outputs) this.values[number].group.classList.toggle("later", later);
      for (const number of step.outputs) for (const edge of this.edges[`${step.index}<${number}`]) edge.classList.toggle("later", later);
      for (const given of step.inputs) for (const edge of this.edges[`${given.value}>${step.index}`]) edge.classList.toggle("later", later);
    }
  }

  number(index, gradient) {
    const touched = new Set();
    for (const step of this.between(index)) {
      for (const given of step.contributions || []) touched.add(given.value);
      if (step.phase === "backward") for (const number of this.trace.steps[step.forward].outputs) touched.add(number);
    }
    for (const number of touched) {
      const value = this.values[number], now = gradient(number);
      if (value) value.number.textContent = now === null ? value.data : `${value.data}  ∂ ${now}`.trimEnd();
    }
  }
}
