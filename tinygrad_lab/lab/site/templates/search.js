"use strict";

// Search in an index made when the site was built; it is loaded at the first question, as a script, so that it works
// without a server too.
for (const box of document.querySelectorAll(".search")) {
  const field = box.querySelector("input");
  const list = box.querySelector("ul");
  const root = new URL(field.dataset.root, location.href);
  const MOST = 12;
  let entries = null;
  let chosen = -1;

  const simple = (text) => text.toLowerCase().replaceAll("√", " square root sqrt ").replace(/[^\p{L}\p{N}]+/gu, " ").trim();

  // Words count most at the start of a title, then in it, then in the text; and the more of the title they are.
  const worth = (entry, words) => {
    const title = ` ${simple(entry.title)}`;
    const text = ` ${simple(entry.words)}`;
    const phrase = ` ${words.join(" ")}`;
    let missing = 0;
    let sum = title.includes(phrase) ? (10 * phrase.length) / title.length : 0;
    for (const word of words) {
      if (title.startsWith(` ${word}`)) sum += 7;
      else if (title.includes(` ${word}`)) sum += 5;
      else if (text.includes(` ${word}`)) sum += 1;
      else missing += 1;
    }
    if (missing > words.length / 4) return 0; // of a long question one word may be another
    return entry.kind.includes("/") ? sum / 2 : sum; // a name out of a file, of which many are alike
  };

  const find = (question) => {
    const words = simple(question).split(" ").filter(Boolean);
    if (!words.length) return [];
    const judged = entries.map((entry, place) => [worth(entry, words), -place, entry]).filter(([value]) => value);
    return judged.sort((a, b) => b[0] - a[0] || b[1] - a[1]).slice(0, MOST).map(([, , entry]) => entry);
  };

  const go = (line, aside) => {
    close();
    if (aside) open(line.dataset.address);
    else location.assign(line.dataset.address);
  };

  const item = (entry, place) => {
    const line = document.createElement("li");
    line.id = `found-${place}`;
    line.setAttribute("role", "option");
    line.dataset.address = new URL(entry.address, root).href;
    line.addEventListener("click", (event) => go(line, event.ctrlKey || event.metaKey));
    const kind = document.createElement("small");
    kind.textContent = entry.kind;
    line.append(entry.title, " ", kind);
    return line;
  };

  const choices = () => [...list.querySelectorAll("[data-address]")];

  const choose = (place) => {
    const lines = choices();
    chosen = lines.length ? (place + lines.length) % lines.length : -1;
    lines.forEach((line, k) => line.setAttribute("aria-selected", String(k === chosen)));
    if (chosen < 0) return field.removeAttribute("aria-activedescendant");
    field.setAttribute("aria-activedescendant", lines[chosen].id);
    lines[chosen].scrollIntoView({ block: "nearest" });
  };

  const close = () => {
    list.hidden = true;
    field.setAttribute("aria-expanded", "false");
    choose(-1);
  };

  const show = () => {
    if (!entries) return;
    const found = find(field.value);
    const nothing = document.createElement("li");
    nothing.className = "nothing";
    nothing.setAttribute("role", "option");
    nothing.setAttribute("aria-disabled", "true");
    nothing.textContent = "Nothing found.";
    list.replaceChildren(...(found.length ? found.map(item) : [nothing]));
    list.hidden = !field.value.trim();
    field.setAttribute("aria-expanded", String(!list.hidden));
    choose(0);
  };

  const load = () => {
    if (entries || document.querySelector("script[data-search]")) return;
    const script = document.createElement("script");
    script.dataset.search = "";
    script.src = field.dataset.index;
    script.addEventListener("load", () => {
      entries = window.searchIndex;
      show();
    });
    document.head.append(script);
  };

  field.addEventListener("focus", load);
  field.addEventListener("input", show);
  field.addEventListener("keydown", (event) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) {
      choose(chosen + move);
      event.preventDefault();
    } else if (event.key === "Enter" && chosen >= 0) {
      go(choices()[chosen], event.ctrlKey || event.metaKey);
    } else if (event.key === "Escape") {
      field.value = "";
      close();
      field.blur();
    }
  });
  box.addEventListener("focusout", (event) => box.contains(event.relatedTarget) || close());
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus until the click
  addEventListener("keydown", (event) => {
    const elsewhere = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || elsewhere || event.ctrlKey || event.metaKey || event.altKey) return;
    field.focus();
    field.select();
    event.preventDefault();
  });
  box.hidden = false;
}
