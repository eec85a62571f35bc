// The task graph, alive: a circle a task whose area is its weight, so that all circles together
// always cover the same area, the budget; edges join like tasks, outlines hold groups. `layout`:
// {position (n) [x, y] in [-1, 1], edges [i, j, strength]}. `point(i)`: the pointer is on task i, or
// on none (-1); `pick(i)`: it was clicked.
const SHARE = 0.075;  // of the picture that circles cover
const EMPTY = [3.2, 2.2];  // radius of a task without weight, among few and among many
const MANY = 60, NAMED = 10, REACH = 9, BUCKETS = 4;
const STAMPED = 12;  // radius up to which circles are stamped

class TaskGraph {
  constructor(parent, owner) {
    this.owner = owner;
    this.node = element("div", "graph", parent);
    this.node.tabIndex = 0;
    this.node.setAttribute("role", "group");
    this.node.setAttribute("aria-label", "Task graph: the larger a circle, the more weight its " +
      "task gets. Arrow keys go from task to task, Enter chooses one.");
    this.canvas = element("canvas", "", this.node);
    this.canvas.setAttribute("aria-hidden", "true");
    this.canvas.drawn = this; // what is on it, for whoever cannot see
    this.tip = element("div", "tip", this.node);
    this.tip.hidden = true;
    this.status = element("div", "unseen", this.node);
    this.status.setAttribute("role", "status");
    this.edges = document.createElement("canvas");
    this.circles = this.labels = this.groups = [];
    this.at = -1;
    this.listen();
  }

  listen() {
    const { node, owner } = this;
    const hit = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return this.hit(event.clientX - box.left, event.clientY - box.top);
    };
    node.addEventListener("pointermove", (event) => owner.point(hit(event)));
    node.addEventListener("pointerleave", () => owner.point(-1));
    node.addEventListener("blur", () => owner.point(-1));
    node.addEventListener("click", (event) => {
      const i = hit(event);
      if (i >= 0) owner.pick(i);
    });
    node.addEventListener("keydown", (event) => {
      if (!this.layout) return;
      const i = walked(event.key, this.byWeight(), this.at);
      if (i === undefined) return;
      event.preventDefault();
      if (i === this.at) owner.pick(i);
      owner.point(i);
      this.status.textContent = `${this.names[i]}, ${percent(this.p[i])}`;
    });
  }

  byWeight() { return Array.from(this.p.keys()).sort(byWeight(this.p)); }

  // The task whose circle is at a place: the smallest there, else the nearest within reach.
  hit(x, y) {
    let best = -1, least = REACH;
    for (let i = 0; i < this.circles.length; i++) {
      const circle = this.circles[i], away = Math.hypot(x - circle.x, y - circle.y) - circle.r;
      const rank = away <= 0 ? circle.r - 1e4 : away; // inside the smallest circle, before all
      if (rank < least) { least = rank; best = i; }
    }
    return best;
  }

  // Tasks and how they lie; `groups` (m) of task indices; `chosen`: a set of names.
  show(layout, names, groups, chosen) {
    const other = layout !== this.layout || names !== this.names;
    Object.assign(this, { layout, names, groups, chosen });
    this.node.hidden = !layout;
    if (!layout) return;
    if (other) this.labels = [];
    const style = getComputedStyle(this.node), named = (name) => style.getPropertyValue(name).trim();
    this.ink = style.color;
    this.paper = named("--st-background-color") || "#fbf9f4";
    this.accent = named("--st-primary-color") || "#3b4bc4";
    this.size = parseFloat(style.fontSize);
    this.font = `${this.size}px ${style.fontFamily}`;
    this.measure();
  }

  // Fit the canvas to its place and draw what stays: the edges.
  measure() {
    const wide = this.node.clientWidth, high = this.node.clientHeight;
    this.within = null; // out of sight: nothing is drawn
    if (!this.layout || !wide || !high) return;
    const n = this.names.length, scale = window.devicePixelRatio || 1;
    this.within = { wide, high };
    for (const canvas of [this.canvas, this.edges]) {
      canvas.width = Math.round(wide * scale);
      canvas.height = Math.round(high * scale);
    }
    this.radius = Math.sqrt(SHARE * wide * high / Math.PI);
    const inset = [Math.min(0.12 * wide, 90), Math.min(0.1 * high, 40)];
    this.places = this.layout.position.map(([x, y]) => [
      inset[0] + (wide - 2 * inset[0]) * (1 + x) / 2,
      inset[1] + (high - 2 * inset[1]) * (1 - y) / 2,
    ]);
    this.circles = this.places.map(([x, y]) => ({ x, y, r: 0 }));
    const pen = this.edges.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.strokeStyle = this.ink;
    for (let level = 0; level < BUCKETS; level++) {
      pen.beginPath();
      for (const [i, j, strength] of this.layout.edges) {
        if (Math.min(Math.floor(strength * BUCKETS), BUCKETS - 1) !== level) continue;
        pen.moveTo(...this.places[i]);
        pen.lineTo(...this.places[j]);
      }
      pen.globalAlpha = (n > MANY ? 0.5 : 1) * (0.12 + 0.1 * level);
      pen.lineWidth = (n > MANY ? 0.5 : 1) * (1 + level);
      pen.stroke();
    }
    this.widths = new Map();
    this.stamps = new Map();
    const ruler = this.canvas.getContext("2d");
    ruler.font = this.font;
    this.wide = (text) => {
      if (!this.widths.has(text)) this.widths.set(text, ruler.measureText(text).width + 4);
      return this.widths.get(text);
    };
  }

  // The mixture p (n); `passing`: at another resolution than the groups', so without outlines.
  draw(p, passing) {
    this.p = p;
    this.passing = passing;
    if (!this.layout || !this.within) return;
    const { circles, within, canvas } = this, n = circles.length;
    const empty = EMPTY[n > MANY ? 1 : 0];
    const pen = canvas.getContext("2d"), scale = canvas.width / within.wide;
    for (let i = 0; i < n; i++) {
      const circle = circles[i], r = p[i] > 0 ? Math.max(this.radius * Math.sqrt(p[i]), 1.2) : empty;
      circle.r = r;
      circle.x = Math.min(Math.max(this.places[i][0], r + 2), within.wide - r - 2);
      circle.y = Math.min(Math.max(this.places[i][1], r + 2), within.high - r - 2);
    }
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, within.wide, within.high);
    this.hulls = passing ? [] : this.groups.map((group) => outline(group.map((i) => circles[i])));
    this.drawHulls(pen);
    pen.drawImage(this.edges, 0, 0, within.wide, within.high);
    this.drawCircles(pen);
    this.drawLabels(pen);
    this.showTip();
  }

  drawHulls(pen) {
    pen.lineJoin = "round";
    for (const hull of this.hulls) {
      pen.beginPath();
      for (const [x, y] of hull) pen.lineTo(x, y);
      pen.closePath();
      pen.globalAlpha = 0.13;
      pen.fillStyle = this.accent;
      pen.fill();
      pen.globalAlpha = 0.45;
      pen.strokeStyle = this.ink;
      pen.lineWidth = 1;
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  // The small on top of the large, each with a thin rim; below them all tasks without
  // weight, as one path.
  drawCircles(pen) {
    const { circles, p } = this, order = Array.from(p.keys()).sort((a, b) => p[b] - p[a]);
    const scale = this.canvas.width / this.within.wide;
    const disc = ({ x, y, r }) => {
      pen.moveTo(x + r, y);
      pen.arc(x, y, r, 0, 2 * Math.PI);
    };
    pen.beginPath();
    for (const i of order) if (p[i] <= 0) disc(circles[i]);
    pen.fillStyle = this.paper;
    pen.fill();
    pen.strokeStyle = this.ink;
    pen.lineWidth = 1.2;
    pen.stroke();
    for (const i of order) {
      if (p[i] <= 0) break;
      const { x, y, r } = circles[i];
      if (r > STAMPED) {
        this.disc(pen, x, y, r);
        continue;
      }
      const stamp = this.stamp(r, scale), half = stamp.width / 2;
      pen.drawImage(stamp, Math.round(x * scale - half) / scale, Math.round(y * scale - half) / scale,
        stamp.width / scale, stamp.height / scale);
    }
    pen.strokeStyle = this.ink;
    for (const i of order) {
      const chosen = this.chosen.has(this.names[i]);
      if (!chosen && i !== this.at) continue;
      pen.lineWidth = chosen ? 3 : 2;
      pen.beginPath();
      pen.arc(circles[i].x, circles[i].y, circles[i].r + 2.5, 0, 2 * Math.PI);
      pen.stroke();
    }
  }

  disc(pen, x, y, r) {
    pen.beginPath();
    pen.arc(x, y, r, 0, 2 * Math.PI);
    pen.fillStyle = this.accent;
    pen.fill();
    pen.strokeStyle = this.paper;
    pen.lineWidth = 1.2;
    pen.stroke();
  }

  // A small circle as a picture of its own, one for each quarter of a pixel: 316 of them are
  // stamped in a third of the time that drawing their outlines takes.
  stamp(r, scale) {
    const size = Math.round(4 * r);
    if (!this.stamps.has(size)) {
      const stamp = document.createElement("canvas"), side = 2 * Math.ceil((size / 4 + 1) * scale);
      stamp.width = stamp.height = side;
      const pen = stamp.getContext("2d");
      pen.scale(scale, scale);
      this.disc(pen, side / scale / 2, side / scale / 2, size / 4);
      this.stamps.set(size, stamp);
    }
    return this.stamps.get(size);
  }

  // The chosen and the heaviest, with an advantage for what is named already.
  drawLabels(pen) {
    const { p, names, within, size } = this, named = new Set(this.labels.map((label) => label.i));
    const rank = Float64Array.from(p, (w, i) => (this.chosen.has(names[i]) ? 2 : 0) + w * (named.has(i) ? 1.25 : 1));
    const most = within.wide < 480 ? 6 : NAMED;
    const wanted = Array.from(p.keys())
      .filter((i) => rank[i] > 0)
      .sort((a, b) => rank[b] - rank[a] || a - b)
      .slice(0, 2 * most)
      .map((i) => ({ i, text: shortened(names, 20)[i] }));
    for (const label of wanted) label.wide = this.wide(label.text);
    const high = Math.round(1.25 * size);
    this.labels = placeLabels(wanted, this.circles, high, within, most, this.labels);
    pen.font = this.font;
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    pen.beginPath();
    for (const { line } of this.labels) {
      if (!line) continue;
      pen.moveTo(...line[0]);
      pen.lineTo(...line[1]);
    }
    pen.strokeStyle = this.ink;
    pen.lineWidth = 1;
    pen.stroke();
    for (const { i, box } of this.labels) {
      pen.strokeStyle = this.paper;
      pen.lineWidth = 4;
      const text = shortened(names, 20)[i];
      pen.strokeText(text, box.x + 2, box.y + high / 2);
      pen.fillStyle = this.ink;
      pen.fillText(text, box.x + 2, box.y + high / 2);
    }
  }

  // Ring and name of the task that the pointer is on, here or on the bars.
  point(i) {
    this.at = i;
    this.node.style.cursor = i >= 0 ? "pointer" : "";
    if (this.p) this.draw(this.p, this.passing);
  }

  showTip() {
    const { at, tip } = this;
    tip.hidden = at < 0 || at >= this.circles.length;
    if (tip.hidden) return;
    const group = this.groups.find((members) => members.includes(at));
    const others = group ? group.filter((i) => i !== at) : [];
    const also = others.slice(0, 4).map((i) => shortened(this.names, 22)[i]).join(", ");
    const more = others.length > 4 ? ` and ${others.length - 4} more` : "";
    tip.textContent = `${this.names[at]} ${percent(this.p[at])}` + (also && `\nin a group with ${also}${more}`);
    const { x, y, r } = this.circles[at], right = x > this.within.wide / 2;
    tip.style.left = right ? "" : x + r + 8 + "px";
    tip.style.right = right ? this.within.wide - x + r + 8 + "px" : "";
    tip.style.top = Math.min(Math.max(y - 12, 0), this.within.high - 30) + "px";
  }
}
