/* The quiz: an answer is read as a number and compared with the right one and with the classic slips. */

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const UNREADABLE = "That is not a number I can read. Write it like -0.75 or 1.2e-3.";

/* To two significant digits; zero is met within 0.005. */
function same(value, right) {
  if (right === 0) return Math.abs(value) < 0.005;
  return Math.abs(value - right) <= 0.501 * 10 ** (Math.floor(Math.log10(Math.abs(right))) - 1);
}

function judge(question, text) {
  const plain = text.trim().replaceAll("−", "-");
  if (!NUMBER.test(plain)) return { right: null, says: UNREADABLE };
  const value = Number(plain);
  if (same(value, question.answer)) return { right: true, says: `Right: ${digits(question.answer)}.` };
  const slip = question.slips.find(([wrong]) => same(value, wrong));
  const otherwise = "Not yet. Put the incoming gradient and the operation's inputs into the rule.";
  return { right: false, says: slip ? page.slips[slip[1]] : otherwise };
}

/* A form for one question; ``done(first)`` is called when it has been answered, at the first try or not, or given up. */
function ask(question, done) {
  let tries = 0;
  const name = `answer-${Math.random().toString(36).slice(2)}`;
  const input = make("input", { id: name, type: "text", inputmode: "text", autocomplete: "off", spellcheck: "false" });
  const says = make("p", { class: "says", role: "status" });
  const show = make("button", { type: "button", class: "show" }, "Show me");
  const form = make("form", { class: "ask", novalidate: "" },
    make("label", { for: name }, question.text),
    make("div", { class: "row" }, input, make("button", { type: "submit" }, "Check"), show), says);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const judged = judge(question, input.value);
    says.textContent = judged.says;
    if (judged.right === null) return;
    tries += 1;
    if (judged.right) done(tries === 1, judged.says);
  });
  show.addEventListener("click", () => done(false, `It is ${digits(question.answer)}.`));
  return form;
}
