/* A value that was chosen in the graph: its numbers, its gradient so far, and the steps that made and used it. */

function lookAt(trace, number) {
  const value = trace.byNumber.get(number), index = frame().at;
  const forward = trace.steps.filter((step) => step.phase === "forward");
  const made = forward.filter((step) => step.outputs.includes(number));
  const used = forward.filter((step) => step.inputs.some((given) => given.value === number));
  const past = (trace.history.get(number) || []).filter((entry) => entry.step <= index && !hidden(entry.given)).at(-1);
  const close = make("button", { type: "button", class: "close", "aria-label": "Close" }, "×");
  const gradient = past ? [make("p", { class: "quiet" }, "its gradient so far"),
    tensorElement(tensors[past.given.accumulated], `gradient of ${value.name}`, value.axes)] : [];
  const panel = make("aside", { class: "looked", "aria-label": `the value ${value.name}` }, close,
    named(trace, number, value.kind, tensors[value.tensor]), ...gradient,
    ...stepLinks("made by", made), ...stepLinks("used by", used));
  close.addEventListener("click", () => panel.remove());
  for (const other of document.querySelectorAll(".looked")) other.remove();
  $("step").prepend(panel);
  panel.scrollIntoView({ block: "nearest" });
}

/* The forward steps that use what a step made. */
const usersOf = (trace, step) => trace.steps.filter((other) => other.phase === "forward"
  && other.inputs.some((given) => step.outputs.includes(given.value)));

function stepLinks(words, steps) {
  if (!steps.length) return [];
  return [make("p", { class: "steps" }, `${words} `, ...steps.flatMap((step, n) => {
    const button = make("button", { type: "button" }, `${step.index + 1}, ${step.operation}`);
    button.addEventListener("click", () => go(step.index));
    return n ? ["; ", button] : [button];
  }))];
}
