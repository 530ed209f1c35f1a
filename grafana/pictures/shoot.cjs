// Asks a Prometheus what a dashboard asks, draws its panels in a browser, and keeps a picture.
const fs = require("node:fs");
const path = require("node:path");
const puppeteer = require("puppeteer-core");

const [bundle, prometheus, seconds, into, ...dashboards] = process.argv.slice(2);
const to = Math.floor(Date.now() / 1000), from = to - Number(seconds), step = 1, width = 1400;
const VARIABLES = {
  __rate_interval: "15s", __interval: "1s", __range: `${seconds}s`, __range_s: seconds,
  job: ".+", instance: ".+", environment: ".*",
};

const expand = (text) => text.replace(/\$\{?(\w+)\}?/g, (all, name) => VARIABLES[name] ?? all);

async function ask(target) {
  const query = encodeURIComponent(expand(target.expr));
  const answer = await (await fetch(`${prometheus}/api/v1/query_range?query=${query}&start=${from}&end=${to}&step=${step}`)).json();
  if (answer.status !== "success") throw new Error(`${target.expr}: ${answer.error}`);
  return answer.data.result.map(({ metric, values }) => ({
    name: (target.legendFormat ?? "").replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? "").trim() || JSON.stringify(metric),
    ...grid(values),
  }));
}

/** All series of one panel on the same moments, as Grafana has them. */
function grid(values) {
  const known = new Map(values.map(([at, value]) => [at, Number(value)]));
  const times = Array.from({ length: (to - from) / step + 1 }, (_, index) => from + index * step);
  return { times: times.map((at) => at * 1000), values: times.map((at) => known.get(at) ?? null) };
}

async function picture(browser, file) {
  const dashboard = JSON.parse(fs.readFileSync(file, "utf8"));
  const answers = {};
  for (const panel of dashboard.panels) {
    for (const target of panel.targets ?? []) {
      if (target.expr) answers[`${panel.id} ${target.refId}`] = await ask(target);
    }
  }
  const page = await browser.newPage();
  page.on("pageerror", (error) => { throw error; });
  await page.setViewport({ width, height: 900 });
  const data = JSON.stringify({ dashboard, answers, from: from * 1000, to: to * 1000, width });
  // A file, because a page without an address has no storage, which Grafana's library asks for.
  const html = path.join(into, "page.html");
  fs.writeFileSync(html, `<!doctype html><body style="margin:0"><div id="root"></div><script>window.PICTURE=${data.replace(/</g, "\\u003c")}</script>`);
  await page.goto(`file://${path.resolve(html)}`);
  await page.addStyleTag({ path: bundle.replace(/js$/, "css") });
  await page.addScriptTag({ path: bundle });
  await new Promise((done) => setTimeout(done, 2000));
  const name = path.join(into, path.basename(file, ".json") + ".png");
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  const height = Math.min(whole, Number(process.env.VANTAGE_PICTURE_HEIGHT ?? whole));
  await page.screenshot({ path: name, clip: { x: 0, y: 0, width, height }, captureBeyondViewport: true });
  await page.close();
  fs.rmSync(html);
  console.log(name);
}

(async () => {
  const browser = await puppeteer.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  for (const file of dashboards) await picture(browser, file);
  await browser.close();
})().catch((error) => { console.error(error); process.exit(1); });
