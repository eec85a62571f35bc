// Which bars stand next to each other because their tasks share a skill, and the bracket there.

// The order of n bars: by weight, highest first, equal ones as the study lists them; the tasks of a
// group stand together where its highest stands.
function grouped(p, groupOf) {
  const highest = (a, b) => p[b] - p[a] || a - b;
  const order = Array.from(p.keys()).sort(highest);
  const lead = new Map();
  for (const i of order) if (groupOf[i] >= 0 && !lead.has(groupOf[i])) lead.set(groupOf[i], i);
  const leader = (i) => (groupOf[i] < 0 ? i : lead.get(groupOf[i]));
  return order.sort((a, b) => highest(leader(a), leader(b)) || highest(a, b));
}

// For each of the bars, in their order: "", or the part of a bracket that is drawn there.
function brackets(order, groupOf) {
  const same = (a, b) => a !== undefined && b !== undefined && groupOf[a] >= 0 && groupOf[a] === groupOf[b];
  return order.map((i, k) => {
    const above = same(order[k - 1], i), below = same(i, order[k + 1]);
    return above ? (below ? "inside" : "last") : below ? "first" : "";
  });
}
