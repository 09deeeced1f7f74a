"use strict";
// A click on a number opens what it is made of; everything comes from the frame inside this page.
(() => {
  const frame = JSON.parse(document.getElementById("frame").textContent);
  const card = document.getElementById("card");
  const english = document.getElementById("lang-en");
  const words = { zh: ["方法", "例数", "位置", "精确值", "参与者", "备注"], en: ["Method", "n", "Key", "Exact", "Participants", "Note"] };
  let open = null;
  const close = () => { card.hidden = true; if (open) open.classList.remove("on"); open = null; };
  const line = (list, name, text) => {
    if (!text) return;
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name; dd.textContent = text; list.append(dt, dd);
  };
  const show = (link) => {
    close();
    const row = frame.rows[+link.dataset.row];
    const language = english.checked ? "en" : "zh", name = words[language];
    const head = document.createElement("b"), list = document.createElement("dl"), who = document.createElement("div");
    head.textContent = link.textContent;
    line(list, name[0], row.m[english.checked ? 1 : 0]);
    line(list, name[1], String(row.n));
    line(list, name[2], row.k + "  #" + link.dataset.row);
    line(list, name[3], row.v === null ? "" : String(row.v));
    line(list, name[5], row.note);
    const people = frame.sets[row.s];
    who.className = "who";
    who.textContent = people.length ? name[4] + " (" + people.length + "): " + people.map((i) => frame.people[i]).join(", ") : "";
    const button = document.createElement("button");
    button.type = "button"; button.textContent = "×"; button.setAttribute("aria-label", english.checked ? "Close" : "关闭");
    button.addEventListener("click", () => { const back = open; close(); if (back) back.focus(); });
    card.replaceChildren(head, button, list, who);
    card.hidden = false; open = link; link.classList.add("on");
    const box = link.getBoundingClientRect(), left = box.left + scrollX;
    card.style.left = Math.max(8, Math.min(left, scrollX + document.documentElement.clientWidth - card.offsetWidth - 12)) + "px";
    card.style.top = box.bottom + scrollY + 6 + "px";
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.n");
    if (link) { event.preventDefault(); if (link === open) close(); else show(link); return; }
    if (!card.contains(event.target)) close();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  const language = () => { document.documentElement.lang = english.checked ? "en" : "zh-CN"; close(); };
  for (const id of ["lang-zh", "lang-en"]) document.getElementById(id).addEventListener("change", language);
  if (location.hash === "#en") english.checked = true;
  language();
})();
