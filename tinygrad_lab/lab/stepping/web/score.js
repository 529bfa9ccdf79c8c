/* How the quiz went: counted as one goes, told at the end with what to look at again. */

const SOME = 12; // questions that are listed
const answers = new Map(); // a contribution -> {says, first, address, text}

const questionsOf = (trace) => trace.steps.flatMap((step) => (step.contributions || [])
  .filter((given) => given.question).map((given) => ({ given, at: step.index })));

const atOnce = () => [...answers.values()].filter((answer) => answer.first).length;

function writeScore() {
  $("score").hidden = !answers.size;
  $("score").textContent = `${atOnce()} of ${answers.size} at once`;
}

const hidden = (given) => page.quiz && given.question && !answers.has(given);

function settle(given, first, says) {
  answers.set(given, { says, first, address: addressOf(frames.map((each) => each.at)), text: given.question.text });
  writeScore();
  go(frame().at);
  const next = $("step").querySelector(".ask input");
  if (next) next.focus({ preventScroll: true }); else $("next").focus();
}

/* At the last step of the whole: the score, and links to what took more than one try and to what was passed over. */
function closing() {
  const again = [...answers.values()].filter((answer) => !answer.first);
  const passed = questionsOf(page.trace).filter(({ given }) => !answers.has(given));
  const list = (title, items) => items.length ? [make("p", {}, title), make("ul", {}, ...items)] : [];
  const link = (address, text) => make("li", {}, linkTo(address, text));
  return make("section", { class: "closing", "aria-label": "How the quiz went" }, make("h2", {}, "How it went"),
    make("p", {}, `${atOnce()} of ${answers.size} answered right at once.`),
    ...list("Look at these again:", again.map((answer) => link(answer.address, answer.text))),
    ...list(`Not answered yet: ${passed.length}${passed.length > SOME ? `, of which the first ${SOME}` : ""}`,
      passed.slice(0, SOME).map(({ given, at }) => link(addressOf([at]), given.question.text))));
}
