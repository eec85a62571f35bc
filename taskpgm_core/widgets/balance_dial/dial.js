// The balance dial: holds the exact, piecewise linear path of the mixture and redraws bars and task
// graph while the pointer moves. `data`: names, families (n); balances (m) ascending, and at each
// the places and weights of the tasks above zero; anchor (n), anchorName, middle; overlays [name,
// weights (n)]; selected names; groups of names that share a skill; limits {low (n), high (n)} or
// null; intervals or null; resolution as `ResolutionTrack` is asked, or null; graph, the key of its
// layout; rewarded, what more of the balance makes a mixture; balance, lambda. Hands over the balance on release, the resolution on release of the
// second track, and a task's name when it is clicked. What follows may also come before or after
// it, as a property of window with an event, as in taskpgmIntervals ("taskpgm-intervals"):
// Intervals {key, name, balance, low (n), high (n)}; Path, what never changes under a key: names,
// families, path; Axis; Graph, a layout for `TaskGraph` with its key; Trained and Panel, with the
// key of the data and what `EvidenceStrip` and `TaskPanel` show.
const HEIGHT = 80, SAMPLES = 240;
const PATIENCE = 5000;  // ms that an answer may take before the dial follows whatever comes
const NARROW = 760;  // pixels below which bars and graph take turns
const CARRIED = 0.9;

function latest(name, key) {
  const found = window["taskpgm" + name];
  return found && found.key === key ? found : null;
}

// What a mixture does, in one sentence.
function mixtureSentence(p, names) {
  const n = p.length, sorted = Float64Array.from(p).sort().reverse();
  const top = p.findIndex((w) => sorted[0] - w <= SAME);
  if (sorted[1] === 0 || n === 1) return `Everything goes to one task, ${shortened(names, 26)[top]}`;
  if (sorted[0] - sorted[n - 1] < SAME) return `${n === 2 ? "Both" : `All ${n}`} tasks get the same share, ${percent(1 / n)} each`;
  let few = 0, carried = 0;
  while (few < n && carried < CARRIED - 1e-12) carried += sorted[few++];
  const alike = p.filter((w) => sorted[0] - w <= SAME).length, most = percent(p[top]);
  const gets = alike > 1 ? `${alike} tasks get the most, ${most} each`
    : `${shortened(names, 26)[top]} gets the most, ${most}`;
  return `${few} of ${n} tasks ${few === 1 ? "carries" : "carry"} ${100 * CARRIED}% of the weight; ${gets}`;
}

class Dial {
  constructor(root) {
    this.root = element("div", "dial", root);
    this.tell = this.pick = this.choose = () => {};
    this.told = null;
    this.build();
    new ResizeObserver(() => this.resize()).observe(this.root);
  }

  build() {
    this.sentence = element("p", "sentence", this.root);
    const stage = element("div", "stage", this.root);
    const balance = element("div", "balance", stage);
    const readout = element("div", "readout", balance);
    this.field = numberField(readout, "balance", (text) => this.typed(text));
    this.effectiveText = element("span", "quiet", readout);
    this.track = new Track(balance, "Balance", HEIGHT, ["curve", "ticks", "middle"], {
      moved: (at) => this.move(this.balanceAt(at)),
      released: () => this.release(),
      stepped: (key) => this.step(key),
    });
    const ends = element("div", "ends", balance);
    element("span", "", ends, "← diverse");
    this.middle = element("button", "at-anchor", ends);
    this.middle.type = "button";
    this.middle.onclick = () => { this.move(1); this.release(); };
    this.rewarded = element("span", "", ends);
    this.resolution = new ResolutionTrack(
      stage, (k) => this.pass(k), (resolution) => this.choose(resolution), () => this.want(),
    );
    this.turnsRow = this.turns(stage);
    const owner = {
      point: (i) => this.point(i), pick: (i) => this.pick(this.data.names[i]), draw: () => this.draw(),
    };
    this.graph = new TaskGraph(stage, owner);
    this.strip = new EvidenceStrip(stage);
    const dial = this, right = element("div", "beside", stage);
    this.bars = new Bars(right, {
      ...owner, get dragging() { return dial.dragging; }, get groupOf() { return dial.groupOf; },
    });
    this.panel = new TaskPanel(right, (task) => this.pick(task));
  }

  // Bars or graph, where there is room for one.
  turns(parent) {
    const row = element("div", "turns", parent);
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "Show");
    const choices = ["bars", "graph"].map((shown) => {
      const node = element("button", "", row, shown === "bars" ? "Bars" : "Task graph");
      node.type = "button";
      node.onclick = () => turn(shown);
      return node;
    });
    const turn = (shown) => {
      this.root.classList.toggle("turned", shown === "graph");
      choices.forEach((node, k) => node.setAttribute("aria-pressed", String((k === 1) === (shown === "graph"))));
      this.resize();
    };
    turn("bars");
    return row;
  }

  resize() {
    this.root.classList.toggle("narrow", this.root.clientWidth < NARROW);
    if (!this.data || !this.graph) return;
    this.graph.measure();
    this.draw();
  }

  // A balance from its field; what is no balance leaves the dial as it is, and is said.
  typed(text) {
    const balance = Number(text);
    if (text === "" || !Number.isFinite(balance) || balance < 0) return "A balance is a number from 0 on.";
    this.move(balance);
    this.release();
    return "";
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

  update(data, tell, pick, choose, want = () => {}) {
    this.tell = tell;
    this.pick = pick;
    this.choose = choose;
    this.want = want;
    if (data.resolution && this.resolution.late(data.resolution)) return;
    if (!data.balances) {
      const path = window.taskpgmPath;
      this.waiting = !path || path.key !== data.key ? [data, tell, pick, choose, want] : null;
      if (this.waiting) return;
      data = { ...data, ...path };
    }
    const fresh = !this.data || this.data.key !== data.key;
    data.intervals = data.intervals || latest("Intervals", data.key);
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
    this.bars.begin(n);
    this.told = null;
    this.balance = NaN;
    this.resolution.clear();
  }

  show() {
    const { data } = this;
    const names = [data.anchorName, data.intervals ? data.intervals.name : "", ...data.overlays.map((o) => o[0])];
    const marks = JSON.stringify([data.key, names, data.groups.length]);
    this.bars.data = data;
    if (marks !== this.marks) this.describe();
    this.marks = marks;
    this.surround();
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
    const { data } = this;
    const label = `Balance between diversity and ${data.rewarded}ness`;
    this.track.node.setAttribute("aria-label", label);
    this.rewarded.textContent = `${data.rewarded} →`;
    this.middle.textContent = data.middle ? data.anchorName : data.noMiddle || "";
    this.middle.disabled = !data.middle;
    this.middle.title = data.middle ? "Go to balance 1: the anchor itself" : "";
    this.bars.describe(data);
  }

  // Graph, strip and panel: each is shown once what it needs has come.
  surround() {
    const { data } = this;
    const members = data.groups.map((group) => group.map((name) => data.names.indexOf(name)));
    this.turnsRow.hidden = !data.graph; // a report has bars alone
    this.graph.show(latest("Graph", data.graph), data.names, members, new Set(data.selected));
    this.strip.show(latest("Trained", data.key), (balance) => this.position(balance));
    const panel = latest("Panel", data.key), last = data.selected[data.selected.length - 1];
    this.panel.show(panel && panel.task === last ? panel : null);
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

  sort() {
    this.bars.sort(this.p);
    this.draw();
  }

  // The pointer is on task i, on its bar or on its circle.
  point(i) {
    if (i === this.graph.at && i === this.bars.at) return;
    this.bars.point(i);
    this.graph.point(i);
  }

  // Intervals belong to the balance that the server last answered, not to one in passing.
  sure() {
    const known = this.data.intervals;
    if (!known || this.passing !== undefined) return false;
    return known.key === this.data.key && Math.abs(known.balance - this.balance) < 1e-9;
  }

  draw() {
    if (!this.bars.lanes) return;
    const { data, p } = this, n = p.length, passing = this.passing !== undefined;
    this.root.classList.toggle("passing", passing);
    this.bars.draw(p, this.sure(), this.dragging);
    this.graph.draw(p, passing);
    this.strip.draw(this.balance);
    this.panel.follow(this.balance, passing);
    this.sentence.textContent = mixtureSentence(p, data.names) + ".";
    this.track.handle.style.left = 100 * this.position(this.balance) + "%";
    const effective = this.effective(p);
    let positive = 0, best = 0;
    for (let i = 0; i < n; i++) { if (p[i] > 0) positive++; if (p[i] > p[best]) best = i; }
    this.field.show(Number(this.balance.toPrecision(4)));
    this.effectiveText.textContent =
      `${positive} of ${n} tasks, effective number ${effective.toFixed(1)}`;
    this.track.says({
      valuenow: this.balance,
      valuetext: `balance ${Number(this.balance.toPrecision(4))}, ${positive} of ${n} tasks, ` +
        `most on ${data.names[best]}, ${percent(p[best])}`,
    });
  }
}

const alive = new Set();

// Dials that are still on the page.
function mounted() {
  for (const dial of alive) if (!dial.root.isConnected) alive.delete(dial);
  return [...alive].filter((dial) => dial.data);
}

window.addEventListener("taskpgm-intervals", ({ detail }) => {
  for (const dial of mounted()) {
    if (dial.data.key !== detail.key) continue;
    dial.data.intervals = detail;
    dial.show();
  }
});
window.addEventListener("taskpgm-path", () => {
  for (const dial of alive) if (dial.waiting) dial.update(...dial.waiting);
});
for (const event of ["taskpgm-graph", "taskpgm-trained", "taskpgm-panel"]) {
  window.addEventListener(event, () => {
    for (const dial of mounted()) { dial.surround(); dial.draw(); }
  });
}
