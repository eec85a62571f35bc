// A text area that hands its text over while it is being written, a moment after the last key.
// `data`: key, label, text; a new key replaces the text.
const PAUSE = 350;

export default function editor({ data, parentElement, setStateValue }) {
  let area = parentElement.querySelector("textarea");
  if (!area) {
    const label = document.createElement("label");
    label.textContent = data.label;
    area = document.createElement("textarea");
    area.spellcheck = false;
    let timer;
    area.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => setStateValue("text", area.value), PAUSE);
    });
    label.appendChild(area);
    parentElement.appendChild(label);
  }
  if (area.dataset.key !== data.key) {
    area.dataset.key = data.key;
    area.value = data.text;
  }
}
