/* Moving through the steps: playing, keys, buttons, the slider, the filter. */

let timer = null;

const asks = () => $("step").querySelector(".ask") !== null;

function pause() {
  clearInterval(timer);
  timer = null;
  $("play").setAttribute("aria-pressed", "false");
  $("play").setAttribute("aria-label", "Play");
}

function play() {
  if (timer) return pause();
  if (frame().at === frame().trace.steps.length - 1) go(0);
  $("play").setAttribute("aria-pressed", "true");
  $("play").setAttribute("aria-label", "Pause");
  timer = setInterval(() => {
    if (asks() || frame().at === frame().trace.steps.length - 1) pause();
    else go(frame().at + 1);
  }, 1100);
}

const moves = {
  ArrowRight: () => go(frame().at + 1), ArrowLeft: () => go(frame().at - 1), " ": play,
  Home: () => go(0), End: () => go(frame().trace.steps.length - 1),
  Escape: () => { if (treeIsOver()) showTree(false); else if (frames.length > 1) leave(frames.length - 1); },
  Enter: () => { const button = $("step").querySelector(".open"); if (button) button.click(); },
  b: () => { const button = $("step").querySelector(".other"); if (button) button.click(); },
  "/": () => { showTree(true); $("filter").focus(); },
};

/* On narrow pages the tree lies over the others while it is wanted. */
const narrow = matchMedia("(max-width: 1100px)");
const treeIsOver = () => narrow.matches && $("list-pane").classList.contains("shown");

function showTree(shown) {
  $("list-pane").classList.toggle("shown", shown);
  $("tree").setAttribute("aria-expanded", String(shown));
  if (shown && narrow.matches) tree.focus(tree.focused, true);
  if (!shown && narrow.matches) $("tree").focus();
}

function clearFilter() {
  $("filter").value = "";
  fillTree();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=range])");
  const pressing = event.target.closest("button, input, a") && [" ", "Enter"].includes(event.key);
  if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey || !moves[event.key]) return;
  event.preventDefault();
  if (event.key !== " ") pause();
  moves[event.key]();
});
$("first").addEventListener("click", moves.Home);
$("back").addEventListener("click", moves.ArrowLeft);
$("play").addEventListener("click", play);
$("next").addEventListener("click", moves.ArrowRight);
$("last").addEventListener("click", moves.End);
$("slider").addEventListener("input", () => go(Number($("slider").value)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => go(frame().at));
$("filter").addEventListener("input", fillTree);
$("filter").addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("filter").value && treeIsOver()) showTree(false);
  else if (event.key === "Escape") clearFilter();
  if (event.key === "ArrowDown") tree.stand(tree.focused);
});
$("tree").addEventListener("click", () => showTree(!treeIsOver()));
$("list").addEventListener("click", (event) => {
  if (event.target.closest("li:not([aria-expanded])") && treeIsOver()) showTree(false);
});
