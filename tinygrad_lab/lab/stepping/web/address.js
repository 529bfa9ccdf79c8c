/* The address names the step: #step=37, or #step=37/4 for the fourth step inside the operation of step 37. */

const ADDRESS = /^#step=(\d+(?:\/\d+)*)$/;
let writing = null;

const addressOf = (places) => `#step=${places.map((at) => at + 1).join("/")}`;

/* Written when one has come to rest; never over an address that came meanwhile and is still to be followed.
   A page inside another document has no address of its own. */
function writeAddress() {
  if (location.protocol === "about:") return;
  clearTimeout(writing);
  const before = location.hash;
  writing = setTimeout(() => {
    if (location.hash === before) history.replaceState(null, "", addressOf(frames.map((each) => each.at)));
  }, 150);
}

/* The frames that an address leads to; null where there is no such step. */
function framesAt(hash) {
  const found = ADDRESS.exec(hash);
  if (!found) return null;
  const path = [];
  let trace = page.trace, name = page.title;
  for (const number of found[1].split("/").map(Number)) {
    const last = path.at(-1);
    if (last) {
      const forward = forwardOf(last.trace, last.at);
      if (!forward.inside || !forward.inside.steps) return null;
      [trace, name] = [forward.inside, forward.operation];
    }
    if (number < 1 || number > trace.steps.length) return null;
    path.push({ trace, name, at: number - 1 });
  }
  return path;
}

/* Go where the address says; one that says nothing of use is left at that, with a sentence. */
function follow(hash) {
  const path = framesAt(hash);
  $("astray").hidden = Boolean(path) || hash === "" || hash === "#";
  $("astray").textContent = `No step here is called “${hash.slice(0, 40)}”.`;
  if (!path && frames.length) return;
  frames = path || [{ trace: page.trace, name: page.title, at: 0 }];
  for (const { trace } of frames) prepare(trace);
  arrive();
}

/* A link to a step; where the page has no address of its own, it is only gone to. */
function linkTo(address, text) {
  const link = make("a", { href: address }, text);
  link.addEventListener("click", (event) => {
    if (location.protocol !== "about:") return;
    event.preventDefault();
    follow(address);
  });
  return link;
}

window.addEventListener("hashchange", () => follow(location.hash));
follow(location.hash);
