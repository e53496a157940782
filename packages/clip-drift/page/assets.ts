/**
 * The page's files: its own, as they lie beside this one, and the plot's from npm.
 *
 * @module
 */
import type { AssetList } from "@vcs/transport/internal";
import plotCss from "uplot/dist/uPlot.min.css" with { type: "text" };
import plotJs from "uplot/dist/uPlot.iife.min.js" with { type: "text" };

const own = (name: string) => new URL(`./${name}`, import.meta.url);

/** Files by the path at which they are served. */
export const ASSETS: AssetList = {
  "/": own("page.html"),
  "/page.css": own("page.css"),
  "/page.js": own("page.js"),
  "/plot.css": plotCss,
  "/plot.js": plotJs,
};
