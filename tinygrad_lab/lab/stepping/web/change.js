/* Changing a number: it goes to the server, which runs the model again, and the page shows the new trace. */

/* An element that shows one number lets it be changed. */
function offer(element, name, index, value) {
  element.classList.add("changeable");
  element.tabIndex = 0;
  element.setAttribute("role", "button");
  element.addEventListener("click", () => change(element, name, index, value));
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    change(element, name, index, value);
  });
}

/* A small form at the number: Enter sends it, Escape leaves it as it was. */
function change(element, name, index, value) {
  for (const other of document.querySelectorAll("form.change")) other.remove();
  const words = page.changeable[name];
  const where = `${name}[${index.join(", ")}]`;
  const input = make("input", { type: "text", value: words[value] ?? String(value), "aria-label": `new value of ${where}`,
    autocomplete: "off", spellcheck: "false", ...(words.length ? { list: "words" } : {}) });
  const says = make("span", { class: "says", role: "status" });
  const form = make("form", { class: "change" }, make("label", {}, `${where} = `, input),
    make("button", { type: "submit" }, "Change"), says);
  if (words.length) form.append(make("datalist", { id: "words" }, ...words.map((word) => make("option", { value: word }))));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    says.textContent = await send("/change", { name, index, value: input.value.trim() }, `${where} is ${input.value.trim()}`);
  });
  form.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") form.remove();
  });
  (element.closest(".given, .looked") || element.parentElement).append(form);
  input.focus();
  input.select();
}

const lossOf = () => tensors[page.trace.values.find((value) => value.number === page.trace.result).tensor].values[0];

/* The trace that the server answers with takes the place of this one; a sentence where it refuses. */
async function send(path, request, done) {
  const before = lossOf();
  let answer;
  try {
    const sent = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request) });
    answer = await sent.json();
  } catch {
    return "The server does not answer any more.";
  }
  if (answer.error) return answer.error;
  const places = frames.map((each) => each.at);
  tensors.splice(0, tensors.length, ...answer.trace.tensors);
  Object.assign(page, answer);
  follow(framesAt(addressOf(places)) ? addressOf(places) : "");
  $("changed").textContent = `${done}: the loss was ${digits(before)}, it is ${digits(lossOf())}.`;
  $("restore").hidden = path === "/restore";
  return "";
}

$("restore").addEventListener("click", () => send("/restore", {}, "Everything is as it was"));
