// The dial on a page: one for each place that it is mounted at.
const dials = new WeakMap();

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
    () => setTriggerValue && setTriggerValue("axis", true),
  );
}
