// The server's page: brings its parts together.

import { element } from "../dom.js";
import { originKey } from "../origins.js";
import { commandBlock } from "../frame.js";
import { harmless } from "../words.js";
import { Answer, countOf } from "./answer.js";
import { ServerError, getJson, hasKey, setKey } from "./api.js";
import { Chat } from "./chat.js";
import { Dashboard } from "./dashboard.js";
import { LivePanel } from "./live.js";
import { Race } from "./race.js";
import { bodyOf, curlOf, pathOf } from "./request.js";
import { Settings } from "./settings.js";

const at = (id) => document.getElementById(id);

const settings = new Settings();
const live = new LivePanel(at("live"));
const written = new Answer("The text");
const chat = new Chat(at("conversation"));
const race = new Race(at("race"));
const dashboard = new Dashboard(at("server"), showState);

let model = null; // its name, for requests
let canChat = false;
let running = null; // AbortController of what is under way

const modes = {
  write: {
    section: "written", label: "Prompt", send: "Write",
    help: "The model goes on with your text.",
    keys: "Ctrl + Enter writes",
    run: (options) => written.run(options),
  },
  chat: {
    section: "conversation", label: "Message", send: "Send",
    help: "The model answers, turn by turn.",
    keys: "Enter sends, Shift + Enter begins a line",
    run: (options) => {
      if (options.again) return chat.answer(options);
      at("prompt").value = "";
      return chat.say(options.settings.prompt, options);
    },
  },
  race: {
    section: "race", label: "Prompt", send: "Race",
    help: "The same request, plain and speculative: which is faster, and " +
      "are the texts the same?",
    keys: "Ctrl + Enter races",
    run: (options) => race.run({
      ...options, together: at("together").checked,
      acceptor: settings.acceptor(),
    }),
  },
};

const modeName = () =>
  document.querySelector("input[name=mode]:checked").value;
const modeNow = () => modes[modeName()];

function announce(text) {
  at("announcer").textContent = text;
}

function complain(text) {
  at("alert").textContent = harmless(text);
  at("alert").hidden = text === "";
}

function showState(state) {
  const node = at("state");
  const [kind, text] = state === "ready" ? ["ready", "ready"]
    : state.status === 503 ? ["waiting", "loading"]
      : state.status === 401 ? ["waiting", "needs a key"]
        : state instanceof ServerError ? ["failing", "failing"]
          : ["failing", "unreachable"];
  node.className = `state ${kind}`;
  if (node.textContent !== text) node.textContent = text;
  if (state.status === 401) at("key-button").hidden = false;
}

function explain(error) {
  if (error.status === 401) {
    at("key-button").hidden = false;
    if (!at("key-dialog").open) at("key-dialog").showModal();
  }
  const later = error.retryAfter
    ? ` Try again in ${countOf(error.retryAfter, "second")}.` : "";
  complain(error.message + later);
}

// What a request would be now.
function requestSettings() {
  const prompt = at("prompt").value;
  const asChat = canChat && (modeName() === "chat" ||
    (modeName() === "race" && at("as-chat").checked));
  const system = settings.system;
  return {
    ...settings.read(),
    prompt,
    messages: asChat ? [
      ...system ? [{ role: "system", content: system }] : [],
      { role: "user", content: prompt },
    ] : null,
  };
}

// While a request runs, it can be stopped, and no other begins.
function showRunning(isRunning) {
  at("send").disabled = isRunning;
  at("halt").disabled = !isRunning;
  at("again").disabled = isRunning;
  at("forget").disabled = isRunning;
  at("output").setAttribute("aria-busy", String(isRunning));
  for (const radio of document.querySelectorAll("input[name=mode]")) {
    radio.disabled = isRunning || (radio.value === "chat" && !canChat);
  }
}

function doneText(generation) {
  if (!generation) return "Done.";
  const time = ((generation.endedAt - generation.startedAt) / 1000).toFixed(1);
  return `Done: ${countOf(generation.tokens.length, "token")} in ${time} ` +
    "seconds.";
}

async function begin(again = false) {
  if (running) return;
  const invalid = settings.invalidField();
  if (invalid) {
    for (let box = invalid.closest("details"); box;
      box = box.parentElement.closest("details")) {
      box.open = true;
    }
    invalid.reportValidity();
    return;
  }
  if (modeName() === "chat" && !again && at("prompt").value === "") return;
  complain("");
  running = new AbortController();
  showRunning(true);
  announce("Generating.");
  let shown = null;
  try {
    await modeNow().run({
      settings: requestSettings(), system: settings.system, model, again,
      signal: running.signal,
      onStart: (generation, matters = true) => {
        if (!matters) return;
        shown = generation;
        live.show(generation);
      },
      onChange: () => live.changed(),
    });
    announce(doneText(shown));
  } catch (error) {
    announce("");
    explain(error);
  } finally {
    running = null;
    showRunning(false);
    showMode();
    live.changed();
  }
}

function showMode() {
  const name = modeName();
  for (const { section } of Object.values(modes)) {
    at(section).hidden = section !== modeNow().section;
  }
  at("main").dataset.mode = name;
  at("prompt-label").textContent = modeNow().label;
  at("send").textContent = modeNow().send;
  at("mode-help").textContent = modeNow().help;
  at("prompt-help").textContent = modeNow().keys;
  at("as-chat-label").hidden = name !== "race" || !canChat;
  at("together-label").hidden = name !== "race";
  at("again").hidden = name !== "chat" || chat.isEmpty;
  at("forget").hidden = name !== "chat" || chat.isEmpty;
  // One reads a conversation from above, and goes on below it.
  if (name === "chat") at("output").after(at("compose"), at("alert"));
  else at("mode-help").after(at("compose"), at("alert"));
  showCommand();
}

// What the form says now, as a command.
function showCommand() {
  if (!at("curl").open) return;
  const now = requestSettings();
  const address = new URL(pathOf(now), document.baseURI).href;
  at("curl").querySelector(".command")?.remove();
  at("curl").append(
    commandBlock(curlOf(address, bodyOf(now, model), hasKey())));
}

function modelText({ default_generation_settings: defaults }, models) {
  const [{ id = "", meta = {} } = {}] = models.data ?? [];
  const positions = meta.n_positions ?? defaults?.n_ctx;
  return [
    id,
    ...meta.draft ? [`draft ${meta.draft}`] : [],
    ...positions ? [`${positions} positions`] : [],
  ].join(" · ");
}

// The server's own description; old or strange ones may have less.
async function learn() {
  const optional = (error) => {
    if (error instanceof ServerError && error.status === 404) return {};
    throw error;
  };
  const [props, models] = await Promise.all([
    getJson("props").catch(optional), getJson("v1/models").catch(optional)]);
  model = models.data?.[0]?.id ?? null;
  canChat = Boolean(props.chat_template);
  settings.offer(props);
  at("model").textContent = harmless(modelText(props, models));
  at("about").textContent = harmless(props.build_info ?? "pilotfish");
  document.title = harmless(model ? `${model} · pilotfish` : "pilotfish");
  document.querySelector("input[name=mode][value=chat]").closest("label")
    .title = canChat ? "" : "The model has no chat template.";
  showRunning(running !== null);
  showMode();
  await dashboard.start(props.total_slots ?? null);
}

async function start() {
  try {
    await getJson("health");
    await learn();
  } catch (error) {
    showState(error);
    if (error.status === 401) explain(error);
    else setTimeout(start, 2000);
  }
}

at("output").prepend(element("div", { class: "legend" }, originKey(),
  element("label", { class: "check" },
    element("input", { type: "checkbox", id: "origins", checked: "" }),
    " show origins")),
element("p", { id: "look-help", class: "help" },
  "A token says more under the pointer, or with Tab and the arrow keys."));
at("origins").addEventListener("change", ({ target }) =>
  at("output").classList.toggle("plain-look", !target.checked));

at("form").noValidate = true; // as `begin` opens what is closed
at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
at("prompt").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  const sends = modeName() === "chat"
    ? !event.shiftKey : event.ctrlKey || event.metaKey;
  if (!sends) return;
  event.preventDefault();
  begin();
});
at("halt").addEventListener("click", () => running?.abort());
at("again").addEventListener("click", () => begin(true));
at("forget").addEventListener("click", () => {
  chat.clear();
  showMode();
  at("prompt").focus();
});
for (const radio of document.querySelectorAll("input[name=mode]")) {
  radio.addEventListener("change", showMode);
}
at("form").addEventListener("input", showCommand);
at("curl").addEventListener("toggle", showCommand);

at("key-button").addEventListener("click", () => at("key-dialog").showModal());
at("key-cancel").addEventListener("click", () => at("key-dialog").close());
at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  setKey(at("key").value);
  at("key-dialog").close();
  complain("");
  start();
});

at("written").append(written.root);
at("settings").open = matchMedia("(min-width: 900px)").matches;
showMode();
await start();
