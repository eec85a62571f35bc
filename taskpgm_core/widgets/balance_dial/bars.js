// The bars: which are shown and in what order, what is written on them, the brackets that join
// tasks alike at the resolution, and the marks of limits that hold a weight.
const SHORT = 40, ROW = 25, SAME = 2e-7; // weights come with seven digits
const SHAPES = ["diamond", "square", "triangle", "plus"];
const JOINED = "Joined by distances of at most the resolution, each to one of the others";
const NICE = [0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.16, 0.2, 0.3, 0.4, 0.6, 0.8, 1];
const HELD = SAME; // a weight so near to its limit is held by it

function percent(share) {
  if (share <= 0) return "0%";
  return share < 0.001 ? "<0.1%" : (100 * share).toFixed(1) + "%";
}

function shorten(name, width) {
  if (name.length <= width) return name;
  const head = Math.ceil((width - 1) / 2);
  return name.slice(0, head) + "…" + name.slice(name.length - (width - 1 - head));
}

// The same, but no two of a study's names alike: those that would be keep what differs whole and
// lose what they have in common; where that tells them apart no better, they stand in full.
const SHORTENED = new WeakMap();
function shortened(names, width) {
  if (!SHORTENED.has(names)) SHORTENED.set(names, new Map());
  const known = SHORTENED.get(names);
  if (known.has(width)) return known.get(width);
  const short = names.map((name) => shorten(name, width)), alike = new Map();
  short.forEach((text, i) => alike.set(text, [...(alike.get(text) || []), i]));
  for (const group of alike.values()) {
    if (group.length < 2) continue;
    const whole = group.map((i) => names[i]), first = whole[0];
    const least = Math.min(...whole.map((name) => name.length));
    let start = 0, end = 0;
    while (start < least && whole.every((name) => name[start] === first[start])) start++;
    const last = (name) => name[name.length - 1 - end];
    while (end < least - start && whole.every((name) => last(name) === last(first))) end++;
    for (const i of group) {
      const name = names[i], apart = name.slice(start, name.length - end);
      const kept = Math.max(width - apart.length - 2, 6), front = kept >> 1, back = kept - front;
      const head = start <= front ? name.slice(0, start) : name.slice(0, front) + "…";
      const tail = end <= back ? name.slice(name.length - end) : "…" + name.slice(name.length - back);
      short[i] = (head + apart + tail).replace("……", "…");
    }
  }
  const many = new Map();
  for (const text of short) many.set(text, (many.get(text) || 0) + 1);
  const found = short.map((text, i) => (many.get(text) > 1 ? names[i] : text));
  known.set(width, found);
  return found;
}

// Of every task its place by weight, the highest 0; equal weights share a place.
function ranks(p) {
  const order = Array.from(p.keys()).sort((a, b) => p[b] - p[a]), found = new Int32Array(p.length);
  let place = 0;
  order.forEach((i, k) => {
    if (k > 0 && p[order[k - 1]] - p[i] > SAME) place = k;
    found[i] = place;
  });
  return found;
}

// Highest first; equal ones as the study lists them.
function byWeight(p) {
  const rank = ranks(p);
  return (a, b) => rank[a] - rank[b] || a - b;
}

// The order of n bars: by weight, the tasks of a group together where its highest stands.
function grouped(p, groupOf) {
  const highest = byWeight(p);
  const order = Array.from(p.keys()).sort(highest);
  const lead = new Map();
  for (const i of order) if (groupOf[i] >= 0 && !lead.has(groupOf[i])) lead.set(groupOf[i], i);
  const leader = (i) => (groupOf[i] < 0 ? i : lead.get(groupOf[i]));
  return order.sort((a, b) => highest(leader(a), leader(b)) || highest(a, b));
}

// The highest of the bars, at most so many, in the order that they have.
function heaviest(order, p, most) {
  const kept = new Set([...order].sort(byWeight(p)).slice(0, most));
  return order.filter((i) => kept.has(i));
}

// For each of the bars, in their order: "", or the part of a bracket that is drawn there.
function brackets(order, groupOf) {
  const same = (a, b) => a !== undefined && b !== undefined && groupOf[a] >= 0 && groupOf[a] === groupOf[b];
  return order.map((i, k) => {
    const above = same(order[k - 1], i), below = same(i, order[k + 1]);
    return above ? (below ? "inside" : "last") : below ? "first" : "";
  });
}

// What holds task i at weight w: "pinned", "capped", "floored" or "".
function heldBy(limits, i, w) {
  if (!limits) return "";
  const low = limits.low[i], high = limits.high[i];
  if (high - low < HELD) return "pinned";
  if (high < 1 && w >= high - HELD) return "capped";
  return low > 0 && w <= low + HELD ? "floored" : "";
}

// The task that a key leads to, from the one at `at`; the same one to choose it; undefined for a
// key that leads nowhere.
function walked(key, order, at) {
  const k = order.indexOf(at), last = order.length - 1;
  if ((key === "Enter" || key === " ") && k >= 0) return at;
  const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 8, PageUp: -8 };
  if (key === "Home" || key === "End") return order[key === "Home" ? 0 : last];
  if (!(key in steps) || last < 0) return undefined;
  return order[k < 0 ? 0 : Math.min(Math.max(k + steps[key], 0), last)];
}

class Bars {
  constructor(parent, owner) {
    this.owner = owner;
    this.node = element("div", "bars", parent);
    this.legend = element("div", "legend", this.node);
    const axis = element("div", "axis", this.node);
    element("span", "", axis);
    this.scale = element("div", "scale quiet", axis);
    this.rows = element("div", "rows", this.node);
    this.rows.tabIndex = 0;
    this.rows.setAttribute("role", "group");
    this.rows.setAttribute("aria-label", "Share of every task. Arrow keys go from task to task, Enter chooses one.");
    const rest = element("div", "rest", this.node);
    this.restText = element("span", "quiet", rest);
    this.toggle = element("button", "", rest);
    this.toggle.type = "button";
    this.toggle.onclick = () => { this.all = !this.all; this.sort(this.p); };
    this.all = false;
    this.query = "";
    this.at = -1;
    this.rows.addEventListener("scroll", () => { if (owner.dragging) owner.draw(); });
    this.rows.addEventListener("pointerleave", () => owner.point(-1));
    this.rows.addEventListener("blur", () => owner.point(-1));
    this.rows.addEventListener("keydown", (event) => {
      const i = walked(event.key, this.shown || [], this.at);
      if (i === undefined) return;
      event.preventDefault();
      if (i === this.at) owner.pick(i);
      owner.point(i);
      const lane = this.lanes.find((one) => one.i === i);
      if (lane) lane.row.scrollIntoView({ block: "nearest" });
    });
  }

  // Other tasks than before: all that was found or unfolded is forgotten.
  begin(n) {
    this.all = n <= SHORT;
    this.query = "";
    this.lanes = null;
  }

  describe(data) {
    const { legend } = this;
    this.data = data;
    legend.replaceChildren();
    const key = (shape, text) => {
      const item = element("span", "", legend);
      element("i", shape, item);
      element("span", "", item, text);
    };
    key("bar", "this mixture");
    key("mark ring", data.anchorName);
    data.overlays.forEach(([name], k) => key("mark " + SHAPES[k], name));
    if (data.intervals) key("span", data.intervals.name);
    if (data.groups.length) key("bracket", "alike at this resolution");
    for (const held of this.limits(data)) key("limit " + held, held);
    if (data.names.length > SHORT) {
      const search = element("input", "", legend);
      search.type = "search";
      search.placeholder = "Find a task";
      search.value = this.query;
      search.setAttribute("aria-label", "Find a task");
      search.oninput = () => { this.query = search.value.toLowerCase(); this.sort(this.p); };
    }
  }

  // The kinds of limits that can hold a weight here.
  limits({ limits, names }) {
    if (!limits) return [];
    const kinds = names.map((_, i) => {
      const low = limits.low[i], high = limits.high[i];
      return [high - low < HELD && "pinned", high < 1 && "capped", low > 0 && "floored"];
    });
    return ["pinned", "capped", "floored"].filter((kind) => kinds.some((here) => here.includes(kind)));
  }

  // Bars keep their order while the pointer moves and are sorted anew when it lets go.
  sort(p) {
    const { data, owner } = this;
    this.p = p;
    const order = grouped(p, owner.groupOf);
    this.found = this.query
      ? order.filter((i) => (data.names[i] + " " + data.families[i]).toLowerCase().includes(this.query))
      : order;
    this.shown = this.all ? this.found : heaviest(this.found, p, SHORT);
    const narrow = this.node.clientWidth > 0 && this.node.clientWidth < 380;
    const chosen = new Set(data.selected);
    const parts = brackets(this.shown, owner.groupOf);
    this.rows.replaceChildren();
    this.lanes = this.shown.map((i, at) => {
      const row = element("div", "row", this.rows);
      row.title = data.names[i] + (data.families[i] ? ` (${data.families[i]})` : "");
      row.onclick = () => owner.pick(i);
      row.onpointerenter = () => owner.point(i);
      const name = element("button", "name", row, shortened(data.names, narrow ? 14 : 20)[i]);
      name.type = "button";
      name.tabIndex = -1;
      name.setAttribute("aria-pressed", String(chosen.has(data.names[i])));
      row.classList.toggle("selected", chosen.has(data.names[i]));
      row.classList.toggle("pointed", i === this.at);
      const lane = element("div", "lane", row);
      if (parts[at]) element("div", "bracket " + parts[at], lane).title = JOINED;
      const bar = element("div", "bar", lane);
      const limit = data.limits ? element("div", "limit", lane) : null;
      const whisker = data.intervals ? element("div", "whisker", lane) : null;
      const marks = data.overlays.map(([, weights], k) => {
        return [element("div", "mark " + SHAPES[k], lane), weights[i]];
      });
      marks.unshift([element("div", "mark ring", lane), data.anchor[i]]);
      return { i, row, bar, limit, whisker, marks, share: element("div", "share", row) };
    });
    const rank = ranks(p);
    this.equal = this.shown.some((i, k) => k > 0 && p[i] > 0 && rank[i] === rank[this.shown[k - 1]]);
    this.rows.style.setProperty("--rows", this.lanes.length);
    if (this.query && !this.lanes.length) element("p", "quiet", this.rows, `No task here is called “${this.query}”.`);
    this.top = 0;
  }

  rescale(near) {
    const { data, p } = this;
    let most = 0;
    for (const { i, marks } of this.lanes) {
      most = Math.max(most, p[i], near ? data.intervals.high[i] : 0);
      for (const [, weight] of marks) most = Math.max(most, weight);
    }
    const top = NICE.find((x) => x >= most * 1.02) || 1;
    if (top === this.top) return;
    this.top = top;
    this.rows.style.setProperty("--step", "25%");
    this.scale.replaceChildren();
    for (let k = 0; k <= 3; k++) {
      const tick = element("span", "", this.scale, Number((25 * k * top).toFixed(2)) + "%");
      tick.style.left = 25 * k + "%";
    }
    for (const lane of this.lanes) {
      for (const [mark, weight] of lane.marks) mark.style.left = 100 * weight / top + "%";
    }
  }

  // `near`: whether the intervals are of this very mixture.
  draw(p, near, dragging) {
    if (!this.lanes) return;
    this.p = p;
    this.rescale(near);
    const { scrollTop, clientHeight } = this.rows;
    const first = dragging ? Math.floor(scrollTop / ROW) - 1 : 0;
    const last = dragging ? (scrollTop + clientHeight) / ROW : Infinity;
    let drawn = 0;
    for (let k = 0; k < this.lanes.length; k++) {
      const lane = this.lanes[k], w = p[lane.i];
      drawn += w;
      if (k >= first && k <= last) this.drawLane(lane, w, near); // else out of sight until release
    }
    this.rests(drawn);
  }

  drawLane(lane, w, near) {
    const { intervals, limits } = this.data;
    lane.bar.style.transform = `scaleX(${w / this.top})`;
    const text = percent(w), held = heldBy(limits, lane.i, w);
    if (lane.text !== text) {
      lane.share.textContent = lane.text = text;
      lane.row.classList.toggle("zero", w <= 0);
    }
    if (lane.limit && lane.held !== held) {
      lane.held = held;
      lane.limit.className = "limit " + held;
      lane.limit.textContent = held; // read aloud; seen as a mark
      lane.limit.title = held && `${held} at ${percent(held === "floored" ? limits.low[lane.i] : limits.high[lane.i])}`;
    }
    if (held) lane.limit.style.left = 100 * w / this.top + "%";
    if (!lane.whisker) return;
    const { low, high } = near ? intervals : { low: [], high: [] };
    const seen = near && high[lane.i] - low[lane.i] > 5e-4;
    lane.whisker.style.display = seen ? "" : "none";
    if (seen) {
      lane.whisker.style.left = 100 * low[lane.i] / this.top + "%";
      lane.whisker.style.width = 100 * (high[lane.i] - low[lane.i]) / this.top + "%";
    }
  }

  // What is not shown, and how equal shares are ordered.
  rests(drawn) {
    const { p, shown } = this, left = p.length - shown.length;
    const said = left > 0 ? `and ${left} more tasks, together ${percent(Math.max(1 - drawn, 0))}` : "";
    this.restText.textContent = [said, this.equal ? "Equal shares stand in the study's order." : ""].filter(Boolean).join(". ");
    this.toggle.textContent = p.length <= SHORT || this.query ? "" : this.all ? "Show fewer" : "Show all";
    this.toggle.hidden = !this.toggle.textContent;
  }

  // The task that the pointer is on, here or in the graph.
  point(i) {
    this.at = i;
    for (const lane of this.lanes || []) lane.row.classList.toggle("pointed", lane.i === i);
  }
}
