"use strict";

// A button on every piece of code that puts it on the clipboard, without the numbers of its lines.
const text = (code) => {
  const lines = [...code.querySelectorAll(".line")];
  return lines.length ? lines.map((line) => line.textContent).join("\n") + "\n" : code.textContent;
};

const copied = async (words) => {
  try {
    await navigator.clipboard.writeText(words);
    return true;
  } catch {
    const field = document.createElement("textarea"); // where there is no clipboard for scripts
    field.value = words;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
};

for (const code of document.querySelectorAll("pre.code, .side.code, .form .code")) {
  if (!code.textContent.trim() || code.closest(".rules")) continue;
  const frame = document.createElement("div");
  frame.className = "copying";
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "copy";
  button.setAttribute("aria-label", "Copy this code");
  button.addEventListener("click", async () => {
    button.textContent = (await copied(text(code))) ? "copied" : "not allowed";
    setTimeout(() => (button.textContent = "copy"), 1500);
  });
  if (code.matches(".side")) {
    button.tabIndex = -1; // the keyboard goes from block to block, and copies by a letter
    code.append(button); // a side is an item of a grid and stays it
    code.classList.add("copying");
  } else {
    code.replaceWith(frame);
    frame.append(code, button);
  }
}

addEventListener("keydown", (event) => {
  const side = { c: ".numpy", C: ".torch" }[event.key];
  const twin = side && document.activeElement.closest(".twin");
  if (!twin || event.ctrlKey || event.metaKey || event.altKey) return;
  twin.querySelector(`${side} > button`)?.click();
});

// The section that is being read is marked in the page's own list of sections.
const links = [...document.querySelectorAll(".local a, .contents a")];
const parts = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
const mark = () => {
  const line = innerHeight / 3;
  let current = -1;
  parts.forEach((part, k) => part && part.getBoundingClientRect().top < line && (current = k));
  links.forEach((link, k) => (k === current ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
};
if (links.length) {
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      mark();
    });
  }, { passive: true });
  mark();
}
