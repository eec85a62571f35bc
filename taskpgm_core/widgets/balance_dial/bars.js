// Which bars are shown and in what order, what is written on them, and the brackets that join tasks
// alike at the resolution.

function percent(share) {
  if (share <= 0) return "0%";
  return share < 0.001 ? "<0.1%" : (100 * share).toFixed(1) + "%";
}

function shorten(name, width) {
  if (name.length <= width) return name;
  const head = Math.ceil((width - 1) / 2);
  return name.slice(0, head) + "…" + name.slice(name.length - (width - 1 - head));
}

function byWeight(p) { return (a, b) => p[b] - p[a] || a - b; }

// The order of n bars: by weight, highest first, equal ones as the study lists them; the tasks of a
// group stand together where its highest stands.
function grouped(p, groupOf) {
  const highest = byWeight(p);
  const order = Array.from(p.keys()).sort(highest);
  const lead = new Map();
  for (const i of order) if (groupOf[i] >= 0 && !lead.has(groupOf[i])) lead.set(groupOf[i], i);
  const leader = (i) => (groupOf[i] < 0 ? i : lead.get(groupOf[i]));
  return order.sort((a, b) => highest(leader(a), leader(b)) || highest(a, b));
}

// The highest of the bars, at most so many, in the order that they have.
function heaviest(order, p, most) {
  const kept = new Set([...order].sort(byWeight(p)).slice(0, most));
  return order.filter((i) => kept.has(i));
}

// For each of the bars, in their order: "", or the part of a bracket that is drawn there.
function brackets(order, groupOf) {
  const same = (a, b) => a !== undefined && b !== undefined && groupOf[a] >= 0 && groupOf[a] === groupOf[b];
  return order.map((i, k) => {
    const above = same(order[k - 1], i), below = same(i, order[k + 1]);
    return above ? (below ? "inside" : "last") : below ? "first" : "";
  });
}
