// node look.mjs CHROMIUM PAGE CASES PICTURES: opens the report as its readers do, from a file and without a network, and
// prints what is wrong with it, a line each. CASES is JSON: filters, and the ids of the rows that each must leave.
// PICTURES is the directory for screenshots.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [executablePath, file, cases, pictures] = process.argv.slice(2);
const address = pathToFileURL(file).href;
const problems = [];
const browser = await puppeteer.launch({
  executablePath,
  // Root has no sandbox; the page is our own.
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  headless: "shell",
});
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1440, height: 900 });
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warn"].includes(message.type())) problems.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (request.url().split("#")[0] !== address && !request.url().startsWith("data:")) problems.push(`loads ${request.url()}`);
  });
  page.on("dialog", async (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  await page.goto(address, { waitUntil: "load" });

  const visible = (selector) =>
    page.$$eval(selector, (all) => all.filter((one) => one.getClientRects().length > 0).map((one) => one.id));
  const expect = (what, seen, wanted) => {
    if (JSON.stringify(seen) !== JSON.stringify(wanted)) {
      problems.push(`${what}: wanted ${JSON.stringify(wanted)}, saw ${JSON.stringify(seen)}`);
    }
  };

  const all = await page.$$eval("tr.row", (rows) => rows.map((row) => row.id));
  expect("rows at first", await visible("tr.row"), all);
  expect("opened at first", await visible("tr.more"), []);
  await page.screenshot({ path: join(pictures, "light.png") });
  for (const { text, kind, preset, failing, known, rows } of JSON.parse(cases)) {
    await page.reload({ waitUntil: "load" });
    if (text) await page.type("#text", text);
    if (kind) await page.select("#kind", kind);
    if (preset) await page.select("#preset", preset);
    if (failing) await page.click("#failing");
    if (known) await page.click("#known");
    const filter = JSON.stringify({ text, kind, preset, failing, known });
    expect(`rows of ${filter}`, await visible("tr.row"), rows);
    const count = await page.$eval("#count", (output) => output.textContent);
    expect(`count of ${filter}`, Number.parseInt(count), rows.length);
    expect(`word of ${filter}`, (await visible("#nothing")).length, rows.length === 0 ? 1 : 0);
  }

  await page.goto("about:blank");
  await page.goto(address, { waitUntil: "load" });
  await page.click("tr.row button");
  expect("opened by a click", await visible("tr.more"), ["more-0"]);
  expect("drawings of it", await page.$$eval("#more-0 svg.starts", (all) => all.filter((one) => one.getBoundingClientRect().width > 300).length), 1);
  await page.click("#more-0 summary");
  expect("log opened", await page.$$eval("#more-0 details[open] pre", (all) => all.length), 1);
  await page.screenshot({ path: join(pictures, "open.png"), fullPage: true });
  await page.click("tr.row button");
  expect("closed again", await visible("tr.more"), []);
  await page.click("#open");
  expect("opened all", (await visible("tr.more")).length, all.length);
  const last = all.at(-1);
  await page.goto("about:blank");
  await page.goto(`${address}#${encodeURIComponent(last)}`, { waitUntil: "load" });
  expect("opened by the address", await visible("tr.more"), [`more-${all.length - 1}`]);

  const ground = () => page.$eval("body", (body) => getComputedStyle(body).backgroundColor);
  const light = await ground();
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  if ((await ground()) === light) problems.push("dark: the ground is as in the light scheme");
  await page.screenshot({ path: join(pictures, "dark.png"), fullPage: true });

  // A phone, in both schemes: nothing has to be moved sideways to be read, closed or open.
  await page.setViewport({ width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
  for (const scheme of ["light", "dark"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.goto("about:blank");
    await page.goto(address, { waitUntil: "load" });
    await page.screenshot({ path: join(pictures, `phone-${scheme}.png`), fullPage: true });
    for (const state of ["closed", "open"]) {
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > 390) problems.push(`phone: the page is ${width} wide, ${state}`);
      await page.click("#open");
    }
  }
} catch (error) {
  problems.push(`stopped: ${error.message}`);
} finally {
  await browser.close();
}
for (const problem of problems) console.log(problem.replaceAll("\n", " "));
