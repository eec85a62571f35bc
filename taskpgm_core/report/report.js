// What is alive in a report: the dial over the exact path, and the record as a file.
// `dial` is defined above, by the script that the dashboard's dial runs too.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const place = document.getElementById("dial");
const moved = document.getElementById("moved");
const decided = read("dial-data");

function show(balance) {
  const away = Math.abs(balance - decided.balance) > 1e-9;
  moved.hidden = !away;
  const at = (value) => Number(value.toPrecision(4));
  document.getElementById("moved-text").textContent =
    `You moved the balance to ${at(balance)}; the decision is at ${at(decided.balance)}.`;
  dial({ data: { ...decided, balance }, parentElement: place, setStateValue: (_, b) => show(b) });
}

// The steps of the page under the arrow keys, the picture of the mixture alive.
function present() {
  const steps = [...document.querySelectorAll(".step")].map((step) => ({
    name: step.dataset.name,
    title: step.querySelector("h3").textContent,
    sentence: step.querySelector("p").textContent,
    svg: "live" in step.dataset ? null : step.querySelector("svg").outerHTML,
  }));
  const rest = [...document.body.children], stage = element("div", "on-stage", document.body);
  const presenter = new Presenter(stage, () => {
    stage.remove();
    for (const node of rest) node.inert = false;
    document.getElementById("present").focus();
  });
  for (const node of rest) node.inert = true;
  const told = (balance) => presenter.update(
    { steps, dial: { ...decided, graph: decided.key, balance } }, told, () => {}, () => {},
  );
  told(decided.balance);
}

if (decided.layout) {
  window.taskpgmGraph = decided.layout;
  document.getElementById("present").onclick = present;
}
document.getElementById("back").onclick = () => show(decided.balance);
document.getElementById("save").onclick = () => {
  const file = new Blob([document.getElementById("decision").textContent.trim() + "\n"], {
    type: "application/json",
  });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = document.getElementById("save").dataset.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};
window.addEventListener("beforeprint", () => show(decided.balance));
show(decided.balance);
if (decided.layout && "present" in document.body.dataset) present();
