/**
 * A comparison of shares as a table and as a plot.
 *
 * @module
 */
import type { ShareComparison, ShareResult } from "./shares.ts";

const HEAD = [
  "| share | patches | most energy: mean | least | at random: mean | least | ms |",
  "| --- | --- | --- | --- | --- | --- | --- |",
];

/** The table, in Markdown. */
export function shareTable({ shares }: ShareComparison): string {
  const rows = shares.map(({ share, patches, energy, random, milliseconds }) => {
    const cosines = [energy.mean, energy.least, random.mean, random.least].map((x) => x.toFixed(3));
    return `| ${Math.round(100 * share)} % | ${patches} | ${cosines.join(" | ")} | ${
      milliseconds.toFixed(0)
    } |`;
  });
  return [...HEAD, ...rows].join("\n");
}

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [640, 400, 60, 40, 620, 350];

/** Lines of the plot: which cosines, colour, and where its name stands. */
const LINES = [
  { name: "most energy", color: "#0a6", of: ({ energy }: ShareResult) => energy.mean, at: 0 },
  { name: "at random", color: "#b50", of: ({ random }: ShareResult) => random.mean, at: 1 },
] as const;

/** The least of the axis: a round number below all cosines. */
function floorOf(shares: readonly ShareResult[]): number {
  const least = Math.min(...shares.flatMap(({ energy, random }) => [energy.mean, random.mean]));
  return Math.min(0.9, Math.floor(least * 10) / 10);
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** The plot, as SVG. */
export function sharePlot(comparison: ShareComparison): string {
  const { shares, model, frames, grid } = comparison;
  const floor = floorOf(shares);
  const x = (share: number) => LEFT + share * (RIGHT - LEFT);
  const y = (cosine: number) => BOTTOM - (cosine - floor) / (1 - floor) * (BOTTOM - TOP);
  const text = (at: [number, number], words: string, more = "") =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${more}>${escaped(words)}</text>`;
  const middle = 'text-anchor="middle"';
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  const across = ticks.map((share) => text([x(share), BOTTOM + 20], `${100 * share} %`, middle));
  const up = ticks.map((part) => floor + part * (1 - floor)).flatMap((cosine) => [
    `<path d="M${LEFT} ${y(cosine).toFixed(1)}H${RIGHT}" stroke="#8884"/>`,
    text([LEFT - 8, y(cosine) + 4], cosine.toFixed(2), 'text-anchor="end"'),
  ]);
  const lines = LINES.flatMap(({ name, color, of, at }) => {
    const points = shares.map((row) => `${x(row.share).toFixed(1)},${y(of(row)).toFixed(1)}`);
    const key = BOTTOM - 34 + 20 * at;
    return [
      `<polyline points="${points.join(" ")}" fill="none" stroke="${color}" stroke-width="2"/>`,
      `<path d="M${RIGHT - 150} ${key - 4}h24" stroke="${color}" stroke-width="2"/>`,
      text([RIGHT - 120, key], name),
    ];
  });
  const title = `${model}: cosine to the whole picture's embedding`;
  const about = `patches kept of ${grid.rows * grid.columns} a frame; ${frames} frames`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" ` +
    `font-family="sans-serif" font-size="13" fill="#777">`,
    text([LEFT, 22], title, 'font-size="15"'),
    ...up,
    ...across,
    ...lines,
    text([(LEFT + RIGHT) / 2, BOTTOM + 40], about, middle),
    "</svg>",
    "",
  ].join("\n");
}
