/**
 * A real browser for tests of pages: Debian's chromium, driven by playwright-core. Tests that use
 * it are ignored where no chromium is installed, except in CI.
 *
 * @module
 */
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { findProgram, needs } from "./shared.ts";

const program = findProgram("chromium") ?? findProgram("chromium-browser") ??
  findProgram("google-chrome");

/** Whether a browser is installed. */
export const hasBrowser: boolean = program !== undefined;

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Milliseconds that a browser may take for what a test waits for; a hang ends, a busy machine not. */
const LIMIT = 600_000;

/** Starts a headless browser with a profile of its own. Close it with `await using`. */
export async function openBrowser(): Promise<Browser> {
  if (program === undefined) throw new Error("Cannot open a browser: no chromium on PATH");
  const { chromium } = await import("playwright-core");
  const options = { executablePath: program, headless: true, args: FLAGS, timeout: LIMIT };
  return await chromium.launch(options);
}

/** A page of its own; every wait on it has time. */
export async function openPage(browser: Browser, options?: BrowserContextOptions): Promise<Page> {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(LIMIT);
  return page;
}

/** How a page is opened. */
export interface PageOptions {
  /** Width of the window in CSS pixels. */
  width?: number;
  /** Height of the window in CSS pixels. */
  height?: number;
}

/**
 * Opens a page in a browser, runs the function on it and closes both. Fails when the page threw
 * or wrote an error to its console, whatever the function found.
 *
 * Page callbacks are typed without the DOM here: pass `page.evaluate` an expression as a string.
 */
export async function withPage<T>(
  url: string | URL,
  fn: (page: Page) => Promise<T>,
  { width = 1280, height = 900 }: PageOptions = {},
): Promise<T> {
  await using browser = await openBrowser();
  const page = await openPage(browser, { viewport: { width, height } });
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (line) => line.type() === "error" && errors.push(line.text()));
  await page.goto(String(url));
  const result = await fn(page);
  if (errors.length > 0) throw new Error(`The page ${url} reports: ${errors.join("; ")}`);
  return result;
}

/**
 * Waits until an expression holds in a page. Unlike `page.waitForFunction` it works where the page
 * forbids evaluation of strings.
 *
 * @throws {Error} where it does not hold in time
 */
export async function waitUntil(page: Page, expression: string, timeout = 120_000): Promise<void> {
  for (const end = performance.now() + timeout; !await page.evaluate(expression);) {
    if (performance.now() > end) throw new Error(`Waited ${timeout} ms in vain for ${expression}`);
    await page.waitForTimeout(20);
  }
}

/** What axe finds wrong in a page for people who do not see it or use no mouse: rules with elements. */
export async function barriers(page: Page): Promise<string[]> {
  const { default: axe } = await import("axe-core");
  await page.evaluate(axe.source);
  const found = await page.evaluate("axe.run({ resultTypes: ['violations'] })") as {
    violations: { id: string; nodes: { target: unknown }[] }[];
  };
  return found.violations.map(({ id, nodes }) =>
    `${id}: ${nodes.map(({ target }) => target).join(", ")}`
  );
}

/** Registers a test that needs a browser; its processes and sockets outlive single operations. */
export function browserTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ...needs(hasBrowser), sanitizeOps: false, sanitizeResources: false, fn });
}
