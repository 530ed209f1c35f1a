// Opens the pages below two addresses, and fails at the first thing that a page must not do.
const fs = require("node:fs");
const zlib = require("node:zlib");
const path = require("node:path");
const puppeteer = require("puppeteer-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [platform, busy, shots] = process.argv.slice(2);
const MODES = [
  { name: "light", features: [{ name: "prefers-color-scheme", value: "light" }], width: 1000 },
  { name: "dark", features: [{ name: "prefers-color-scheme", value: "dark" }], width: 1000 },
  { name: "phone", features: [{ name: "prefers-color-scheme", value: "light" }], width: 320 },
  { name: "phone-dark", features: [{ name: "prefers-color-scheme", value: "dark" }], width: 320 },
];

function fail(url, what) {
  throw new Error(`${url}: ${what}`);
}

// The pages that a reader reaches from the first one by links; of incidents and maintenance, one.
async function pages(base) {
  const seen = new Set(["/status"]);
  const all = [];
  // A set is walked in the order of insertion, with what is added meanwhile.
  for (const below of seen) {
    const answer = await fetch(base + below);
    if (!answer.ok) fail(base + below, `status ${answer.status}`);
    if (!answer.headers.get("content-type").startsWith("text/html")) continue;
    all.push(below);
    for (const [, href] of (await answer.text()).matchAll(/href="(\/[^"?#]*)"/g)) {
      const notice = href.startsWith("/status/incidents/") && !href.endsWith(".json");
      if (!notice || ![...seen].some((one) => one.startsWith("/status/incidents/"))) seen.add(href);
    }
  }
  return all;
}

// Returns the address of the latest trace with the most spans: a busy process forgets one within seconds.
async function latestTrace(base) {
  const { spans } = await (await fetch(base + "/dev.json")).json();
  const counts = new Map();
  for (const { trace } of spans.slice(-500)) counts.set(trace, (counts.get(trace) ?? 0) + 1);
  const [longest] = [...counts].sort((left, right) => right[1] - left[1]);
  if (!longest) fail(base + "/dev.json", "has no span");
  return `/dev?trace=${longest[0]}`;
}

// The views of the development page. Stopped: it reloads so often that a look would be cut short.
async function developmentViews(base) {
  if ((await fetch(base + "/dev.json")).status === 404) return {};
  return {
    overview: () => "/dev?refresh=off",
    traces: () => "/dev?view=traces&refresh=off",
    logs: () => "/dev?view=logs&refresh=off",
    trace: () => latestTrace(base),
  };
}

// A look in every mode.
async function look(browser, base, below, name, shots) {
  for (const mode of MODES) {
    const url = base + (await below());
    const page = await open(browser, url, mode);
    const isHere = await page.evaluate(() => !document.body.textContent.includes("This trace is not here"));
    if (!isHere) fail(url, "has lost its trace");
    await check(page, url, mode);
    if (mode.name === "light") await walk(page, url);
    if (shots) {
      await page.evaluate(() => { document.activeElement.blur(); window.scrollTo(0, 0); });
      await page.screenshot({ path: path.join(shots, `${name}-${mode.name}.png`), fullPage: true });
    }
    await page.close();
  }
  await (await forced(browser, base + (await below()))).close();
}

async function open(browser, url, mode) {
  const page = await browser.newPage();
  const said = [];
  const asked = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  page.on("request", (request) => asked.push(request.url()));
  await page.setCacheEnabled(false);
  await page.setViewport({ width: mode.width, height: 900 });
  await page.emulateMediaFeatures(mode.features);
  const answer = await page.goto(url, { waitUntil: "networkidle0" });
  if (answer.status() !== 200) fail(url, `status ${answer.status()}`);
  const others = asked.filter((one) => one !== url && !one.startsWith("data:"));
  if (others.length) fail(url, `asks for ${others.join(", ")}`);
  if (said.length) fail(url, `says ${said.join(" | ")}`);
  return page;
}

async function check(page, url, mode) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (over > 0) fail(url, `is ${over} px too wide at ${mode.width}`);
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  // It reloads by itself, which a reader can stop, and axe can't know that. Stopped, nothing is left.
  const allowed = /refresh=off|trace=/.test(url) ? [] : ["meta-refresh"];
  const violations = found.violations.filter((one) => !allowed.includes(one.id));
  if (violations.length) {
    const told = violations.map((one) => `${one.id}: ${one.help}: ${one.nodes[0].html.slice(0, 200)} ${one.nodes[0].failureSummary}`);
    fail(url, `${mode.name}: ${told.join("\n")}`);
  }
}

// Every link and every fold can be reached by the keyboard, the way to the content first.
async function walk(page, url) {
  const wanted = await page.evaluate(() => document.querySelectorAll("a[href], summary").length);
  await page.keyboard.press("Tab");
  const first = await page.evaluate(() => document.activeElement.textContent);
  if (first !== "Skip to content") fail(url, `the first stop is ${first}`);
  const seen = await page.evaluate(() => {
    return [...document.querySelectorAll("a[href], summary")].filter((one) => {
      one.focus();
      return document.activeElement === one;
    }).length;
  });
  if (seen !== wanted) fail(url, `${wanted - seen} of ${wanted} can't be focused`);
}

async function size(url) {
  const text = await (await fetch(url, { headers: { "accept-encoding": "identity" } })).text();
  const bytes = zlib.gzipSync(text).length;
  if (bytes > 30_000) fail(url, `${bytes} B compressed`);
  return bytes;
}

async function forced(browser, url) {
  const page = await browser.newPage();
  const client = await page.createCDPSession();
  await client.send("Emulation.setEmulatedMedia", { features: [{ name: "forced-colors", value: "active" }] });
  await page.setViewport({ width: 1000, height: 900 });
  await page.goto(url, { waitUntil: "networkidle0" });
  const tones = await page.evaluate(() => {
    const of = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
    return ["--bg", "--ink", "--ok", "--major"].map(of);
  });
  if (tones.join() !== "Canvas,CanvasText,CanvasText,CanvasText") fail(url, `forced colours: ${tones}`);
  return page;
}

async function main() {
  const flags = ["--no-sandbox", "--disable-gpu"];
  const browser = await puppeteer.launch({ executablePath: "/usr/bin/chromium", headless: true, args: flags });
  let looks = 0;
  try {
    for (const [source, base] of [["platform", platform], ["busy", busy]]) {
      for (const below of await pages(base)) {
        const bytes = await size(base + below);
        for (const mode of MODES) {
          // As it is served by default, and without loading itself anew.
          for (const query of mode.name === "light" ? ["", "?refresh=off"] : ["?refresh=off"]) {
            const url = base + below + query;
            const page = await open(browser, url, mode);
            await check(page, url, mode);
            if (mode.name === "light" && query) await walk(page, url);
            if (shots && query) {
              const name = `${source}${below.replaceAll("/", "-")}-${mode.name}.png`;
              await page.evaluate(() => { document.activeElement.blur(); window.scrollTo(0, 0); });
              await page.screenshot({ path: path.join(shots, name), fullPage: true });
            }
            await page.close();
            looks += 1;
          }
        }
        const page = await forced(browser, base + below + "?refresh=off");
        if (shots) await page.screenshot({ path: path.join(shots, `${source}${below.replaceAll("/", "-")}-forced.png`), fullPage: true });
        await page.close();
        console.log(`${source} ${below}: ${bytes} B compressed`);
      }
      for (const [view, below] of Object.entries(await developmentViews(base))) {
        await look(browser, base, below, `${source}-dev-${view}`, shots);
        looks += MODES.length;
        console.log(`${source} /dev: ${view}`);
      }
    }
  } finally {
    await browser.close();
  }
  console.log(`Chromium: ${looks} looks without a message, a request, a violation or sideways scrolling`);
}

main().catch((error) => {
  console.error(String(error.message ?? error));
  process.exit(1);
});
