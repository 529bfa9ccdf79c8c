/* How the quiz went: counted as one goes, told at the end with what to look at again. */

const answers = new Map(); // a contribution -> {says, first, address, text}

const questionsOf = (trace) => trace.steps.flatMap((step) => (step.contributions || []).filter((given) => given.question)
  .map((given) => ({ given, at: step.index })));

function writeScore() {
  const right = [...answers.values()].filter((answer) => answer.first).length;
  $("score").hidden = !answers.size;
  $("score").textContent = `${right} of ${answers.size} at once`;
}

/* At the last step of the whole: the score, and links to what took more than one try and to what was passed over. */
function closing() {
  const right = [...answers.values()].filter((answer) => answer.first).length;
  const again = [...answers.values()].filter((answer) => !answer.first);
  const passed = questionsOf(page.trace).filter(({ given }) => !answers.has(given));
  const list = (title, items) => items.length ? [make("p", {}, title), make("ul", {}, ...items)] : [];
  const link = (address, text) => make("li", {}, make("a", { href: address }, text));
  return make("section", { class: "closing", "aria-label": "How the quiz went" }, make("h2", {}, "How it went"),
    make("p", {}, `${right} of ${answers.size} answered right at once.`),
    ...list("Look at these again:", again.map((answer) => link(answer.address, answer.text))),
    ...list("Not answered yet:", passed.map(({ given, at }) => link(addressOf([at]), given.question.text))));
}
