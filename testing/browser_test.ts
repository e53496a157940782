import assert from "node:assert/strict";
import { browserTest, withPage } from "./browser.ts";

const page = (body: string) => `data:text/html,${encodeURIComponent(body)}`;

browserTest("withPage() draws a page at the asked width", async () => {
  const found = await withPage(
    page("<h1>seen</h1>"),
    async (page) => [
      await page.textContent("h1"),
      await page.evaluate("innerWidth"),
      (await page.screenshot()).length > 0,
    ],
    { width: 390 },
  );
  assert.deepEqual(found, ["seen", 390, true]);
});

browserTest("withPage() rejects a page that throws", async () => {
  await assert.rejects(
    withPage(page("<script>throw new Error('broken')</script>"), () => Promise.resolve()),
    /broken/,
  );
});
