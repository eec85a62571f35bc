// What training gave, on the balance's own axis: a mark where each trained mixture stands, up where
// it did better than the reference, its interval through it; a line where the hand is, and the
// sentence of the run nearest to it. `trained`: {about, reference, more, runs
// [{balance, difference, low, high, sure, said}]}, or null; `more`: whether more is better.
const TALL = 84, FAR = 4;

class EvidenceStrip {
  constructor(parent) {
    this.node = element("div", "strip", parent);
    this.node.hidden = true;
    this.title = element("div", "strip-title", this.node);
    this.lane = element("div", "strip-lane", this.node);
    this.lane.setAttribute("aria-hidden", "true"); // its numbers are in the sentences below
    this.hand = element("div", "hand", this.lane);
    this.said = element("div", "strip-said", this.node);
  }

  // `position(balance)`: a place on the axis, in [0, 1].
  show(trained, position) {
    this.node.hidden = !trained;
    if (!trained) return;
    this.position = position;
    if (trained === this.trained) return this.place();
    this.trained = trained;
    this.near = null;
    this.title.replaceChildren();
    element("b", "", this.title, "What training gave");
    element("span", "quiet", this.title, trained.about);
    this.lane.replaceChildren(this.hand);
    this.lane.style.height = TALL + "px";
    const ends = trained.runs.map((run) => [run.low ?? run.difference, run.high ?? run.difference]);
    const reach = ends.map(([low, high]) => Math.max(-low, high)).sort((a, b) => a - b);
    const most = Math.min(reach[reach.length - 1], FAR * reach[Math.floor(reach.length / 2)]) || 1;
    const down = trained.more ? -1 : 1; // what is better is above
    this.y = (x) => TALL * (0.5 + 0.46 * down * Math.min(Math.max(x / most, -1), 1));
    const zero = element("div", "zero-line", this.lane);
    zero.style.top = this.y(0) + "px";
    element("span", "quiet better", this.lane, "better ↑");
    element("span", "quiet reference", this.lane, trained.reference).style.top = this.y(0) + "px";
    this.marks = trained.runs.map((run, k) => {
      const fate = down * run.difference < 0 ? "won" : "lost";
      const mark = element("div", "run " + (run.sure ? fate : ""), this.lane);
      const line = element("i", "", mark), dot = element("b", "", mark);
      const [low, high] = ends[k];
      const [top, bottom] = [this.y(low), this.y(high)].sort((a, b) => a - b);
      line.style.top = top + "px";
      line.style.height = bottom - top + "px";
      dot.style.top = this.y(run.difference) + "px";
      mark.title = run.said;
      return mark;
    });
    this.place();
  }

  // Runs at one balance stand side by side.
  place() {
    const seen = new Map();
    this.trained.runs.forEach((run, k) => {
      const before = seen.get(run.balance) || 0;
      seen.set(run.balance, before + 1);
      this.marks[k].style.left = `calc(${100 * this.position(run.balance)}% + ${12 * before}px)`;
    });
  }

  draw(balance) {
    if (this.node.hidden) return;
    const at = this.position(balance);
    this.hand.style.left = 100 * at + "%";
    let near = 0;
    const away = (k) => Math.abs(this.position(this.trained.runs[k].balance) - at);
    for (let k = 1; k < this.marks.length; k++) if (away(k) < away(near) - 1e-12) near = k;
    if (near === this.near) return;
    this.near = near;
    const here = this.trained.runs[near].balance;
    this.said.replaceChildren();
    this.trained.runs.forEach((run, k) => {
      const beside = run.balance === here;
      this.marks[k].classList.toggle("near", beside);
      if (beside) element("p", "", this.said, run.said);
    });
  }
}
