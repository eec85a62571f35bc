// The balance dial: holds the exact, piecewise linear path of the mixture and redraws it while
// the pointer moves. `data`: names, families (n); balances (m) ascending, and at each the places
// and weights of the tasks above zero; anchor (n), anchorName, middle; overlays [name, weights (n)];
// selected names; groups of names that share a skill; intervals or null; resolution as
// `ResolutionTrack` is asked, or null; balance, lambda. Hands over the balance on release, the
// resolution on release of the second track, and a task's name when it is clicked. What follows may
// also come before or after it, as a property of window with an event: taskpgmIntervals
// ("taskpgm-intervals") {key, name, balance, low (n), high (n)}; taskpgmPath ("taskpgm-path"), what
// never changes under a key: names, families, path; taskpgmAxis ("taskpgm-axis").
const HEIGHT = 92, SHORT = 40, SAMPLES = 240, ROW = 25;
const PATIENCE = 5000;  // ms that an answer may take before the dial follows whatever comes
const SHAPES = ["diamond", "square", "triangle", "plus"];
const JOINED = "Joined by distances of at most the resolution, each to one of the others";
const NICE = [0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.16, 0.2, 0.3, 0.4, 0.6, 0.8, 1];

class Dial {
  constructor(root) {
    this.root = element("div", "dial", root);
    this.tell = this.pick = this.choose = () => {};
    this.told = null;
    this.all = false;
    this.query = "";
    this.build();
  }

  build() {
    const readout = element("div", "readout", this.root);
    this.balanceText = element("b", "", readout);
    this.symbolText = element("span", "quiet", readout);
    this.effectiveText = element("span", "quiet", readout);
    const label = "Balance between diversity and representativeness";
    this.track = new Track(this.root, label, HEIGHT, ["curve", "ticks", "middle"], {
      moved: (at) => this.move(this.balanceAt(at)),
      released: () => this.release(),
      stepped: (key) => this.step(key),
    });
    const ends = element("div", "ends", this.root);
    element("span", "", ends, "← diverse");
    this.middle = element("button", "at-anchor", ends);
    this.middle.type = "button";
    this.middle.onclick = () => { this.move(1); this.release(); };
    element("span", "", ends, "representative →");
    this.resolution = new ResolutionTrack(
      this.root, (k) => this.pass(k), (resolution) => this.choose(resolution),
    );
    this.legend = element("div", "legend", this.root);
    const axis = element("div", "axis", this.root);
    element("span", "", axis);
    this.scale = element("div", "scale quiet", axis);
    this.rows = element("div", "rows", this.root);
    this.rows.tabIndex = 0;
    this.rows.setAttribute("role", "group");
    this.rows.setAttribute("aria-label", "Share of every task");
    const rest = element("div", "rest", this.root);
    this.restText = element("span", "quiet", rest);
    this.toggle = element("button", "", rest);
    this.toggle.type = "button";
    this.toggle.onclick = () => { this.all = !this.all; this.sort(); };
    this.rows.addEventListener("scroll", () => { if (this.dragging) this.draw(); });
  }

  get dragging() { return this.track.dragging || this.resolution.track.dragging; }

  step(key) {
    const steps = {
      ArrowRight: 0.005, ArrowUp: 0.005, ArrowLeft: -0.005, ArrowDown: -0.005,
      PageUp: 0.05, PageDown: -0.05,
    };
    if (key in steps) return this.position(this.balance) + steps[key];
    return { Home: 0, End: 1 }[key];
  }

  // [0, 1] fills the left half; the rest, up to where the path ends, is compressed by a logarithm.
  position(balance) {
    if (balance <= 1) return balance / 2;
    return Math.min(0.5 + 0.5 * Math.log(balance) / Math.log(this.end), 1);
  }

  balanceAt(position) {
    const at = Math.min(Math.max(position, 0), 1);
    if (Math.abs(at - 0.5) < 0.004) return 1;
    const exact = at <= 0.5 ? 2 * at : Math.pow(this.end, 2 * at - 1);
    return Number(exact.toPrecision(4));
  }

  weightsAt(balance, out) {
    const r = this.data.balances, m = r.length;
    out.fill(0);
    if (balance <= r[0] || m === 1) return this.add(0, 1, out);
    if (balance >= r[m - 1]) return this.add(m - 1, 1, out);
    let low = 0, high = m - 1;
    while (high - low > 1) {
      const mid = (low + high) >> 1;
      if (r[mid] <= balance) low = mid; else high = mid;
    }
    const share = (balance - r[low]) / (r[high] - r[low]);
    this.add(low, 1 - share, out);
    return this.add(high, share, out);
  }

  add(k, factor, out) {
    const places = this.data.places[k], weights = this.data.weights[k];
    for (let i = 0; i < places.length; i++) out[places[i]] += factor * weights[i];
    return out;
  }

  effective(p) {
    let entropy = 0;
    for (const w of p) if (w > 0) entropy -= w * Math.log(w);
    return Math.exp(entropy);
  }

  update(data, tell, pick, choose) {
    this.tell = tell;
    this.pick = pick;
    this.choose = choose;
    if (data.resolution && this.resolution.late(data.resolution)) return;
    if (!data.balances) {
      const path = window.taskpgmPath;
      this.waiting = !path || path.key !== data.key ? [data, tell, pick, choose] : null;
      if (this.waiting) return;
      data = { ...data, ...path };
    }
    const fresh = !this.data || this.data.key !== data.key;
    data.intervals = data.intervals || window.taskpgmIntervals || null;
    if (data.intervals && data.intervals.key !== data.key) data.intervals = null;
    const others = fresh && String(this.data && this.data.names) !== String(data.names);
    this.data = data;
    if (fresh) this.begin(others);
    this.resolution.update(data.resolution);
    // the hand, and what it was last told to show, know better than an answer on its way
    if (fresh && this.passing !== undefined) this.pass(this.passing);
    else if (fresh && (this.track.busy || this.late())) this.move(this.balance);
    this.show();
  }

  // A new path; of other tasks than before, or of the same.
  begin(others) {
    const { data } = this, n = data.names.length;
    this.p = new Float64Array(n);
    this.end = Math.max(2, data.balances[data.balances.length - 1]);
    this.groupOf = new Int32Array(n).fill(-1);
    data.groups.forEach((group, g) => {
      for (const name of group) this.groupOf[data.names.indexOf(name)] = g;
    });
    this.background();
    if (!others) return;
    this.all = n <= SHORT;
    this.query = "";
    this.told = this.lanes = null;
    this.balance = NaN;
    this.resolution.clear();
  }

  show() {
    const { data } = this;
    const names = [data.anchorName, data.intervals ? data.intervals.name : "", ...data.overlays.map((o) => o[0])];
    const marks = JSON.stringify([data.key, names, data.groups.length]);
    if (marks !== this.marks) this.describe();
    this.marks = marks;
    if (this.track.busy || this.late() || this.passing !== undefined) return;
    this.balance = data.balance;
    this.weightsAt(this.balance, this.p);
    this.sort();
  }

  // Whether the data still answer an earlier release than the last, whose answer is on its way.
  late() {
    if (!this.told) return false;
    const answered = Math.abs(this.data.balance - this.told.balance) <= 1e-9 * this.told.balance;
    if (answered || performance.now() - this.told.at > PATIENCE) this.told = null;
    return this.told !== null;
  }

  background() {
    const { data } = this, n = data.names.length, p = new Float64Array(n);
    const top = 6, floor = RAIL - 6;
    let d = `M0 ${floor}`;
    for (let k = 0; k <= SAMPLES; k++) {
      const at = k / SAMPLES;
      const balance = at <= 0.5 ? 2 * at : Math.pow(this.end, 2 * at - 1);
      const y = floor - (floor - top) * this.effective(this.weightsAt(balance, p)) / n;
      d += `L${(1000 * at).toFixed(1)} ${y.toFixed(2)}`;
    }
    this.track.paths.curve.setAttribute("d", d + `L1000 ${floor}Z`);
    let ticks = "";
    for (const r of data.balances.slice(1)) {
      ticks += `M${(1000 * this.position(r)).toFixed(1)} ${RAIL + 17}v9`;
    }
    this.track.paths.ticks.setAttribute("d", ticks);
    this.track.paths.middle.setAttribute("d", data.middle ? `M500 2V${HEIGHT - 4}` : "");
    this.track.says({ valuemin: 0, valuemax: this.end });
  }

  describe() {
    const { data, legend } = this;
    this.middle.textContent = data.middle ? data.anchorName : data.noMiddle || "";
    this.middle.disabled = !data.middle;
    this.middle.title = data.middle ? "Go to balance 1: the anchor itself" : "";
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
    if (data.names.length > SHORT) {
      const search = element("input", "", legend);
      search.type = "search";
      search.placeholder = "Find a task";
      search.value = this.query;
      search.setAttribute("aria-label", "Find a task");
      search.oninput = () => { this.query = search.value.toLowerCase(); this.sort(); };
    }
  }

  // The point of the resolution axis whose mixture is shown; none where it is the path's.
  get passing() { return this.resolution.passing; }

  move(balance) {
    this.balance = Math.max(0, balance);
    if (this.passing !== undefined) this.resolution.leave();
    this.weightsAt(this.balance, this.p);
    this.draw();
  }

  // Show point k of the resolution axis; without k the path's mixture again.
  pass(k) {
    if (k === undefined) {
      this.weightsAt(this.balance, this.p);
      return this.sort();
    }
    const { places, weights } = this.resolution.axis;
    this.p.fill(0);
    places[k].forEach((i, at) => { this.p[i] = weights[k][at]; });
    return this.draw();
  }

  release() {
    this.sort();
    this.told = { balance: this.balance, at: performance.now() };
    this.tell(this.balance);
    this.sort();
  }

  // Bars keep their order while the pointer moves and are sorted anew when it lets go.
  sort() {
    const { data, p } = this;
    const order = grouped(p, this.groupOf);
    this.found = this.query
      ? order.filter((i) => (data.names[i] + " " + data.families[i]).toLowerCase().includes(this.query))
      : order;
    this.shown = this.all ? this.found : heaviest(this.found, p, SHORT);
    const narrow = this.root.clientWidth > 0 && this.root.clientWidth < 480;
    const chosen = new Set(data.selected);
    const parts = brackets(this.shown, this.groupOf);
    this.rows.replaceChildren();
    this.lanes = this.shown.map((i, at) => {
      const row = element("div", "row", this.rows);
      row.title = data.names[i] + (data.families[i] ? ` (${data.families[i]})` : "");
      const name = element("button", "name", row, shorten(data.names[i], narrow ? 11 : 22));
      name.type = "button";
      name.tabIndex = -1;
      name.setAttribute("aria-pressed", String(chosen.has(data.names[i])));
      name.onclick = () => this.pick(data.names[i]);
      row.classList.toggle("selected", chosen.has(data.names[i]));
      const lane = element("div", "lane", row);
      if (parts[at]) element("div", "bracket " + parts[at], lane).title = JOINED;
      const bar = element("div", "bar", lane);
      const whisker = data.intervals ? element("div", "whisker", lane) : null;
      const marks = data.overlays.map(([, weights], k) => {
        return [element("div", "mark " + SHAPES[k], lane), weights[i]];
      });
      marks.unshift([element("div", "mark ring", lane), data.anchor[i]]);
      return { i, row, bar, whisker, marks, share: element("div", "share", row) };
    });
    this.top = 0;
    this.draw();
  }

  rescale() {
    const { data, p } = this;
    let most = 0;
    const near = this.sure();
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

  // Intervals belong to the balance that the server last answered, not to one in passing.
  sure() {
    const known = this.data.intervals;
    if (!known || this.passing !== undefined) return false;
    return known.key === this.data.key && Math.abs(known.balance - this.balance) < 1e-9;
  }

  draw() {
    if (!this.lanes) return;
    const { data, p } = this, n = p.length;
    this.rescale();
    this.root.classList.toggle("passing", this.passing !== undefined);
    const near = this.sure();
    const { scrollTop, clientHeight } = this.rows;
    const first = this.dragging ? Math.floor(scrollTop / ROW) - 1 : 0;
    const last = this.dragging ? (scrollTop + clientHeight) / ROW : Infinity;
    let drawn = 0;
    for (let k = 0; k < this.lanes.length; k++) {
      const lane = this.lanes[k], w = p[lane.i];
      drawn += w;
      if (k < first || k > last) continue; // out of sight: drawn on release
      lane.bar.style.transform = `scaleX(${w / this.top})`;
      const text = percent(w);
      if (lane.text !== text) {
        lane.share.textContent = lane.text = text;
        lane.row.classList.toggle("zero", w <= 0);
      }
      if (lane.whisker) {
        const { low, high } = near ? data.intervals : { low: [], high: [] };
        const seen = near && high[lane.i] - low[lane.i] > 5e-4;
        lane.whisker.style.display = seen ? "" : "none";
        if (seen) {
          lane.whisker.style.left = 100 * low[lane.i] / this.top + "%";
          lane.whisker.style.width = 100 * (high[lane.i] - low[lane.i]) / this.top + "%";
        }
      }
    }
    this.track.handle.style.left = 100 * this.position(this.balance) + "%";
    const effective = this.effective(p);
    let positive = 0, best = 0;
    for (let i = 0; i < n; i++) { if (p[i] > 0) positive++; if (p[i] > p[best]) best = i; }
    this.balanceText.textContent = `balance ${Number(this.balance.toPrecision(4))}`;
    this.symbolText.textContent =
      `β ${Number((this.balance * data.lambda / n).toPrecision(3))}, λ ${Number(data.lambda.toPrecision(3))}`;
    this.effectiveText.textContent =
      `${positive} of ${n} tasks in the mixture, as varied as ${effective.toFixed(1)} equal ones`;
    this.track.says({
      valuenow: this.balance,
      valuetext: `balance ${Number(this.balance.toPrecision(4))}, ${positive} of ${n} tasks, ` +
        `most on ${data.names[best]}, ${percent(p[best])}`,
    });
    const left = n - this.shown.length;
    this.restText.textContent = left > 0
      ? `and ${left} more tasks, together ${percent(Math.max(1 - drawn, 0))}` : "";
    this.toggle.textContent = n <= SHORT || this.query ? "" : this.all ? "Show fewer" : "Show all";
    this.toggle.hidden = !this.toggle.textContent;
  }
}

const dials = new WeakMap();
const alive = new Set();
window.addEventListener("taskpgm-intervals", ({ detail }) => {
  for (const dial of alive) {
    if (!dial.root.isConnected) alive.delete(dial);
    else if (dial.data && dial.data.key === detail.key) {
      dial.data.intervals = detail;
      dial.show();
    }
  }
});

window.addEventListener("taskpgm-path", () => {
  for (const dial of alive) if (dial.waiting) dial.update(...dial.waiting);
});

export default function dial({ data, parentElement, setStateValue, setTriggerValue }) {
  if (!dials.has(parentElement)) {
    dials.set(parentElement, new Dial(parentElement));
    alive.add(dials.get(parentElement));
  }
  dials.get(parentElement).update(
    data,
    (balance) => setStateValue("balance", balance),
    (task) => setTriggerValue && setTriggerValue("task", task),
    (resolution) => setTriggerValue && setTriggerValue("resolution", resolution),
  );
}
