/* Matrix products, linear layers, and losses. */

function transposed(x) {
  if (x.shape.length !== 2) throw new ShapeError("only a matrix can be transposed");
  return { y: swapped(x), backward: (dy) => [swapped(dy)] };
}

/* A vector is a row on the left and a column on the right. */
function matmul(x, y) {
  const [left, right] = [x.shape, y.shape];
  if (
    !left.length ||
    !right.length ||
    left[left.length - 1] !== right[Math.max(0, right.length - 2)]
  ) {
    throw new ShapeError(
      `matmul: input of shape ${shapeText(left)} and other of shape ${shapeText(right)} do not fit, ` +
        "they must be (*n, i, j) and (*n, j, k)",
    );
  }
  checkBatches(left, right);
  const a = left.length > 1 ? x : reshaped(x, [1, ...left]),
    b = right.length > 1 ? y : reshaped(y, [...right, 1]);
  const z = product(a, b);
  const made = z.shape.filter(
    (_, axis) =>
      !(axis === z.shape.length - 2 && left.length === 1) &&
      !(axis === z.shape.length - 1 && right.length === 1),
  );
  const backward = (given) => {
    const dz = reshaped(given, z.shape);
    return [
      reshaped(unbroadcast(product(dz, swapped(b)), a.shape), left),
      reshaped(unbroadcast(product(swapped(a), dz), b.shape), right),
    ];
  };
  return { y: reshaped(z, made), backward };
}

function checkBatches(left, right) {
  try {
    together(left.slice(0, -2), right.slice(0, -2));
  } catch {
    const mapped = (shape) =>
      `(${shape.join(",")})->(${[...shape.slice(0, -2), "newaxis", "newaxis"].join(",")})`;
    const asked = [left[left.length - 2], right[right.length - 1]].join(",");
    throw new ShapeError(
      "operands could not be broadcast together with remapped shapes [original->remapped]: " +
        `${mapped(left)} ${mapped(right)} and requested shape (${asked})`,
    );
  }
}

function linear(x, weight, bias) {
  checkRank("input", x, x.shape.length > 0, "(*n, i)");
  checkRank("weight", weight, weight.shape.length === 2, "(o, i)");
  if (bias) checkRank("bias", bias, bias.shape.length === 1, "(o) or None");
  const [made, taken] = weight.shape,
    shapes = [x, weight, ...(bias ? [bias] : [])].map((each) => shapeText(each.shape));
  if (x.shape[x.shape.length - 1] !== taken) {
    throw new ShapeError(
      `linear: input has shape ${shapes[0]}, weight ${shapes[1]} needs a last axis ${taken}`,
    );
  }
  if (bias && bias.shape[0] !== made) {
    throw new ShapeError(
      `linear: bias has shape ${shapes[2]}, weight ${shapes[1]} needs (${made},)`,
    );
  }
  const rows = reshaped(x, [x.data.length / taken, taken]),
    result = product(rows, swapped(weight));
  const y = reshaped(bias ? add(result, bias) : result, [...x.shape.slice(0, -1), made]);
  const backward = (given) => {
    const dy = reshaped(given, result.shape);
    return [
      reshaped(product(dy, weight), x.shape),
      product(swapped(dy), rows),
      reshaped(summed(dy, [1, made]), [made]),
    ];
  };
  return { y, backward };
}

function checkRank(name, x, fits, wanted) {
  if (!fits) {
    throw new ShapeError(
      `linear: ${name} must be a float tensor of shape ${wanted}, got a float64 tensor of shape ${shapeText(x.shape)}`,
    );
  }
}

/* ---- losses ---- */

function mseLoss(x, target) {
  if (!sameShape(x.shape, target.shape)) {
    throw new ShapeError(
      `mse_loss: target has shape ${shapeText(target.shape)}, it must have input's, ${shapeText(x.shape)}`,
    );
  }
  const error = combine(x, target, (a, b) => a - b),
    scale = 1 / error.data.length;
  const y = scalar(error.data.reduce((total, e) => total + e * e, 0) * scale);
  const backward = (dy) => {
    const dx = map(error, (e) => e * (2 * scale * dy.data[0]));
    return [dx, map(dx, (d) => -d)];
  };
  return { y, backward };
}

/* The mean of log Σ exp x - x[class] over all items; classes stand along the second dimension,
   of a vector the first. */
function crossEntropy(logits, target) {
  checkTargets(logits, target);
  const axis = Math.min(1, logits.shape.length - 1),
    log = logSoftmax(logits, { dim: axis }).y;
  const after = sizeOf(logits.shape.slice(axis + 1)),
    classes = logits.shape[axis],
    count = target.data.length;
  const chosen = Array.from(
    target.data,
    (label, k) => Math.floor(k / after) * classes * after + label * after + (k % after),
  );
  const y = scalar(-chosen.reduce((total, place) => total + log.data[place], 0) / count);
  const backward = (dy) => {
    const dx = map(log, (value) => (Math.exp(value) * dy.data[0]) / count);
    chosen.forEach((place) => {
      dx.data[place] -= dy.data[0] / count;
    });
    return [dx, null];
  };
  return { y, backward };
}

function checkTargets(logits, target) {
  const { shape } = logits,
    labels = Array.from(target.data);
  if (
    !labels.every((label) => label >= 0 && Number.isInteger(label) && label <= logits.data.length)
  ) {
    throw new ShapeError("the target must be class numbers: 0, 1, 2, ...");
  }
  if (!shape.length)
    throw new ShapeError("cross_entropy: input is a single number, it must be (C,) or (N, C, ...)");
  const wanted = shape.length > 1 ? [shape[0], ...shape.slice(2)] : [],
    classes = shape[Math.min(1, shape.length - 1)];
  if (!sameShape(target.shape, wanted)) {
    throw new ShapeError(
      `cross_entropy: target has shape ${shapeText(target.shape)}, input ${shapeText(shape)} needs ${shapeText(wanted)}`,
    );
  }
  const largest = Math.max(...labels);
  if (largest >= classes)
    throw new ShapeError(`cross_entropy: target ${largest} is out of range for ${classes} classes`);
}
