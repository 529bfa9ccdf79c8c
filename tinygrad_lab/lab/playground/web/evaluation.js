/* Walking over the tree of an expression, and back: every operation becomes a step. */

const MOST_STEPS = 2000;
const MOST_NUMBERS = 1_000_000; // that all operations make together
const ALLOWED = "an expression has numbers, names, + - * / ** @, .T and the functions ";

/* A value: given, a plain number in the expression, or made by a step. */
class Value {
  constructor(name, kind, found, needs) {
    Object.assign(this, { name, kind, array: found, needs, gradient: null, uses: 0, given: 0 });
  }
}

/* The steps forwards and backwards of an expression, or the sentence that says why there are
   none. */
function evaluate(text, words) {
  const evaluation = new Evaluation(text, assignments(words)),
    { steps, values, result } = evaluation.forwards();
  return { steps, values, result, backwards: differentiate(steps, result) };
}

/* Only what comes out; NaN where nothing does. */
function resultOf(text, arrays) {
  try {
    return new Evaluation(text, arrays).forwards().result.array.data[0];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return NaN;
  }
}

class Evaluation {
  constructor(text, arrays) {
    const given = new Map(
      [...arrays].map(([name, found]) => [name, new Value(name, "input", found, true)]),
    );
    Object.assign(this, {
      text: strip(text),
      whole: text,
      given,
      source: text,
      line: 1,
      steps: [],
      made: 0,
    });
    this.values = [...given.values()];
    this.variables = new Map(given);
    this.unused = new Set(given.keys());
  }

  forwards() {
    let result = this.run(parse(this.whole));
    if (result.array.data.length !== 1) {
      this.source = `sum(${this.source})`;
      result = this.step(FUNCTIONS.sum, [result], {});
      this.steps[this.steps.length - 1].added = true;
    }
    const unused = [...this.unused].sort(byCodePoint);
    if (unused.length)
      throw Object.assign(
        new UsageError(`the expression does not use ${short(unused.join(", "))}`),
        { unused },
      );
    if (!result.needs || result.kind === "input") {
      throw new UsageError(
        `${quoted(this.whole)} computes nothing from a given value: there is nothing to step through`,
      );
    }
    return { steps: this.steps, values: this.values, result };
  }

  run(body) {
    let result;
    for (const statement of body) {
      result = statement.type === "assign" ? this.assign(statement) : this.tensor(statement.value);
    }
    return result;
  }

  assign(statement) {
    const [target] = statement.targets;
    if (statement.targets.length !== 1 || target.type !== "name") throw this.refused(statement);
    if (this.given.has(target.name) || Object.hasOwn(FUNCTIONS, target.name)) {
      throw new UsageError(`${this.at(statement)}: ${short(target.name)} has a meaning already`);
    }
    const value = this.tensor(statement.value);
    this.variables.set(target.name, value);
    if (value.kind === "result" && !value.assigned)
      Object.assign(value, { name: target.name, assigned: true });
    return value;
  }

  tensor(node) {
    const value = this.value(node);
    return value instanceof Value ? value : constant(value);
  }

  /* What a part is worth; plain numbers stay numbers. */
  value(node) {
    switch (node.type) {
      case "number":
        return number(node);
      case "name":
        return this.variable(node.name);
      case "unary":
        return this.unary(node);
      case "binary":
        if (OPERATORS[node.sign]) return this.binary(node);
        break;
      case "call":
        if (node.called.type === "name") return this.called(node);
        break;
      case "attribute":
        if (node.name === "T") return this.call(node, TRANSPOSED, [this.tensor(node.value)]);
        break;
    }
    throw this.refused(node);
  }

  variable(name) {
    if (!this.variables.has(name)) {
      const called = Object.hasOwn(FUNCTIONS, name),
        missing = called ? null : name;
      const known = called
        ? "it is a function: write it with parentheses"
        : `add ${short(name)}=1, say`;
      throw Object.assign(new UsageError(`${short(name)} has no value; ${known}`), { missing });
    }
    this.unused.delete(name);
    return this.variables.get(name);
  }

  unary(node) {
    if (node.sign === "~") throw this.refused(node);
    const inner = this.value(node.operand);
    if (node.sign === "+") return inner;
    return inner instanceof Value ? this.call(node, NEGATIVE, [inner]) : -inner;
  }

  binary(node) {
    let left = this.value(node.left),
      right = this.value(node.right);
    const products = node.sign === "@";
    if (!(left instanceof Value) && (!(right instanceof Value) || products)) left = constant(left);
    if (!(right instanceof Value) && products) right = constant(right);
    return this.call(node, OPERATORS[node.sign], [left, right]);
  }

  /* ---- calls ---- */
  called(node) {
    const { name } = node.called;
    if (!Object.hasOwn(FUNCTIONS, name)) {
      throw new UsageError(
        `${short(name)} is no function here; there are: ${Object.keys(FUNCTIONS).join(", ")}`,
      );
    }
    const called = FUNCTIONS[name],
      [least, most] = called.values;
    const given = this.settingsGiven(node, called);
    if (node.args.length < least) {
      throw this.fails(
        node,
        `${name} takes ${least} value${least > 1 ? "s" : ""}, got ${node.args.length}`,
      );
    }
    const values = node.args.slice(0, most).map((argument) => this.tensor(argument));
    const settings = {};
    for (const [setting, found] of given)
      settings[setting] = this.setting(node, called, setting, found);
    return this.call(node, called, values, settings);
  }

  settingsGiven(node, called) {
    const names = Object.keys(called.settings),
      [, most] = called.values,
      rest = node.args.slice(most);
    if (rest.length && (called.inPlaceOf || rest.length > names.length)) {
      const few = `there can be ${most} value${most > 1 ? "s" : ""} and ${names.join(", ") || "no settings"}`;
      throw this.fails(node, called.inPlaceOf || few);
    }
    const given = new Map(rest.map((each, place) => [names[place], each]));
    for (const keyword of node.keywords) {
      if (!names.includes(keyword.name)) throw this.refused(node);
      if (given.has(keyword.name)) throw this.fails(node, `${keyword.name} is given twice`);
      given.set(keyword.name, keyword.value);
    }
    return given;
  }

  setting(call, called, name, node) {
    const found = this.plain(name, node);
    if (found.kind === "int" || found.kind === "float")
      number({ value: found.value, digits: found.text });
    try {
      return called.settings[name](name, found);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      throw this.fails(call, error.message);
    }
  }

  /* What a setting is given: a constant, or a variable that no gradient comes to. */
  plain(name, node) {
    if (node.type === "number") return plainNumber(node.value, node.whole, node.digits);
    if (node.type === "constant") return plainConstant(node.value);
    if (node.type === "unary" && node.sign !== "~" && node.operand.type === "number") {
      const { value, whole, digits } = node.operand,
        minus = node.sign === "-" && !(whole && value === 0);
      return plainNumber(minus ? -value : value, whole, minus ? `-${digits}` : digits);
    }
    const value = node.type === "name" ? this.variable(node.name) : null;
    if (value && !value.needs && value.array.data.length === 1) {
      const [found] = value.array.data,
        whole = Number.isInteger(found);
      return plainNumber(found, whole, whole ? BigInt(found).toString() : floatText(found));
    }
    const why = node.type === "name" ? "and this value gets a gradient" : "not a formula";
    throw new UsageError(
      `${this.at(node)} is not allowed there: ${name} is a setting and must be a plain number, ${why}`,
    );
  }

  call(node, called, values, settings = {}) {
    this.line = node.line;
    this.source = this.segment(node);
    const shapes = values.map((value) => (value instanceof Value ? value.array.shape : []));
    const size = sizeMade(called, shapes);
    if (size > LARGEST)
      throw new UsageError(
        `${this.at(node)} would make ${grouped(size)} numbers, at most ${grouped(LARGEST)} are made`,
      );
    let made;
    try {
      made = this.step(called, values, settings);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      const on = values
        .map((value) => (value instanceof Value ? shapeText(value.array.shape) : "a number"))
        .join(" and ");
      throw this.fails(
        node,
        toldAgain(error.message, called, values, settings),
        ` with shapes ${on}`,
      );
    }
    this.made += made.array.data.length;
    if (this.made > MOST_NUMBERS)
      throw new UsageError(
        `the expression makes more than ${grouped(MOST_NUMBERS)} numbers in all`,
      );
    return made;
  }

  step(called, values, given) {
    const settings = { ...called.usual, ...given };
    if (this.steps.length >= MOST_STEPS)
      throw new UsageError(`the expression has more than ${MOST_STEPS} operations`);
    const arrays = values.map((value) => (value instanceof Value ? value.array : scalar(value)));
    const leftOut = new Array(called.values[1] - arrays.length);
    const { y, backward } = called.run(...arrays, ...leftOut, settings);
    const inputs = values.map((value, place) => ({ parameter: called.parameters[place], value }));
    const wanted = inputs.map(
      ({ parameter, value }) => Boolean(value.needs) && !called.constants.includes(parameter),
    );
    const output = new Value(this.source, "result", y, wanted.some(Boolean));
    for (const value of values) if (value instanceof Value) value.uses += 1;
    this.values.push(output);
    this.steps.push({
      called,
      inputs,
      wanted,
      settings,
      output,
      backward,
      source: this.source,
      line: this.line,
    });
    return output;
  }

  /* ---- words ---- */
  segment(node) {
    return this.text.slice(node.start, node.end);
  }
  at(node) {
    return quoted(this.segment(node));
  }
  fails(node, reason, on = "") {
    return new UsageError(`${this.at(node)} does not work${on}: ${reason}`);
  }
  refused(node) {
    return new UsageError(
      `${this.at(node)} is not allowed: ${ALLOWED}${Object.keys(FUNCTIONS).join(", ")}`,
    );
  }
}

function constant(found) {
  return new Value(floatText(found), "constant", scalar(found), false);
}

function sizeMade(called, shapes) {
  try {
    return called.makes ? sizeOf(called.makes(...shapes)) : 0;
  } catch {
    return 0;
  }
}

const plainNumber = (value, isWhole, text) => ({ kind: isWhole ? "int" : "float", value, text });
const plainConstant = (text) =>
  ["True", "False"].includes(text)
    ? { kind: "bool", value: text === "True", text }
    : { kind: "other", value: null, text };

function byCodePoint(a, b) {
  const [left, right] = [
    Array.from(a, (c) => c.codePointAt(0)),
    Array.from(b, (c) => c.codePointAt(0)),
  ];
  const place = left.findIndex((code, k) => code !== right[k]);
  return place < 0 ? left.length - right.length : left[place] - (right[place] ?? -1);
}
