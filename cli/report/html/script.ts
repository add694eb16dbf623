/**
 * What the HTML report's page does: filters, sorts and pages the cases and matrices, and switches between light and dark.
 * Without it the page shows the worst cases and the first rows of each matrix. Truth: the HTML Standard.
 *
 * It puts markup into the page that this program has made and escaped, and text that the reader types into nothing at all.
 */
export const SCRIPT = String.raw`
"use strict";
(() => {
  const PAGE = 100;
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const mould = document.createElement("template");
  const made = (html) => { mould.innerHTML = html; return mould.content.firstElementChild; };
  const plain = (html) => html.replace(/<[^>]*>/g, " ").replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));
  const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

  /* A list of which a page is shown: what stands in the page already, and behind it what waits as text. */
  const pager = (list, rest, more, said, noun) => {
    const items = all(":scope > *", list).map((element) => ({ element, meta: JSON.parse(element.dataset.meta), text: null }));
    for (const [meta, html] of rest) items.push({ element: null, html, meta, text: null });
    items.forEach((item, at) => { item.at = at; });
    let shown = items;
    let pages = 1;
    const elementOf = (item) => (item.element ??= made(item.html));
    const textOf = (item) => (item.text ??= (item.element ? item.element.textContent : plain(item.html)).toLowerCase());
    const draw = () => {
      const visible = shown.slice(0, pages * PAGE);
      list.replaceChildren(...visible.map(elementOf));
      said.textContent = shown.length === 0 ? "No " + noun + " matches." :
        "Showing " + grouped(visible.length) + " of " + grouped(shown.length) + (shown.length < items.length ? " that match, " + grouped(items.length) + " in all" : "");
      more.hidden = visible.length === shown.length;
      more.textContent = "Show " + grouped(Math.min(PAGE, shown.length - visible.length)) + " more";
    };
    more.addEventListener("click", () => {
      const next = pages * PAGE;
      pages += 1;
      draw();
      find("summary, th", elementOf(shown[next]))?.focus();
    });
    return {
      items,
      visible: () => shown.slice(0, pages * PAGE).map(elementOf),
      showAll: (limit) => { pages = Math.max(pages, Math.ceil(limit / PAGE)); draw(); },
      show: (words, keep, compare) => {
        shown = items.filter((item) => keep(item.meta) && words.every((word) => textOf(item).includes(word)));
        if (compare) shown.sort((a, b) => compare(a.meta, b.meta) || a.at - b.at);
        pages = 1;
        draw();
      },
    };
  };
  const wordsIn = (input) => input.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const restOf = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "[]");
  const soon = (action) => { let timer; return () => { clearTimeout(timer); timer = setTimeout(action, 80); }; };

  for (const matrix of all(".matrix-block")) {
    const tools = find(".tools", matrix);
    const list = pager(find("tbody", matrix), restOf(matrix.id + "-rest"), find(".more", matrix), find("[role=status]", matrix), "row");
    const search = find("input[type=search]", tools);
    const only = find("input[type=checkbox]", tools);
    const apply = () => list.show(wordsIn(search), (meta) => !only.checked || meta.p);
    search.addEventListener("input", soon(apply));
    only.addEventListener("change", apply);
    tools.hidden = find("[role=status]", matrix).hidden = list.items.length < 6;
    apply();
  }

  const cases = find("#case-list");
  if (cases) {
    const search = find("#search");
    const [code, suite, sort] = [find("#code"), find("#suite"), find("#sort")];
    const toggles = all(".toggle");
    const list = pager(cases, restOf("case-rest"), find("#cases > .more"), find("#shown"), "case");
    const compares = {
      severity: null,
      order: (a, b) => a.o - b.o,
      name: (a, b) => (a.n < b.n ? -1 : a.n > b.n ? 1 : 0),
      time: (a, b) => (b.d ?? -1) - (a.d ?? -1),
    };
    const apply = () => {
      const pressed = toggles.filter((toggle) => toggle.getAttribute("aria-pressed") === "true").map((toggle) => toggle.dataset.status);
      const keep = (meta) => (pressed.length === 0 || pressed.includes(meta.s) || (pressed.includes("excepted") && meta.e)) &&
        (code.value === "" || meta.c.includes(Number(code.value))) && (suite.value === "" || meta.u === Number(suite.value));
      list.show(wordsIn(search), keep, compares[sort.value]);
      find("#reset").hidden = pressed.length === 0 && code.value === "" && suite.value === "" && search.value === "" && sort.value === "severity";
    };
    const reset = () => {
      search.value = code.value = suite.value = "";
      sort.value = "severity";
      for (const toggle of toggles) toggle.setAttribute("aria-pressed", "false");
      apply();
    };
    search.addEventListener("input", soon(apply));
    for (const select of [code, suite, sort]) select.addEventListener("change", apply);
    for (const toggle of toggles) toggle.addEventListener("click", () => {
      toggle.setAttribute("aria-pressed", String(toggle.getAttribute("aria-pressed") !== "true"));
      apply();
    });
    find("#reset").addEventListener("click", () => { reset(); search.focus(); });
    find("#expand").addEventListener("click", () => { for (const one of list.visible()) find("details", one).open = true; });
    find("#collapse").addEventListener("click", () => { for (const one of list.visible()) find("details", one).open = false; });
    for (const button of all("[data-code]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        reset();
        code.value = button.dataset.code;
        apply();
        find("#cases").scrollIntoView();
        code.focus({ preventScroll: true });
      });
    }
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input, select, textarea");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { event.preventDefault(); search.focus(); }
      if (event.key === "Escape" && event.target === search) { search.value = ""; apply(); }
    });
    addEventListener("beforeprint", () => {
      list.showAll(1000);
      for (const one of list.visible()) if (!one.querySelector(".s-pass")) find("details", one).open = true;
    });
    find("#cases > .tools").hidden = find("#cases > .shown").hidden = false;
    apply();
  }

  const theme = find("#theme");
  const names = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
  const setTheme = (name) => {
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    theme.textContent = names[name];
    theme.dataset.name = name;
  };
  let kept = null;
  try { kept = localStorage.getItem("launchgate-theme"); } catch { /* a page from a file may have no storage */ }
  setTheme(kept === "light" || kept === "dark" ? kept : "auto");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const order = ["auto", "light", "dark"];
    setTheme(order[(order.indexOf(theme.dataset.name) + 1) % order.length]);
    try { localStorage.setItem("launchgate-theme", theme.dataset.name); } catch { /* as above */ }
  });
})();
`;
