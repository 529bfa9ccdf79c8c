/* The page: which step is shown, and how one gets to another. */

const page = JSON.parse(document.getElementById("data").textContent);
const tensors = page.trace.tensors;
const $ = (id) => document.getElementById(id);
const sources = new Sources(page.sources, $("source-pane"), $("file"), $("source"));
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const answered = new Map(); // a contribution -> what was said to its answer
const score = { right: 0, asked: 0 };
let frames = []; // the trace and those opened inside it, each with the step it stands at
let timer = null;

const frame = () => frames[frames.length - 1];
const ordinal = (n) => `${n}${["th", "st", "nd", "rd"][n % 100 > 10 && n % 100 < 14 ? 0 : n % 10] || "th"}`;

/* ---- traces ----------------------------------------------------------------------------------------------------- */

function prepare(trace) {
  if (trace.graph) return;
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
  trace.graph = new Graph(trace, tensors, (index) => go(chosenFrom(trace, index)));
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
  $("graph-pane").replaceChildren(trace.graph.svg);
  $("slider").max = trace.steps.length - 1;
  fillList(trace);
  notice(trace);
  go(at);
}

function fillList(trace) {
  $("list").replaceChildren(...trace.steps.map((step, index) => {
    const turn = index && step.phase !== trace.steps[index - 1].phase;
    const button = make("button", { type: "button" }, make("span", {}, String(index + 1)),
      make("span", {}, step.phase === "backward" ? `∂ ${step.operation}` : step.operation));
    button.addEventListener("click", () => go(index));
    return make("li", turn ? { class: "turn" } : {}, button);
  }));
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
  $("list").children[current.at].firstChild.removeAttribute("aria-current");
  current.at = index;
  const step = trace.steps[index];
  const forward = step.phase === "forward" ? step : trace.steps[step.forward];
  $("step").replaceChildren(...(step.phase === "forward" ? forwardParts(trace, step) : backwardParts(trace, step, forward)));
  $("step").scrollTop = 0;
  centre(trace.graph.show(index, (number) => gradientNow(trace, number, index)));
  sources.show(forward);
  $("slider").value = index;
  $("slider").setAttribute("aria-valuetext", `${step.phase} ${step.operation}`);
  $("count").textContent = `${index + 1} / ${last + 1}`;
  $("first").disabled = $("back").disabled = index === 0;
  $("next").disabled = $("last").disabled = index === last;
  const button = $("list").children[index].firstChild;
  button.setAttribute("aria-current", "step");
  within($("list-pane"), button);
  performance.measure("step", { start: started });
}

function centre([x, y]) {
  const pane = $("graph-pane"), margin = Math.max(0, (pane.clientWidth - frame().trace.layout.width) / 2);
  const near = Math.abs(pane.scrollTop + pane.clientHeight / 2 - y) < pane.clientHeight;
  pane.scrollTo({ left: x + margin - pane.clientWidth / 2, top: y - pane.clientHeight / 2, behavior: near && !calm ? "smooth" : "auto" });
}

function within(pane, element) {
  const top = element.offsetTop - pane.offsetTop;
  if (top < pane.scrollTop || top > pane.scrollTop + pane.clientHeight - 40) pane.scrollTop = top - pane.clientHeight / 2;
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
  return parts;
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
  return make("div", { class: "given" }, who, tensorElement(tensor, value.name));
}

function forwardParts(trace, step) {
  const tensor = (number) => tensors[trace.byNumber.get(number).tensor];
  return [...heading(trace, step, step), make("h2", {}, "Takes"), ...taken(trace, step), make("h2", {}, "Makes"),
    ...step.outputs.map((number) => named(trace, number, "", tensor(number)))];
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
  return settings ? [...inputs, make("p", { class: "quiet" }, settings)] : inputs;
}

function contribution(trace, step, given) {
  const value = trace.byNumber.get(given.value);
  const box = make("div", { class: "contribution" }, make("div", { class: "who" }, make("b", {}, value.name),
    make("span", { class: "quiet" }, calledInRule(trace, step, given))));
  if (hidden(given)) {
    box.append(ask(given.question, (first, says) => settle(given, first, says)));
    return box;
  }
  if (answered.has(given)) box.append(make("p", { class: "right" }, answered.get(given)));
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
  const part = (caption, tensor) => make("figure", {}, make("figcaption", {}, caption), tensorElement(tensors[tensor], `gradient of ${value.name}`));
  if (all.length === 1) return tensorElement(tensors[given.gradient], `gradient of ${value.name}`);
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

/* ---- the quiz --------------------------------------------------------------------------------------------------- */

const hidden = (given) => page.quiz && given.question && !answered.has(given);

function settle(given, first, says) {
  answered.set(given, says);
  score.asked += 1;
  score.right += first ? 1 : 0;
  $("score").hidden = false;
  $("score").textContent = `${score.right} of ${score.asked} at once`;
  go(frame().at);
  const next = $("step").querySelector(".ask input");
  if (next) next.focus({ preventScroll: true }); else $("next").focus();
}

/* ---- moving ----------------------------------------------------------------------------------------------------- */

const asks = () => $("step").querySelector(".ask") !== null;

function pause() {
  clearInterval(timer);
  timer = null;
  $("play").setAttribute("aria-pressed", "false");
  $("play").setAttribute("aria-label", "Play");
}

function play() {
  if (timer) return pause();
  if (frame().at === frame().trace.steps.length - 1) go(0);
  $("play").setAttribute("aria-pressed", "true");
  $("play").setAttribute("aria-label", "Pause");
  timer = setInterval(() => {
    if (asks() || frame().at === frame().trace.steps.length - 1) pause();
    else go(frame().at + 1);
  }, 1100);
}

const moves = {
  ArrowRight: () => go(frame().at + 1), ArrowLeft: () => go(frame().at - 1), " ": play,
  Home: () => go(0), End: () => go(frame().trace.steps.length - 1),
  Escape: () => frames.length > 1 && leave(frames.length - 1),
  Enter: () => { const button = $("step").querySelector(".open"); if (button) button.click(); },
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input[type=text]");
  const pressing = event.target.closest("button, input, a") && [" ", "Enter"].includes(event.key);
  if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey || !moves[event.key]) return;
  event.preventDefault();
  if (event.key !== " ") pause();
  moves[event.key]();
});
$("first").addEventListener("click", moves.Home);
$("back").addEventListener("click", moves.ArrowLeft);
$("play").addEventListener("click", play);
$("next").addEventListener("click", moves.ArrowRight);
$("last").addEventListener("click", moves.End);
$("slider").addEventListener("input", () => go(Number($("slider").value)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => go(frame().at));

enter(page.trace, page.title, 0);
