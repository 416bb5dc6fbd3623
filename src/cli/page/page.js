"use strict";
// Copy buttons. Without a script or a clipboard they stay hidden.
for (const block of document.querySelectorAll(".command")) {
  const button = block.querySelector("button");
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(block.querySelector("code").textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy by hand";
    }
  });
}

// A pass of a text, under the pointer or focused, shows its line of the table
// beside it. Without a script the link leads to that line.
const text = document.querySelector(".text.passes-linked");
if (text) {
  const heads = [...document.querySelectorAll(".passes thead th")]
    .map((head) => head.textContent);
  const card = document.createElement("div");
  card.className = "card";
  card.id = "card";
  card.setAttribute("role", "tooltip");
  card.hidden = true;
  document.body.append(card);
  let shown = null;

  const hide = () => {
    card.hidden = true;
    if (shown) {
      shown.classList.remove("shown");
      shown.removeAttribute("aria-describedby");
    }
    shown = null;
  };
  const fill = (row) => {
    const list = document.createElement("dl");
    [...row.cells].forEach((cell, i) => {
      if (!cell.textContent) return;
      const name = document.createElement("dt");
      name.textContent = heads[i];
      const value = document.createElement("dd");
      for (const node of cell.childNodes) value.append(node.cloneNode(true));
      list.append(name, value);
    });
    card.replaceChildren(list);
  };
  const show = (pass) => {
    const row = document.getElementById(pass.hash.slice(1));
    if (!row || pass === shown) return;
    hide();
    fill(row);
    shown = pass;
    pass.classList.add("shown");
    pass.setAttribute("aria-describedby", "card");
    card.hidden = false;
    const at = pass.getClientRects()[0];
    const most = document.documentElement.clientWidth - card.offsetWidth - 12;
    const bottom = [...pass.getClientRects()].pop().bottom;
    const above = bottom + card.offsetHeight + 12 > window.innerHeight &&
      at.top > card.offsetHeight + 12;
    card.style.left =
      Math.max(12, Math.min(at.left, most)) + window.scrollX + "px";
    card.style.top = window.scrollY +
      (above ? at.top - card.offsetHeight - 6 : bottom + 6) + "px";
  };
  const passOf = (event) => event.target.closest(".pass");
  text.addEventListener("mouseover", (event) => {
    const pass = passOf(event);
    if (pass) show(pass);
  });
  text.addEventListener("mouseleave", hide);
  text.addEventListener("focusin", (event) => show(passOf(event)));
  text.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
}
