// The desk's keys and its autosave. Without it every page still works as a plain form.
"use strict";
(() => {
  document.body.classList.add("scripted");
  const judge = document.getElementById("judge");
  const cards = [...document.querySelectorAll("fieldset.criterion")];
  const dialog = document.getElementById("keys");
  const layers = document.getElementById("layers");
  // Where chart and criteria stand below each other, the chart is read first.
  const narrow = matchMedia("(max-width: 60rem)").matches;
  let current = -1;

  function choose(place, quietly) {
    if (!cards[place]) return;
    cards[current]?.removeAttribute("aria-current");
    current = place;
    cards[place].setAttribute("aria-current", "true");
    shown = -1;
    if (quietly) return;
    cards[place].focus({ preventScroll: true });
    cards[place].scrollIntoView({ block: "nearest" });
  }

  // --- the chart: a place is shown without its name entering the address -------------------------
  let pointed = null;
  let shown = -1;

  function show(anchor) {
    const target = document.getElementById(anchor);
    if (!target) return;
    for (let box = target; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
    pointed?.classList.remove("here");
    pointed = target;
    target.classList.add("here");
    target.scrollIntoView({ block: "center" });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]');
    if (!link || link.parentElement.className === "panes") return;
    event.preventDefault();
    show((link.getAttribute("href") || "").slice(1));
  });

  function nextEvidence() {
    const links = [...(cards[current]?.querySelectorAll("a.quote") ?? [])];
    if (!links.length) return;
    shown = (shown + 1) % links.length;
    show(links[shown].getAttribute("href").slice(1));
  }

  // --- one sentence at a time, in the order of time, with its neighbours beside it ----------------------
  const listed = [...document.querySelectorAll("#sentences li")];
  let reading = -1;

  function read(place) {
    if (place < 0 || place >= listed.length) return;
    listed[reading]?.removeAttribute("aria-current");
    reading = place;
    listed.forEach((one, i) => one.classList.toggle("near", Math.abs(i - place) <= 1));
    listed[place].setAttribute("aria-current", "true");
    document.getElementById("place").textContent = `${place + 1} / ${listed.length}`;
    listed[place].scrollIntoView({ block: "nearest" });
  }

  const readMarked = () => read(listed.findIndex((one, i) => i > reading && "marked" in one.dataset));
  if (listed.length) {
    document.getElementById("before").addEventListener("click", () => read(reading - 1));
    document.getElementById("after").addEventListener("click", () => read(reading + 1));
    document.getElementById("marked").addEventListener("click", readMarked);
    read(0);
  }

  // --- judging: kept as soon as it is said, the same request until it is acknowledged -------------
  const waiting = new Map();
  const status = document.getElementById("status");
  const TRAIL = "desk-trail";
  const trail = () => JSON.parse(sessionStorage.getItem(TRAIL) || "[]");

  function fresh() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
  }

  function told(card, text, wrong) {
    const place = card.querySelector(".kept");
    place.textContent = text;
    place.classList.toggle("wrong", Boolean(wrong));
  }

  function quotesOf(card) {
    return [...card.querySelectorAll(".quotes li")].map((li) => ({
      record_id: li.dataset.record, start: Number(li.dataset.start), end: Number(li.dataset.end), text: li.textContent,
    }));
  }

  // One after the other: the opinion given last is the one that stands.
  let line = Promise.resolve();

  function keep(card, verdict) {
    const sent = new URLSearchParams({
      request: fresh(), verdict, reason: card.querySelector(".reason input").value, quotes: JSON.stringify(quotesOf(card)),
    });
    const address = `/judge/${judge.dataset.candidate}/${encodeURIComponent(card.dataset.criterion)}`;
    const token = {};
    waiting.set(card, token);
    told(card, judge.dataset.keeping);
    line = line.then(() => deliver(card, address, sent, verdict)).finally(() => {
      if (waiting.get(card) === token) waiting.delete(card);
    });
  }

  async function deliver(card, address, sent, verdict) {
    for (let pause = 300; ; pause = Math.min(pause * 2, 8000)) {
      try {
        const answer = await fetch(address, {
          method: "POST", body: sent, headers: { accept: "application/json" }, redirect: "manual",
        });
        if (answer.type === "opaqueredirect") { location.assign("/sign-in"); return; }
        if (answer.status < 500) {
          const said = answer.ok ? null : await answer.json();
          if (said) { refused(card, said); return; }
          const now = (await answer.json()).verdict;
          card.dataset.given = now;
          for (const input of card.querySelectorAll(".verdict input")) input.checked = input.value === now;
          told(card, now ? `✓ ${verdict ? judge.dataset.drafted : judge.dataset.kept}` : "");
          return;
        }
      } catch { /* the network is away: the same request is sent again */ }
      told(card, judge.dataset.lost, true);
      await new Promise((go) => setTimeout(go, pause));
    }
  }

  // What was refused is not shown as chosen: the opinion that stands is.
  function refused(card, why) {
    for (const input of card.querySelectorAll(".verdict input")) input.checked = input.value === card.dataset.given;
    told(card, `${why.problem}. ${why.next}`, true);
  }

  function said(card, verdict) {
    const steps = trail();
    steps.push({ candidate: judge.dataset.candidate, criterion: card.dataset.criterion, before: card.dataset.given });
    sessionStorage.setItem(TRAIL, JSON.stringify(steps.slice(-200)));
    keep(card, verdict);
    status.textContent = "";
    const open = cards.findIndex((one, i) => i > current && !one.querySelector("input:checked"));
    const left = open >= 0 ? open : cards.findIndex((one) => !one.querySelector("input:checked"));
    if (left >= 0) choose(left);
    else status.textContent = judge.dataset.all;
  }

  function undo() {
    const steps = trail();
    const last = steps.pop();
    if (!last) return;
    if (last.candidate !== judge.dataset.candidate) {
      sessionStorage.setItem("desk-undo", "1");
      leave(`/judge/${last.candidate}`);
      return;
    }
    sessionStorage.setItem(TRAIL, JSON.stringify(steps));
    const place = cards.findIndex((one) => one.dataset.criterion === last.criterion);
    if (place < 0) return;
    choose(place);
    const card = cards[place];
    // "" takes the draft back: what was handed in before, if anything, is what is said again.
    keep(card, last.before);
    status.textContent = judge.dataset.again;
  }

  function leave(address) {
    line.then(() => { location.assign(address); });
  }

  // Going on hands in a candidate of which everything is judged; until then a judgement is a draft.
  function goOn() {
    line = line.then(handIn);
  }

  async function handIn() {
    if (cards.some((card) => !card.querySelector("input:checked"))) { location.assign(judge.dataset.next); return; }
    const sent = new URLSearchParams(new FormData(judge));
    for (let pause = 300; ; pause = Math.min(pause * 2, 8000)) {
      try {
        const answer = await fetch(judge.getAttribute("action"), {
          method: "POST", body: sent, headers: { accept: "application/json" }, redirect: "manual",
        });
        if (answer.type === "opaqueredirect") { location.assign("/sign-in"); return; }
        if (answer.status < 500) {
          const said = await answer.json();
          if (answer.ok) { location.assign(said.onward); return; }
          status.textContent = `${said.problem}. ${said.next}`;
          status.classList.add("wrong");
          return;
        }
      } catch { /* the network is away: the same request is sent again */ }
      status.textContent = judge.dataset.lost;
      await new Promise((go) => setTimeout(go, pause));
    }
  }

  function quote() {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed || current < 0) return;
    const range = selection.getRangeAt(0);
    const text = (range.startContainer.closest ? range.startContainer : range.startContainer.parentElement).closest(".text");
    if (!text || !text.contains(range.endContainer)) return;
    const before = document.createRange();
    before.setStart(text, 0);
    before.setEnd(range.startContainer, range.startOffset);
    const words = range.toString();
    if (!words) return;
    // The database counts characters, the browser counts UTF-16 units.
    const start = Number(text.dataset.start || 0) + [...before.toString()].length;
    const item = document.createElement("li");
    Object.assign(item.dataset, { record: text.dataset.record, start, end: start + [...words].length });
    item.textContent = words;
    const card = cards[current];
    card.querySelector(".quotes").append(item);
    card.querySelector(".reason").open = true;
    selection.removeAllRanges();
    const verdict = card.querySelector("input:checked");
    if (verdict) keep(card, verdict.value);
  }

  if (judge) {
    judge.addEventListener("change", (event) => {
      const card = event.target.closest("fieldset.criterion");
      if (!card) return;
      choose(cards.indexOf(card), true);
      if (event.target.type === "radio") said(card, event.target.value);
      else { const verdict = card.querySelector(".verdicts input:checked"); if (verdict) keep(card, verdict.value); }
    });
    judge.addEventListener("submit", (event) => { event.preventDefault(); goOn(); });
    document.getElementById("next").addEventListener("click", (event) => { event.preventDefault(); goOn(); });
    addEventListener("beforeunload", (event) => { if (waiting.size) event.preventDefault(); });
    const open = cards.findIndex((one) => !one.querySelector("input:checked"));
    choose(open >= 0 ? open : 0, narrow);
    if (sessionStorage.getItem("desk-undo")) { sessionStorage.removeItem("desk-undo"); undo(); }
  } else if (cards.length) choose(0, narrow);

  function verdictKey(key) {
    const inputs = cards[current]?.querySelectorAll(".verdicts input") ?? [];
    const input = inputs[Number(key) - 1];
    if (!input) return;
    input.checked = true;
    if (judge) said(cards[current], input.value);
    else cards[current].querySelector('input[name="reason"]').focus();
  }

  // --- typing values: Enter goes on to the next field, in the last it saves ------------------------
  const entry = document.getElementById("enter");
  if (entry) {
    const fields = [...entry.querySelectorAll("input:not([type])")];
    (fields.find((one) => !one.value && !one.closest(".typed").querySelector("select").value) ?? fields[0])?.focus();
    entry.addEventListener("keydown", (event) => {
      const place = fields.indexOf(event.target);
      if (event.key !== "Enter" || place < 0 || place === fields.length - 1) return;
      event.preventDefault();
      fields[place + 1].focus();
      fields[place + 1].select();
    });
  }

  document.getElementById("help")?.addEventListener("click", () => dialog.showModal());

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || dialog?.open) return;
    const typing = event.target.matches?.("input:not([type]), input[type=password], select, textarea");
    if (typing) {
      if (event.key === "Escape") event.target.blur();
      if (!(event.altKey && event.key === "l")) return;
    }
    const acts = {
      ArrowDown: () => choose(Math.min(current + 1, cards.length - 1)),
      ArrowUp: () => choose(Math.max(current - 1, 0)),
      1: () => verdictKey(1), 2: () => verdictKey(2), 3: () => verdictKey(3),
      e: nextEvidence,
      l: () => { if (layers) layers.checked = !layers.checked; },
      w: () => { const why = document.getElementById("why"); if (why) { why.open = !why.open; why.scrollIntoView({ block: "nearest" }); } },
      "?": () => dialog?.showModal(),
      s: () => { if (document.getElementById("chart")) leave(listed.length ? location.pathname : `${location.pathname}?sentences=1`); },
      ...(listed.length && { j: () => read(reading + 1), k: () => read(reading - 1), m: readMarked }),
      n: () => { if (judge) goOn(); else document.getElementById("onward")?.click(); },
      ...(judge && {
        u: undo,
        q: quote,
        r: () => { const box = cards[current]?.querySelector(".reason"); if (box) { box.open = true; box.querySelector("input").focus(); } },
      }),
    };
    if (event.altKey && event.key !== "l") return;
    // Arrow keys inside the chart scroll it.
    if (event.key.startsWith("Arrow") && (event.target.id === "chart" || !cards.length)) return;
    const act = acts[event.key];
    if (act) { event.preventDefault(); act(); }
  });
})();
