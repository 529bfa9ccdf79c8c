/* The page: which step is shown, and how one gets to another. */

const page = JSON.parse(document.getElementById("data").textContent);
const tensors = page.trace.tensors;
const $ = (id) => document.getElementById(id);
const sources = new Sources(page.sources, $("source-pane"), $("file"), $("source"));
const tree = new Tree($("list"), (index) => go(index));
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
let frames = []; // the trace and those opened inside it, each with the step it stands at

const frame = () => frames[frames.length - 1];
const ordinal = (n) => `${n}${["th", "st", "nd", "rd"][n % 100 > 10 && n % 100 < 14 ? 0 : n % 10] || "th"}`;

/* ---- traces ----------------------------------------------------------------------------------------------------- */

function prepare(trace) {
  if (trace.graph) return;
  for (const value of trace.values) if (value.axes !== undefined) value.axes = page.trace.axes[value.axes];
  trace.byNumber = new Map(trace.values.map((value) => [value.number, value]));
  trace.history = new Map(); // value -> its contributions, each with its step, in order
  trace.backwardOf = new Map();
  for (const step of trace.steps) {
    if (step.phase === "backward") trace.backwardOf.set(step.forward, step);
    for (const given of step.contributions || []) {
      if (!trace.history.has(given.value)) trace.history.set(given.value, []);
      trace.history.get(given.value).push({ step: step.index, given });
    }
  }
  trace.graph = new Graph(trace, tensors, (index) => go(chosenFrom(trace, index)),
    (number) => lookAt(trace, number));
}

/* An operation was chosen in the graph: its forward step, or its backward one where that half is being shown. */
function chosenFrom(trace, index) {
  const backward = trace.backwardOf.get(index);
  return backward && trace.steps[frame().at].phase === "backward" ? backward.index : index;
}

function enter(trace, name, at) {
  prepare(trace);
  frames.push({ trace, name, at });
  arrive();
}

function leave(depth) {
  frames = frames.slice(0, depth);
  arrive();
}

function arrive() {
  pause();
  const { trace, at } = frame();
  $("path").replaceChildren(...frames.flatMap(({ name }, depth) => {
    const last = depth === frames.length - 1;
    const part = last ? make("b", {}, name) : make("button", { type: "button" }, name);
    if (!last) part.addEventListener("click", () => leave(depth + 1));
    return depth ? [make("span"), part] : [part];
  }));
  $("item").textContent = page.item;
  $("graph-pane").replaceChildren(trace.graph.svg);
  $("slider").max = trace.steps.length - 1;
  $("filter").value = "";
  fillTree();
  notice(trace);
  sources.show(forwardOf(trace, at)); // which sets how high the graph's pane is
  trace.graph.fit($("graph-pane"));
  go(at);
}

const forwardOf = (trace, at) => trace.steps[at].phase === "forward" ? trace.steps[at] : trace.steps[trace.steps[at].forward];

function fillTree() {
  const { trace, at } = frame(), text = $("filter").value.trim();
  const steps = text ? matching(trace, text) : trace.steps;
  tree.fill(trace, steps, text && steps.length <= 300);
  tree.show(at);
  $("found").textContent = text ? `${steps.length} of ${trace.steps.length}` : "";
}

function notice(trace) {
  const bad = trace.not_finite;
  $("notice").hidden = !bad;
  if (!bad) return;
  const button = make("button", { type: "button" }, `step ${bad.step + 1}, ${trace.steps[bad.step].operation}`);
  button.addEventListener("click", () => go(bad.step));
  $("notice").replaceChildren(`The first ${bad.what} is made by `, button, ".");
}

/* ---- one step --------------------------------------------------------------------------------------------------- */

function go(index) {
  const started = performance.now();
  const current = frame(), { trace } = current;
  const last = trace.steps.length - 1;
  index = Math.max(0, Math.min(last, index));
  current.at = index;
  const step = trace.steps[index];
  const forward = forwardOf(trace, index);
  $("step").replaceChildren(...(step.phase === "forward" ? forwardParts(trace, step) : backwardParts(trace, step, forward)));
  $("step").scrollTop = 0;
  centre(trace.graph.show(index, (number) => gradientNow(trace, number, index)));
  sources.show(forward);
  $("slider").value = index;
  $("slider").setAttribute("aria-valuetext", `${step.phase} ${step.operation}`);
  $("count").textContent = `${index + 1} / ${last + 1}`;
  $("first").disabled = $("back").disabled = index === 0;
  $("next").disabled = $("last").disabled = index === last;
  tree.show(index);
  if (page.quiz && frames.length === 1 && index === last) $("step").append(closing());
  writeAddress();
  performance.measure("step", { start: started });
}

function centre(place) {
  const { graph, layout } = frame().trace, [x, y] = place.map((n) => n * graph.scale);
  const pane = $("graph-pane"), margin = Math.max(0, (pane.clientWidth - layout.width * graph.scale) / 2);
  const near = Math.abs(pane.scrollTop + pane.clientHeight / 2 - y) < pane.clientHeight;
  pane.scrollTo({ left: x + margin - pane.clientWidth / 2, top: y - pane.clientHeight / 2, behavior: near && !calm ? "smooth" : "auto" });
}

function heading(trace, step, forward) {
  const info = trace.operations[step.operation];
  const parts = [make("p", { class: "phase" }, `${step.phase === "forward" ? "Forward" : "Backward"}${forward.module ? ` in ${forward.module}` : ""}`),
    make("h1", {}, step.operation), make("p", { class: "quiet" }, info.doc)];
  if (forward.inside && forward.inside.steps) {
    const button = make("button", { type: "button", class: "open", title: "Open (Enter)" }, `Open: ${forward.inside.steps.length} elementary steps`);
    button.addEventListener("click", () => open(forward, step.phase));
    parts.push(button);
  } else if (forward.inside) {
    parts.push(make("p", { class: "quiet" }, `Its ${forward.inside.left_out} inner steps found no room here: trace its module alone to open it.`));
  }
  const other = otherWay(trace, step);
  if (other) parts.push(other);
  return parts;
}

/* From a forward step to its backward one, and back. */
function otherWay(trace, step) {
  const other = step.phase === "forward" ? trace.backwardOf.get(step.index) : trace.steps[step.forward];
  if (!other) return null;
  const button = make("button", { type: "button", class: "other", title: "The other way (b)" },
    `${other.phase === "backward" ? "Its backward step" : "Its forward step"}: ${other.index + 1}`);
  button.addEventListener("click", () => go(other.index));
  return button;
}

function open(forward, phase) {
  const inner = forward.inside;
  const first = phase === "forward" ? 0 : inner.steps.findIndex((step) => step.phase === "backward");
  enter(inner, forward.operation, Math.max(0, first));
}

function named(trace, number, before, tensor) {
  const value = trace.byNumber.get(number);
  const who = make("div", { class: "who" }, ...(before ? [make("span", { class: "quiet" }, before)] : []), make("b", {}, value.name),
    make("span", { class: "quiet" }, tensor.shape.length ? shapeOf(tensor) : ""));
  return make("div", { class: "given" }, who, tensorElement(tensor, value.name, value.axes, before.startsWith("gradient") ? null : changeableAs(value)));
}

function forwardParts(trace, step) {
  const tensor = (number) => tensors[trace.byNumber.get(number).tensor];
  const givens = (...all) => make("div", { class: "givens" }, ...all);
  return [...heading(trace, step, step), make("h2", {}, "Takes"), ...taken(trace, step), make("h2", {}, "Makes"),
    givens(...step.outputs.map((number) => named(trace, number, "", tensor(number)))), ...weightsOf(step), ...stepLinks("used by", usersOf(trace, step))];
}

/* The weights of an attention stand inside it; they are what one wants to see of it. */
function weightsOf(step) {
  const weights = step.inside && step.inside.values && step.inside.values.find((value) => value.name === "weights");
  if (!weights) return [];
  const axes = Number.isInteger(weights.axes) ? page.trace.axes[weights.axes] : weights.axes; // until it has been opened
  return [make("h2", {}, "Inside it, the attention weights"), tensorElement(tensors[weights.tensor], weights.name, axes)];
}

function backwardParts(trace, step, forward) {
  const rule = make("div", { class: "rule equations" });
  rule.innerHTML = step.rule.map(filled).join("");
  const incoming = step.incoming.flatMap((place, k) => place === null ? [] : [named(trace, forward.outputs[k], "gradient of", tensors[place])]);
  const parts = [...heading(trace, step, forward), make("h2", {}, "Incoming gradient"), ...incoming,
    make("h2", {}, "It took"), ...taken(trace, forward), make("h2", {}, "Rule"), rule,
    make("p", { class: "quiet" }, "∂w is the derivative of the result by w."),
    make("h2", {}, step.contributions.length ? "Contributions" : "No input wants a gradient")];
  return parts.concat(step.contributions.map((given) => contribution(trace, step, given)));
}

/* What an argument is to its operation, in a word; letters such as x and y say nothing. */
const role = (parameter, after) => parameter.length > 1 ? parameter + after : "";

/* What the operation took: the rule speaks of it. */
function taken(trace, forward) {
  const settings = Object.entries(forward.settings).map(([name, value]) => `${name} = ${value}`).join(", ");
  const inputs = forward.inputs.map((given) => named(trace, given.value, role(given.parameter, " ="), tensors[trace.byNumber.get(given.value).tensor]));
  const all = make("div", { class: "givens" }, ...inputs);
  return settings ? [all, make("p", { class: "quiet" }, settings)] : [all];
}

function contribution(trace, step, given) {
  const value = trace.byNumber.get(given.value);
  const box = make("div", { class: "contribution" }, make("div", { class: "who" }, make("b", {}, value.name),
    make("span", { class: "quiet" }, calledInRule(trace, step, given))));
  if (hidden(given)) {
    box.append(ask(given.question, (first, says) => settle(given, first, says)));
    return box;
  }
  if (answers.has(given)) box.append(make("p", { class: "right" }, answers.get(given).says));
  if (given.formula) box.append(formula(given.formula));
  box.append(accumulation(trace, step, given, value));
  return box;
}

function calledInRule(trace, step, given) {
  return role(given.parameter, "") && `its ${given.parameter}`;
}

function formula(given) {
  const box = make("div", { class: "rule" });
  box.innerHTML = filled(given);
  return box;
}

/* MathML made from the project's own rules; what fills it is digits, and names that are escaped where the page is made. */
function filled([form, parts]) {
  return page.forms[form].replace(/\{(\d+)\}/g, (_, place) => parts[place]);
}

/* What came before + what comes now = the sum; a value that is used once just gets its gradient. */
function accumulation(trace, step, given, value) {
  const all = trace.history.get(given.value), place = all.findIndex((entry) => entry.given === given);
  const part = (caption, tensor) => make("figure", {}, make("figcaption", {}, caption), tensorElement(tensors[tensor], `gradient of ${value.name}`, value.axes));
  if (all.length === 1) return tensorElement(tensors[given.gradient], `gradient of ${value.name}`, value.axes);
  const row = make("div", { class: "sum" });
  if (place > 0) {
    const before = all[place - 1].given;
    row.append(part(place === 1 ? "1st contribution" : `sum of ${place}`, before.accumulated), make("span", { class: "sign" }, "+"));
  }
  row.append(part(`${ordinal(place + 1)} contribution of ${all.length}`, given.gradient));
  if (place > 0) row.append(make("span", { class: "sign" }, "="), part(place + 1 === all.length ? "gradient" : "so far", given.accumulated));
  return row;
}

/* What the gradient of a value reads at a step: null before its first contribution, "?" while it is asked for. */
function gradientNow(trace, number, index) {
  const past = (trace.history.get(number) || []).filter((entry) => entry.step <= index);
  if (past.length) {
    const { step, given } = past[past.length - 1];
    if (step === index && hidden(given)) return "?";
    return only(tensors[given.accumulated]) || "";
  }
  const made = trace.steps[trace.steps.length - 1].phase === "backward" && number === trace.result;
  const first = made ? trace.steps.find((step) => step.phase === "backward") : null;
  return first && index >= first.index ? only(tensors[first.incoming.find((place) => place !== null)]) || "" : null;
}
