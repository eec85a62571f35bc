// "How alike is the same?": the second track, over the points of a resolution axis {key, balance,
// resolutions ascending, skills, places and weights of each, automatic, plateaus [first, last,
// skills]}. The hand goes from point to point; between two there is nothing. `asked`: what the page
// stands at, {key and balance of its axis, at: "auto", "inf" or a number, value: that in numbers or
// null, words, skills or null, unit, onRequest}. `show(k)`: show the mixture of point k; `choose(at)`;
// `want()`: the hand comes near, and the axis comes on request alone.
class ResolutionTrack {
  constructor(parent, show, choose, want) {
    this.show = show;
    this.choose = choose;
    this.root = element("div", "resolution", parent);
    this.root.hidden = true;
    for (const event of ["pointerenter", "focusin"]) {
      this.root.addEventListener(event, ({ buttons }) => {
        if (!this.asked.onRequest || buttons) return;
        want();
        this.awaited = true;
        this.draw();
      });
    }
    const readout = element("div", "readout", this.root);
    this.field = numberField(readout, "How alike is the same?", (text) => this.typed(text));
    this.field.setAttribute("aria-label", "Resolution: how alike is the same?");
    this.field.placeholder = "none";
    this.valueText = element("span", "quiet", readout);
    this.skillsText = element("span", "", readout);
    this.track = new Track(this.root, "How alike is the same?", 72, ["curve", "plateaus", "middle"], {
      moved: (at) => this.move(this.nearest(at)),
      released: () => this.release(),
      stepped: (key) => this.step(key),
    });
    this.track.says({ valuemin: 0 });
    this.marks = element("div", "marks", this.track.node);
    this.marks.setAttribute("aria-hidden", "true");
    this.note = element("div", "note", this.track.node);
    const ends = element("div", "ends", this.root);
    element("span", "", ends, "← every file its own");
    const choices = element("span", "choices", ends);
    this.auto = this.choice(choices, "auto", "auto", "Go to the automatic resolution");
    this.paper = this.choice(choices, "the paper's", "inf", "S as measured, without a resolution");
    element("span", "", ends, "coarsest →");
  }

  choice(parent, text, at, title) {
    const node = element("button", "at-anchor", parent, text);
    node.type = "button";
    node.title = title;
    node.onclick = () => this.tell(at);
    return node;
  }

  get busy() { return this.track.busy; }

  // Whether the data still answer a question from before the last choice.
  late(asked) {
    if (!this.told) return false;
    if (asked.at === this.told.at || performance.now() - this.told.when > PATIENCE) this.told = null;
    return this.told !== null;
  }

  update(asked) {
    this.asked = asked;
    this.root.hidden = !asked;
    if (!asked) return;
    if (!this.busy) this.passing = undefined;
    this.receive(window.taskpgmAxis);
    this.draw();
  }

  receive(axis) {
    const { asked } = this;
    if (!asked || this.busy) return;
    const same = Boolean(axis) && axis.key === asked.key;
    if (same && this.axis !== axis) this.background(axis);
    if (!same) this.clear();
    this.track.off = !same || axis.balance !== asked.balance; // until its own comes
    this.root.classList.toggle("waiting", this.track.off);
    this.track.says({ disabled: this.track.off });
  }

  clear() {
    this.axis = this.at = this.passing = undefined;
    for (const name of ["curve", "plateaus", "middle"]) this.track.paths[name].setAttribute("d", "");
    this.marks.replaceChildren();
  }

  place(resolution) {
    const { resolutions } = this.axis, first = resolutions[0];
    const span = Math.log(resolutions[resolutions.length - 1] / first);
    return span > 0 ? Math.min(Math.max(Math.log(resolution / first) / span, 0), 1) : 0.5;
  }

  nearest(at) {
    let best = 0;
    this.at.forEach((x, k) => { if (Math.abs(x - at) < Math.abs(this.at[best] - at)) best = k; });
    return best;
  }

  // The point that the page stands at, or the nearest to it; the automatic one where it is at inf.
  get point() {
    if (this.passing !== undefined) return this.passing;
    const { value } = this.asked;
    return value === null ? this.axis.automatic : this.nearest(this.place(value));
  }

  // Leave the point in passing: the page shows something else.
  leave() {
    this.passing = undefined;
    this.draw();
  }

  step(key) {
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 8, PageDown: -8 };
    const last = this.at.length - 1;
    let k = this.point;
    if (key in steps) k = Math.min(Math.max(k + steps[key], 0), last);
    else if (key === "Home") k = 0;
    else if (key === "End") k = last;
    else return undefined;
    return this.at[k];
  }

  move(k) {
    this.passing = k;
    this.draw();
    this.show(k);
  }

  release() {
    const k = this.passing;
    if (k === undefined) return;
    this.show(k);
    this.tell(k === this.axis.automatic ? "auto" : this.axis.resolutions[k]);
  }

  // A resolution from its field; none is the automatic one.
  typed(text) {
    const value = Number(text);
    if (text !== "" && !(Number.isFinite(value) && value > 0)) return "A resolution is a number above 0, or empty for auto.";
    this.tell(text === "" ? "auto" : value);
    return "";
  }

  tell(at) {
    if (at === this.asked.at) {
      this.update(this.asked);
      this.show();
      return;
    }
    this.told = { at, when: performance.now() };
    this.choose(at);
  }

  background(axis) {
    const top = 8, floor = RAIL - 6;
    this.axis = axis;
    this.at = axis.resolutions.map((x) => this.place(x));
    const most = Math.log(Math.max(...axis.skills, 2)); // so that few of many are seen, too
    const y = (skills) => floor - (floor - top) * Math.max(Math.log(skills), 0) / most;
    const spot = (k) => `${(1000 * this.at[k]).toFixed(1)} ${y(axis.skills[k]).toFixed(2)}`;
    const line = this.at.map((_, k) => spot(k)).join("L");
    this.track.paths.curve.setAttribute("d", `M0 ${floor}L${line}L1000 ${floor}Z`);
    const level = axis.plateaus.map(([first, last]) => {
      return "M" + this.at.slice(first, last + 1).map((_, k) => spot(first + k)).join("L");
    });
    this.track.paths.plateaus.setAttribute("d", level.join(""));
    const auto = this.at[axis.automatic];
    this.track.paths.middle.setAttribute("d", `M${(1000 * auto).toFixed(1)} 2V${RAIL + 18}`);
    this.track.says({ valuemax: this.at.length - 1 });
    this.marks.replaceChildren();
    this.autoMark = element("span", auto > 0.8 ? "auto left" : "auto", this.marks, "auto");
    this.autoMark.style.left = 100 * auto + "%";
    for (const [first, last, skills] of axis.plateaus) {
      const high = y(skills) < 22; // its number would stand in the line above the track
      const mark = element("span", high ? "below" : "", this.marks, skills.toFixed(0));
      mark.style.left = 50 * (this.at[first] + this.at[last]) + "%";
      mark.style.top = y(skills) + "px";
    }
  }

  words(k) {
    const number = `${Number(this.axis.resolutions[k].toPrecision(3))} ${this.asked.unit}`.trim();
    if (k === this.axis.automatic) return number + " (auto)";
    return k === this.at.length - 1 ? number + " (coarsest)" : number;
  }

  draw() {
    const { asked, axis, passing } = this, moving = passing !== undefined;
    const value = moving ? axis.resolutions[passing] : asked.value;
    const skills = moving ? axis.skills[passing] : asked.skills;
    const words = moving ? this.words(passing) : asked.words;
    const many = skills === null ? "" : skills.toFixed(1);
    const told = many && `${many} distinct skill${many === "1.0" ? "" : "s"}`;
    this.skillsText.textContent = told.replace("distinct ", "");
    this.valueText.textContent = words.replace(/^[\d.e+-]+ /, ""); // the number is in its field
    this.valueText.title = words;
    this.field.show(value === null ? "" : Number(value.toPrecision(4)));
    const at = moving ? axis.automatic === passing && "auto" : asked.at;
    this.auto.setAttribute("aria-pressed", String(at === "auto"));
    this.paper.setAttribute("aria-pressed", String(at === "inf"));
    this.track.handle.hidden = !this.at || value === null;
    const idle = asked.onRequest && !this.awaited;
    this.note.textContent = this.at ? "" : idle ? "Point here to see the skills at every resolution" : "Every resolution is being solved";
    if (!this.at) return;
    this.autoMark.hidden = at === "auto"; // the choice below says it
    if (value !== null) this.track.handle.style.left = 100 * this.place(value) + "%";
    this.track.says({ valuenow: this.point, valuetext: told ? `${told}, ${words}` : words });
  }
}

window.addEventListener("taskpgm-axis", ({ detail }) => {
  for (const { resolution } of alive) {
    resolution.receive(detail);
    if (resolution.asked) resolution.draw();
  }
});
