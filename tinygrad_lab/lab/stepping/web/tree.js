/* The steps as a tree of modules and operations: forwards, then backwards.  One stop of the Tab key, arrows inside. */

const SMALL_TREE = 60; // steps of a tree that is open from the start

/* Branches of consecutive steps in the same module, in the order of the steps; a lone branch joins its parent. */
function branches(steps, pathOf, depth = 0) {
  const found = [];
  for (let start = 0, end; start < steps.length; start = end) {
    const name = pathOf(steps[start])[depth];
    end = start + 1;
    if (name === undefined) {
      found.push({ step: steps[start] });
      continue;
    }
    while (end < steps.length && pathOf(steps[end])[depth] === name) end += 1;
    const inner = branches(steps.slice(start, end), pathOf, depth + 1);
    const lone = inner.length === 1 && inner[0].children;
    found.push({ name: lone ? `${name}.${inner[0].name}` : name, count: end - start, children: lone || inner });
  }
  return found;
}

class Tree {
  constructor(element, onChoose) {
    Object.assign(this, { element, onChoose, items: new Map(), current: null, focused: null });
    element.addEventListener("keydown", (event) => this.key(event));
    element.addEventListener("click", (event) => this.click(event));
  }

  /* Show these steps of a trace; all of them, or those that a filter left. */
  fill(trace, steps, open) {
    const moduleOf = (step) => forwardOf(trace, step.index).module;
    const pathOf = (step) => moduleOf(step) ? moduleOf(step).split(".") : [];
    this.items = new Map();
    this.current = this.focused = null;
    const half = (name, phase) => {
      const part = steps.filter((step) => step.phase === phase);
      return { name, count: part.length, children: branches(part, pathOf), root: true };
    };
    const roots = [half("Forward", "forward"), half("Backward", "backward")].filter((root) => root.count);
    this.element.replaceChildren(...roots.map((branch) => this.item(branch, null, 1)));
    this.all = open || steps.length <= SMALL_TREE;
    for (const root of this.element.children) this.expand(root.branch, true);
    this.focus(this.element.firstElementChild && this.element.firstElementChild.branch, false);
  }

  item(branch, parent, level) {
    Object.assign(branch, { parent, level });
    const element = make("li", { role: "treeitem", "aria-level": level, tabindex: -1 });
    Object.assign(branch, { element });
    element.branch = branch;
    const label = make("span", { class: "label" });
    element.append(label);
    if (branch.children) {
      element.setAttribute("aria-expanded", "false");
      element.classList.add(branch.root ? "root" : "branch");
      label.append(make("span", { class: "name" }, branch.name),
        make("span", { class: "count" }, String(branch.count)));
      for (const child of branch.children) this.claim(child, branch);
    } else {
      const { step } = branch;
      element.setAttribute("aria-selected", "false");
      label.append(make("span", { class: "number" }, String(step.index + 1)),
        make("span", { class: "name" }, step.phase === "backward" ? `∂ ${step.operation}` : step.operation));
    }
    const said = branch.children ? `${branch.name}, ${branch.count} steps` : label.textContent.replace(/^\d+/, "$& ");
    element.setAttribute("aria-label", said);
    label.style.paddingLeft = `${0.5 + 0.75 * (level - 1)}rem`;
    if (branch.step) this.items.set(branch.step.index, branch);
    return element;
  }

  /* Steps are found by their index before their elements are there. */
  claim(branch, parent) {
    branch.parent = parent;
    if (branch.step) this.items.set(branch.step.index, branch);
    for (const child of branch.children || []) this.claim(child, branch);
  }

  expand(branch, byHand) {
    if (!branch.children || branch.element.getAttribute("aria-expanded") === "true") return;
    if (!branch.group) {
      branch.group = make("ul", { role: "group" });
      branch.group.append(...branch.children.map((child) => this.item(child, branch, branch.level + 1)));
      branch.element.append(branch.group);
    }
    branch.group.hidden = false;
    branch.byHand = byHand;
    branch.element.setAttribute("aria-expanded", "true");
    if (this.all) for (const child of branch.children) this.expand(child, true);
  }

  collapse(branch) {
    if (!branch.children || branch.element.getAttribute("aria-expanded") !== "true") return;
    branch.group.hidden = true;
    branch.element.setAttribute("aria-expanded", "false");
  }

  /* The current step: its branches open, and those that opened only for the step before close again. */
  show(index) {
    const branch = this.items.get(index), above = [];
    for (let parent = branch && branch.parent; parent; parent = parent.parent) above.unshift(parent);
    for (let parent = this.current && this.current.parent; parent; parent = parent.parent) {
      if (!parent.byHand && !above.includes(parent)) this.collapse(parent);
    }
    if (this.current) this.current.element.setAttribute("aria-selected", "false");
    this.current = branch || null;
    if (!branch) return;
    for (const parent of above) this.expand(parent, false);
    branch.element.setAttribute("aria-selected", "true");
    this.focus(branch, this.element.contains(document.activeElement));
  }

  focus(branch, really) {
    if (!branch) return;
    if (this.focused) this.focused.element.tabIndex = -1;
    this.focused = branch;
    branch.element.tabIndex = 0;
    if (really) branch.element.focus({ preventScroll: true });
    const pane = this.element.parentElement, label = branch.element.firstElementChild;
    const top = label.getBoundingClientRect().top - pane.getBoundingClientRect().top;
    if (top < 60 || top > pane.clientHeight - 40) pane.scrollTop += top - pane.clientHeight / 2;
  }

  visible(branches = [...this.element.children].map((element) => element.branch)) {
    return branches.flatMap((branch) => branch.element.getAttribute("aria-expanded") === "true"
      ? [branch, ...this.visible(branch.children)] : [branch]);
  }

  /* Moving onto a step shows it; a branch is only stood upon. */
  stand(branch) {
    if (!branch) return;
    this.focus(branch, true);
    if (branch.step) this.onChoose(branch.step.index);
  }

  toggle(branch) {
    if (branch.element.getAttribute("aria-expanded") === "true") this.collapse(branch);
    else this.expand(branch, true);
  }

  click(event) {
    const element = event.target.closest("[role=treeitem]");
    if (!element) return;
    if (element.branch.children) this.toggle(element.branch);
    this.stand(element.branch);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.focused) return;
    const here = this.focused, seen = this.visible(), place = seen.indexOf(here);
    const open = here.element.getAttribute("aria-expanded") === "true";
    const does = {
      ArrowDown: () => this.stand(seen[place + 1]), ArrowUp: () => this.stand(seen[place - 1]),
      Home: () => this.stand(seen[0]), End: () => this.stand(seen.at(-1)),
      ArrowRight: () => here.children && (open ? this.stand(here.children[0]) : this.expand(here, true)),
      ArrowLeft: () => open ? this.collapse(here) : this.stand(here.parent),
      Enter: () => here.children && this.toggle(here),
      " ": () => here.children && this.toggle(here),
    }[event.key];
    if (!does || (here.step && ["Enter", " "].includes(event.key))) return; // of a step they open and play
    event.preventDefault();
    event.stopPropagation();
    does();
  }
}

/* Which steps a filter leaves: each of its words is in the operation, the module, or a value's name. */
function matching(trace, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return trace.steps.filter((step) => {
    const forward = forwardOf(trace, step.index);
    const values = [...forward.inputs.map((given) => given.value), ...forward.outputs];
    const names = values.map((number) => trace.byNumber.get(number).name);
    const said = [forward.operation, forward.module, step.phase, ...names].join("\n").toLowerCase();
    return words.every((word) => said.includes(word));
  });
}
