// What people do with the documentation in a browser, and what pages of other origins can't.
// usage: LINUX_API_KEY=... node docs.mjs URL CHROMIUM

import assert from "node:assert/strict";
import http from "node:http";
import { chromium } from "playwright-core";

const [url, executablePath] = process.argv.slice(2);
const key = process.env.LINUX_API_KEY;
const port = new URL(url).port;

const browser = await chromium.launch({
  executablePath,
  // The name of a foreign site that resolves to this machine.
  args: ["--no-sandbox", `--host-resolver-rules=MAP rebound.example 127.0.0.1`],
});
try {
  await useTheDocumentation();
  await beAForeignPage();
  await beReboundByDns();
} finally {
  await browser.close();
}

async function useTheDocumentation() {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(`${url}/docs`);
  await page.locator(".swagger-ui .opblock").first().waitFor();
  assert.equal(await page.title(), "linux-api: HTTP API");
  assert.equal(await page.locator(".topbar, .download-url-wrapper").count(), 0, "no Explore bar");

  await page.locator("button.authorize").first().click();
  const dialog = page.locator(".modal-ux");
  await dialog.locator("input").first().fill(key);
  await dialog.locator("button.authorize").first().click();
  await dialog.locator("button.btn-done").first().click();

  await execute(page, "/api/v1/system/info/uptime");
  const snapshot = JSON.parse(await execute(page, "/api/v1/system/snapshot"));
  assert.ok(snapshot.memory.total_bytes > 0, "the page shows this host's snapshot");
  assert.deepEqual(complaints, [], "the page breaks no rule of its content security policy");
  await page.close();
}

/** Executes the operation of a path as a person would; gives the body that the page then shows. */
async function execute(page, path) {
  const operation = page.locator(".opblock", { has: page.locator(`[data-path="${path}"]`) });
  await operation.locator(".opblock-summary").click();
  await operation.locator("button.try-out__btn").click();
  await operation.locator("button.execute").click();
  const answer = operation.locator(".live-responses-table .response").first();
  const status = answer.locator(".response-col_status");
  await status.waitFor();
  assert.match(await status.innerText(), /^200/);
  const body = await answer.locator(".highlight-code code").first().innerText();
  await operation.locator(".opblock-summary-control").click();
  return body;
}

async function beAForeignPage() {
  const site = http.createServer((_, answer) => {
    answer.setHeader("Content-Type", "text/html");
    answer.end("<title>Another site</title>");
  });
  await new Promise((done) => site.listen(0, "127.0.0.1", done));
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${site.address().port}/`);
  const read = (path, headers) =>
    page.evaluate(
      ([target, headers]) => fetch(target, { headers }).then((answer) => answer.status, String),
      [url + path, headers],
    );
  // Without a key of its own the browser sends it at once, with one it asks before.
  assert.match(String(await read("/", {})), /TypeError/);
  const uptime = "/api/v1/system/info/uptime";
  assert.match(String(await read(uptime, { "X-API-Key": key })), /TypeError/);
  // Nor may it show the documentation in a frame.
  const framed = await page.evaluate(
    (target) =>
      new Promise((done) => {
        const frame = document.createElement("iframe");
        frame.onload = () => done(frame.contentDocument === null ? "closed" : "empty");
        frame.src = target;
        document.body.append(frame);
      }),
    `${url}/docs`,
  );
  const shown = page.frames().map((frame) => frame.url());
  assert.ok(!shown.includes(`${url}/docs`), `${framed}: ${shown}`);
  await page.close();
  site.close();
}

async function beReboundByDns() {
  const page = await browser.newPage();
  const answer = await page.goto(`http://rebound.example:${port}/`);
  assert.equal(answer.status(), 421);
  await page.close();
}
