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
