/* The values: each number in a field that can be dragged, nudged with arrow keys, or typed into. */

const CELLS = 64; // numbers of a value that have fields of their own
const PULL = 4; // pixels before a press becomes a drag

/* Text of an array whose numbers are texts. */
function listText(shape, texts) {
  if (!shape.length) return texts[0];
  const part = texts.length / shape[0];
  const rows = Array.from({ length: shape[0] }, (_, row) =>
    listText(shape.slice(1), texts.slice(row * part, (row + 1) * part)),
  );
  return `[${rows.join(", ")}]`;
}

const cellName = (name, shape, place) => {
  const index = [];
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    index.unshift(place % shape[axis]);
    place = Math.floor(place / shape[axis]);
  }
  return index.length ? `${name}[${index.join(", ")}]` : name;
};

/* How far a number moves for a pixel or a key. */
const grain = (number) => 10 ** Math.max(-2, Math.floor(Math.log10(Math.abs(number) || 1)) - 1);
const moved = (number, by) => String(Number((number + by).toFixed(6)));

class Inputs {
  constructor(box, onChange, onChoose) {
    Object.assign(this, { box, onChange, onChoose, asText: new Set() });
  }

  /* Show the values; `values` are texts by name. */
  show(values) {
    this.values = values;
    this.box.replaceChildren(...[...values.keys()].map((name) => this.row(name)));
  }

  row(name) {
    const array = this.read(name),
      typed = !array || array.data.length > CELLS || this.asText.has(name);
    const single = array && !array.shape.length,
      toggle = make(
        "button",
        { type: "button", class: "plain", "aria-pressed": String(typed) },
        "as text",
      );
    toggle.addEventListener("click", () => {
      this.asText[this.asText.has(name) ? "delete" : "add"](name);
      this.renew(name);
    });
    const shape = array && array.shape.length ? crosses(array.shape) : "";
    const head = make(
      "div",
      { class: "who" },
      make("b", {}, name),
      make("span", { class: "quiet" }, shape),
    );
    if (!single) head.append(toggle);
    const row = make(
      "div",
      { class: single ? "value single" : "value", "data-name": name },
      head,
      typed ? this.textField(name) : this.cells(name, array),
    );
    row.append(make("p", { class: "wrong", hidden: "" }));
    return row;
  }

  renew(name) {
    const old = this.box.querySelector(`[data-name="${CSS.escape(name)}"]`),
      row = this.row(name);
    old.replaceWith(row);
    row.querySelector("button").focus();
  }

  read(name) {
    try {
      return parseValue(name, this.values.get(name));
    } catch {
      return null;
    }
  }

  textField(name) {
    const field = make("textarea", {
      rows: 2,
      spellcheck: "false",
      "aria-label": `${name} as text`,
    });
    field.value = this.values.get(name);
    field.addEventListener("input", () => this.onChange(name, field.value));
    return field;
  }

  cells(name, { shape, data }) {
    const box = make("div", { class: "cells" }),
      texts = Array.from(data, String),
      fields = [];
    tables(
      shape,
      (place) => {
        const field = make("input", {
          class: "cell",
          inputmode: "decimal",
          autocomplete: "off",
          "data-place": place,
          "aria-label": cellName(name, shape, place),
        });
        field.value = texts[place];
        fields.push(field);
        this.wire(field, name, place, (text) => {
          texts[place] = text;
          this.onChange(name, listText(shape, texts));
        });
        return make("td", {}, field);
      },
      box,
    );
    return box;
  }

  wire(field, name, place, change) {
    const set = (text) => {
      field.value = text;
      change(text);
    };
    field.addEventListener("input", () => change(field.value));
    field.addEventListener("focus", () => this.onChoose(name, place));
    field.addEventListener("keydown", (event) => {
      const way = { ArrowUp: 1, ArrowDown: -1 }[event.key],
        number = Number(field.value);
      if (!way || !Number.isFinite(number)) return;
      event.preventDefault();
      set(moved(number, way * (event.shiftKey ? 1 : 0.1)));
    });
    this.drag(field, set);
  }

  drag(field, set) {
    let from = null;
    field.addEventListener("pointerdown", (event) => {
      if (event.button === 0 && Number.isFinite(Number(field.value)))
        from = { x: event.clientX, number: Number(field.value), pulled: false };
    });
    field.addEventListener("pointermove", (event) => {
      if (!from || !(event.buttons & 1)) return;
      const distance = event.clientX - from.x;
      if (!from.pulled && Math.abs(distance) < PULL) return;
      if (!from.pulled) {
        from.pulled = true;
        field.setPointerCapture(event.pointerId);
        field.focus();
        field.classList.add("pulled");
      }
      event.preventDefault();
      field.setSelectionRange(0, 0);
      set(moved(from.number, Math.round(distance / 2) * grain(from.number)));
    });
    const end = () => {
      from = null;
      field.classList.remove("pulled");
    };
    field.addEventListener("pointerup", end);
    field.addEventListener("pointercancel", end);
  }

  /* The sentence about a value, below it; about none where name is null. */
  complain(name, sentence) {
    for (const row of this.box.children) {
      const said = row.dataset.name === name ? sentence : "";
      const line = row.querySelector(".wrong");
      line.textContent = said;
      line.hidden = !said;
    }
  }
}
