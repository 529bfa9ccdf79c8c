/* The source file of the current step, its line lit. */

class Sources {
  constructor(sources, pane, file, code) {
    Object.assign(this, { sources, pane, file, code, part: null, rows: [], lit: null });
  }

  show(step) {
    const part = (this.sources[step.file] || []).find((p) => step.line >= p.first && step.line < p.first + p.lines.length);
    this.pane.hidden = !part;
    if (!part) return;
    if (part !== this.part) this.fill(part, step.file);
    if (this.lit) {
      this.lit.classList.remove("lit");
      this.lit.innerHTML = this.before;
    }
    this.lit = this.rows[step.line - part.first];
    this.before = this.lit.innerHTML;
    this.lit.classList.add("lit");
    if (step.file === "expression") this.mark(step.source);
    const middle = this.lit.offsetTop - this.pane.clientHeight / 2;
    this.pane.scrollTo({ top: middle, left: 0 });
  }

  /* Every line is markup that the page's maker escaped. */
  fill(part, name) {
    this.part = part;
    this.lit = null;
    this.pane.parentElement.classList.toggle("short", part.lines.length < 5);
    this.file.textContent = name;
    this.rows = part.lines.map((html, place) => {
      const row = make("span", { class: "row", "data-line": part.first + place });
      row.innerHTML = html || " ";
      return row;
    });
    this.code.replaceChildren(...this.rows);
  }

  /* The part of an expression that is being evaluated. */
  mark(source) {
    const line = this.lit.textContent, start = line.indexOf(source);
    if (start < 0) return;
    const end = start + source.length;
    this.lit.replaceChildren(line.slice(0, start), make("mark", {}, source), line.slice(end));
  }
}
