// The outline around circles: their convex hull, with room around it.
const ROOM = 6, CORNERS = 16;
const TURN = Array.from({ length: CORNERS }, (_, k) => {
  const angle = (2 * Math.PI * k) / CORNERS;
  return [Math.cos(angle), Math.sin(angle)];
});

// Corners of the convex hull of points [x, y] (Andrew's monotone chain).
function convexHull(points) {
  const sorted = points.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const chain = (walked) => {
    const kept = [];
    for (const p of walked) {
      while (kept.length > 1) {
        const a = kept[kept.length - 2], b = kept[kept.length - 1];
        if ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0) break;
        kept.pop();
      }
      kept.push(p);
    }
    kept.pop();
    return kept;
  };
  const lower = chain(sorted);
  return lower.concat(chain(sorted.reverse()));
}

// The outline of circles {x, y, r}.
function outline(circles) {
  const rims = [];
  for (const { x, y, r } of circles) {
    for (const [across, up] of TURN) rims.push([x + (r + ROOM) * across, y + (r + ROOM) * up]);
  }
  return convexHull(rims);
}
