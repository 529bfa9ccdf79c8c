/* From the result to what it was made of: every step gives its inputs their part of its
   gradient. */

/* The last step first; returns each contribution with the sum so far. */
function differentiate(steps, result) {
  result.gradient = filled(result.array.shape, 1);
  const found = [];
  for (const step of [...steps].reverse()) {
    if (!step.output.gradient || !step.output.needs) continue;
    const gradients = step.backward(step.output.gradient, step.wanted),
      contributions = [];
    step.inputs.forEach(({ parameter, value }, place) => {
      if (!step.wanted[place] || !gradients[place]) return;
      const gradient = unbroadcast(gradients[place], value.array.shape),
        before = value.gradient;
      value.gradient = before ? add(before, gradient) : gradient;
      value.given += 1;
      contributions.push({
        parameter,
        value,
        gradient,
        before,
        place: value.given,
        accumulated: value.gradient,
      });
    });
    found.push({ step, incoming: step.output.gradient, contributions });
  }
  return found;
}
