/** The HTML report in a real Chromium: from a file, with no network, in both schemes, on a desk and on a phone. */

import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { htmlReport } from "../../../cli/report/html.js";
import type { Report } from "../../../cli/report/model.js";
import { bigReport, EMPTY, HOSTILE_REPORT, RICH } from "../../support/reports.js";

const PROGRAM = browserProgram();

/** `$CHROMIUM`, or what is on PATH. */
function browserProgram(): string | undefined {
  const named = process.env["CHROMIUM"];
  if (named !== undefined && named !== "") return named;
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return ["chromium", "chromium-browser", "google-chrome"]
    .flatMap((program) => folders.map((folder) => join(folder, program)))
    .find((path) => existsSync(path));
}

const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const reason = PROGRAM === undefined ? " (skipped: there is no Chromium; set $CHROMIUM or install one)" : "";

describe.skipIf(PROGRAM === undefined)(`the HTML report in Chromium${reason}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "launchgate-html-"));
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: PROGRAM ?? "", headless: true, args: QUIET });
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  interface Shown {
    readonly page: Page;
    /** Whatever the page asked for besides itself, and whatever went wrong in it. */
    readonly faults: readonly string[];
  }

  async function shown(report: Report, options: Parameters<Browser["newPage"]>[0] = {}): Promise<Shown> {
    const file = join(folder, "report.html");
    writeFileSync(file, htmlReport(report));
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
    const faults: string[] = [];
    const address = pathToFileURL(file).href;
    page.on("console", (message) => faults.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("dialog", (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      if (request.url() !== address) faults.push(`request: ${request.url()}`);
    });
    await page.goto(address);
    return { page, faults };
  }

  const names = (page: Page): Promise<readonly string[]> => page.locator("#case-list .name").allInnerTexts();

  test.each([
    ["a rich report", RICH],
    ["an empty report", EMPTY],
    ["a hostile report", HOSTILE_REPORT],
  ])("of %s works from a file without an error or a request", async (_, report) => {
    const { page, faults } = await shown(report);
    await page.emulateMedia({ media: "print" });
    expect(faults).toEqual([]);
    expect(await page.locator("h1").count()).toBe(1);
    await page.close();
  });

  test("takes nothing that a file says for markup or script, neither at once nor when the script shows it", async () => {
    const { page, faults } = await shown(HOSTILE_REPORT);
    for (const more of await page.locator(".more:visible").all()) while (await more.isVisible()) await more.click();
    await page.locator("#expand").click();
    expect(await page.evaluate("globalThis.pwned ?? null")).toBeNull();
    expect(
      await page.evaluate("document.querySelectorAll('img, iframe, a:not(.jump), [onerror], [onmouseover]').length"),
    ).toBe(0);
    expect(await page.locator("#case-list > li").count()).toBe(
      HOSTILE_REPORT.suites.flatMap(({ cases }) => cases).length,
    );
    expect(await page.locator("#case-list").innerText()).toContain("</script><script>globalThis.pwned = 1</script>");
    expect(faults).toEqual([]);
    await page.close();
  });

  test("refuses any other script, by its own policy", async () => {
    const { page, faults } = await shown(RICH);
    const run = `(() => { const one = document.createElement("script"); one.textContent = "globalThis.pwned = 1"; document.body.append(one); })()`;
    await page.evaluate(run);
    expect(await page.evaluate("globalThis.pwned ?? null")).toBeNull();
    expect(faults.join()).toContain("Content Security Policy");
    await page.close();
  });

  test("shows the worst first, and filters by text, status, code, suite and exceptions", async () => {
    const { page, faults } = await shown(RICH);
    expect((await names(page)).slice(0, 3)).toEqual([
      "build/broken.sig",
      "build/payments.sig",
      "a revoked enclave does not launch, native",
    ]);
    await page.keyboard.press("/");
    await page.keyboard.type("LISTED guest");
    await expect.poll(() => names(page)).toEqual(["a listed enclave launches, guest"]);
    expect(await page.locator("#shown").innerText()).toBe("Showing 1 of 1 that match, 8 in all");
    await page.keyboard.press("Escape");
    await expect.poll(() => names(page)).toHaveLength(8);
    await page.locator(".toggle", { hasText: "fail" }).click();
    expect(await names(page)).toEqual(["build/payments.sig", "a revoked enclave does not launch, native"]);
    await page.locator(".toggle", { hasText: "fail" }).click();
    await page.locator(".toggle", { hasText: "exceptions" }).click();
    expect(await names(page)).toEqual(["a revoked enclave does not launch, native", "build/ledger.signed.so"]);
    await page.locator("#reset").click();
    await page.locator("#code").selectOption({ label: "date_zero (2)" });
    expect(await names(page)).toEqual(["build/payments.sig", "build/ledger.signed.so"]);
    await page.locator("#suite").selectOption({ label: "suites/launch.yaml" });
    expect(await names(page)).toEqual([]);
    expect(await page.locator("#shown").innerText()).toBe("No case matches.");
    await page.locator("#reset").click();
    await page.locator("#sort").selectOption("time");
    expect((await names(page))[0]).toBe("a revoked enclave does not launch, native");
    await page.locator(".rule", { hasText: "isvsvn_unchanged" }).locator("button").click();
    expect(await names(page)).toEqual(["build/payments.sig"]);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("unfolds a case from the keyboard, with why it failed, how to fix it and what changed", async () => {
    const { page } = await shown(RICH);
    await page.locator("#collapse").click();
    const one = page.locator("#case-list > li", { hasText: "build/payments.sig" });
    await one.locator("summary").focus();
    expect(await one.locator(".body").isVisible()).toBe(false);
    await page.keyboard.press("Enter");
    expect(await one.locator(".advice").first().innerText()).toMatch(
      /^Why\s+Whoever launches[\s\S]*Fix\s+Sign with DEBUG/,
    );
    expect(await one.locator("tr.weaker").innerText()).toMatch(/▼ weaker whoever launches it may choose DEBUG=1/);
    expect(await one.locator("tr.stronger").innerText()).toMatch(/▲ stronger/);
    await page.close();
  });

  test("keeps a matrix's names and columns in sight, and says why a cell is as it is", async () => {
    const { page } = await shown(bigReport(200), { viewport: { width: 390, height: 800 } });
    const corner = (selector: string) => page.locator(selector).first().boundingBox();
    const before = await corner(".matrix thead th");
    await page.evaluate(
      "{ const box = document.querySelector('.scroll'); box.scrollTop = 900; box.scrollLeft = 300; }",
    );
    expect(await corner(".matrix thead th")).toEqual(before);
    expect((await corner(".matrix tbody tr:nth-child(30) th"))?.x).toBe(before?.x);
    await page.locator(".matrix-block input[type=checkbox]").check();
    await expect.poll(() => page.locator(".matrix tbody tr").count()).toBe(3);
    await page.locator(".matrix summary").first().click();
    expect(await page.locator(".matrix details[open]").innerText()).toContain("nothing pins the bit");
    await page.close();
  });

  test("without a script shows the worst cases and the first rows, and says that there are more", async () => {
    const { page } = await shown(bigReport(2_000), { javaScriptEnabled: false });
    expect(await page.locator("#case-list > li").count()).toBe(100);
    expect(await page.locator("#case-list .chip.s-fail").count()).toBeGreaterThanOrEqual(100);
    expect(await page.locator("#cases").innerText()).toContain("Only a script shows all 2,000 cases.");
    expect(await page.locator(".tools:visible, .more:visible, #theme:visible").count()).toBe(0);
    await page.close();
  });

  test("is below 300 KB for 200 enclaves, and answers for 10,000", async () => {
    expect(Buffer.byteLength(htmlReport(bigReport(200)))).toBeLessThan(300_000);
    const { page, faults } = await shown(bigReport(10_000));
    const started = performance.now();
    await page.locator("#search").fill("enclave-09993");
    await expect.poll(() => names(page)).toEqual(["build/enclave-09993.sig"]);
    expect(performance.now() - started).toBeLessThan(5_000);
    await page.locator("#reset").click();
    expect(await page.locator("#case-list > li").count()).toBe(100);
    await page.locator("#cases > .more").click();
    expect(await page.locator("#case-list > li").count()).toBe(200);
    expect(await page.evaluate("document.activeElement.tagName")).toBe("SUMMARY");
    expect(faults).toEqual([]);
    await page.close();
  });

  test.each([1280, 390])("is no wider than a window of %i", async (width) => {
    for (const report of [RICH, HOSTILE_REPORT]) {
      const { page } = await shown(report, { viewport: { width, height: 900 } });
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
      await page.close();
    }
  });

  /** Every visible text with its colour and what lies behind it; large text may have less contrast, but has not. */
  const CONTRASTS = `(() => {
    const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => {
      const [r, g, b] = colour.slice(0, 3).map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
      for (let one = element; one; one = one.parentElement) {
        const colour = parts(getComputedStyle(one).backgroundColor);
        if (colour[3] === undefined || colour[3] === 1) return colour;
      }
      return [255, 255, 255];
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      if (walker.currentNode.data.trim() === "" || !element.checkVisibility() || element.closest("script, style, noscript, option")) continue;
      const [one, other] = [light(parts(getComputedStyle(element).color)), light(behind(element))];
      found.push({ text: walker.currentNode.data.trim(), contrast: (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05) });
    }
    return found;
  })()`;

  test.each(["light", "dark"] as const)(
    "in the %s scheme has no text of less contrast than 4.5 to 1",
    async (colorScheme) => {
      const { page } = await shown(RICH, { colorScheme });
      await page.locator("#expand").click();
      await page.locator(".toggle").first().click();
      for (const summary of await page.locator(".matrix summary").all()) await summary.click();
      const texts = (await page.evaluate(CONTRASTS)) as readonly { readonly text: string; readonly contrast: number }[];
      expect(texts.length).toBeGreaterThan(50);
      expect(texts.filter(({ contrast }) => !(contrast >= 4.5))).toEqual([]);
      await page.close();
    },
  );

  test("follows the system's scheme, and the reader's where there is one", async () => {
    const ground = (page: Page) => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const [light, dark] = [await shown(RICH, { colorScheme: "light" }), await shown(RICH, { colorScheme: "dark" })];
    const [bright, dim] = [await ground(light.page), await ground(dark.page)];
    expect(bright).not.toBe(dim);
    const button = dark.page.locator("#theme");
    expect(await button.innerText()).toBe("Theme: as the system");
    await button.click();
    expect([await button.innerText(), await ground(dark.page)]).toEqual(["Theme: light", bright]);
    await button.click();
    expect([await button.innerText(), await ground(dark.page)]).toEqual(["Theme: dark", dim]);
    await light.page.close();
    await dark.page.close();
  });
});
