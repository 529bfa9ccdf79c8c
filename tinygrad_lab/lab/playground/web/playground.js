/* The page: what is typed is evaluated, and each part shows it. */

const page = JSON.parse($("data").textContent);
const state = {
  text: "",
  values: new Map(),
  at: 0,
  trace: null,
  form: "",
  chosen: { name: "", place: 0 },
};
const inputs = new Inputs($("values"), changeValue, choose);
const tape = new Tape($("tape"), goToValue);
const nudge = new Nudge($("nudge"));

/* ---- evaluating ---- */

function recompute() {
  const started = performance.now();
  const wrong = wrongValue();
  inputs.complain(wrong?.name ?? null, wrong?.message ?? "");
  try {
    if (wrong) throw new UsageError("");
    accept(
      evaluate(
        state.text,
        [...state.values].map(([name, text]) => `${name}=${text}`),
      ),
    );
    complain(null);
    link();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain(error);
  }
  performance.measure("recompute", { start: started });
}

function wrongValue() {
  for (const [name, text] of state.values) {
    try {
      assignments([`${name}=${text}`]);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return { name, message: error.message };
    }
  }
  return null;
}

/* Who stands at the end stays there; another formula is shown whole. */
function accept(trace) {
  const form = trace.values
    .map((value) => `${value.kind} ${value.name} ${value.array.shape}`)
    .join("\n");
  const last = positions(trace) - 1,
    before = state.trace ? positions(state.trace) - 1 : -1;
  state.at = form !== state.form || state.at >= before ? last : Math.min(state.at, last);
  state.trace = trace;
  if (form !== state.form) tape.show(trace);
  state.form = form;
  $("slider").max = last;
  go(state.at);
  showNudge();
}

const positions = ({ steps, backwards }) => steps.length + backwards.length;

function complain(error) {
  $("error").hidden = !error || !error.message;
  $("error").replaceChildren(error ? error.message : "", ...(error ? remedies(error) : []));
  $("text").setAttribute("aria-invalid", String(Boolean(error)));
  document.body.classList.toggle("stale", Boolean(error));
}

function remedies({ missing, unused }) {
  const remedy = (label, change) => {
    const button = make("button", { type: "button", class: "plain" }, label);
    button.addEventListener("click", () => {
      change();
      inputs.show(state.values);
      recompute();
      $("text").focus();
    });
    return [" ", button];
  };
  if (missing) return remedy(`Add ${short(missing)} = 1`, () => state.values.set(missing, "1"));
  return unused
    ? remedy(`Remove ${short(unused.join(", "))}`, () =>
        unused.forEach((name) => state.values.delete(name)),
      )
    : [];
}

/* ---- one position ---- */

function go(at) {
  const { trace } = state,
    last = trace ? positions(trace) - 1 : -1;
  if (!trace) return;
  state.at = at = Math.max(0, Math.min(last, at));
  const back = trace.backwards[at - trace.steps.length],
    step = back ? back.step : trace.steps[at],
    taken = new Set(trace.values.map(({ name }) => name));
  tape.fill(trace, { ...seen(at), step, phase: back ? "backward" : "forward" });
  $("step").replaceChildren(...(back ? backwardParts(back, page.rules, taken) : forwardParts(step)));
  $("slider").value = at;
  $("slider").setAttribute(
    "aria-valuetext",
    `${back ? "backward" : "forward"} ${step.called.name}`,
  );
  $("count").textContent = `${at + 1} / ${last + 1}`;
  $("first").disabled = $("back").disabled = at === 0;
  $("next").disabled = $("last").disabled = at === last;
}

/* Which values are known at a position, and the gradients as far as they have come. */
function seen(at) {
  const { steps, backwards, values, result } = state.trace,
    passed = new Map();
  const made = new Set(steps.slice(at + 1).map((step) => step.output));
  if (at >= steps.length) passed.set(result, result.gradient);
  for (const { contributions } of backwards.slice(0, Math.max(0, at - steps.length + 1))) {
    for (const { value, accumulated } of contributions) passed.set(value, accumulated);
  }
  return { known: new Set(values.filter((value) => !made.has(value))), passed };
}

/* The step that makes a value; while going backwards, the one that takes its gradient on. */
function goToValue(place) {
  const { steps, backwards, values } = state.trace,
    of = ({ output }) => output === values[place];
  const forward = steps.findIndex(of),
    backward = backwards.findIndex(({ step }) => of(step));
  const using = backwards.findLastIndex(({ contributions }) =>
    contributions.some(({ value }) => value === values[place]),
  );
  if (forward < 0) return using < 0 ? undefined : go(steps.length + using);
  return go(state.at >= steps.length && backward >= 0 ? steps.length + backward : forward);
}

/* ---- changing ---- */

function changeValue(name, text) {
  state.values.set(name, text);
  recompute();
}

function choose(name, place) {
  state.chosen = { name, place };
  if (state.trace) showNudge();
}

function showNudge() {
  const known = state.trace.values.filter((value) => value.kind === "input");
  const chosen = known.find((value) => value.name === state.chosen.name);
  if (!chosen || state.chosen.place >= chosen.array.data.length)
    state.chosen = { name: known[0].name, place: 0 };
  const arrays = new Map(known.map((value) => [value.name, value.array]));
  nudge.show(state.trace, state.chosen, (name, place, number) => {
    const { shape, data } = arrays.get(name),
      changed = data.slice();
    changed[place] = number;
    return resultOf(state.text, new Map([...arrays, [name, array(shape, changed)]]));
  });
}

function load({ text, values }) {
  Object.assign(state, { text, values: new Map(values), form: "" });
  $("text").value = text;
  $("text").rows = Math.max(2, text.split("\n").length);
  inputs.show(state.values);
  recompute();
}

const ofPreset = ({ expression, values }) => ({ text: expression, values: Object.entries(values) });

/* ---- the link ---- */

let linking = 0,
  written = "";

/* Never written over a link that came meanwhile and is still to be followed. */
function link() {
  clearTimeout(linking);
  const before = location.hash;
  linking = setTimeout(() => {
    if (location.hash !== before) return;
    written = linkOf(state);
    history.replaceState(null, "", written);
  }, 250);
}

function fromLink() {
  if (location.hash === written && written) return;
  try {
    const found = readLink(location.hash);
    load(found || ofPreset(page.presets[0]));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    if (!state.trace) load(ofPreset(page.presets[0]));
    clearTimeout(linking);
    complain(error);
  }
}

async function copyLink() {
  const address = location.href.split("#")[0] + linkOf(state);
  try {
    await navigator.clipboard.writeText(address);
    $("copied").textContent = "copied";
  } catch {
    $("address").hidden = false;
    $("address").value = address;
    $("address").select();
    $("copied").textContent = "copy it from here:";
  }
}

/* ---- wiring ---- */

const moves = {
  ArrowRight: () => go(state.at + 1),
  ArrowLeft: () => go(state.at - 1),
  Home: () => go(0),
  End: () => go(Infinity),
};

document.addEventListener("keydown", (event) => {
  const busy =
    event.target.closest("textarea, select, input") ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey;
  if (busy || !moves[event.key]) return;
  event.preventDefault();
  moves[event.key]();
});
$("first").addEventListener("click", moves.Home);
$("back").addEventListener("click", moves.ArrowLeft);
$("next").addEventListener("click", moves.ArrowRight);
$("last").addEventListener("click", moves.End);
$("slider").addEventListener("input", () => go(Number($("slider").value)));
$("text").addEventListener("input", () => {
  state.text = $("text").value;
  recompute();
});
$("copy").addEventListener("click", copyLink);
$("presets").append(
  ...page.presets.map((preset, place) => make("option", { value: place }, preset.name)),
);
$("presets").addEventListener("change", () => {
  if ($("presets").value) load(ofPreset(page.presets[Number($("presets").value)]));
  $("presets").value = "";
});
addEventListener("hashchange", fromLink);
fromLink();
