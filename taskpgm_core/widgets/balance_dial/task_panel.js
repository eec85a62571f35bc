// What is to be said of the chosen task: {task, balance, why, sharing [lines], example {title, prompt,
// models [2], tokens [text, [word, chance], [word, chance], alike]} or null, href}.
class TaskPanel {
  constructor(parent, close) {
    this.node = element("section", "panel", parent);
    this.node.hidden = true;
    this.node.setAttribute("aria-label", "The chosen task");
    this.close = close;
  }

  show(panel) {
    this.node.hidden = !panel;
    this.node.parentElement.classList.toggle("panelled", Boolean(panel));
    if (panel === this.panel) return;
    this.panel = panel;
    this.node.replaceChildren();
    if (!panel) return;
    const head = element("div", "panel-head", this.node);
    element("b", "", head, panel.why);
    const close = element("button", "", head, "Close");
    close.type = "button";
    close.setAttribute("aria-label", `Let ${panel.task} go`);
    close.onclick = () => this.close(panel.task);
    for (const line of panel.sharing) element("p", "", this.node, line);
    if (panel.example) this.compare(panel.example);
    const link = element("a", "", this.node, `Why ${shorten(panel.task, 26)}, in full`);
    link.href = panel.href;
  }

  compare({ title, prompt, models, tokens }) {
    element("p", "quiet", this.node, title);
    if (prompt) element("pre", "prompt", this.node, prompt);
    const table = element("table", "", this.node);
    const head = element("tr", "", element("thead", "", table));
    const written = tokens.some(([text]) => text); // a study may keep no text
    for (const text of [...(written ? ["expected"] : []), ...models.map((name) => shorten(name, 16))]) {
      element("th", "", head, text).scope = "col";
    }
    const body = element("tbody", "", table);
    for (const [text, ...said] of tokens) {
      const row = element("tr", "", body);
      if (written) element("td", "", row, text);
      for (const [word, chance] of said) element("td", "", row, `${word} ${percent(chance)}`);
    }
  }

  // Whether it is of another balance than the one under the hand.
  follow(balance, passing) {
    const far = this.panel && (passing || Math.abs(this.panel.balance - balance) > 1e-9 * balance);
    this.node.classList.toggle("stale", Boolean(far));
  }
}
