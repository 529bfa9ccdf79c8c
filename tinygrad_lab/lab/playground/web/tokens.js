/* The words of an expression, in Python's syntax. */

class SyntaxRefused extends Error {}

const NUMBER = new RegExp(
  [
    "0[xX](?:_?[0-9a-fA-F])+",
    "0[oO](?:_?[0-7])+",
    "0[bB](?:_?[01])+",
    "(?:(?:\\d(?:_?\\d)*)?\\.\\d(?:_?\\d)*|\\d(?:_?\\d)*\\.)(?:[eE][+-]?\\d(?:_?\\d)*)?[jJ]?",
    "\\d(?:_?\\d)*[eE][+-]?\\d(?:_?\\d)*[jJ]?",
    "\\d(?:_?\\d)*[jJ]",
    "[1-9](?:_?\\d)*",
    "0(?:_?0)*",
  ].join("|"),
  "y",
);
const NAME = /[\p{ID_Start}_][\p{ID_Continue}]*/uy;
const STRING = /(?:[rR]?[bBfF]?|[bBfF][rR]|[uU])("""|'''|"|')/y;
const SIGN =
  /\*\*=|\/\/=|>>=|<<=|\.\.\.|\*\*|\/\/|>>|<<|<=|>=|==|!=|->|:=|[-+*/%@&|^]=|[-+*/%@&|^~<>()[\]{},:.;=]/y;
const BLANK = /(?:[ \t\f]|\\\r?\n)+|#[^\n]*/y;
const AFTER_NUMBER = new Set("and else for if in is not or".split(" "));
const CLOSES = { ")": "(", "]": "[", "}": "{" };
const MOST_OPEN = 200; // brackets inside one another

function tokens(text) {
  const found = [],
    open = [];
  let place = 0,
    line = 1;
  const match = (pattern) => {
    pattern.lastIndex = place;
    return pattern.exec(text);
  };
  const take = (kind, length, more = {}) => {
    found.push({
      kind,
      text: text.slice(place, place + length),
      start: place,
      end: place + length,
      line,
      ...more,
    });
    line += text.slice(place, place + length).split("\n").length - 1;
    place += length;
  };
  while (place < text.length) {
    const blank = match(BLANK),
      end = match(/\r?\n|\r/y);
    if (blank) {
      line += blank[0].split("\n").length - 1;
      place += blank[0].length;
    } else if (end) {
      if (!open.length) checkIndent(text, place + end[0].length);
      if (open.length) {
        place += end[0].length;
        line += 1;
      } else take("newline", end[0].length);
    } else {
      oneToken(text, place, match, take, open);
    }
  }
  if (open.length) throw new SyntaxRefused("open");
  take("newline", 0);
  take("end", 0);
  return found;
}

function checkIndent(text, place) {
  const indent = /[ \t\f]+(?=[^ \t\f\r\n#])/y;
  indent.lastIndex = place;
  if (indent.test(text)) throw new SyntaxRefused("indent");
}

function oneToken(text, place, match, take, open) {
  const number = match(NUMBER),
    string = match(STRING),
    name = match(NAME),
    sign = match(SIGN);
  if (number) {
    take("number", number[0].length);
    const after = /[\p{ID_Continue}]+/uy;
    after.lastIndex = place + number[0].length;
    const glued = after.exec(text);
    if (glued && !AFTER_NUMBER.has(glued[0])) throw new SyntaxRefused("number");
  } else if (string) {
    take("string", stringLength(text, place, string), {
      prefix: string[0].slice(0, -string[1].length).toLowerCase(),
      quote: string[1],
    });
  } else if (name) {
    take("name", name[0].length);
  } else if (sign) {
    brackets(sign[0], open);
    take("sign", sign[0].length);
  } else {
    throw new SyntaxRefused("character");
  }
}

function brackets(sign, open) {
  if ("([{".includes(sign)) open.push(sign);
  if (CLOSES[sign] && open.pop() !== CLOSES[sign]) throw new SyntaxRefused("bracket");
  if (open.length >= MOST_OPEN) throw new SyntaxRefused("brackets");
}

function stringLength(text, place, opening) {
  const quote = opening[1];
  let at = place + opening[0].length;
  while (at < text.length && !text.startsWith(quote, at)) {
    if (text[at] === "\n" && quote.length === 1) break;
    at += text[at] === "\\" ? 2 : 1;
  }
  if (!text.startsWith(quote, at)) throw new SyntaxRefused("string");
  return at + quote.length - place;
}
