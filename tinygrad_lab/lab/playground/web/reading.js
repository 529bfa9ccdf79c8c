/* From the text of an expression to its statements, or to the sentence that says what is wrong
   with it. */

const LONGEST = 2000; // characters of an expression
const STATEMENTS = new Set(
  (
    "assert async break class continue def del for from global if import nonlocal pass " +
    "raise return try while with"
  ).split(" "),
);

let lastParsed = { text: null, body: null }; // numbers change more often than the formula

function parse(text) {
  if (text !== lastParsed.text) lastParsed = { text, body: parsed(text) };
  return lastParsed.body;
}

function parsed(text) {
  if (Array.from(text).length > LONGEST) {
    throw new UsageError(
      `the expression has ${Array.from(text).length} characters, at most ${LONGEST} are read`,
    );
  }
  checkWords(text);
  let body;
  try {
    body = new Parser(strip(text)).statements();
  } catch (error) {
    if (error instanceof TooDeep) throw new UsageError("the expression is nested too deeply");
    if (!(error instanceof SyntaxRefused)) throw error;
    throw new UsageError(`${quoted(text)} is no expression: ${whyNot(text)}`);
  }
  if (!body.length)
    throw new UsageError('the expression is empty; try "relu(w*x + b)" w=2 x=-3 b=1');
  checkStatements(strip(text), body);
  return body;
}

const plainText = (text) => text.replace(/'[^'\n]*'|"[^"\n]*"|#[^\n]*/g, "");

function checkWords(text) {
  for (const [, word] of plainText(text).matchAll(/(?:^|[;\n])\s*([a-z]+)(?![\p{L}\p{N}_])/gu)) {
    if (STATEMENTS.has(word)) {
      throw new UsageError(
        `${quoted(word)} is not allowed: there are assignments, and the last statement is a formula`,
      );
    }
  }
}

/* What is wrong with the brackets, or else that it is no Python. */
function whyNot(text) {
  const open = [];
  for (const sign of plainText(text)) {
    if ("([{".includes(sign)) open.push(sign);
    if (CLOSES[sign]) {
      const opening = open.pop();
      if (!opening) return `unmatched '${sign}'`;
      if (opening !== CLOSES[sign])
        return `closing parenthesis '${sign}' does not match opening parenthesis '${opening}'`;
    }
  }
  return open.length
    ? `'${open[open.length - 1]}' was never closed`
    : "it is not in Python's syntax";
}

function checkStatements(text, body) {
  const said = (statement) => quoted(text.slice(statement.start, statement.end));
  for (const statement of body.slice(0, -1)) {
    if (statement.type !== "assign")
      throw new UsageError(
        `${said(statement)}: all but the last statement must be assignments: b = a + a`,
      );
  }
  const last = body[body.length - 1];
  if (last.type === "other")
    throw new UsageError(`${said(last)} is not allowed: the last statement must be a formula`);
  for (const statement of body) checkDepth(statement.value);
}

function checkDepth(root) {
  const pending = [[root, 1]];
  while (pending.length) {
    const [node, depth] = pending.pop();
    if (depth > DEEPEST) throw new UsageError("the expression is nested too deeply");
    const inner =
      {
        unary: [node.operand],
        binary: [node.left, node.right],
        call: node.args,
        attribute: [node.value],
      }[node.type] || [];
    inner.forEach((each) => pending.push([each, depth + 1]));
  }
}
