// Where the names of circles go: on no other name, on no circle, and nearest to their own; a name
// that has to stand farther off is joined to its circle by a line.
const NEAR = 3, CLEAR = 2, AWAY = 15;  // pixels from its own circle, from others, between tries
const FARTHEST = 8;  // tries outwards
const SIDES = [[0, -1], [1, 0], [-1, 0], [0, 1], [0.8, -0.8], [0.8, 0.8], [-0.8, -0.8], [-0.8, 0.8]];

// The box of a name of a size beside a circle, `off` pixels from its rim towards a side.
function besides(circle, [across, up], wide, high, off) {
  const far = circle.r + off;
  const x = circle.x + across * far + (across > 0.1 ? 0 : across < -0.1 ? -wide : -wide / 2);
  const y = circle.y + up * far + (up > 0.1 ? 0 : up < -0.1 ? -high : -high / 2);
  return { x, y, wide, high };
}

function meet(a, b) {
  return a.x < b.x + b.wide && b.x < a.x + a.wide && a.y < b.y + b.high && b.y < a.y + a.high;
}

// Pixels from a box to the rim of a circle; 0 or less where they meet.
function apart(box, { x, y, r }) {
  const across = Math.max(box.x - x, 0, x - box.x - box.wide);
  const up = Math.max(box.y - y, 0, y - box.y - box.high);
  return Math.hypot(across, up) - r;
}

// Where the line from a circle to its name begins and ends: on the rim, and on the box.
function leader({ x, y, r }, box) {
  const to = [
    Math.min(Math.max(x, box.x + 2), box.x + box.wide - 2),
    Math.min(Math.max(y, box.y + 2), box.y + box.high - 2),
  ];
  const far = Math.hypot(to[0] - x, to[1] - y) || 1;
  return [[x + (to[0] - x) * r / far, y + (to[1] - y) * r / far], to];
}

// Whether a line crosses a box.
function crosses([from, to], box) {
  for (let k = 0; k <= 12; k++) {
    const x = from[0] + (to[0] - from[0]) * k / 12, y = from[1] + (to[1] - from[1]) * k / 12;
    if (x > box.x && x < box.x + box.wide && y > box.y && y < box.y + box.high) return true;
  }
  return false;
}

// Places of the names of `wanted` [{i, wide}], the first of them first, at most `most`: [{i, box,
// side, off}]. `circles` by task; `within` {wide, high}; `before`: the places of the last frame,
// kept where they still hold, so that names do not jump under a moving hand.
function placeLabels(wanted, circles, high, within, most, before) {
  const placed = [], last = new Map(before.map((label) => [label.i, label]));
  const own = (i, box, least) => {
    for (let j = 0; j < circles.length; j++) {
      if (j !== i && apart(box, circles[j]) < least) return false;
    }
    return true;
  };
  const attempt = (i, wide, side, off) => {
    const box = besides(circles[i], side, wide, high, off);
    if (box.x < 0 || box.y < 0 || box.x + wide > within.wide || box.y + high > within.high) return null;
    if (placed.some((other) => meet(box, other.box))) return null;
    // beside its circle it has to be nearer to it than to any other; at the end of a line, clear
    if (!own(i, box, off === NEAR ? NEAR + CLEAR : CLEAR)) return null;
    const line = off === NEAR ? null : leader(circles[i], box);
    const across = placed.some((other) => (other.line && crosses(other.line, box)) || (line && crosses(line, other.box)));
    return across ? null : { i, box, side, off, line };
  };
  for (const { i, wide } of wanted) {
    if (placed.length >= most) break;
    const kept = last.get(i);
    let label = kept ? attempt(i, wide, kept.side, kept.off) : null;
    for (let k = 0; !label && k <= FARTHEST; k++) {
      for (const side of SIDES) {
        label = attempt(i, wide, side, NEAR + k * AWAY);
        if (label) break;
      }
    }
    if (label) placed.push(label);
  }
  return placed;
}
