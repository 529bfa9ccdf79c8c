"use strict";

// The variants of a paper: one at a time, chosen by a row of tabs; all of them where there is no script.
for (const tabs of document.querySelectorAll(".switch")) {
  const buttons = [...tabs.querySelectorAll("button")];
  const panels = buttons.map((button) => document.getElementById(button.getAttribute("aria-controls")));
  const show = (chosen) => {
    buttons.forEach((button, k) => {
      button.setAttribute("aria-selected", String(k === chosen));
      button.tabIndex = k === chosen ? 0 : -1;
      panels[k].hidden = k !== chosen;
    });
  };
  const named = () => panels.findIndex((panel) => "#" + panel.id === decodeURIComponent(location.hash));
  buttons.forEach((button, k) => {
    button.addEventListener("click", () => show(k));
    button.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (move) {
        const next = (k + move + buttons.length) % buttons.length;
        show(next);
        buttons[next].focus();
        event.preventDefault();
      }
    });
  });
  addEventListener("hashchange", () => named() >= 0 && show(named()));
  tabs.hidden = false;
  show(Math.max(0, named()));
}

// The line under the pointer and the one beside it.
const row = (line) => line.style.getPropertyValue("--r");
for (const pair of document.querySelectorAll(".pair")) {
  pair.addEventListener("mouseover", (event) => {
    const line = event.target.closest(".line");
    for (const other of pair.querySelectorAll(".line")) other.classList.toggle("here", !!line && row(other) === row(line));
  });
  pair.addEventListener("mouseleave", () => {
    for (const line of pair.querySelectorAll(".here")) line.classList.remove("here");
  });
}

// j and k: from block to block.
const twins = [...document.querySelectorAll(".twin")];
addEventListener("keydown", (event) => {
  const move = { j: 1, k: -1 }[event.key];
  if (!move || event.ctrlKey || event.metaKey || event.altKey || !twins.length || event.target.closest("input")) return;
  const current = twins.indexOf(document.activeElement.closest(".twin"));
  const below = twins.findIndex((twin) => twin.getBoundingClientRect().top > 60);
  const next = current >= 0 ? current + move : move > 0 ? below : below - 1;
  if (!twins[next]) return;
  twins[next].querySelector("h4 a").focus({ preventScroll: true });
  twins[next].scrollIntoView({ block: "start" });
});
