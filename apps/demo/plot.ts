/**
 * Plots as small inline SVG. Lines stretch with the page and text does not: labels are HTML above
 * the drawing.
 *
 * @module
 */
import { escapeHtml } from "./html.ts";

/** A place on an axis, and its text. */
export type Tick = readonly [value: number, text: string];

/** What to draw. */
export interface Plot {
  /** Its id, for the script that moves the cursor. */
  readonly id: string;
  /** What is seen, for those who cannot see it. */
  readonly label: string;
  /** Ends of the horizontal axis. */
  readonly x: readonly [least: number, most: number];
  /** Ends of the vertical axis. */
  readonly y: readonly [least: number, most: number];
  /** Places on the horizontal axis. */
  readonly xTicks: readonly Tick[];
  /** Places on the vertical axis. */
  readonly yTicks: readonly Tick[];
  /** Words above a place on the horizontal axis. */
  readonly mark?: Tick;
  /** What lies over the drawing, as HTML. */
  readonly over?: string;
  /** What is drawn, by the functions of {@linkcode Scale}. */
  readonly draw: (scale: Scale) => string;
}

/** Turns values into the drawing's units: 1,000 across and down. */
export class Scale {
  /** Takes the ends of both axes. */
  constructor(
    readonly xRange: readonly [least: number, most: number],
    readonly yRange: readonly [least: number, most: number],
  ) {}

  /** Units from the left. */
  x(value: number): number {
    const [least, most] = this.xRange;
    return 1000 * (value - least) / (most - least);
  }

  /** Units from the top. */
  y(value: number): number {
    const [least, most] = this.yRange;
    return 1000 * (1 - (value - least) / (most - least));
  }

  /** A line through points. */
  line(points: readonly (readonly [number, number])[], kind: string): string {
    const places = points.map(([x, y]) => `${this.x(x).toFixed(1)},${this.y(y).toFixed(1)}`);
    return `<polyline class="${kind}" points="${places.join(" ")}"/>`;
  }

  /** A line across at a height. */
  level(value: number, kind: string): string {
    const y = this.y(value).toFixed(1);
    return `<line class="${kind}" x1="0" x2="1000" y1="${y}" y2="${y}"/>`;
  }

  /** A line from top to bottom. */
  upright(value: number, kind: string): string {
    const x = this.x(value).toFixed(1);
    return `<line class="${kind}" x1="${x}" x2="${x}" y1="0" y2="1000"/>`;
  }

  /** A box between two values each way. */
  box(left: number, right: number, low: number, high: number, kind: string): string {
    const [x, y] = [this.x(left), this.y(high)];
    const [width, height] = [this.x(right) - x, this.y(low) - y];
    const numbers = [x, y, width, height].map((value) => value.toFixed(1));
    return `<rect class="${kind}" x="${numbers[0]}" y="${numbers[1]}" width="${
      numbers[2]
    }" height="${numbers[3]}"/>`;
  }
}

/** Which way a text lies from its place, so that it stays within the plot. */
function side(percent: number): string {
  return percent < 3 ? ' class="start"' : percent > 97 ? ' class="end"' : "";
}

/** Draws a plot. */
export function plot({ id, label, x, y, xTicks, yTicks, mark, over = "", draw }: Plot): string {
  const scale = new Scale(x, y);
  const across = ([value, text]: Tick) => {
    const left = scale.x(value) / 10;
    return `<span${side(left)} style="left:${left.toFixed(2)}%">${escapeHtml(text)}</span>`;
  };
  const up = yTicks.map(([value, text]) =>
    `<span style="top:${(scale.y(value) / 10).toFixed(2)}%">${escapeHtml(text)}</span>`
  );
  const grid = yTicks.map(([value]) => scale.level(value, "grid"));
  return `<div class="plot" id="${id}">
<div class="plot-area">
<svg viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img" aria-label="${
    escapeHtml(label)
  }">${grid.join("")}${draw(scale)}</svg>
<div class="plot-y" aria-hidden="true">${up.join("")}</div><i class="cursor" hidden></i>${
    mark ? `<div class="plot-mark" aria-hidden="true">${across(mark)}</div>` : ""
  }${over}
</div>
<div class="plot-x" aria-hidden="true">${xTicks.map(across).join("")}</div>
</div>`;
}
