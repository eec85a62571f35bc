// A track with a handle, for pointers, thumbs and keys; what it draws and what a place on it means
// is its owner's. `moved(at)`: a place in [0, 1], at most once a frame; `released()`;
// `stepped(key)`: the place that a key asks for, undefined for keys that ask for none.
const SVG = "http://www.w3.org/2000/svg";
const RAIL = 52;

function element(tag, className, parent, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

// A field for a number with its label; `typed(text)` gives a sentence where the text is refused.
function numberField(parent, label, typed) {
  const frame = element("label", "field", parent, label + " ");
  const input = element("input", "", frame);
  input.type = "number";
  input.step = "any";
  input.min = "0";
  input.onchange = () => {
    input.setCustomValidity(typed(input.value.trim()));
    if (!input.reportValidity()) return;
    input.blur();
  };
  input.oninput = () => input.setCustomValidity("");
  // what is being typed is not overwritten
  input.show = (value) => { if (input.getRootNode().activeElement !== input) input.value = value; };
  return input;
}

class Track {
  constructor(parent, label, height, layers, owner) {
    this.owner = owner;
    this.dragging = false;
    this.node = element("div", "track", parent);
    this.node.style.height = height + "px";
    this.node.tabIndex = 0;
    this.node.setAttribute("role", "slider");
    this.node.setAttribute("aria-label", label);
    this.node.setAttribute("aria-orientation", "horizontal");
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 1000 ${height}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    this.paths = {};
    for (const name of [...layers, "rail"]) {
      this.paths[name] = document.createElementNS(SVG, "path");
      this.paths[name].setAttribute("class", name);
      svg.appendChild(this.paths[name]);
    }
    this.paths.rail.setAttribute("d", `M0 ${RAIL}H1000`);
    this.node.appendChild(svg);
    this.handle = element("div", "handle", this.node);
    this.listen();
  }

  // Whether a hand is on it, or has been a moment ago.
  get busy() { return this.dragging || Boolean(this.pending); }

  listen() {
    const { node } = this;
    node.addEventListener("pointerdown", (event) => {
      if (event.button > 0 || this.off) return;
      this.dragging = true;
      node.setPointerCapture(event.pointerId);
      this.point(event);
    });
    node.addEventListener("pointermove", (event) => { if (this.dragging) this.point(event); });
    const up = () => { if (this.dragging) { this.dragging = false; this.release(); } };
    node.addEventListener("pointerup", up);
    node.addEventListener("pointercancel", up);
    node.addEventListener("keydown", (event) => {
      const at = this.off ? undefined : this.owner.stepped(event.key);
      if (at === undefined) return;
      event.preventDefault();
      this.owner.moved(at);
      clearTimeout(this.pending);
      this.pending = setTimeout(() => this.release(), 300);
    });
  }

  point(event) {
    const box = this.node.getBoundingClientRect();
    this.wanted = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => { this.frame = 0; this.owner.moved(this.wanted); });
  }

  release() {
    clearTimeout(this.pending);
    this.pending = 0;
    if (this.frame) {
      cancelAnimationFrame(this.frame);
      this.frame = 0;
      this.owner.moved(this.wanted);
    }
    this.owner.released();
  }

  says(values) {
    for (const [name, value] of Object.entries(values)) this.node.setAttribute("aria-" + name, value);
  }
}
