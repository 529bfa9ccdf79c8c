/* The numbers of an expression: those in it, and the values that are given to its names. */

const LARGEST = 10_000; // elements of a value, given or made
const DIMENSIONS = 64; // that an array library takes

class NoValue extends Error {}

/* A number, unless it is too large. */
function number({ value, digits }) {
  if (!(Math.abs(value) <= 1e300)) {
    throw new UsageError(`a number is too large: ${short(digits)}; at most 1e300 is taken`);
  }
  return value;
}

function parseValue(name, text) {
  let found;
  try {
    found = arrayOf(numbersOf(valueTree(text)));
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `${short(name)}=${short(text)}: not a number or a list of numbers, such as -3 or [1, 2]`,
    );
  }
  const size = found.data.length,
    rank = found.shape.length;
  if (size > LARGEST)
    throw new UsageError(`${short(name)}: ${size} numbers, at most ${LARGEST} are read`);
  if (rank > MOST)
    throw new UsageError(`${short(name)}: ${rank} dimensions, at most ${MOST} are read`);
  return found;
}

function valueTree(text) {
  const statements = new Parser(strip(text)).statements();
  if (statements.length !== 1 || statements[0].targets.length) throw new NoValue();
  return statements[0].value;
}

/* The same lists with numbers in them. */
function numbersOf(node) {
  if (node.type === "list" || node.type === "tuple") return node.items.map(numbersOf);
  const inner = node.type === "unary" && node.sign !== "~" ? node.operand : node;
  if (inner.type !== "number" || inner.digits.length > 4300) throw new NoValue();
  const negative = inner !== node && node.sign === "-";
  const sized = negative ? { value: -inner.value, digits: `-${inner.digits}` } : inner;
  return number(sized);
}

function arrayOf(tree) {
  const shape = [];
  for (let inner = tree; Array.isArray(inner); inner = inner[0]) shape.push(inner.length);
  const data = [];
  const collect = (part, depth) => {
    if (depth > DIMENSIONS || Array.isArray(part) !== depth < shape.length) throw new NoValue();
    if (!Array.isArray(part)) {
      data.push(part);
      return;
    }
    if (part.length !== shape[depth]) throw new NoValue();
    part.forEach((item) => collect(item, depth + 1));
  };
  collect(tree, 0);
  if (!data.length) throw new NoValue();
  return array(shape, Float64Array.from(data));
}

/* ["w=2", "x=[1, 2]"] as arrays by name. */
function assignments(words) {
  const values = new Map();
  for (const word of words) {
    const equals = word.indexOf("="),
      before = equals < 0 ? word : word.slice(0, equals);
    const name = strip(before).normalize("NFKC");
    if (equals < 0 || !/^[\p{ID_Start}_][\p{ID_Continue}]*$/u.test(name) || KEYWORDS.has(name)) {
      throw new UsageError(`${quoted(word)}: values are given as name=value, such as x=-3`);
    }
    if (Object.hasOwn(FUNCTIONS, name))
      throw new UsageError(`${quoted(word)}: ${name} is a function and cannot be a value's name`);
    if (values.has(name)) throw new UsageError(`${quoted(name)} is given twice`);
    values.set(name, parseValue(name, word.slice(equals + 1)));
  }
  return values;
}
