// A story in place of a page: one for each place that it is mounted at.
const presenters = new WeakMap();

export default function present({ data, parentElement, setStateValue, setTriggerValue }) {
  if (!presenters.has(parentElement)) presenters.set(parentElement, new Presenter(parentElement));
  presenters.get(parentElement).update(
    data,
    (balance) => setStateValue("balance", balance),
    () => {},
    (resolution) => setTriggerValue("resolution", resolution),
  );
}
