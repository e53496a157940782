/**
 * The page that links what the demo made.
 *
 * @module
 */
import type { DemoResult, DemoStep } from "./step.ts";

/** A step that has run. */
export interface DemoSection {
  /** The step. */
  readonly step: DemoStep;
  /** What it made. */
  readonly results: readonly DemoResult[];
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --paper: light-dark(#f6f5f2, #101114);
  --panel: light-dark(#fff, #191b20); --edge: light-dark(#e2dfd8, #2a2d35); --ink: light-dark(#1b1c1f, #eceef2);
  --soft: light-dark(#6a6c72, #969ba6); --link: light-dark(#0f7d6c, #3fd6ba); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); }
main { max-width: 860px; margin: auto; padding: 56px 24px; }
h1 { margin: 0; font-size: 32px; letter-spacing: -.02em; }
h1 + p { margin: 6px 0 36px; color: var(--soft); max-width: 60ch; }
article { background: var(--panel); border: 1px solid var(--edge); border-radius: 14px; padding: 22px 24px; margin-bottom: 16px; }
h2 { margin: 0; font-size: 19px; }
article p { margin: 4px 0 12px; color: var(--soft); max-width: 65ch; }
ul { list-style: none; margin: 0; padding: 0; display: grid; gap: 6px; }
a { color: var(--link); text-underline-offset: 3px; }
@media (max-width: 560px) { main { padding: 32px 16px; } h1 { font-size: 26px; } }
`;

const escapeHtml = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

function section({ step, results }: DemoSection): string {
  const links = results.map(({ href, label }) =>
    `<li><a href="${escapeHtml(href)}">${escapeHtml(label)}</a></li>`
  );
  return `<article id="${escapeHtml(step.name)}"><h2>${escapeHtml(step.name)}</h2>
<p>${escapeHtml(step.summary)}</p><ul>${links.join("")}</ul></article>`;
}

/** Makes the page. */
export function indexPage(sections: readonly DemoSection[]): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@vcs demo</title>
<style>${STYLE}</style>
<main>
<h1>@vcs</h1>
<p>Neural and compressed-domain media streams for Deno, run on this machine just now.</p>
${sections.map(section).join("\n")}
</main>
</html>
`;
}
