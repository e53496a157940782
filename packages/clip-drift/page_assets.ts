/**
 * The page's files, as they lie beside this one.
 *
 * @module
 */
import plotCss from "uplot/dist/uPlot.min.css" with { type: "text" };
import plotJs from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import html from "./page/page.html" with { type: "text" };
import css from "./page/page.css" with { type: "text" };
import script from "./page/page.js" with { type: "text" };

const CSS = "text/css; charset=utf-8";
const JS = "text/javascript; charset=utf-8";

/** Text and type of each path. */
export const ASSETS: Readonly<Record<string, { readonly text: string; readonly type: string }>> = {
  "/": { text: html, type: "text/html; charset=utf-8" },
  "/page.css": { text: css, type: CSS },
  "/page.js": { text: script, type: JS },
  "/plot.css": { text: plotCss, type: CSS },
  "/plot.js": { text: plotJs, type: JS },
};
