/**
 * The small pieces of HTML that the page is made of.
 *
 * @module
 */

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Text as it may stand in HTML, in an attribute, too. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES[character]!);
}

/** A number for people: thousands grouped, so many decimals. */
export function number(value: number, decimals = 0): string {
  return value.toLocaleString("en", {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
}

/** Milliseconds for people. */
export function milliseconds(value: number): string {
  return `${number(value, value < 10 ? 1 : 0)} ms`;
}

/** A part of a whole as percent. */
export function percent(part: number, decimals = 0): string {
  return `${number(100 * part, decimals)} %`;
}

/**
 * A figure of the run: the page shows the text, and says which number it stands for.
 *
 * @param path where the number is in `run.json`, as `videoVq.bytes` or `encodecStream.coded.0.bytes`
 */
export function figure(path: string, value: number, text: string): string {
  return `<data value="${value}" data-figure="${path}">${escapeHtml(text)}</data>`;
}

/** A figure and what it is of. */
export type Fact = readonly [label: string, html: string];

/** A fact that is one figure. */
export function fact(label: string, path: string, value: number, text: string): Fact {
  return [label, figure(path, value, text)];
}

/** A list of facts. */
export function facts(list: readonly Fact[]): string {
  const items = list.map(([label, html]) => `<div><dt>${label}</dt><dd>${html}</dd></div>`);
  return `<dl class="facts">${items.join("")}</dl>`;
}

/** A link to something that the run wrote. */
export function link(href: string, text: string): string {
  return `<a href="${escapeHtml(href)}">${escapeHtml(text)}</a>`;
}

/** A box with a title, and what its colours mean: a class of the style and HTML for each. */
export function panel(
  title: string,
  body: string,
  keys: readonly (readonly [kind: string, html: string])[] = [],
): string {
  const list = keys.map(([kind, html]) =>
    `<span class="key"><i class="${kind}"></i>${html}</span>`
  );
  return `<figure class="panel"><figcaption><b>${title}</b>${list.join("")}</figcaption>
${body}</figure>`;
}

/** One bar of a comparison. */
export interface Bar {
  /** What it is, as HTML. */
  readonly label: string;
  /** Its length. */
  readonly value: number;
  /** The figure, as HTML. */
  readonly figure: string;
  /** Which colour. Default: the first. */
  readonly kind?: "plain" | "own";
}

/** Bars under each other, the longest as wide as there is room; true to scale. */
export function bars(list: readonly Bar[]): string {
  const most = Math.max(...list.map(({ value }) => value));
  const rows = list.map(({ label, value, figure, kind = "plain" }) =>
    `<li class="${kind}"><span class="bar-label">${label}</span>` +
    `<span class="bar-track"><i style="width:${(100 * value / most).toFixed(3)}%"></i></span>` +
    `<span class="bar-figure">${figure}</span></li>`
  );
  return `<ul class="bars">${rows.join("")}</ul>`;
}

/** What a section of the page holds. */
export interface Section {
  /** Name of the package. */
  readonly name: string;
  /** What was shown, in a few words. */
  readonly title: string;
  /** What happened, in one sentence. */
  readonly text: string;
  /** Figures of the run. */
  readonly facts: readonly Fact[];
  /** Command that does the same, as one types it. */
  readonly command: string;
  /** Links to what was written. */
  readonly links: readonly string[];
  /** Images, players and plots, as HTML. */
  readonly body: string;
}

/** Makes a section. */
export function section(part: Section): string {
  const { name, title, text, command, links, body } = part;
  return `<section id="${name}" aria-labelledby="${name}-title">
<div class="words">
<div><p class="eyebrow">${name}</p>
<h2 id="${name}-title">${escapeHtml(title)}</h2>
<p class="sentence">${escapeHtml(text)}</p></div>
<div class="details">${facts(part.facts)}
<pre class="command"><code>${escapeHtml(command)}</code></pre>
<p class="links">${links.join("")}</p></div>
</div>
<div class="show">
${body}
</div>
</section>`;
}
