/** Draws SUITES, which stands before this script: plots of medians and quartiles by commit. */
const COLORS = ["#2563eb", "#c2410c", "#0f766e", "#7e22ce", "#a16207", "#be123c"];

const UNITS = [["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]];

function duration(nanoseconds) {
  if (nanoseconds === null || nanoseconds === undefined) return "–";
  const [unit, size] = UNITS.find(([, size]) => nanoseconds >= size) ?? UNITS.at(-1);
  return `${Number((nanoseconds / size).toPrecision(3))} ${unit}`;
}

/** Commits of all machines in order, each once. */
const commitsOf = ({ lines }) => [
  ...new Set(lines.flatMap(({ points }) => points.map(({ commit }) => commit))),
];

/** Values of a line at all commits: the last measuring of a commit counts. */
function valuesOf({ points }, commits, field) {
  const byCommit = new Map(points.map((point) => [point.commit, point[field]]));
  return commits.map((commit) => byCommit.get(commit) ?? null);
}

function draw(place, plot) {
  const commits = commitsOf(plot);
  const series = [{ label: "commit", value: (_, at) => commits[at] ?? "" }];
  const data = [commits.map((_, at) => at)];
  const bands = [];
  for (const [i, line] of plot.lines.entries()) {
    const stroke = COLORS[i % COLORS.length];
    const value = (_, nanoseconds) => duration(nanoseconds);
    series.push({ label: line.machine, stroke, width: 2, value, points: { show: true } });
    series.push({ label: "upper", stroke: "transparent", value, points: { show: false } });
    series.push({ label: "lower", stroke: "transparent", value, points: { show: false } });
    bands.push({ series: [series.length - 2, series.length - 1], fill: `${stroke}33` });
    for (const field of ["median", "upper", "lower"]) data.push(valuesOf(line, commits, field));
  }
  const text = getComputedStyle(place).color;
  const grid = { stroke: "#8884", width: 1 };
  new uPlot(
    {
      width: place.clientWidth,
      height: 180,
      scales: { x: { time: false }, y: { range: (_, __, high) => [0, 1.1 * (high || 1)] } },
      axes: [
        {
          stroke: text,
          grid,
          incrs: [1, 2, 5, 10, 20, 50, 100],
          values: (_, ticks) => ticks.map((at) => commits[at]?.slice(0, 7) ?? ""),
        },
        { stroke: text, grid, size: 70, values: (_, ticks) => ticks.map(duration) },
      ],
      series,
      bands,
    },
    data,
    place,
  );
}

/** What was measured last on each machine. */
const latestOf = ({ lines }) =>
  lines.map(({ machine, points }) => {
    const { median, memory } = points.at(-1);
    return `${machine}: ${duration(median)}, ${Math.round(memory / 1e6)} MB`;
  }).join("; ");

for (const [suite, plots] of SUITES) {
  const section = document.createElement("section");
  const head = document.createElement("h2");
  head.textContent = suite;
  section.append(head);
  document.querySelector("main").append(section);
  for (const plot of plots) {
    const figure = document.createElement("div");
    const title = document.createElement("h3");
    title.textContent = plot.title;
    const latest = document.createElement("p");
    latest.textContent = latestOf(plot);
    figure.append(title, latest);
    section.append(figure);
    draw(figure, plot);
  }
}
