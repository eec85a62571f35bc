// A story under the arrow keys: one sentence and one picture a step, at a size for the back row.
// `data`: {steps [{name, title, sentence, svg}], dial (data of the dial), leave (address of the page
// that it came from)}. A step without svg is drawn here: the "collection" as its task graph, every
// task alike, and the "mixture" as the dial itself. `leave`: what Esc does, else that address opens.
const ONWARD = ["ArrowRight", "ArrowDown", "PageDown", " ", "Enter"];
const BACK = ["ArrowLeft", "ArrowUp", "PageUp", "Backspace"];

class Presenter {
  constructor(root, leave) {
    this.leave = leave || (() => window.location.assign(this.data.leave));
    this.root = element("section", "presenter", root);
    this.root.setAttribute("aria-roledescription", "slide");
    this.sentence = element("p", "told", this.root);
    this.sentence.setAttribute("aria-live", "polite");
    this.picture = element("div", "picture", this.root);
    this.stage = element("div", "live", this.root);
    this.still = element("div", "still", this.root);
    this.graph = new TaskGraph(this.still, { point: (i) => this.graph.point(i), pick: () => {} });
    window.addEventListener("taskpgm-graph", () => this.data && this.draw());
    new ResizeObserver(() => this.data && this.draw()).observe(this.root);
    this.foot = element("div", "foot", this.root);
    this.title = element("span", "", this.foot);
    this.hint = element("span", "", this.foot, "← → steps, Esc leaves");
    this.count = element("span", "", this.foot);
    this.at = 0;
    this.keys = (event) => this.key(event);
    window.addEventListener("keydown", this.keys, true);
    // after the hand let go, arrow keys are the story's again
    this.root.addEventListener("pointerup", () => setTimeout(() => this.active()?.blur()));
  }

  // What holds the keys within the story.
  active() {
    const at = this.root.getRootNode().activeElement;
    return at && this.root.contains(at) ? at : null;
  }

  key(event) {
    if (!this.root.isConnected) return window.removeEventListener("keydown", this.keys, true);
    if (event.altKey || event.ctrlKey || event.metaKey) return undefined;
    const held = this.active(); // the dial, a field: its keys are its own until Esc
    if (event.key === "Escape") {
      return held ? held.blur() : this.leave();
    }
    if (held && held.matches(".track, input, .graph, .rows, button")) return undefined;
    const step = ONWARD.includes(event.key) ? 1 : BACK.includes(event.key) ? -1 : 0;
    const edge = { Home: 0, End: this.data.steps.length - 1 }[event.key];
    if (!step && edge === undefined) return undefined;
    event.preventDefault();
    return this.go(edge ?? this.at + step);
  }

  go(at) {
    const { steps } = this.data;
    this.at = Math.min(Math.max(at, 0), steps.length - 1);
    this.draw();
  }

  update(data, tell, pick, choose) {
    this.data = data;
    if (!this.dial) {
      this.dial = new Dial(this.stage);
      alive.add(this.dial);
    }
    this.dial.update(data.dial, tell, pick, choose);
    this.go(this.at);
  }

  draw() {
    const { steps } = this.data, step = steps[this.at];
    const still = step.svg === null && step.name === "collection", live = step.svg === null && !still;
    this.root.setAttribute("aria-label", `Step ${this.at + 1} of ${steps.length}: ${step.title}`);
    this.title.textContent = step.title;
    this.count.textContent = `${this.at + 1} / ${steps.length}`;
    this.root.classList.toggle("playing", live);
    this.root.classList.toggle("lying", still);
    this.sentence.hidden = live; // the dial's own sentence follows the hand
    if (this.sentence.textContent !== step.sentence) this.sentence.textContent = step.sentence;
    if (still) this.collection();
    if (live) this.dial.resize();
    if (this.drawn === step.svg) return;
    this.drawn = step.svg;
    this.picture.innerHTML = step.svg || ""; // drawn on the server, names escaped
  }

  // All tasks alike, in their groups.
  collection() {
    const { names, groups } = this.dial.data || {}, layout = latest("Graph", this.data.dial.graph);
    if (!names || !layout) return;
    const members = groups.map((group) => group.map((name) => names.indexOf(name)));
    this.graph.show(layout, names, members, new Set());
    this.graph.draw(new Float64Array(names.length).fill(1 / names.length), false);
  }
}
